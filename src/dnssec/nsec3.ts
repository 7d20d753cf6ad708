/**
 * What verified NSEC3 records prove (RFC 5155 §8). Owner names are hashes, so nothing is seen directly: a name's closest
 * encloser is found by hashing its ancestors one after the other until one matches, and then the next closer name (the
 * encloser with one more label) must be covered (RFC 5155 §8.3).
 *
 * Opt-out (RFC 5155 §6): a covering record with the flag says only that no *signed* name lies there; an unsigned
 * delegation may. What rests on such a record is insecure, never secure (RFC 5155 §9.2). A closest encloser that is a
 * delegation or has a DNAME is the wrong zone's (RFC 5155 §8.3, RFC 6840 §4.1).
 *
 * Decided: hash algorithm 1 alone, records with unknown flags are ignored (RFC 5155 §8.1, §8.2), and one set of
 * parameters for the whole proof. Every hash is paid from the question's account.
 */
import { createHash } from "node:crypto";
import { decodeBase32Hex } from "../base/base32.ts";
import { compareBytes, equalBytes, textOfOctets } from "../base/bytes.ts";
import { TYPE } from "../dns/iana.ts";
import { countLabels, displayName, encodeName, isAtOrBelow, labelsOf, parentOf } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeNsec3 } from "../dns/rdata-denial.ts";
import type { Nsec3Rdata } from "../dns/rdata-denial.ts";
import type { Rrset } from "../dns/rrset.ts";
import { deniesType, isDelegation, kindOf, wildcardOf } from "./nsec.ts";
import type { DenialProof, DenialRecords } from "./nsec.ts";
import type { Work } from "./work.ts";

const SHA1 = 1;
const SHA1_LENGTH = 20;
const OPT_OUT = 0x01;

interface Nsec3 {
  readonly hash: Uint8Array;
  readonly next: Uint8Array;
  readonly optOut: boolean;
  readonly types: ReadonlySet<number>;
}

/** The parameters that all records of a proof share. */
interface Parameters {
  readonly iterations: number;
  readonly salt: Uint8Array;
}

/** The usable NSEC3 records of a zone in one message. */
export interface Nsec3Records {
  /** Null when there is no usable record, or they disagree. */
  readonly parameters: Parameters | null;
  readonly records: readonly Nsec3[];
}

/** The hash that a name's NSEC3 owner shows (RFC 5155 §5). */
export function nsec3Hash(name: DomainName, salt: Uint8Array, iterations: number): Uint8Array {
  let digest = createHash("sha1").update(encodeName(name)).update(salt).digest();
  for (let done = 0; done < iterations; done++) digest = createHash("sha1").update(digest).update(salt).digest();
  return digest;
}

/** The owner's hash: exactly one label under the zone (RFC 5155 §3), in base32 of the right length. */
function ownerHash(owner: DomainName, zone: DomainName): Uint8Array | null {
  if (parentOf(owner) !== zone) return null;
  const [label] = labelsOf(owner);
  const hash = label === undefined ? null : decodeBase32Hex(textOfOctets(label));
  return hash?.length === SHA1_LENGTH ? hash : null;
}

function isUsable(nsec3: Nsec3Rdata): boolean {
  return nsec3.hashAlgorithm === SHA1 && (nsec3.flags & ~OPT_OUT) === 0 && nsec3.nextHashed.length === SHA1_LENGTH;
}

/** Picks the usable ones of the verified NSEC3 RRsets of `zone`. Malformed ones prove nothing. */
export function nsec3Records(rrsets: readonly Rrset[], zone: DomainName): Nsec3Records {
  const records: Nsec3[] = [];
  let parameters: Parameters | null = null;
  for (const rrset of rrsets) {
    const hash = ownerHash(rrset.name, zone);
    const [rdata] = rrset.rdatas;
    const decoded = rdata === undefined || rrset.rdatas.length > 1 ? null : decodeNsec3(rdata);
    if (hash === null || decoded?.ok !== true || !isUsable(decoded.value)) continue;
    const { iterations, salt, nextHashed, flags, types } = decoded.value;
    // RFC 5155 §8.2: a response has one set of parameters; two sets could prove what neither chain says.
    if (parameters !== null && (parameters.iterations !== iterations || !equalBytes(parameters.salt, salt))) {
      return { parameters: null, records: [] };
    }
    parameters = { iterations, salt };
    records.push({ hash, next: nextHashed, optOut: (flags & OPT_OUT) !== 0, types: new Set(types) });
  }
  return { parameters, records };
}

function covers(record: Nsec3, hash: Uint8Array): boolean {
  const afterOwner = compareBytes(record.hash, hash) < 0;
  const beforeNext = compareBytes(hash, record.next) < 0;
  // The last record of the chain leads back to the first.
  return compareBytes(record.hash, record.next) < 0 ? afterOwner && beforeNext : afterOwner || beforeNext;
}

interface Search {
  readonly match: (name: DomainName) => Nsec3 | null;
  readonly cover: (name: DomainName) => Nsec3 | null;
}

/** Looks names up by hash; null also when the account of hashes is used up, which `work` remembers. */
function search({ records, parameters }: Nsec3Records, work: Work): Search {
  const known = new Map<DomainName, Uint8Array | null>();
  const hashOf = (name: DomainName): Uint8Array | null => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const hash =
      parameters !== null && work.spend("hashes") ? nsec3Hash(name, parameters.salt, parameters.iterations) : null;
    known.set(name, hash);
    return hash;
  };
  const find = (name: DomainName, fits: (record: Nsec3, hash: Uint8Array) => boolean): Nsec3 | null => {
    const hash = hashOf(name);
    return hash === null ? null : (records.find((record) => fits(record, hash)) ?? null);
  };
  return {
    match: (name) => find(name, (record, hash) => equalBytes(record.hash, hash)),
    cover: (name) => find(name, covers),
  };
}

interface Encloser {
  readonly encloser: DomainName;
  readonly nextCloser: DomainName;
  readonly covering: Nsec3;
}

/** RFC 5155 §8.3, for a name that has no record itself. */
function closestEncloser(find: Search, name: DomainName, zone: DomainName): Encloser | null {
  let nextCloser = name;
  for (let at = parentOf(name); at !== null && isAtOrBelow(at, zone); at = parentOf(at)) {
    const match = find.match(at);
    if (match !== null) {
      if (isDelegation(match.types) || match.types.has(TYPE.DNAME)) return null;
      const covering = find.cover(nextCloser);
      return covering === null ? null : { encloser: at, nextCloser, covering };
    }
    nextCloser = at;
  }
  return null;
}

function enclosedText({ encloser, nextCloser }: Encloser): string {
  return `NSEC3: ${displayName(encloser)} exists, ${displayName(nextCloser)} does not`;
}

function noTypeByNsec3(find: Search, name: DomainName, type: number, zone: DomainName): DenialProof | null {
  const at = find.match(name);
  if (at !== null) {
    if (!deniesType(at.types, name, type)) return null;
    const message = `NSEC3 of ${displayName(name)} does not list the type`;
    return { kind: kindOf(at.types), optOut: false, types: at.types, message };
  }
  const enclosed = closestEncloser(find, name, zone);
  if (enclosed === null) return null;
  const message = enclosedText(enclosed);
  // RFC 5155 §8.6, and in the same way for any other type: an unsigned delegation may stand in the span.
  if (enclosed.covering.optOut) return { kind: "nodata", optOut: true, types: null, message: `${message}, opted out` };
  const wildcard = wildcardOf(enclosed.encloser);
  const atWildcard = wildcard === null ? null : find.match(wildcard);
  if (wildcard === null || atWildcard === null || !deniesType(atWildcard.types, wildcard, type)) return null;
  const text = `${message}, and ${displayName(wildcard)} does not list the type`;
  return { kind: "nodata", optOut: false, types: null, message: text };
}

function noNameByNsec3(find: Search, name: DomainName, zone: DomainName): DenialProof | null {
  const enclosed = closestEncloser(find, name, zone);
  const wildcard = enclosed === null ? null : wildcardOf(enclosed.encloser);
  const coveringWildcard = wildcard === null ? null : find.cover(wildcard);
  if (enclosed === null || wildcard === null || coveringWildcard === null) return null;
  const message = `${enclosedText(enclosed)}, nor does ${displayName(wildcard)}`;
  const { optOut } = enclosed.covering;
  return { kind: "nxdomain", optOut, types: null, message: optOut ? `${message}, opted out` : message };
}

/** What the records can prove (RFC 5155 §8.4, RFC 5155 §8.8). When `work` ran out of hashes, nothing more is proved. */
export function nsec3Denial(records: Nsec3Records, zone: DomainName, work: Work): DenialRecords {
  const find = search(records, work);
  return {
    noType: (name, type) => noTypeByNsec3(find, name, type, zone),
    noName: (name) => (find.match(name) === null ? noNameByNsec3(find, name, zone) : null),
    noCloser: (nextCloser) => {
      // RFC 5155 §8.8: the wildcard's parent is known to exist, because its expansion was signed.
      const covering = find.cover(nextCloser);
      if (covering === null) return null;
      const message = `NSEC3: ${displayName(nextCloser)} does not exist${covering.optOut ? ", opted out" : ""}`;
      return { kind: "nxdomain", optOut: covering.optOut, types: null, message };
    },
  };
}

/** The ancestor of `name` with this many labels more than `encloserLabels`, the root not counted: the next closer name. */
export function nextCloserName(name: DomainName, encloserLabels: number): DomainName {
  let at = name;
  for (let labels = countLabels(name); labels > encloserLabels + 1; labels--) at = parentOf(at) ?? at;
  return at;
}
