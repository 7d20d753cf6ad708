/**
 * DNS messages (RFC 1035 §4, RFC 6891) over the octets themselves.
 *
 * Why not dns-packet, the library everybody uses: its decoder ignores RDLENGTH for the types it knows, so a crafted
 * record makes it see other records than the resolver that sent them; it pushes labels through UTF-8, which destroys
 * octets and joins `a.b` the label with `a.b` the name; it forgets where a record began, which TSIG (RFC 8945 §5.2)
 * must know, and the octets of RDATA, which DNSSEC hashes; it writes class NONE as 0 and refuses empty RDATA, so it
 * cannot say "delete" in an UPDATE (RFC 2136 §2.5); and it encodes labels of 64 octets without a word.
 *
 * What we decided: decoding is strict and total. Counts, RDLENGTH and the end of the message are believed only when they
 * all agree; octets after the last record are a fault; compression pointers lead backwards and not into the header, and
 * are followed in RDATA only for the types of RFC 1035 (RFC 3597 §4). A message is taken whole or not at all.
 * Owner names are lower-cased; RDATA keeps the case it came in. The OPT record is folded into {@link DnsMessage.edns}
 * and the response code. Encoding never compresses: the digests of TSIG then need no care, and UPDATEs are small.
 *
 * What we do not do: QDCOUNT is not limited to one, classes other than IN are carried but not interpreted, and typed
 * RDATA is judged by its own decoder (rdata.ts), so one odd record of a foreign type does not hide its neighbours.
 */
import { assert } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Failure, Result } from "../base/result.ts";
import { seconds } from "../base/time.ts";
import { CLASS, OPCODE, TYPE } from "./iana.ts";
import { encodeName, ownerNames, ROOT } from "./name.ts";
import type { DomainName, OwnerNames } from "./name.ts";
import { decompressRdata } from "./rdata-layout.ts";
import type { ResourceRecord } from "./rrset.ts";
import { readUint16, readUint32, uint16, uint32 } from "./wire.ts";

/** Octets before the first question. */
export const HEADER_LENGTH = 12;

/** UDP payload that fits every path without fragments (DNS flag day 2020; RFC 9715 §3.2 advises 1400 at most). */
export const UDP_PAYLOAD = 1232;

/** An entry of the question section; the zone section of an UPDATE has the same form (RFC 2136 §2.3). */
export interface Question {
  readonly name: DomainName;
  readonly type: number;
  readonly class: number;
}

/** An option of EDNS, its data uninterpreted. */
export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

/** What an OPT record says (RFC 6891 §6.1.2), the response code excepted. */
export interface Edns {
  readonly udpSize: number;
  readonly do: boolean;
  readonly options: readonly EdnsOption[];
}

/** A whole message. `rcode` includes the upper bits of EDNS; the OPT record is `edns`, never in `additional`. */
export interface DnsMessage {
  readonly id: number;
  readonly qr: boolean;
  readonly opcode: number;
  readonly aa: boolean;
  readonly tc: boolean;
  readonly rd: boolean;
  readonly ra: boolean;
  readonly ad: boolean;
  readonly cd: boolean;
  readonly rcode: number;
  readonly question: readonly Question[];
  readonly answer: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  readonly edns: Edns | null;
}

/** A record together with where it stood: octets `start` to `end` of the message. */
export interface LocatedRecord {
  readonly record: ResourceRecord;
  readonly start: number;
  readonly end: number;
  /** TTL field as sent; {@link ResourceRecord.ttl} treats the top bit as RFC 2181 §8 asks. */
  readonly rawTtl: number;
}

/** The four sections with the place of each record, before OPT is folded in. */
export interface MessageSections {
  readonly question: readonly Question[];
  readonly answer: readonly LocatedRecord[];
  readonly authority: readonly LocatedRecord[];
  readonly additional: readonly LocatedRecord[];
}

const FLAG = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const;
const EDNS_DO = 0x8000;

function malformed(message: string): Failure<Fault> {
  return failure(fault("DNS_MESSAGE_MALFORMED", message));
}

/** RFC 2181 §8: a TTL with the most significant bit set counts as zero. */
function ttlOf(field: number): number {
  return field >= 0x8000_0000 ? 0 : field;
}

function decodeQuestion(
  bytes: Uint8Array,
  offset: number,
  ownerAt: OwnerNames,
): Result<{ value: Question; end: number }, Fault> {
  const name = ownerAt(offset);
  if (!name.ok) return name;
  const at = name.value.next;
  if (at + 4 > bytes.length) return malformed(`a question is cut short, at octet ${String(offset)}`);
  const value = { name: name.value.name, type: readUint16(bytes, at), class: readUint16(bytes, at + 2) };
  return success({ value, end: at + 4 });
}

function decodeRecord(bytes: Uint8Array, offset: number, ownerAt: OwnerNames): Result<LocatedRecord, Fault> {
  const name = ownerAt(offset);
  if (!name.ok) return name;
  const at = name.value.next;
  if (at + 10 > bytes.length) return malformed(`a record is cut short, at octet ${String(offset)}`);
  const type = readUint16(bytes, at);
  const rrClass = readUint16(bytes, at + 2);
  const rawTtl = readUint32(bytes, at + 4);
  const start = at + 10;
  const end = start + readUint16(bytes, at + 8);
  if (end > bytes.length) return malformed(`RDLENGTH leads past the end, at octet ${String(offset)}`);
  // RFC 2136 §2.4, §2.5: in classes ANY and NONE empty RDATA says "whatever it is", for any type.
  const empty = start === end && (rrClass === CLASS.ANY || rrClass === CLASS.NONE);
  const rdata = empty ? success(new Uint8Array(0)) : decompressRdata(bytes, start, end, type);
  if (!rdata.ok) return rdata;
  const record = { name: name.value.name, type, class: rrClass, ttl: seconds(ttlOf(rawTtl)), rdata: rdata.value };
  return success({ record, start: offset, end, rawTtl });
}

/**
 * Splits a message into its sections and tells where each record stands; every octet must belong to one of them.
 * Faults: `DNS_MESSAGE_MALFORMED`.
 */
export function decodeSections(bytes: Uint8Array): Result<MessageSections, Fault> {
  if (bytes.length < HEADER_LENGTH) return malformed(`${String(bytes.length)} octets are too few for a DNS header`);
  const question: Question[] = [];
  const answer: LocatedRecord[] = [];
  const authority: LocatedRecord[] = [];
  const additional: LocatedRecord[] = [];
  const ownerAt = ownerNames(bytes);
  let at = HEADER_LENGTH;
  for (let left = readUint16(bytes, 4); left > 0; left--) {
    const entry = decodeQuestion(bytes, at, ownerAt);
    if (!entry.ok) return entry;
    question.push(entry.value.value);
    at = entry.value.end;
  }
  const sections = [
    { records: answer, countAt: 6 },
    { records: authority, countAt: 8 },
    { records: additional, countAt: 10 },
  ];
  for (const { records, countAt } of sections) {
    for (let left = readUint16(bytes, countAt); left > 0; left--) {
      const record = decodeRecord(bytes, at, ownerAt);
      if (!record.ok) return record;
      records.push(record.value);
      at = record.value.end;
    }
  }
  if (at !== bytes.length) return malformed(`${String(bytes.length - at)} octets follow the last record`);
  return success({ question, answer, authority, additional });
}

function decodeOptions(rdata: Uint8Array): Result<readonly EdnsOption[], Fault> {
  const options: EdnsOption[] = [];
  let at = 0;
  while (at < rdata.length) {
    const end = at + 4 + readUint16(rdata, at + 2);
    if (at + 4 > rdata.length || end > rdata.length) return malformed("an EDNS option is cut short");
    options.push({ code: readUint16(rdata, at), data: rdata.slice(at + 4, end) });
    at = end;
  }
  return success(options);
}

/** Finds the one OPT record that may be there (RFC 6891 §6.1.1); `high` is the upper part of the response code. */
function decodeEdns(sections: MessageSections): Result<{ edns: Edns | null; high: number }, Fault> {
  const isOpt = (located: LocatedRecord): boolean => located.record.type === TYPE.OPT;
  if ([...sections.answer, ...sections.authority].some(isOpt))
    return malformed("an OPT record outside the additional section");
  const found = sections.additional.filter(isOpt);
  const [opt] = found;
  if (opt === undefined) return success({ edns: null, high: 0 });
  if (found.length > 1) return malformed("more than one OPT record");
  if (opt.record.name !== ROOT) return malformed("an OPT record whose owner is not the root");
  const options = decodeOptions(opt.record.rdata);
  if (!options.ok) return options;
  const edns = { udpSize: opt.record.class, do: (opt.rawTtl & EDNS_DO) !== 0, options: options.value };
  return success({ edns, high: opt.rawTtl >>> 24 });
}

/** Reads a whole message; see the head of this file for how strictly. Faults: `DNS_MESSAGE_MALFORMED`. Never throws. */
export function decodeMessage(bytes: Uint8Array): Result<DnsMessage, Fault> {
  const sections = decodeSections(bytes);
  if (!sections.ok) return sections;
  const opt = decodeEdns(sections.value);
  if (!opt.ok) return opt;
  const flags = readUint16(bytes, 2);
  const records = (located: readonly LocatedRecord[]): readonly ResourceRecord[] => located.map(({ record }) => record);
  return success({
    id: readUint16(bytes, 0),
    qr: (flags & FLAG.QR) !== 0,
    opcode: (flags >>> 11) & 0x0f,
    aa: (flags & FLAG.AA) !== 0,
    tc: (flags & FLAG.TC) !== 0,
    rd: (flags & FLAG.RD) !== 0,
    ra: (flags & FLAG.RA) !== 0,
    ad: (flags & FLAG.AD) !== 0,
    cd: (flags & FLAG.CD) !== 0,
    rcode: opt.value.high * 16 + (flags & 0x0f),
    question: sections.value.question,
    answer: records(sections.value.answer),
    authority: records(sections.value.authority),
    additional: records(sections.value.additional).filter((record) => record.type !== TYPE.OPT),
    edns: opt.value.edns,
  });
}

function encodeFlags(message: DnsMessage): number {
  return (
    (message.qr ? FLAG.QR : 0) |
    ((message.opcode & 0x0f) << 11) |
    (message.aa ? FLAG.AA : 0) |
    (message.tc ? FLAG.TC : 0) |
    (message.rd ? FLAG.RD : 0) |
    (message.ra ? FLAG.RA : 0) |
    (message.ad ? FLAG.AD : 0) |
    (message.cd ? FLAG.CD : 0) |
    (message.rcode & 0x0f)
  );
}

/** Wire form of one record, uncompressed. */
export function encodeRecord(record: ResourceRecord): Uint8Array {
  assert(record.rdata.length <= 0xffff, "RDATA of more than 65535 octets");
  const fixed = [uint16(record.type), uint16(record.class), uint32(record.ttl), uint16(record.rdata.length)];
  return concatBytes(encodeName(record.name), ...fixed, record.rdata);
}

function encodeOpt(edns: Edns, rcode: number): Uint8Array {
  const options = edns.options.map(({ code, data }) => concatBytes(uint16(code), uint16(data.length), data));
  const rdata = concatBytes(...options);
  const ttl = ((rcode >>> 4) << 24) | (edns.do ? EDNS_DO : 0);
  const fixed = [uint16(TYPE.OPT), uint16(edns.udpSize), uint32(ttl), uint16(rdata.length)];
  return concatBytes(encodeName(ROOT), ...fixed, rdata);
}

/** Three fields of the header. */
function headerFields(first: number, second: number, third: number): Uint8Array {
  return Uint8Array.of(first >>> 8, first, second >>> 8, second, third >>> 8, third);
}

/** Wire form of a message, uncompressed, the OPT record last. A response code above 15 needs `edns`. */
export function encodeMessage(message: DnsMessage): Uint8Array {
  assert(message.edns !== null || message.rcode <= 0x0f, "a response code above 15 needs EDNS");
  const opt = message.edns === null ? [] : [encodeOpt(message.edns, message.rcode)];
  const additional = message.additional.length + opt.length;
  return concatBytes(
    headerFields(message.id, encodeFlags(message), message.question.length),
    headerFields(message.answer.length, message.authority.length, additional),
    ...message.question.map((entry) => concatBytes(encodeName(entry.name), uint16(entry.type), uint16(entry.class))),
    ...message.answer.map(encodeRecord),
    ...message.authority.map(encodeRecord),
    ...message.additional.map(encodeRecord),
    ...opt,
  );
}

/** What a query asks, and how. `cd` switches the resolver's own validation off, `ad` asks for its verdict (RFC 6840 §5.7). */
export interface QueryParameters {
  readonly id: number;
  readonly name: DomainName;
  readonly type: number;
  readonly rd?: boolean;
  readonly ad?: boolean;
  readonly cd?: boolean;
  readonly dnssecOk?: boolean;
}

/** A query of class IN with EDNS. Flags that are not given are clear. */
export function queryMessage(query: QueryParameters): DnsMessage {
  return {
    id: query.id,
    qr: false,
    opcode: OPCODE.QUERY,
    aa: false,
    tc: false,
    rd: query.rd ?? false,
    ra: false,
    ad: query.ad ?? false,
    cd: query.cd ?? false,
    rcode: 0,
    question: [{ name: query.name, type: query.type, class: CLASS.IN }],
    answer: [],
    authority: [],
    additional: [],
    edns: { udpSize: UDP_PAYLOAD, do: query.dnssecOk ?? false, options: [] },
  };
}
