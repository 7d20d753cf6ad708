/** What NSEC records prove (RFC 4035 §5.4, RFC 6840 §4). Their signatures must have been verified before. */
import { TYPE } from "../dns/iana.ts";
import { compareNames, isAtOrBelow, joinName, parentOf, ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeNsec } from "../dns/rdata-denial.ts";
import type { Rrset } from "../dns/rrset.ts";

interface Denial {
  readonly owner: DomainName;
  readonly next: DomainName;
  readonly types: ReadonlySet<number>;
}

/** Whether the NSEC RRsets prove that the name exists without the type and without an alias (NODATA). */
export function provesNoData(nsecs: readonly Rrset[], name: DomainName, type: number): boolean {
  return denialsOf(nsecs).some((denial) => {
    if (denial.owner === name)
      return !denial.types.has(type) && !denial.types.has(TYPE.CNAME) && isRightSide(denial, type);
    // An empty non-terminal: nothing stands at the name, but the next name in the zone is below it.
    return covers(denial, name) && isAtOrBelow(denial.next, name);
  });
}

/** Whether they prove that neither the name nor a wildcard that could stand for it exists (NXDOMAIN). */
export function provesNoName(nsecs: readonly Rrset[], name: DomainName): boolean {
  const denials = denialsOf(nsecs);
  const covering = denials.find((denial) => covers(denial, name) && !isAtOrBelow(denial.next, name));
  if (covering === undefined) return false;
  const wildcard = wildcardBelow(closestEncloserBy(covering, name));
  return denials.some((denial) => covers(denial, wildcard));
}

/** `*.encloser`. */
export function wildcardBelow(encloser: DomainName): DomainName {
  const wildcard = joinName("*", encloser);
  // A name of 255 octets has no room below it, so nothing can be proved about its wildcard: the name itself will do.
  return wildcard.ok ? wildcard.value : encloser;
}

function denialsOf(nsecs: readonly Rrset[]): readonly Denial[] {
  return nsecs.flatMap((rrset) => {
    const [rdata] = rrset.rdatas;
    const decoded = rdata === undefined ? null : decodeNsec(rdata);
    if (decoded?.ok !== true) return [];
    return [{ owner: rrset.name, next: decoded.value.next, types: new Set(decoded.value.types) }];
  });
}

/** At a zone cut the parent's NSEC speaks about DS alone, and the child's about everything else (RFC 6840 §4.1). */
function isRightSide(denial: Denial, type: number): boolean {
  const isParentSide = denial.types.has(TYPE.NS) && !denial.types.has(TYPE.SOA);
  const isChildApex = denial.types.has(TYPE.SOA) && denial.owner !== ROOT;
  return type === TYPE.DS ? !isChildApex : !isParentSide;
}

function covers(denial: Denial, name: DomainName): boolean {
  // RFC 6840 §4.1: a delegation's NSEC says nothing about names below it.
  const isCut = denial.types.has(TYPE.NS) && !denial.types.has(TYPE.SOA);
  if ((isCut || denial.types.has(TYPE.DNAME)) && isAtOrBelow(name, denial.owner)) return false;
  const isAfterOwner = compareNames(denial.owner, name) < 0;
  // The last NSEC of the chain points back to the apex.
  const isLast = compareNames(denial.next, denial.owner) <= 0;
  return isAfterOwner && (isLast ? isAtOrBelow(name, denial.next) : compareNames(name, denial.next) < 0);
}

/** The longest ancestor of the name that the covering NSEC shows to exist: an ancestor of its owner or of its next name. */
function closestEncloserBy(covering: Denial, name: DomainName): DomainName {
  let at = parentOf(name);
  while (at !== null && !isAtOrBelow(covering.owner, at) && !isAtOrBelow(covering.next, at)) at = parentOf(at);
  return at ?? ROOT;
}
