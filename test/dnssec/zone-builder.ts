/**
 * Signed zones in memory, and the answers that an honest recursive resolver gives from them with DO=1 and CD=1. Written
 * from the RFCs without a look at the validator: RFC 4035 §3.1 and RFC 5155 §7.2 say which proof goes with which answer.
 */
import { compareBytes, equalBytes, parseHex } from "../../src/base/bytes.ts";
import { encodeBase32Hex } from "../../src/base/base32.ts";
import { instant, seconds } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import { substituteDname } from "../../src/dns/alias.ts";
import { CLASS, RCODE, TYPE, typeFromName } from "../../src/dns/iana.ts";
import { queryMessage } from "../../src/dns/message.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { compareNames, isAtOrBelow, joinName, nameFromLabels, labelsOf, parentOf, ROOT } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import * as rdata from "../../src/dns/rdata.ts";
import { encodeNsec, encodeNsec3 } from "../../src/dns/rdata-denial.ts";
import type { ResourceRecord, Rrset } from "../../src/dns/rrset.ts";
import type { TrustAnchors } from "../../src/dnssec/anchors.ts";
import { nsec3Hash } from "../../src/dnssec/nsec3.ts";
import { signRrset } from "../../src/dnssec/signature.ts";
import { nameOf } from "./corpus.ts";
import { createKey, dsOf } from "./zone-keys.ts";
import type { TestKey } from "./zone-keys.ts";

/** The time in these worlds. */
export const NOW = instant(Date.UTC(2026, 5, 15));
const DAY = 86_400_000;
const NXNAME = 128;

export interface Nsec3Plan {
  readonly iterations?: number;
  /** Hexadecimal. */
  readonly salt?: string;
  readonly optOut?: boolean;
}

export interface ZonePlan {
  readonly name: string;
  /** `owner TYPE data`, the owner relative to the zone, `@` for its apex. SOA, NS, DNSKEY and DS are added. */
  readonly records?: readonly string[];
  /** `compact` is RFC 9824. */
  readonly denial?: "nsec" | "compact" | Nsec3Plan;
  /** Empty: an unsigned zone. Default: one Ed25519 key. */
  readonly keys?: readonly TestKey[];
  /** DNSKEY RDATA beside those of the keys that sign. */
  readonly otherKeys?: readonly Uint8Array[];
  /** DS RDATA at the parent; default: SHA-256 of each key. */
  readonly ds?: readonly Uint8Array[];
  readonly ttl?: number;
  readonly inception?: Instant;
  readonly expiration?: Instant;
}

/** A zone that is ready to answer. */
export interface Zone {
  readonly name: DomainName;
  readonly keys: readonly TestKey[];
  /** Answers are signed as they are asked for, so that nothing shows a wildcard and no name is said to be missing. */
  readonly compact: boolean;
  /** The data, without signatures and proofs. */
  readonly nodes: ReadonlyMap<DomainName, ReadonlyMap<number, readonly Uint8Array[]>>;
  /** An RRset signed by all of the zone's keys; other RDATA, owner or labels make it a forgery. */
  readonly sign: (name: DomainName, type: number, rdatas: readonly Uint8Array[], over?: Signing) => Rrset;
  /** The NSEC or NSEC3 RRsets for a question that has no positive answer in the zone. */
  readonly proof: Proof;
}

export interface Signing {
  readonly ttl?: number;
  readonly inception?: Instant;
  readonly expiration?: Instant;
  readonly keys?: readonly TestKey[];
  readonly signer?: DomainName;
  /** The name that is signed, when the RRset is then shown under another one. */
  readonly owner?: DomainName;
}

interface Proof {
  readonly noType: (name: DomainName) => readonly Rrset[];
  readonly noName: (name: DomainName, wildcard: DomainName, nextCloser: DomainName) => readonly Rrset[];
  readonly noCloser: (name: DomainName, nextCloser: DomainName) => readonly Rrset[];
  readonly wildcardNoType: (name: DomainName, wildcard: DomainName, nextCloser: DomainName) => readonly Rrset[];
}

export interface World {
  readonly zones: ReadonlyMap<DomainName, Zone>;
  readonly zone: (name: string) => Zone;
  readonly anchors: TrustAnchors;
  readonly answer: (name: DomainName, type: number) => DnsMessage;
}

function value<T>(result: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  if (!result.ok) throw new Error("a plan is malformed");
  return result.value;
}

/** `@`, or labels below the zone. */
export function under(owner: string, zone: DomainName): DomainName {
  return owner === "@" ? zone : value(joinName(owner, zone));
}

function parseData(type: number, text: string): Uint8Array {
  switch (type) {
    case TYPE.A:
      return rdata.encodeA(text);
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.DNAME:
      return rdata.encodeCname(nameOf(text));
    case TYPE.TLSA:
      return rdata.encodeTlsa(value(rdata.parseTlsa(text)));
    default:
      return Uint8Array.of(text.length, ...Buffer.from(text));
  }
}

type Nodes = Map<DomainName, Map<number, Uint8Array[]>>;

function add(nodes: Nodes, name: DomainName, type: number, data: Uint8Array): void {
  const node = nodes.get(name) ?? new Map<number, Uint8Array[]>();
  nodes.set(name, node);
  node.set(type, [...(node.get(type) ?? []), data]);
}

function readPlan(plan: ZonePlan, keys: readonly TestKey[]): Nodes {
  const zone = nameOf(plan.name);
  const nodes: Nodes = new Map();
  const soa = { mname: zone, rname: zone, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: plan.ttl ?? 300 };
  add(nodes, zone, TYPE.SOA, rdata.encodeSoa(soa));
  add(nodes, zone, TYPE.NS, rdata.encodeNs(nameOf("ns.invalid.")));
  for (const dnskey of [...keys.map((key) => key.dnskey), ...(plan.otherKeys ?? [])]) {
    add(nodes, zone, TYPE.DNSKEY, dnskey);
  }
  for (const record of plan.records ?? []) {
    const [owner = "", typeText = "", ...data] = record.split(" ");
    const type = typeFromName(typeText) ?? 0;
    add(nodes, under(owner, zone), type, parseData(type, data.join(" ")));
  }
  return nodes;
}

function signer(zone: DomainName, plan: ZonePlan, keys: readonly TestKey[]): Zone["sign"] {
  return (name, type, rdatas, over = {}) => {
    const ttl = seconds(over.ttl ?? plan.ttl ?? 300);
    const rrset = { name: over.owner ?? name, type, class: CLASS.IN, ttl, rdatas, signatures: [] };
    const inception = over.inception ?? plan.inception ?? instant(NOW - 10 * DAY);
    const expiration = over.expiration ?? plan.expiration ?? instant(NOW + 10 * DAY);
    const signatures = (over.keys ?? keys).map(({ dnskey, privateKey }) =>
      signRrset(rrset, { signer: over.signer ?? zone, dnskey, privateKey, inception, expiration }),
    );
    return { ...rrset, name, signatures };
  };
}

/** The zone's delegation at or above the name; null when there is none. */
export function cutAbove(zone: Pick<Zone, "name" | "nodes">, name: DomainName): DomainName | null {
  let cut: DomainName | null = null;
  for (let at: DomainName | null = name; at !== null && at !== zone.name; at = parentOf(at)) {
    if (zone.nodes.get(at)?.has(TYPE.NS) === true) cut = at;
  }
  return cut;
}

/** Names that the zone speaks for, without those below delegations, in canonical order. */
function ownNames(zone: Pick<Zone, "name" | "nodes">): readonly DomainName[] {
  return [...zone.nodes.keys()].filter((name) => [null, name].includes(cutAbove(zone, name))).sort(compareNames);
}

function typesAt(nodes: Zone["nodes"], name: DomainName, zone: DomainName, denial: number): readonly number[] {
  const node = nodes.get(name);
  if (node === undefined) return denial === TYPE.NSEC ? [TYPE.NSEC, TYPE.RRSIG] : [];
  const isCut = node.has(TYPE.NS) && name !== zone;
  const shown = [...node.keys()].filter((type) => !isCut || type === TYPE.NS || type === TYPE.DS);
  const signs = !isCut || node.has(TYPE.DS) || denial === TYPE.NSEC;
  return [...shown, ...(signs ? [TYPE.RRSIG] : []), ...(denial === TYPE.NSEC ? [TYPE.NSEC] : [])];
}

type Unproved = Pick<Zone, "name" | "nodes" | "sign">;

function nsecProof(zone: Unproved): Proof {
  const names = ownNames(zone);
  const record = (at: number): Rrset => {
    const owner = names.at(at) ?? zone.name;
    const next = names[(at + 1) % names.length] ?? zone.name;
    const nsec = encodeNsec({ next, types: typesAt(zone.nodes, owner, zone.name, TYPE.NSEC) });
    return zone.sign(owner, TYPE.NSEC, [nsec]);
  };
  // The record at the name, or the one that spans it.
  const about = (name: DomainName): Rrset => record(names.findLastIndex((each) => compareNames(each, name) <= 0));
  const both = (name: DomainName, other: DomainName): readonly Rrset[] => {
    const [first, second] = [about(name), about(other)];
    return first.name === second.name ? [first] : [first, second];
  };
  return {
    noType: (name) => [about(name)],
    noName: both,
    noCloser: (name) => [about(name)],
    wildcardNoType: both,
  };
}

function compactProof(zone: Unproved): Proof {
  const one = (name: DomainName, types: readonly number[]): readonly Rrset[] => {
    const next = value(nameFromLabels([Uint8Array.of(0), ...labelsOf(name)]));
    return [zone.sign(name, TYPE.NSEC, [encodeNsec({ next, types })])];
  };
  return {
    noType: (name) => one(name, typesAt(zone.nodes, name, zone.name, TYPE.NSEC)),
    noName: (name) => one(name, [TYPE.RRSIG, TYPE.NSEC, NXNAME]),
    noCloser: () => [],
    wildcardNoType: (name, wildcard) => one(name, typesAt(zone.nodes, wildcard, zone.name, TYPE.NSEC)),
  };
}

function nsec3Proof(zone: Unproved, plan: Nsec3Plan): Proof {
  const { iterations = 0, salt: saltText = "", optOut = false } = plan;
  const salt = parseHex(saltText) ?? new Uint8Array(0);
  const hash = (name: DomainName): Uint8Array => nsec3Hash(name, salt, iterations);
  const hashed = new Map<DomainName, Uint8Array>();
  for (const name of ownNames(zone)) {
    const node = zone.nodes.get(name);
    if (optOut && name !== zone.name && node?.has(TYPE.NS) === true && !node.has(TYPE.DS)) continue;
    // The name, and the empty non-terminals above it.
    for (let at: DomainName | null = name; at !== null && isAtOrBelow(at, zone.name); at = parentOf(at)) {
      hashed.set(at, hash(at));
    }
  }
  const chain = [...hashed].sort(([, left], [, right]) => compareBytes(left, right));
  const record = (at: number): Rrset => {
    const [name, own] = chain.at(at) ?? [zone.name, hash(zone.name)];
    const [, nextHashed] = chain[(at + 1 + chain.length) % chain.length] ?? [name, own];
    const types = typesAt(zone.nodes, name, zone.name, TYPE.NSEC3);
    const data = encodeNsec3({ hashAlgorithm: 1, flags: optOut ? 1 : 0, iterations, salt, nextHashed, types });
    return zone.sign(under(encodeBase32Hex(own), zone.name), TYPE.NSEC3, [data]);
  };
  const match = (name: DomainName): Rrset | null => {
    const own = hash(name);
    const at = chain.findIndex(([, each]) => equalBytes(each, own));
    return at < 0 ? null : record(at);
  };
  const about = (name: DomainName): Rrset => {
    const own = hash(name);
    return record(chain.findLastIndex(([, each]) => compareBytes(each, own) <= 0));
  };
  const unique = (rrsets: readonly Rrset[]): readonly Rrset[] => [
    ...new Map(rrsets.map((rrset) => [rrset.name, rrset])).values(),
  ];
  /** The closest encloser that the chain can show, and that nothing stands between it and the name. */
  const enclosed = (name: DomainName): readonly Rrset[] => {
    let nextCloser = name;
    for (let at = parentOf(name); at !== null; at = parentOf(at)) {
      const found = match(at);
      if (found !== null) return [found, about(nextCloser)];
      nextCloser = at;
    }
    return [];
  };
  return {
    noType: (name) => {
      const at = match(name);
      return at === null ? unique(enclosed(name)) : [at];
    },
    noName: (name, wildcard) => unique([...enclosed(name), about(wildcard)]),
    noCloser: (_, nextCloser) => [about(nextCloser)],
    wildcardNoType: (name, wildcard) => unique([...enclosed(name), about(wildcard)]),
  };
}

/** An RRset with its signatures, as they stand in a message. */
export function recordsOf(...rrsets: readonly Rrset[]): readonly ResourceRecord[] {
  return rrsets.flatMap(({ name, type, class: rrClass, ttl, rdatas, signatures }) => [
    ...rdatas.map((data) => ({ name, type, class: rrClass, ttl, rdata: data })),
    ...signatures.map((data) => ({ name, type: TYPE.RRSIG, class: rrClass, ttl, rdata: data })),
  ]);
}

export interface Sections {
  readonly answer?: readonly Rrset[];
  readonly authority?: readonly Rrset[];
  readonly rcode?: number;
}

/** A response with these sections. */
export function response(name: DomainName, type: number, { answer, authority, rcode }: Sections): DnsMessage {
  return {
    ...queryMessage({ id: 0, name, type, rd: true, cd: true, dnssecOk: true }),
    qr: true,
    ra: true,
    rcode: rcode ?? RCODE.NOERROR,
    answer: recordsOf(...(answer ?? [])),
    authority: recordsOf(...(authority ?? [])),
  };
}

interface Found {
  readonly answer: Rrset[];
  readonly authority: Rrset[];
  rcode: number;
}

function exists(zone: Zone, name: DomainName): boolean {
  return [...zone.nodes.keys()].some((each) => isAtOrBelow(each, name));
}

/** Puts the answer of one zone into `found`; gives the name to go on with, or null. */
function answerFrom(zone: Zone, name: DomainName, type: number, found: Found): DomainName | null {
  const isSigned = zone.keys.length > 0;
  const put = (section: Rrset[], rrsets: readonly Rrset[]): void => {
    const known = new Set(section.map((rrset) => `${rrset.name} ${String(rrset.type)}`));
    section.push(...rrsets.filter((rrset) => !known.has(`${rrset.name} ${String(rrset.type)}`)));
  };
  const deny = (proof: () => readonly Rrset[]): void => {
    put(found.authority, isSigned ? proof() : []);
  };
  const soa = (): void => {
    put(found.authority, [zone.sign(zone.name, TYPE.SOA, zone.nodes.get(zone.name)?.get(TYPE.SOA) ?? [])]);
  };
  for (let at = parentOf(name); at !== null && isAtOrBelow(at, zone.name); at = parentOf(at)) {
    const data = zone.nodes.get(at)?.get(TYPE.DNAME);
    const target = data?.[0] === undefined ? null : substituteDname(name, at, value(rdata.decodeDname(data[0])));
    if (data === undefined || target === null) continue;
    const cname = zone.sign(name, TYPE.CNAME, [rdata.encodeCname(target)], { keys: [] });
    put(found.answer, [zone.sign(at, TYPE.DNAME, data), cname]);
    return type === TYPE.CNAME ? null : target;
  }
  const at = zone.nodes.get(name);
  let source = name;
  let nextCloser = name;
  if (at === undefined && !exists(zone, name)) {
    let encloser = parentOf(name) ?? zone.name;
    while (!exists(zone, encloser)) {
      nextCloser = encloser;
      encloser = parentOf(encloser) ?? ROOT;
    }
    source = under("*", encloser);
    if (!exists(zone, source)) {
      found.rcode = zone.compact && isSigned ? RCODE.NOERROR : RCODE.NXDOMAIN;
      soa();
      deny(() => zone.proof.noName(name, source, nextCloser));
      return null;
    }
  }
  const node = zone.nodes.get(source);
  const shown = node?.has(type) === true ? type : TYPE.CNAME;
  const data = node?.get(shown);
  if (data === undefined) {
    soa();
    deny(() => (source === name ? zone.proof.noType(name) : zone.proof.wildcardNoType(name, source, nextCloser)));
    return null;
  }
  put(found.answer, [zone.sign(name, shown, data, source === name || zone.compact ? {} : { owner: source })]);
  if (source !== name) deny(() => zone.proof.noCloser(name, nextCloser));
  return shown === type ? null : value(rdata.decodeCname(data[0] ?? new Uint8Array(0)));
}

function zoneFor(zones: ReadonlyMap<DomainName, Zone>, name: DomainName, type: number): Zone | null {
  const start = type === TYPE.DS && name !== ROOT ? parentOf(name) : name;
  for (let at = start; at !== null; at = parentOf(at)) {
    const zone = zones.get(at);
    if (zone !== undefined) return zone;
  }
  return null;
}

function buildZone(
  plan: ZonePlan,
  children: readonly { readonly name: DomainName; readonly ds: readonly Uint8Array[] }[],
): Zone {
  const name = nameOf(plan.name);
  const keys = plan.keys ?? [];
  const nodes = readPlan(plan, keys);
  for (const child of children) {
    add(nodes, child.name, TYPE.NS, rdata.encodeNs(nameOf("ns.invalid.")));
    for (const ds of child.ds) add(nodes, child.name, TYPE.DS, ds);
  }
  const { denial = "nsec" } = plan;
  const zone = { name, keys, nodes, sign: signer(name, plan, keys), compact: denial === "compact" };
  if (typeof denial === "object") return { ...zone, proof: nsec3Proof(zone, denial) };
  return { ...zone, proof: denial === "nsec" ? nsecProof(zone) : compactProof(zone) };
}

/** Builds the zones; the first is the one whose keys are the trust anchor. A parent must stand before its children. */
export function buildWorld(plans: readonly ZonePlan[]): World {
  const ready = plans.map((plan) => ({ ...plan, keys: plan.keys ?? [createKey()], at: nameOf(plan.name) }));
  const zones = new Map<DomainName, Zone>();
  const parent = (child: DomainName): DomainName | undefined =>
    ready
      .filter(({ at }) => at !== child && isAtOrBelow(child, at))
      .sort((left, right) => compareNames(right.at, left.at))[0]?.at;
  for (const plan of ready) {
    const children = ready.flatMap(({ at, keys, ds }) =>
      at !== plan.at && parent(at) === plan.at ? [{ name: at, ds: ds ?? keys.map((key) => dsOf(at, key)) }] : [],
    );
    zones.set(plan.at, buildZone(plan, children));
  }
  const [first] = ready;
  if (first === undefined) throw new Error("a world needs a zone");
  const ds = first.keys.map((key) => value(rdata.decodeDs(dsOf(first.at, key))));
  const answered = new Map<string, DnsMessage>();
  const resolve = (name: DomainName, type: number): DnsMessage => {
    const found: Found = { answer: [], authority: [], rcode: RCODE.NOERROR };
    let at: DomainName | null = name;
    for (let links = 0; at !== null && links < 20; links++) {
      const zone = zoneFor(zones, at, type);
      if (zone === null) break;
      at = answerFrom(zone, at, type, found);
    }
    return response(name, type, found);
  };
  const answer = (name: DomainName, type: number): DnsMessage => {
    const key = `${name} ${String(type)}`;
    const message = answered.get(key) ?? resolve(name, type);
    answered.set(key, message);
    return message;
  };
  return {
    zones,
    zone: (name) => {
      const zone = zones.get(nameOf(name));
      if (zone === undefined) throw new Error(`there is no zone ${name}`);
      return zone;
    },
    anchors: new Map([[first.at, { zone: first.at, ds, dnskeys: [], source: "the test" }]]),
    answer,
  };
}
