/**
 * What an authoritative server says to a question (RFC 1034 §4.3.2, RFC 4035 §3.1), as a function of its zones.
 * Positive answers, CNAME within the zone, NODATA and NXDOMAIN with NSEC proofs, referrals. No wildcards, no DNAME.
 */
import { TYPE, RCODE } from "../dns/iana.ts";
import { compareNames, isAtOrBelow, parentOf } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeCname } from "../dns/rdata.ts";
import type { ResourceRecord, Rrset } from "../dns/rrset.ts";
import { wildcardOf } from "../dnssec/nsec.ts";
import { namesUpTo, rrsetOf, signedRecordsOf } from "./zone.ts";
import type { SignedZone } from "./zone.ts";

export interface AuthoritativeAnswer {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly answer: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
}

const NOTHING = { answer: [], authority: [], additional: [] } as const;
const LONGEST_ALIAS_CHAIN = 8;

/** Answers from the closest of `zones`; REFUSED when none of them holds the name. `dnssec`: the DO bit. */
export function answerFrom(
  zones: readonly SignedZone[],
  name: DomainName,
  type: number,
  dnssec: boolean,
): AuthoritativeAnswer {
  const zone = zoneFor(zones, name, type);
  if (zone === null) return { ...NOTHING, rcode: RCODE.REFUSED, authoritative: false };
  const cut = delegationAbove(zone, name, type);
  if (cut !== null) return referral(zone, cut, dnssec);

  const answer: ResourceRecord[] = [];
  let at = name;
  for (let links = 0; links < LONGEST_ALIAS_CHAIN; links++) {
    const found = rrsetOf(zone, at, type);
    if (found !== null)
      return {
        ...NOTHING,
        rcode: RCODE.NOERROR,
        authoritative: true,
        answer: [...answer, ...signedRecordsOf(found, dnssec)],
      };
    const alias = rrsetOf(zone, at, TYPE.CNAME);
    if (alias === null) break;
    answer.push(...signedRecordsOf(alias, dnssec));
    const target = aliasTarget(alias);
    if (target === null || zoneFor(zones, target, type) !== zone) {
      return { ...NOTHING, rcode: RCODE.NOERROR, authoritative: true, answer };
    }
    at = target;
  }
  return { ...denial(zone, at, dnssec), answer };
}

/** The closest enclosing zone; a DS belongs to the parent's side of a zone cut (RFC 4035 §3.1.4.1). */
function zoneFor(zones: readonly SignedZone[], name: DomainName, type: number): SignedZone | null {
  const from = type === TYPE.DS ? parentOf(name) : name;
  let closest: SignedZone | null = null;
  for (const zone of zones) {
    if (!isAtOrBelow(from ?? name, zone.origin)) continue;
    if (closest === null || isAtOrBelow(zone.origin, closest.origin)) closest = zone;
  }
  return closest;
}

function aliasTarget(alias: Rrset): DomainName | null {
  const [rdata] = alias.rdatas;
  const decoded = rdata === undefined ? null : decodeCname(rdata);
  return decoded?.ok === true ? decoded.value : null;
}

/** The topmost zone cut at or above the name, unless the question is for the DS that lives here. */
function delegationAbove(zone: SignedZone, name: DomainName, type: number): DomainName | null {
  const cut = namesUpTo(name, zone.origin).findLast((each) => rrsetOf(zone, each, TYPE.NS) !== null);
  return cut === undefined || (cut === name && type === TYPE.DS) ? null : cut;
}

function referral(zone: SignedZone, cut: DomainName, dnssec: boolean): AuthoritativeAnswer {
  const servers = rrsetOf(zone, cut, TYPE.NS);
  const secured = rrsetOf(zone, cut, TYPE.DS) ?? rrsetOf(zone, cut, TYPE.NSEC);
  const glue = [...zone.nodes.values()].flatMap((node) =>
    [node.get(TYPE.A), node.get(TYPE.AAAA)].filter((rrset) => rrset !== undefined && isAtOrBelow(rrset.name, cut)),
  );
  return {
    rcode: RCODE.NOERROR,
    authoritative: false,
    answer: [],
    authority: [
      ...(servers === null ? [] : signedRecordsOf(servers, false)),
      ...(dnssec && secured !== null ? signedRecordsOf(secured, true) : []),
    ],
    additional: glue.flatMap((rrset) => (rrset === undefined ? [] : signedRecordsOf(rrset, false))),
  };
}

/** NODATA at an existing name or an empty non-terminal, NXDOMAIN otherwise (RFC 4035 §3.1.3). */
function denial(zone: SignedZone, name: DomainName, dnssec: boolean): AuthoritativeAnswer {
  const exists = [...zone.nodes.keys()].some((each) => isAtOrBelow(each, name));
  const soa = rrsetOf(zone, zone.origin, TYPE.SOA);
  const authority = soa === null ? [] : [...signedRecordsOf({ ...soa, ttl: zone.negativeTtl }, dnssec)];
  if (dnssec) {
    const wildcard = exists ? null : wildcardOf(closestEncloser(zone, name));
    const proofs = new Set([nsecFor(zone, name), wildcard === null ? null : nsecFor(zone, wildcard)]);
    for (const proof of proofs) if (proof !== null) authority.push(...signedRecordsOf(proof, true));
  }
  return {
    rcode: exists ? RCODE.NOERROR : RCODE.NXDOMAIN,
    authoritative: true,
    answer: [],
    authority,
    additional: [],
  };
}

function closestEncloser(zone: SignedZone, name: DomainName): DomainName {
  const existing = (candidate: DomainName): boolean =>
    [...zone.nodes.keys()].some((each) => isAtOrBelow(each, candidate));
  return namesUpTo(name, zone.origin).find(existing) ?? zone.origin;
}

/** The NSEC at the name, or the one that covers it. */
function nsecFor(zone: SignedZone, name: DomainName): Rrset | null {
  const owner = zone.chain.findLast((each) => compareNames(each, name) <= 0);
  return owner === undefined ? null : rrsetOf(zone, owner, TYPE.NSEC);
}
