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
  const removed = remove.map((record, at): Step => {
    const renewed = at === remove.length - 1 ? renewal(change, before) : [];
    return { updates: [deleteRecord(owner, TYPE.TLSA, encodeTlsa(record)), ...renewed], record, present: false };
  });
  return [...added, ...removed];
}

/**
 * One of the records that stay, deleted and added again behind a removal. No server changes anything for that, but
 * PowerDNS needs it (measured on 4.7 with SQLite): what a removal leaves of an RRset drops out of its NSEC or NSEC3 chain
 * until the next addition of a record that was not there. Such a zone denies the name, and resolvers that believe it
 * (RFC 8198, Unbound's default) tell their clients that there is no TLSA record at all.
 */
function renewal({ owner, ttl, add, remove, expected }: TlsaChange, before: ServedRrset | null): readonly Update[] {
  const served = new Set((before?.rdatas ?? []).map(formatHex));
  const removed = new Set(remove.map(formatTlsa));
  const [ours] = add;
  const staying =
    ours ?? expected?.find((one) => !removed.has(formatTlsa(one)) && served.has(formatHex(encodeTlsa(one))));
  const itsTtl = ours === undefined ? (before?.ttl ?? null) : ttl;
  if (staying === undefined || itsTtl === null) return [];
  const rdata = encodeTlsa(staying);
  return [deleteRecord(owner, TYPE.TLSA, rdata), addRecord(owner, TYPE.TLSA, itsTtl, rdata)];
}

/** What the RRset holds, by hexadecimal RDATA. */
type Present = Map<string, Uint8Array>;

function condition(owner: TlsaChange["owner"], present: Present | null): readonly Prerequisite[] {
  if (present === null) return [];
  if (present.size === 0) return [rrsetAbsent(owner, TYPE.TLSA)];
  return rrsetIsExactly(owner, TYPE.TLSA, [...present.values()]);
}

function presentOf(rdatas: readonly Uint8Array[]): Present {
  return new Map(rdatas.map((rdata) => [formatHex(rdata), rdata]));
}

/**
 * The messages that carry `change` out, nearly always one: additions first, at most 100 records a message. A change that
 * expects an RRset demands exactly the one that was read (the expected one where nothing could be read), and each message
 * exactly what the ones before it will have left. Whether that RRset will do is for {@link survivesRace} to say.
 */
export function planUpdates(change: TlsaChange, before: ServedRrset | null): readonly PlannedUpdate[] {
  const all = steps(change, before);
  const { expected, owner } = change;
  const present = expected === null ? null : presentOf(before?.rdatas ?? expected.map(encodeTlsa));
  const planned: PlannedUpdate[] = [];
  for (let at = 0; at < all.length; at += BATCH) {
    const batch = all.slice(at, at + BATCH);
    planned.push({ prerequisites: condition(owner, present), updates: batch.flatMap((step) => step.updates) });
    for (const step of batch) {
      const rdata = encodeTlsa(step.record);
      if (step.present) present?.set(formatHex(rdata), rdata);
      else present?.delete(formatHex(rdata));
    }
  }
  return planned;
}

/**
 * Whether a change that was decided on `expected` is still right on what is served now. Other writers' records may have
 * come, and what is to go may be gone. But every record that was to stay must be there, for the decision to remove
 * rests on those; and where none was to stay, nobody else's may stand there alone, for clients would hold to it.
 */
export function survivesRace(change: TlsaChange, served: ServedRrset): boolean {
  const { expected, remove, add } = change;
  if (expected === null) return true;
  const now = presentOf(served.rdatas);
  const asked = presentOf(expected.map(encodeTlsa));
  const going = presentOf(remove.map(encodeTlsa));
  const staying = [...asked.keys()].filter((rdata) => !going.has(rdata));
  if (!staying.every((rdata) => now.has(rdata))) return false;
  const strangers = [...now.keys()].some((rdata) => !asked.has(rdata) && !going.has(rdata));
  return !strangers || (remove.length > 0 && staying.length + add.length > 0);
}

/**
 * Changes of several owner names in as few messages as hold them: all of one zone, for a message has one (RFC 2136
 * §2.3). The parts of one change stay apart and in order, because conditions are tested before anything is done.
 */
export function packUpdates<T>(
  parts: readonly { readonly subject: T; readonly planned: PlannedUpdate }[],
): readonly { readonly subjects: readonly T[]; readonly planned: PlannedUpdate }[] {
  const packed: { subjects: T[]; prerequisites: Prerequisite[]; updates: Update[] }[] = [];
  for (const { subject, planned } of parts) {
    const last = packed.at(-1);
    const fits = last !== undefined && last.updates.length + planned.updates.length <= BATCH;
    if (fits && !last.subjects.includes(subject)) {
      last.subjects.push(subject);
      last.prerequisites.push(...planned.prerequisites);
      last.updates.push(...planned.updates);
    } else {
      const { prerequisites, updates } = planned;
      packed.push({ subjects: [subject], prerequisites: [...prerequisites], updates: [...updates] });
    }
  }
  return packed.map(({ subjects, prerequisites, updates }) => ({ subjects, planned: { prerequisites, updates } }));
}
