/**
 * Dynamic update as a function: zone content and message in, new content and response code out (RFC 2136 §3). The
 * whole message is applied or none of it.
 */
import { equalBytes } from "../base/bytes.ts";
import { seconds } from "../base/time.ts";
import { CLASS, RCODE, TYPE } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { isAtOrBelow } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeTlsa } from "../dns/rdata.ts";
import type { ResourceRecord } from "../dns/rrset.ts";
import type { ZoneContent } from "./zone.ts";

export interface UpdateResult {
  readonly rcode: number;
  /** The same object when nothing changed. The serial is not touched here. */
  readonly content: ZoneContent;
}

/** Says whether the key that signed the message may write this type at this name. */
export type UpdatePolicy = (name: DomainName, type: number) => boolean;

const EMPTY = 0;

/** Applies an UPDATE whose zone section has been found to name this zone. */
export function applyUpdate(content: ZoneContent, message: DnsMessage, allowed: UpdatePolicy): UpdateResult {
  const rcode =
    checkPrerequisites(content, message.answer) ??
    checkPermission(message.authority, allowed) ??
    checkUpdates(content, message.authority);
  if (rcode !== null) return { rcode, content };
  let records = content.records;
  for (const update of message.authority) records = applyOne(records, update, content.origin);
  const changed = records !== content.records;
  return { rcode: RCODE.NOERROR, content: changed ? { ...content, records } : content };
}

/** RFC 2136 §3.2. Null: all of them hold. */
function checkPrerequisites(content: ZoneContent, prerequisites: readonly ResourceRecord[]): number | null {
  const exact: ResourceRecord[] = [];
  for (const each of prerequisites) {
    if (each.ttl !== 0) return RCODE.FORMERR;
    if (!isAtOrBelow(each.name, content.origin)) return RCODE.NOTZONE;
    if (each.class === CLASS.IN) {
      exact.push(each);
      continue;
    }
    if (each.rdata.length !== EMPTY || (each.class !== CLASS.ANY && each.class !== CLASS.NONE)) return RCODE.FORMERR;
    const wholeName = each.type === TYPE.ANY;
    const exists = content.records.some(
      (record) => record.name === each.name && (wholeName || record.type === each.type),
    );
    if (each.class === CLASS.ANY && !exists) return wholeName ? RCODE.NXDOMAIN : RCODE.NXRRSET;
    if (each.class === CLASS.NONE && exists) return wholeName ? RCODE.YXDOMAIN : RCODE.YXRRSET;
  }
  // RFC 2136 §3.2.3: the records of class IN stand for whole RRsets, which must be equal member by member.
  const holds = exact.every((each) => {
    const wanted = exact.filter((other) => sameRrset(other, each));
    const present = content.records.filter((record) => sameRrset(record, each));
    return (
      present.length === distinct(wanted) &&
      wanted.every((other) => present.some((record) => sameRecord(record, other)))
    );
  });
  return holds ? null : RCODE.NXRRSET;
}

/** Any record that the key may not write refuses the whole message, as BIND does. */
function checkPermission(updates: readonly ResourceRecord[], allowed: UpdatePolicy): number | null {
  return updates.every((update) => allowed(update.name, update.type)) ? null : RCODE.REFUSED;
}

/** RFC 2136 §3.4.1, the prescan. */
function checkUpdates(content: ZoneContent, updates: readonly ResourceRecord[]): number | null {
  for (const update of updates) {
    if (!isAtOrBelow(update.name, content.origin)) return RCODE.NOTZONE;
    const wellFormed = update.type !== TYPE.TLSA || update.rdata.length === EMPTY || decodeTlsa(update.rdata).ok;
    if (!wellFormed || !isWellFormed(update)) return RCODE.FORMERR;
  }
  return null;
}

function isWellFormed(update: ResourceRecord): boolean {
  switch (update.class) {
    case CLASS.IN:
      return update.type < TYPE.TSIG && update.rdata.length > EMPTY;
    case CLASS.ANY:
      return update.ttl === 0 && update.rdata.length === EMPTY;
    case CLASS.NONE:
      return update.ttl === 0 && update.type < TYPE.TSIG;
    default:
      return false;
  }
}

/** RFC 2136 §3.4.2. Returns the same array when nothing changes. */
function applyOne(
  records: readonly ResourceRecord[],
  update: ResourceRecord,
  origin: DomainName,
): readonly ResourceRecord[] {
  if (update.class === CLASS.IN) return addOne(records, update);
  // RFC 2136 §3.4.2.3: the apex keeps its SOA and its name servers.
  const isKept = (record: ResourceRecord): boolean =>
    record.name === origin && (record.type === TYPE.SOA || record.type === TYPE.NS);
  const isMeant = (record: ResourceRecord): boolean =>
    update.class === CLASS.NONE
      ? sameRecord(record, update)
      : record.name === update.name && (update.type === TYPE.ANY || record.type === update.type);
  const left = records.filter((record) => !isMeant(record) || isKept(record));
  return left.length === records.length ? records : left;
}

function addOne(records: readonly ResourceRecord[], update: ResourceRecord): readonly ResourceRecord[] {
  const hasAlias = records.some((record) => record.name === update.name && record.type === TYPE.CNAME);
  // RFC 2136 §3.4.2.2: beside a CNAME nothing is added, and nobody is told.
  if (hasAlias) return records;
  const known = records.find((record) => sameRecord(record, update));
  if (known?.ttl === update.ttl) return records;
  // One TTL for the whole RRset (RFC 2181 §5.2): the newest wins.
  const others = records
    .filter((record) => record !== known)
    .map((record) => (sameRrset(record, update) ? { ...record, ttl: update.ttl } : record));
  return [...others, { ...update, ttl: seconds(update.ttl) }];
}

function sameRrset(left: ResourceRecord, right: ResourceRecord): boolean {
  return left.name === right.name && left.type === right.type;
}

function sameRecord(left: ResourceRecord, right: ResourceRecord): boolean {
  return sameRrset(left, right) && equalBytes(left.rdata, right.rdata);
}

function distinct(records: readonly ResourceRecord[]): number {
  return records.filter((record, at) => records.findIndex((other) => sameRecord(other, record)) === at).length;
}
