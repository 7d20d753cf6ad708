/**
 * What verified NSEC records prove (RFC 4035 §5.4, RFC 6840 §4). A record says: this name exists with these types, and no
 * name lies between it and the next one in canonical order.
 *
 * Three things a record does not say. At a zone cut the parent's record speaks about the delegation alone, nothing at or
 * below it but DS (RFC 6840 §4.1, §4.4); a DNAME's record says nothing about names below it (RFC 6840 §4.1); and a next
 * name outside the zone would let one record deny the rest of the world, so such a record says nothing at all.
 */
import { TYPE } from "../dns/iana.ts";
import { compareNames, displayName, isAtOrBelow, joinName, parentOf, ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeNsec } from "../dns/rdata-denial.ts";
import type { Rrset } from "../dns/rrset.ts";

/** What a proof says about a name and a type. */
export interface DenialProof {
  readonly kind: "nodata" | "nxdomain";
  /** An opted-out span took part: an unsigned delegation may stand there, so it proves nothing securely (RFC 5155 §9.2). */
  readonly optOut: boolean;
  /** The types at the very name, when a record of that name proved it; null for a covered name or a wildcard. */
  readonly types: ReadonlySet<number> | null;
  /** For people. */
  readonly message: string;
}

/** The records of one zone's proof in one message, asked one way or the other. */
export interface DenialRecords {
  /** The name exists, or a wildcard stands for it, and neither has the type nor an alias (RFC 4035 §3.1.3.1, §3.1.3.4). */
  readonly noType: (name: DomainName, type: number) => DenialProof | null;
  /** Neither the name nor a wildcard that could stand for it exists (RFC 4035 §3.1.3.2). */
  readonly noName: (name: DomainName) => DenialProof | null;
  /** Nothing exists at or below this name, so that a wildcard above it may have been used (RFC 4035 §3.1.3.3). */
  readonly noCloser: (nextCloser: DomainName) => DenialProof | null;
}

/** The type that says "this name does not exist" in compact denial (RFC 9824). */
const NXNAME = 128;

interface Nsec {
  readonly owner: DomainName;
  readonly next: DomainName;
  readonly types: ReadonlySet<number>;
}

/** `*.encloser`; null when there is no room for it in 255 octets, and then nothing can be a wildcard there. */
export function wildcardOf(encloser: DomainName): DomainName | null {
  const wildcard = joinName("*", encloser);
  return wildcard.ok ? wildcard.value : null;
}

/** The parent's side of a zone cut: a delegation, not the apex of a zone (RFC 6840 §4.1). */
export function isDelegation(types: ReadonlySet<number>): boolean {
  return types.has(TYPE.NS) && !types.has(TYPE.SOA);
}

/** Whether a record with these types at the very name (or its wildcard) denies the type there (RFC 6840 §4.3, §4.4). */
export function deniesType(types: ReadonlySet<number>, name: DomainName, type: number): boolean {
  if (types.has(type)) return false;
  if (types.has(TYPE.CNAME) && type !== TYPE.CNAME) return false;
  // A name without any type is what compact denial makes of a missing name; ANY matches whatever is there (RFC 9824).
  if (type === TYPE.ANY) {
    return [...types].every((each) => each === TYPE.NSEC || each === TYPE.RRSIG || each === NXNAME);
  }
  // RFC 4035 §5.2: whether there is a DS only the parent's record can say, and anything else only the child's. The root
  // has no parent.
  return type === TYPE.DS && name !== ROOT ? !types.has(TYPE.SOA) : !isDelegation(types);
}

export function kindOf(types: ReadonlySet<number>): DenialProof["kind"] {
  return types.has(NXNAME) ? "nxdomain" : "nodata";
}

function covers(nsec: Nsec, name: DomainName): boolean {
  const isBarrier = isDelegation(nsec.types) || nsec.types.has(TYPE.DNAME);
  if (isBarrier && isAtOrBelow(name, nsec.owner)) return false;
  if (compareNames(nsec.owner, name) >= 0) return false;
  // The last record of a zone points back to the apex.
  return compareNames(nsec.next, nsec.owner) <= 0 || compareNames(name, nsec.next) < 0;
}

/** The name is covered, and it is no empty non-terminal: nothing stands at it nor below. */
function coversTree(nsec: Nsec, name: DomainName): boolean {
  return covers(nsec, name) && !isAtOrBelow(nsec.next, name);
}

/** The longest ancestor that the covering record shows to exist: its owner and its next name have it in common (RFC 4592 §3.3.1). */
function closestEncloser(nsec: Nsec, name: DomainName): DomainName | null {
  let at = parentOf(name);
  while (at !== null && !isAtOrBelow(nsec.owner, at) && !isAtOrBelow(nsec.next, at)) at = parentOf(at);
  return at;
}

function spanText(nsec: Nsec): string {
  return `no name lies between ${displayName(nsec.owner)} and ${displayName(nsec.next)}`;
}

function typesAt(nsecs: readonly Nsec[], name: DomainName, type: number): Nsec | undefined {
  return nsecs.find((nsec) => nsec.owner === name && deniesType(nsec.types, name, type));
}

function nodata(message: string, types: ReadonlySet<number> | null = null): DenialProof {
  return { kind: types === null ? "nodata" : kindOf(types), optOut: false, types, message };
}

function noTypeByNsec(nsecs: readonly Nsec[], name: DomainName, type: number): DenialProof | null {
  const at = typesAt(nsecs, name, type);
  if (at !== undefined) return nodata(`NSEC at ${displayName(name)} does not list the type`, at.types);
  const covering = nsecs.find((nsec) => covers(nsec, name));
  if (covering === undefined) return null;
  if (isAtOrBelow(covering.next, name)) {
    return nodata(`NSEC: ${displayName(name)} holds nothing, only names below it exist`);
  }
  const encloser = closestEncloser(covering, name);
  const wildcard = encloser === null ? null : wildcardOf(encloser);
  if (wildcard === null) return null;
  const atWildcard = typesAt(nsecs, wildcard, type);
  if (atWildcard !== undefined) {
    return nodata(`NSEC: ${spanText(covering)}, and ${displayName(wildcard)} does not list the type`);
  }
  const below = nsecs.find((nsec) => covers(nsec, wildcard) && isAtOrBelow(nsec.next, wildcard));
  return below === undefined ? null : nodata(`NSEC: ${spanText(covering)}, and ${displayName(wildcard)} holds nothing`);
}

function noNameByNsec(nsecs: readonly Nsec[], name: DomainName): DenialProof | null {
  const covering = nsecs.find((nsec) => coversTree(nsec, name));
  const encloser = covering === undefined ? null : closestEncloser(covering, name);
  const wildcard = encloser === null ? null : wildcardOf(encloser);
  if (covering === undefined || wildcard === null || !nsecs.some((nsec) => coversTree(nsec, wildcard))) return null;
  const message = `NSEC: ${spanText(covering)}, and there is no ${displayName(wildcard)}`;
  return { kind: "nxdomain", optOut: false, types: null, message };
}

/** What these verified NSEC RRsets of `zone`, none expanded from a wildcard, can prove. Malformed ones prove nothing. */
export function nsecDenial(rrsets: readonly Rrset[], zone: DomainName): DenialRecords {
  const nsecs = rrsets.flatMap((rrset) => {
    const [rdata] = rrset.rdatas;
    const decoded = rdata === undefined || rrset.rdatas.length > 1 ? null : decodeNsec(rdata);
    if (decoded?.ok !== true || !isAtOrBelow(decoded.value.next, zone)) return [];
    const { next, types } = decoded.value;
    // Only the last record leads back, and it leads to the apex (RFC 4034 §4.1.1).
    if (compareNames(next, rrset.name) <= 0 && next !== zone) return [];
    return [{ owner: rrset.name, next, types: new Set(types) }];
  });
  return {
    noType: (name, type) => noTypeByNsec(nsecs, name, type),
    noName: (name) => noNameByNsec(nsecs, name),
    noCloser: (nextCloser) => {
      const covering = nsecs.find((nsec) => coversTree(nsec, nextCloser));
      return covering === undefined
        ? null
        : { kind: "nxdomain", optOut: false, types: null, message: `NSEC: ${spanText(covering)}` };
    },
  };
}
