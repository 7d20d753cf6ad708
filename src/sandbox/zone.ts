/**
 * Zones as immutable values. A {@link ZoneContent} is what its owner writes; {@link signZone} (sign-zone.ts) makes a
 * {@link SignedZone} of it, which is what a server serves. A lagging secondary is then nothing but an older value.
 */
import { parentOf } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { TYPE } from "../dns/iana.ts";
import type { ResourceRecord, Rrset } from "../dns/rrset.ts";
import type { Seconds } from "../base/time.ts";

export interface ZoneContent {
  readonly origin: DomainName;
  /** All but what signing adds; exactly one SOA, at the origin. */
  readonly records: readonly ResourceRecord[];
}

export interface SignedZone {
  readonly origin: DomainName;
  readonly serial: number;
  /** min(SOA TTL, SOA MINIMUM): how long a negative answer may be kept (RFC 2308 §5). */
  readonly negativeTtl: Seconds;
  readonly nodes: ReadonlyMap<DomainName, ReadonlyMap<number, Rrset>>;
  /** The names of the NSEC chain, in canonical order, the origin first. */
  readonly chain: readonly DomainName[];
}

/** One RRset of the zone; null when there is none. */
export function rrsetOf(zone: SignedZone, name: DomainName, type: number): Rrset | null {
  return zone.nodes.get(name)?.get(type) ?? null;
}

/** The RRset's records, RRSIGs not included. */
function recordsOf(rrset: Rrset): readonly ResourceRecord[] {
  return rrset.rdatas.map((rdata) => ({
    name: rrset.name,
    type: rrset.type,
    class: rrset.class,
    ttl: rrset.ttl,
    rdata,
  }));
}

/** The RRset's records and, when asked for, the RRSIGs that cover it. */
export function signedRecordsOf(rrset: Rrset, dnssec: boolean): readonly ResourceRecord[] {
  const signatures = dnssec ? rrset.signatures : [];
  return [
    ...recordsOf(rrset),
    ...signatures.map((rdata) => ({ name: rrset.name, type: TYPE.RRSIG, class: rrset.class, ttl: rrset.ttl, rdata })),
  ];
}

/** The names from `name` (included) up to `origin` (not included), nearest first. */
export function namesUpTo(name: DomainName, origin: DomainName): readonly DomainName[] {
  const names: DomainName[] = [];
  for (let at: DomainName | null = name; at !== null && at !== origin; at = parentOf(at)) names.push(at);
  return names;
}
