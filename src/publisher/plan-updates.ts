/** From a change to the messages that carry it out, and what must never be sent. Pure. */
import { assert } from "../base/assert.ts";
import { formatHex } from "../base/bytes.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { seconds } from "../base/time.ts";
import { TYPE } from "../dns/iana.ts";
import { displayName, isAtOrBelow } from "../dns/name.ts";
import { encodeTlsa, formatTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import { addRecord, deleteRecord, rrsetAbsent, rrsetIsExactly } from "../dns/update.ts";
import type { Prerequisite, Update } from "../dns/update.ts";
import { isDigestOfNothing } from "../tlsa/association.ts";
import { usability } from "../tlsa/usable.ts";
import type { Capabilities, TlsaChange } from "./publisher.ts";
import type { ServedRrset } from "./read-back.ts";

/** The two sections of one UPDATE. */
export interface PlannedUpdate {
  readonly prerequisites: readonly Prerequisite[];
  readonly updates: readonly Update[];
}

/** RFC 2181 §8. PowerDNS and Knot store larger values as they come. */
export const DNS_TTL_LIMITS = { minTtl: seconds(0), maxTtl: seconds(0x7fff_ffff) } as const;
/** Records a message; far below 64 KiB for digests. */
const BATCH = 100;

function recordFault(record: TlsaRdata): Fault | null {
  const verdict = usability(record, { smtp: false });
  const text = formatTlsa(record);
  if (!verdict.usable)
    return fault("PUBLISH_INVALID", `the record "${text}" is unusable to any client: ${verdict.detail}`);
  if (!isDigestOfNothing(record.data)) return null;
  return fault(
    "PUBLISH_INVALID",
    `the record "${text}" is the digest of empty input: the command that made it got no certificate`,
  );
}

/**
 * Why the change must not be sent to a publisher of these limits (`PUBLISH_INVALID`), or null. Records to remove may be
 * anything.
 */
export function checkChange(
  change: TlsaChange,
  { minTtl, maxTtl }: Pick<Capabilities, "minTtl" | "maxTtl"> = DNS_TTL_LIMITS,
): Fault | null {
  const { owner, zone, ttl, add, remove, expected } = change;
  assert(remove.length === 0 || expected !== null, "a removal needs the RRset it expects");
  if (!isAtOrBelow(owner, zone)) {
    return fault("PUBLISH_INVALID", `${displayName(owner)} is not inside the zone ${displayName(zone)}`);
  }
  if (add.length > 0 && (!Number.isInteger(ttl) || ttl < minTtl || ttl > maxTtl)) {
    const limits = `${String(minTtl)} and ${String(maxTtl)}`;
    return fault("PUBLISH_INVALID", `a TTL of ${String(ttl)} s is not between ${limits}`);
  }
  const removed = new Set(remove.map(formatTlsa));
  const both = add.find((record) => removed.has(formatTlsa(record)));
  if (both !== undefined)
    return fault("PUBLISH_INVALID", `the record "${formatTlsa(both)}" is to be added and removed at once`);
  return add.map(recordFault).find((one) => one !== null) ?? null;
}

interface Step {
  readonly updates: readonly Update[];
  readonly record: TlsaRdata;
  readonly present: boolean;
}

function steps(change: TlsaChange, before: ServedRrset | null): readonly Step[] {
  const { owner, ttl, add, remove } = change;
  const served = new Set((before?.rdatas ?? []).map(formatHex));
  // A new record gives the whole RRset its TTL on every server. Without one the TTL moves only, on Knot, when a record
  // goes and comes back.
  const replace = add.length > 0 && add.every((record) => served.has(formatHex(encodeTlsa(record))));
  const added = add.map((record): Step => {
    const rdata = encodeTlsa(record);
    const again = replace ? [deleteRecord(owner, TYPE.TLSA, rdata)] : [];
    return { updates: [...again, addRecord(owner, TYPE.TLSA, ttl, rdata)], record, present: true };
  });
  const removed = remove.map((record): Step => {
    return { updates: [deleteRecord(owner, TYPE.TLSA, encodeTlsa(record))], record, present: false };
  });
  return [...added, ...removed];
}

function condition(change: TlsaChange, present: ReadonlyMap<string, TlsaRdata> | null): readonly Prerequisite[] {
  if (present === null) return [];
  if (present.size === 0) return [rrsetAbsent(change.owner, TYPE.TLSA)];
  return rrsetIsExactly(change.owner, TYPE.TLSA, [...present.values()].map(encodeTlsa));
}

/**
 * The messages that carry `change` out, nearly always one: additions first, at most 100 records a message. With an
 * expected RRset each message demands exactly what the ones before it will have left.
 */
export function planUpdates(change: TlsaChange, before: ServedRrset | null): readonly PlannedUpdate[] {
  const all = steps(change, before);
  const present =
    change.expected === null ? null : new Map(change.expected.map((record) => [formatTlsa(record), record]));
  const planned: PlannedUpdate[] = [];
  for (let at = 0; at < all.length; at += BATCH) {
    const batch = all.slice(at, at + BATCH);
    planned.push({ prerequisites: condition(change, present), updates: batch.flatMap((step) => step.updates) });
    for (const step of batch) {
      if (step.present) present?.set(formatTlsa(step.record), step.record);
      else present?.delete(formatTlsa(step.record));
    }
  }
  return planned;
}
