/**
 * What ends soon, apart from any verdict: certificates, also where usage 3 does not care for their dates (RFC 7671 §5.1),
 * and DNSSEC signatures, without which every DANE client turns away. Signatures are renewed all the time, some of them
 * two days after they were made; so one counts only when its signer is late with it as well.
 */
import { typeName } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import type { Instant } from "../base/time.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import type { AddressReport, Expiry, HostReport } from "./verdict.ts";

const DAY = 86_400_000;

/** The usual signers renew with a quarter to a half of the time left: BIND and Knot, PowerDNS, zones signed on the fly. */
const LATE = 0.2;

/**
 * What ends within `days` after `at`, or has ended, soonest first, each thing once; what does within `criticalDays` is
 * marked.
 */
export function lookAhead(
  host: Omit<HostReport, "expiring">,
  at: Instant,
  days: number,
  criticalDays: number | null = null,
): readonly Expiry[] {
  const until = at + days * DAY;
  const { mx, srv = null, a, aaaa, tlsa } = host.dns;
  const found = [
    ...host.addresses.flatMap(certificatesOf),
    ...[mx, srv, a, aaaa, tlsa?.answer ?? null].flatMap((answer) => lateSignatures(answer, at)),
  ].filter((expiry) => expiry.at <= until);
  const critical = at + (criticalDays ?? 0) * DAY;
  const marked = found.map((expiry): Expiry => {
    return criticalDays !== null && expiry.at <= critical ? { ...expiry, critical: true } : expiry;
  });
  const each = new Map(marked.map((expiry) => [`${expiry.what} ${expiry.name} ${expiry.address ?? ""}`, expiry]));
  return [...each.values()].sort((left, right) => left.at - right.at);
}

/** Those that the verdict rests on; where nothing was accepted, the leaf. */
function certificatesOf({ address, path, certificate }: AddressReport): readonly Expiry[] {
  const steps = path.length === 0 && certificate !== null ? [certificate] : path;
  return steps.map(({ subject, notAfter }) => ({ what: "certificate", name: subject, address, at: notAfter }));
}

/** Only what was validated here has its signatures with it. */
function lateSignatures(answer: DnsAnswer | null, at: Instant): readonly Expiry[] {
  return (answer?.validation?.chain ?? []).flatMap(({ signature, type, name }) => {
    if (signature === null) return [];
    const { inception, expiration } = signature;
    if (expiration - at >= LATE * (expiration - inception)) return [];
    return [{ what: "signatures", name: `${typeName(type)} ${displayName(name)}`, address: null, at: expiration }];
  });
}
