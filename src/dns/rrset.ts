import { formatHex } from "../base/bytes.ts";
import { seconds } from "../base/time.ts";
import type { Seconds } from "../base/time.ts";
import { CLASS, TYPE } from "./iana.ts";
import type { DomainName } from "./name.ts";
import { readUint16 } from "./wire.ts";

/** One resource record. `rdata` is decompressed wire form with the case of embedded names as received. */
export interface ResourceRecord {
  readonly name: DomainName;
  readonly type: number;
  readonly class: number;
  readonly ttl: Seconds;
  readonly rdata: Uint8Array;
}

/**
 * The records of one owner, type and class (RFC 9499), duplicates dropped, with the RRSIGs that came beside them.
 * `ttl` is the smallest of the records' TTLs (RFC 2181 §5.2 wants them equal).
 */
export interface Rrset {
  readonly name: DomainName;
  readonly type: number;
  readonly class: number;
  readonly ttl: Seconds;
  readonly rdatas: readonly Uint8Array[];
  /** RDATA of the RRSIG records that cover this RRset. */
  readonly signatures: readonly Uint8Array[];
}

interface Group {
  readonly first: ResourceRecord;
  ttl: number;
  readonly rdatas: Uint8Array[];
  /** The RDATA in hex, for finding duplicates; null while there is but one. */
  seen: Set<string> | null;
}

function collect(groups: Map<string, Group>, key: string, record: ResourceRecord): void {
  const group = groups.get(key);
  if (group === undefined) {
    groups.set(key, { first: record, ttl: record.ttl, rdatas: [record.rdata], seen: null });
    return;
  }
  group.ttl = Math.min(group.ttl, record.ttl);
  group.seen ??= new Set(group.rdatas.map(formatHex));
  const hex = formatHex(record.rdata);
  if (group.seen.has(hex)) return;
  group.seen.add(hex);
  group.rdatas.push(record.rdata);
}

function keyOf(record: ResourceRecord, type: number): string {
  return `${String(record.class)} ${String(type)} ${record.name}`;
}

/**
 * Sorts the records of one section into RRsets, in the order of their first record. An RRSIG joins the RRset that it
 * covers (RFC 4034 §3.1.1); RRSIGs that cover nothing here form RRsets of type RRSIG, so that no record is lost.
 */
export function groupRrsets(records: readonly ResourceRecord[]): readonly Rrset[] {
  const groups = new Map<string, Group>();
  const signatures = new Map<string, Group>();
  for (const record of records) {
    if (record.type !== TYPE.RRSIG) collect(groups, keyOf(record, record.type), record);
  }
  for (const record of records) {
    if (record.type !== TYPE.RRSIG) continue;
    const covered = keyOf(record, readUint16(record.rdata, 0));
    if (groups.has(covered)) collect(signatures, covered, record);
    else collect(groups, keyOf(record, TYPE.RRSIG), record);
  }
  return [...groups].map(([key, group]) => ({
    name: group.first.name,
    type: group.first.type,
    class: group.first.class,
    ttl: seconds(group.ttl),
    rdatas: group.rdatas,
    signatures: signatures.get(key)?.rdatas ?? [],
  }));
}

/** The RRset of class IN with this owner and type among the records, or null when there is none. */
export function findRrset(records: readonly ResourceRecord[], name: DomainName, type: number): Rrset | null {
  const related = records.filter(
    (record) =>
      record.name === name &&
      record.class === CLASS.IN &&
      (record.type === type || (record.type === TYPE.RRSIG && readUint16(record.rdata, 0) === type)),
  );
  return groupRrsets(related).find((rrset) => rrset.type === type) ?? null;
}
