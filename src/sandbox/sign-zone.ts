/** Signs a zone: DNSKEY, one NSEC for each authoritative name, RRSIGs over everything authoritative (RFC 4035 §2). */
import type { Instant, Seconds } from "../base/time.ts";
import { addSeconds, seconds } from "../base/time.ts";
import { CLASS, TYPE } from "../dns/iana.ts";
import { compareNames } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { encodeNsec } from "../dns/rdata-denial.ts";
import { decodeSoa, encodeSoa } from "../dns/rdata.ts";
import type { SoaRdata } from "../dns/rdata.ts";
import { groupRrsets } from "../dns/rrset.ts";
import type { ResourceRecord, Rrset } from "../dns/rrset.ts";
import { signRrset } from "../dnssec/signature.ts";
import type { ZoneKey } from "./keys.ts";
import { namesUpTo } from "./zone.ts";
import type { SignedZone, ZoneContent } from "./zone.ts";

/** Signatures begin an hour early, so that nobody's clock is too slow for them, and outlive every sandbox. */
const EARLIER = seconds(-3600);
const VALIDITY = seconds(14 * 86_400);

/** Signs the whole zone; it has few records, and ECDSA is fast. */
export function signZone(content: ZoneContent, key: ZoneKey, now: Instant): SignedZone {
  const { origin } = content;
  const { record, soa } = soaOf(content);
  const negativeTtl = seconds(Math.min(record.ttl, soa.minimum));
  const dnskey: ResourceRecord = {
    name: origin,
    type: TYPE.DNSKEY,
    class: CLASS.IN,
    ttl: record.ttl,
    rdata: key.dnskey,
  };
  const plain = groupRrsets([...content.records, dnskey]);
  const cuts = new Set(
    plain.filter((rrset) => rrset.type === TYPE.NS && rrset.name !== origin).map((rrset) => rrset.name),
  );
  // Below a zone cut stand only glue addresses: neither signed nor in the NSEC chain (RFC 4035 §2.2, §2.3).
  const isGlue = (name: DomainName): boolean =>
    namesUpTo(name, origin)
      .slice(1)
      .some((each) => cuts.has(each));
  const chain = [...new Set(plain.map((rrset) => rrset.name))].filter((name) => !isGlue(name)).sort(compareNames);
  const rrsets = [...plain, ...denialChain(plain, chain, negativeTtl)];
  const sign = (rrset: Rrset): Rrset => {
    const atCut = cuts.has(rrset.name) && rrset.type !== TYPE.DS && rrset.type !== TYPE.NSEC;
    if (isGlue(rrset.name) || atCut) return rrset;
    const period = { inception: addSeconds(now, EARLIER), expiration: addSeconds(now, VALIDITY) };
    return {
      ...rrset,
      signatures: [signRrset(rrset, { signer: key.zone, dnskey: key.dnskey, privateKey: key.privateKey, ...period })],
    };
  };
  const nodes = new Map<DomainName, Map<number, Rrset>>();
  for (const rrset of rrsets) {
    const node = nodes.get(rrset.name) ?? new Map<number, Rrset>();
    node.set(rrset.type, sign(rrset));
    nodes.set(rrset.name, node);
  }
  return { origin, serial: soa.serial, negativeTtl, nodes, chain };
}

/** The same content under the next SOA serial (RFC 1982). */
export function withNextSerial(content: ZoneContent): ZoneContent {
  const { record, soa } = soaOf(content);
  const next: ResourceRecord = { ...record, rdata: encodeSoa({ ...soa, serial: (soa.serial + 1) >>> 0 }) };
  return { ...content, records: content.records.map((each) => (each === record ? next : each)) };
}

function soaOf(content: ZoneContent): { readonly record: ResourceRecord; readonly soa: SoaRdata } {
  const record = content.records.find((each) => each.type === TYPE.SOA && each.name === content.origin);
  const soa = record === undefined ? null : decodeSoa(record.rdata);
  if (record === undefined || soa?.ok !== true) throw new Error(`the zone ${content.origin} has no SOA record`);
  return { record, soa: soa.value };
}

/** NSEC records (RFC 4034 §4) with the negative TTL (RFC 9077 §3), each pointing to the next name, the last to the apex. */
function denialChain(plain: readonly Rrset[], chain: readonly DomainName[], ttl: Seconds): readonly Rrset[] {
  return chain.map((name, at) => {
    const own = plain.filter((rrset) => rrset.name === name).map((rrset) => rrset.type);
    const types = [...own, TYPE.RRSIG, TYPE.NSEC].sort((left, right) => left - right);
    const next = chain[at + 1] ?? chain[0] ?? name;
    return { name, type: TYPE.NSEC, class: CLASS.IN, ttl, rdatas: [encodeNsec({ next, types })], signatures: [] };
  });
}
