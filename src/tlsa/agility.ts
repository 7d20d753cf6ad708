import type { TlsaRdata } from "../dns/rdata.ts";

/**
 * Digest algorithm agility (RFC 7671 §9, compulsory for SMTP by RFC 7672 §5): among the usable records of one usage and
 * selector only those of the strongest digest count, and Full(0) besides. A weaker digest that would match is not
 * looked at, so a stale SHA2-512 record beside a right SHA2-256 one breaks the server. Give usable records only: an
 * unusable strong one must not push out a usable weak one.
 */
export function strongestRecords(usable: readonly TlsaRdata[]): readonly TlsaRdata[] {
  return usable.filter((record) => !isSuppressed(record, usable));
}

/** Whether a stronger digest of the same usage and selector among `usable` keeps clients from looking at the record. */
export function isSuppressed(record: TlsaRdata, usable: readonly TlsaRdata[]): boolean {
  if (record.matchingType === 0) return false;
  return usable.some(
    (other) =>
      other.usage === record.usage && other.selector === record.selector && other.matchingType > record.matchingType,
  );
}
