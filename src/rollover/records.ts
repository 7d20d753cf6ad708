/**
 * Sets of TLSA records against chains: which record matches, what a client would say to an RRset, which records are
 * wanted. Everything works on {@link RecordText}, so sets are sets of strings.
 */
import { fullDataSha256 } from "../tlsa/full-data.ts";
import { recordText } from "./chain.ts";
import type { CertificateDigests, ChainFacts, RecordText } from "./chain.ts";

interface Fields {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly data: string;
}

const DIGEST_DIGITS: Readonly<Record<number, number>> = { 1: 64, 2: 128 };

function fieldsOf(record: RecordText): Fields {
  // Almost always one digit each, and asked for very often.
  if (hasShortFields(record)) {
    const digit = (at: number): number => record.charCodeAt(at) - 0x30;
    return { usage: digit(0), selector: digit(2), matchingType: digit(4), data: record.slice(6) };
  }
  const [usage = "", selector = "", matchingType = "", data = ""] = record.split(" ");
  return { usage: Number(usage), selector: Number(selector), matchingType: Number(matchingType), data };
}

function hasShortFields(record: RecordText): boolean {
  return record[1] === " " && record[3] === " " && record[5] === " ";
}

/** Known parameters and data of the right length (RFC 6698 §4.1); a record that is not usable is as if absent. */
export function isUsable(record: RecordText): boolean {
  const { usage, selector, matchingType, data } = fieldsOf(record);
  if (usage > 3 || selector > 1 || matchingType > 2 || data === "") return false;
  const digits = DIGEST_DIGITS[matchingType];
  return digits === undefined || data.length === digits;
}

/** The combination {usage, selector, matching type} of RFC 7671 §8, as text: `3 1 1`. */
export function combinationOf(record: RecordText): string {
  return hasShortFields(record) ? record.slice(0, 5) : record.split(" ", 3).join(" ");
}

/** The record of a combination that matches the chain; null where digests do not make one, or no issuer was sent. */
export function recordIn(combination: string, certificates: readonly CertificateDigests[]): RecordText | null {
  const [usage, selector, matchingType] = combination.split(" ").map(Number);
  const certificate = certificates[usage === 1 || usage === 3 ? 0 : 1];
  if (certificate === undefined || (matchingType !== 1 && matchingType !== 2)) return null;
  const { certSha256, certSha512, spkiSha256, spkiSha512 } = certificate;
  const [short, long] = selector === 1 ? [spkiSha256, spkiSha512] : [certSha256, certSha512];
  return recordText(`${combination} ${matchingType === 1 ? short : long}`);
}

function matchesCertificate(fields: Fields, certificate: CertificateDigests): boolean {
  const spki = fields.selector === 1;
  switch (fields.matchingType) {
    case 0:
      return fullDataSha256(fields.data) === (spki ? certificate.spkiSha256 : certificate.certSha256);
    case 1:
      return fields.data === (spki ? certificate.spkiSha256 : certificate.certSha256);
    case 2:
      return fields.data === (spki ? certificate.spkiSha512 : certificate.certSha512);
    default:
      return false;
  }
}

/**
 * Whether the record matches the chain as sent: usages 1 and 3 the leaf alone, usages 0 and 2 an issuer, never the
 * leaf (RFC 7671 §5). Signatures, names and dates were checked when the chain was taken in.
 */
export function matchesChain(record: RecordText, certificates: readonly CertificateDigests[]): boolean {
  if (!isUsable(record)) return false;
  const fields = fieldsOf(record);
  const candidates = fields.usage === 1 || fields.usage === 3 ? certificates.slice(0, 1) : certificates.slice(1);
  return candidates.some((certificate) => matchesCertificate(fields, certificate));
}

/** Digest agility (RFC 7671 §9): of each usage and selector, full data and the strongest digest are looked at. */
function afterAgility(records: readonly RecordText[]): readonly RecordText[] {
  const usable = records.filter(isUsable);
  if (new Set(usable.map(combinationOf)).size <= 1) return usable;
  const strongest = new Map<string, number>();
  for (const record of usable) {
    const { usage, selector, matchingType } = fieldsOf(record);
    const group = `${usage} ${selector}`;
    strongest.set(group, Math.max(strongest.get(group) ?? 0, matchingType));
  }
  return usable.filter((record) => {
    const { usage, selector, matchingType } = fieldsOf(record);
    return matchingType === 0 || matchingType === strongest.get(`${usage} ${selector}`);
  });
}

/**
 * Whether an RRset obliges every kind of client. Unusable records oblige none (RFC 6698 §4.1), and usages 0 and 1 not
 * those that deliver mail (RFC 7672 §3.1.3): next to such records the first one of usage 2 or 3 is a first one.
 */
export function bindsClients(records: readonly RecordText[]): boolean {
  return records.some((record) => isUsable(record) && fieldsOf(record).usage >= 2);
}

/** The combinations of `added` that are new to an RRset. A stronger digest also hides the weaker ones (RFC 7671 §9). */
export function newCombinations(records: readonly RecordText[], added: readonly RecordText[]): readonly string[] {
  const present = new Set(records.filter(isUsable).map(combinationOf));
  return [...new Set(added.map(combinationOf))].filter((combination) => !present.has(combination));
}

/** Whether the chain has a record in each of these combinations among `records` (RFC 7671 §8). */
export function matchesEach(
  combinations: readonly string[],
  records: readonly RecordText[],
  certificates: readonly CertificateDigests[],
): boolean {
  const matched = matchedCombinations(records, certificates);
  return combinations.every((combination) => matched.has(combination));
}

/** Whether a DANE client that holds this RRset takes the chain: an empty set binds nobody, else any match will do. */
export function clientAccepts(records: readonly RecordText[], certificates: readonly CertificateDigests[]): boolean {
  const considered = afterAgility(records);
  return considered.length === 0 || considered.some((record) => matchesChain(record, certificates));
}

/** The combinations of an RRset in which some record matches the chain. */
export function matchedCombinations(
  records: readonly RecordText[],
  certificates: readonly CertificateDigests[],
): ReadonlySet<string> {
  return new Set(records.filter((record) => matchesChain(record, certificates)).map(combinationOf));
}

/**
 * Whether a server may change from `current` to `next` under this RRset: a client must accept `next`, and no
 * combination that matched before may cease to (RFC 7671 §8 speaks of "each combination"). A combination that nothing
 * of ours matched before is somebody else's and was broken before.
 */
export function mayServe(records: readonly RecordText[], next: ChainFacts, current: ChainFacts | null): boolean {
  if (!clientAccepts(records, next.certificates)) return false;
  if (current === null) return true;
  const after = matchedCombinations(records, next.certificates);
  return [...matchedCombinations(records, current.certificates)].every((combination) => after.has(combination));
}

/**
 * Whether a chain is as well off with `after`, what a withdrawal leaves of `before`: a client must accept it, and in each
 * combination that is still there it must match if it did (RFC 7671 §8).
 */
export function mayRemain(
  before: readonly RecordText[],
  after: readonly RecordText[],
  certificates: readonly CertificateDigests[],
): boolean {
  if (!clientAccepts(after, certificates)) return false;
  const left = new Set(after.filter(isUsable).map(combinationOf));
  const matched = matchedCombinations(after, certificates);
  return [...matchedCombinations(before, certificates)].every((one) => !left.has(one) || matched.has(one));
}

/** The union, sorted, without duplicates: the form in which record sets are kept and compared. */
export function union(...sets: readonly (readonly RecordText[])[]): readonly RecordText[] {
  let only: readonly RecordText[] = [];
  for (const set of sets) {
    if (set.length === 0 || set === only) continue;
    if (only.length > 0) return [...new Set(sets.flat())].sort();
    only = set;
  }
  const isInOrder = only.every((record, at) => at === 0 || (only[at - 1] ?? record) < record);
  return isInOrder ? only : [...new Set(only)].sort();
}

/** `set` without the records of `other`. */
export function without(set: readonly RecordText[], other: readonly RecordText[]): readonly RecordText[] {
  return set.filter((record) => !other.includes(record));
}

export function sameSet(left: readonly RecordText[], right: readonly RecordText[]): boolean {
  return left.length === right.length && left.every((record) => right.includes(record));
}
