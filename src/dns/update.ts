/**
 * Dynamic update (RFC 2136): a message with opcode UPDATE whose four sections read zone, prerequisites, updates,
 * additional. What a record asks for stands in its class: the zone's class states or adds, ANY and NONE with TTL 0 test
 * or delete. All of one message is applied or nothing is, in order, which makes compare-and-swap of single records
 * possible. Errors are few and tell little; what to make of them is for the publisher.
 */
import { assert } from "../base/assert.ts";
import { seconds } from "../base/time.ts";
import type { Seconds } from "../base/time.ts";
import { CLASS, OPCODE, TYPE } from "./iana.ts";
import { encodeMessage } from "./message.ts";
import type { DomainName } from "./name.ts";
import type { ResourceRecord } from "./rrset.ts";

/** RFC 2181 §8. Servers store larger values as they come, so they must not leave here. */
const MAX_TTL = 0x7fff_ffff;

/** An entry of the prerequisite section (RFC 2136 §2.4). Made by the constructors below. */
export interface Prerequisite {
  readonly kind: "prerequisite";
  readonly record: ResourceRecord;
}

/** An entry of the update section (RFC 2136 §2.5). Made by the constructors below. */
export interface Update {
  readonly kind: "update";
  readonly record: ResourceRecord;
}

/** One UPDATE message. `id` should be fresh and random for each attempt. */
export interface UpdateRequest {
  readonly id: number;
  readonly zone: DomainName;
  readonly prerequisites: readonly Prerequisite[];
  readonly updates: readonly Update[];
}

interface Target {
  readonly name: DomainName;
  readonly type: number;
}

const NOTHING = new Uint8Array(0);

function entry(target: Target, rrClass: number, rdata: Uint8Array, ttl: number = 0): ResourceRecord {
  return { name: target.name, type: target.type, class: rrClass, ttl: seconds(ttl), rdata };
}

/** Adds one record (RFC 2136 §2.5.1); adding what is there already is no error. The RRset takes the TTL on most servers. */
export function addRecord(name: DomainName, type: number, ttl: Seconds, rdata: Uint8Array): Update {
  assert(ttl >= 0 && ttl <= MAX_TTL, `a TTL of ${String(ttl)} is outside RFC 2181 §8`);
  return { kind: "update", record: entry({ name, type }, CLASS.IN, rdata, ttl) };
}

/** Deletes exactly this record (RFC 2136 §2.5.4); deleting what is not there is no error. */
export function deleteRecord(name: DomainName, type: number, rdata: Uint8Array): Update {
  return { kind: "update", record: entry({ name, type }, CLASS.NONE, rdata) };
}

/** Deletes all records of this type (RFC 2136 §2.5.2). */
export function deleteRrset(name: DomainName, type: number): Update {
  return { kind: "update", record: entry({ name, type }, CLASS.ANY, NOTHING) };
}

/** Deletes everything at this name (RFC 2136 §2.5.3). */
export function deleteName(name: DomainName): Update {
  return { kind: "update", record: entry({ name, type: TYPE.ANY }, CLASS.ANY, NOTHING) };
}

/** Some record of this type must exist, else NXRRSET (RFC 2136 §2.4.1). */
export function rrsetExists(name: DomainName, type: number): Prerequisite {
  return { kind: "prerequisite", record: entry({ name, type }, CLASS.ANY, NOTHING) };
}

/** The RRset must hold exactly these RDATA, no more and no fewer, else NXRRSET (RFC 2136 §2.4.2). At least one is needed. */
export function rrsetIsExactly(name: DomainName, type: number, rdatas: readonly Uint8Array[]): readonly Prerequisite[] {
  assert(rdatas.length > 0, "an empty RRset is asked for by rrsetAbsent");
  return rdatas.map((rdata) => ({ kind: "prerequisite", record: entry({ name, type }, CLASS.IN, rdata) }));
}

/** No record of this type may exist, else YXRRSET (RFC 2136 §2.4.3). */
export function rrsetAbsent(name: DomainName, type: number): Prerequisite {
  return { kind: "prerequisite", record: entry({ name, type }, CLASS.NONE, NOTHING) };
}

/** Some record must exist at this name, else NXDOMAIN (RFC 2136 §2.4.4). */
export function nameInUse(name: DomainName): Prerequisite {
  return { kind: "prerequisite", record: entry({ name, type: TYPE.ANY }, CLASS.ANY, NOTHING) };
}

/** No record may exist at this name, else YXDOMAIN (RFC 2136 §2.4.5). */
export function nameAbsent(name: DomainName): Prerequisite {
  return { kind: "prerequisite", record: entry({ name, type: TYPE.ANY }, CLASS.NONE, NOTHING) };
}

/** Wire form of an UPDATE, unsigned and uncompressed. */
export function encodeUpdate(request: UpdateRequest): Uint8Array {
  return encodeMessage({
    id: request.id,
    qr: false,
    opcode: OPCODE.UPDATE,
    aa: false,
    tc: false,
    rd: false,
    ra: false,
    ad: false,
    cd: false,
    rcode: 0,
    question: [{ name: request.zone, type: TYPE.SOA, class: CLASS.IN }],
    answer: request.prerequisites.map(({ record }) => record),
    authority: request.updates.map(({ record }) => record),
    additional: [],
    edns: null,
  });
}
