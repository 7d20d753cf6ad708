/** Damaged and falsified DNS messages, by chance that can be had again: everything follows from a seed. */
import { concatBytes } from "../../src/base/bytes.ts";
import { CLASS, TYPE } from "../../src/dns/iana.ts";
import { decodeMessage, encodeMessage } from "../../src/dns/message.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";
import { seconds } from "../../src/base/time.ts";

/** A whole number from 0 to below `limit`. */
export type Chance = (limit: number) => number;

/** Mulberry32: small, fast, and the same on every machine. */
export function chanceFrom(seed: number): Chance {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

function pick<T>(items: readonly T[], chance: Chance): T | undefined {
  return items[chance(items.length)];
}

type WireMutation = (wire: Uint8Array, chance: Chance) => Uint8Array;

const flipBits: WireMutation = (wire, chance) => {
  const changed = Uint8Array.from(wire);
  for (let left = 1 + chance(3); left > 0; left--) {
    const at = chance(wire.length);
    changed[at] = (changed[at] ?? 0) ^ (1 << chance(8));
  }
  return changed;
};

/** Mutations of the octets: most of what they make is no message any more. */
const WIRE: readonly WireMutation[] = [
  flipBits,
  flipBits,
  (wire, chance) => wire.with(chance(wire.length), chance(256)),
  (wire, chance) => wire.slice(0, chance(wire.length)),
  (wire, chance) => wire.with(2 + chance(10), chance(256)),
  (wire, chance) => {
    const at = chance(wire.length);
    return concatBytes(wire.subarray(0, at), wire.subarray(at + 1));
  },
];

type RecordMutation = (
  records: readonly ResourceRecord[],
  chance: Chance,
  pool: readonly ResourceRecord[],
) => readonly ResourceRecord[];

function changeOne(
  change: (record: ResourceRecord, chance: Chance, pool: readonly ResourceRecord[]) => ResourceRecord,
): RecordMutation {
  return (records, chance, pool) => {
    const chosen = chance(records.length);
    return records.map((record, at) => (at === chosen ? change(record, chance, pool) : record));
  };
}

const changeOctet = changeOne((record, chance) => {
  const at = chance(record.rdata.length);
  const { rdata } = record;
  return rdata.length === 0 ? record : { ...record, rdata: rdata.with(at, (rdata[at] ?? 0) ^ (1 << chance(8))) };
});

/** Octets of the front hold the flags, counts, times and names, on which everything else depends. */
const changeFront = changeOne((record, chance) => {
  const at = chance(Math.min(20, record.rdata.length));
  return record.rdata.length === 0 ? record : { ...record, rdata: record.rdata.with(at, chance(256)) };
});

/** Mutations of the records: what they make is always a message. `pool` is what the other messages hold. */
const RECORDS: readonly RecordMutation[] = [
  changeOctet,
  changeOctet,
  changeFront,
  changeFront,
  (records, chance) => records.toSpliced(chance(records.length), 1),
  (records, chance) =>
    records.toSpliced(chance(records.length), 0, ...records.slice(chance(records.length)).slice(0, 1)),
  (records, chance, pool) =>
    records.toSpliced(chance(records.length + 1), 0, ...[pick(pool, chance)].flatMap((each) => each ?? [])),
  (records, chance, pool) =>
    records.toSpliced(chance(records.length), 1, ...[pick(pool, chance)].flatMap((each) => each ?? [])),
  (records) => records.toReversed(),
  () => [],
  (records) => records.filter(({ type }) => type !== TYPE.RRSIG),
  changeOne((record, chance, pool) => ({ ...record, name: pick(pool, chance)?.name ?? record.name })),
  changeOne((record, chance, pool) => ({ ...record, rdata: pick(pool, chance)?.rdata ?? record.rdata })),
  changeOne((record, chance, pool) => ({ ...record, type: pick(pool, chance)?.type ?? record.type })),
  changeOne((record, chance) => ({ ...record, ttl: seconds(chance(2 ** 31)) })),
  changeOne((record) => ({ ...record, class: CLASS.CH })),
];

function changeRecords(message: DnsMessage, chance: Chance, pool: readonly ResourceRecord[]): DnsMessage {
  const change = pick(RECORDS, chance);
  if (change === undefined) return message;
  const { answer, authority } = message;
  switch (chance(8)) {
    case 0:
      return { ...message, answer: authority, authority: answer };
    case 1:
      return { ...message, rcode: message.rcode === 0 ? 3 : 0, authority: change(authority, chance, pool) };
    case 2:
      return { ...message, answer: change(answer, chance, pool), authority: change(authority, chance, pool) };
    default: {
      const inAnswer = answer.length > 0 && (authority.length === 0 || chance(2) === 0);
      return inAnswer
        ? { ...message, answer: change(answer, chance, pool) }
        : { ...message, authority: change(authority, chance, pool) };
    }
  }
}

/** One mutated message, as octets: half of them changed as such, half by their records. */
export function mutate(wire: Uint8Array, chance: Chance, pool: readonly ResourceRecord[]): Uint8Array {
  const message = chance(2) === 0 ? decodeMessage(wire) : null;
  if (message?.ok === true) return encodeMessage(changeRecords(message.value, chance, pool));
  return pick(WIRE, chance)?.(wire, chance) ?? wire;
}
