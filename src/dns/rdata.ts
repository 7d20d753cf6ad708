/**
 * RDATA of the types we work with, octets to fields and back. Decoders take RDATA that stands alone (decodeMessage has
 * decompressed it) and must use it up exactly; they answer with a Result and never throw. Encoders take fields that our
 * own code made and write names in lower case.
 */
import { assert } from "../base/assert.ts";
import { concatBytes, formatHex, parseHex } from "../base/bytes.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Failure, Result } from "../base/result.ts";
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "./address.ts";
import { TYPE, typeName } from "./iana.ts";
import { decodePlainName, encodeName } from "./name.ts";
import type { DomainName } from "./name.ts";
import {
  decodeNsec,
  decodeNsec3,
  decodeNsec3param,
  formatNsec,
  formatNsec3,
  formatNsec3param,
} from "./rdata-denial.ts";
import { malformedRdata } from "./rdata-layout.ts";
import { readUint16, readUint32, uint16, uint32 } from "./wire.ts";

/** TLSA RDATA (RFC 6698 §2.1) with registry codes as numbers: unknown values travel, print and are never usable. */
export interface TlsaRdata {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly data: Uint8Array;
}

/** SOA RDATA (RFC 1035 §3.3.13); the four timers are seconds. `minimum` bounds negative caching (RFC 2308 §4). */
export interface SoaRdata {
  readonly mname: DomainName;
  readonly rname: DomainName;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

/** MX RDATA (RFC 1035 §3.3.9). */
export interface MxRdata {
  readonly preference: number;
  readonly exchange: DomainName;
}

/** SRV RDATA (RFC 2782). */
export interface SrvRdata {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: DomainName;
}

/** RRSIG RDATA (RFC 4034 §3.1). Times are seconds modulo 2^32 and compare in serial arithmetic. */
export interface RrsigRdata {
  readonly typeCovered: number;
  readonly algorithm: number;
  readonly labels: number;
  readonly originalTtl: number;
  readonly expiration: number;
  readonly inception: number;
  readonly keyTag: number;
  readonly signer: DomainName;
  readonly signature: Uint8Array;
}

/** DS RDATA (RFC 4034 §5.1). */
export interface DsRdata {
  readonly keyTag: number;
  readonly algorithm: number;
  readonly digestType: number;
  readonly digest: Uint8Array;
}

/** DNSKEY RDATA (RFC 4034 §2.1). */
export interface DnskeyRdata {
  readonly flags: number;
  readonly protocol: number;
  readonly algorithm: number;
  readonly publicKey: Uint8Array;
}

/** The name that fills `rdata` from `at` to its end. */
function nameToEnd(type: number, rdata: Uint8Array, at: number): Result<DomainName, Fault> {
  const name = decodePlainName(rdata, at);
  if (!name.ok) return name;
  return name.value.next === rdata.length ? success(name.value.name) : malformedRdata(type, "has octets left over");
}

/** Wire form of a TLSA record's RDATA. */
export function encodeTlsa(record: TlsaRdata): Uint8Array {
  return concatBytes(Uint8Array.of(record.usage, record.selector, record.matchingType), record.data);
}

/** Empty association data decodes: whether a record is usable is for `tlsa` to say. Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeTlsa(rdata: Uint8Array): Result<TlsaRdata, Fault> {
  const [usage, selector, matchingType] = rdata;
  if (usage === undefined || selector === undefined || matchingType === undefined) {
    return malformedRdata(TYPE.TLSA, "has fewer than three octets");
  }
  return success({ usage, selector, matchingType, data: rdata.slice(3) });
}

/** `3 1 1 hex` in lower case (RFC 6698 §2.2). Without data there is no such form, so RFC 3597 §5 is used: `\# 3 030101`. */
export function formatTlsa(record: TlsaRdata): string {
  if (record.data.length === 0) return formatUnknown(encodeTlsa(record));
  const codes = [record.usage, record.selector, record.matchingType];
  return `${codes.map(String).join(" ")} ${formatHex(record.data)}`;
}

/** Reads `3 1 1 hex`, hex in any case and in pieces, or the generic form of RFC 3597 §5. Faults: `TLSA_TEXT_INVALID`. */
export function parseTlsa(text: string): Result<TlsaRdata, Fault> {
  const wrong = (why: string): Failure<Fault> => failure(fault("TLSA_TEXT_INVALID", `"${text.trim()}" ${why}`));
  if (/^\s*\\#/.test(text)) {
    const rdata = parseUnknown(text);
    return rdata === null ? wrong("is not RDATA in the generic form") : decodeTlsa(rdata);
  }
  const match = /^\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s+(\S[\s\S]*)$/.exec(text);
  if (match === null) return wrong("is not a TLSA record: usage, selector, matching type and hex data are needed");
  const [usage = 0, selector = 0, matchingType = 0] = match.slice(1, 4).map(Number);
  const data = parseHex(match[4] ?? "");
  if (Math.max(usage, selector, matchingType) > 255) return wrong("has a number above 255");
  if (data === null) return wrong("does not end in hexadecimal digits, two for each octet");
  return success({ usage, selector, matchingType, data });
}

/** Dotted text. Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeA(rdata: Uint8Array): Result<string, Fault> {
  return rdata.length === 4 ? success(formatIpv4(rdata)) : malformedRdata(TYPE.A, "is not four octets");
}

/** RDATA of an address that is known to be well-formed. */
export function encodeA(address: string): Uint8Array {
  const octets = parseIpv4(address);
  assert(octets !== null, `${address} is not an IPv4 address`);
  return octets;
}

/** RFC 5952 text. Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeAaaa(rdata: Uint8Array): Result<string, Fault> {
  return rdata.length === 16 ? success(formatIpv6(rdata)) : malformedRdata(TYPE.AAAA, "is not sixteen octets");
}

/** RDATA of an address that is known to be well-formed. */
export function encodeAaaa(address: string): Uint8Array {
  const octets = parseIpv6(address);
  assert(octets !== null, `${address} is not an IPv6 address`);
  return octets;
}

/** The name server's name. Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeNs(rdata: Uint8Array): Result<DomainName, Fault> {
  return nameToEnd(TYPE.NS, rdata, 0);
}

/** RDATA of an NS record. */
export function encodeNs(nameServer: DomainName): Uint8Array {
  return encodeName(nameServer);
}

/** The alias's target. Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeCname(rdata: Uint8Array): Result<DomainName, Fault> {
  return nameToEnd(TYPE.CNAME, rdata, 0);
}

/** RDATA of a CNAME record. */
export function encodeCname(target: DomainName): Uint8Array {
  return encodeName(target);
}

/** The name that replaces the owner's (RFC 6672 §2.1). Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeDname(rdata: Uint8Array): Result<DomainName, Fault> {
  return nameToEnd(TYPE.DNAME, rdata, 0);
}

/** Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeSoa(rdata: Uint8Array): Result<SoaRdata, Fault> {
  const mname = decodePlainName(rdata, 0);
  if (!mname.ok) return mname;
  const rname = decodePlainName(rdata, mname.value.next);
  if (!rname.ok) return rname;
  const at = rname.value.next;
  if (at + 20 !== rdata.length) return malformedRdata(TYPE.SOA, "does not end in five numbers");
  return success({
    mname: mname.value.name,
    rname: rname.value.name,
    serial: readUint32(rdata, at),
    refresh: readUint32(rdata, at + 4),
    retry: readUint32(rdata, at + 8),
    expire: readUint32(rdata, at + 12),
    minimum: readUint32(rdata, at + 16),
  });
}

/** RDATA of an SOA record. */
export function encodeSoa(soa: SoaRdata): Uint8Array {
  const numbers = [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum];
  return concatBytes(encodeName(soa.mname), encodeName(soa.rname), ...numbers.map(uint32));
}

/** Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeMx(rdata: Uint8Array): Result<MxRdata, Fault> {
  const exchange = nameToEnd(TYPE.MX, rdata, 2);
  return exchange.ok ? success({ preference: readUint16(rdata, 0), exchange: exchange.value }) : exchange;
}

/** RDATA of an MX record. */
export function encodeMx(mx: MxRdata): Uint8Array {
  return concatBytes(uint16(mx.preference), encodeName(mx.exchange));
}

/** Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeSrv(rdata: Uint8Array): Result<SrvRdata, Fault> {
  const target = nameToEnd(TYPE.SRV, rdata, 6);
  if (!target.ok) return target;
  const [priority, weight, port] = [readUint16(rdata, 0), readUint16(rdata, 2), readUint16(rdata, 4)];
  return success({ priority, weight, port, target: target.value });
}

/** RDATA of an SRV record. */
export function encodeSrv(srv: SrvRdata): Uint8Array {
  return concatBytes(uint16(srv.priority), uint16(srv.weight), uint16(srv.port), encodeName(srv.target));
}

/** Faults: `DNS_MESSAGE_MALFORMED`; an empty signature is one. */
export function decodeRrsig(rdata: Uint8Array): Result<RrsigRdata, Fault> {
  const signer = decodePlainName(rdata, 18);
  if (!signer.ok) return signer;
  if (signer.value.next >= rdata.length) return malformedRdata(TYPE.RRSIG, "has no signature");
  return success({
    typeCovered: readUint16(rdata, 0),
    algorithm: rdata[2] ?? 0,
    labels: rdata[3] ?? 0,
    originalTtl: readUint32(rdata, 4),
    expiration: readUint32(rdata, 8),
    inception: readUint32(rdata, 12),
    keyTag: readUint16(rdata, 16),
    signer: signer.value.name,
    signature: rdata.slice(signer.value.next),
  });
}

/** RDATA of an RRSIG record, its signer in lower case (RFC 4034 §3.1.8.1). */
export function encodeRrsig(rrsig: RrsigRdata): Uint8Array {
  return concatBytes(
    uint16(rrsig.typeCovered),
    Uint8Array.of(rrsig.algorithm, rrsig.labels),
    uint32(rrsig.originalTtl),
    uint32(rrsig.expiration),
    uint32(rrsig.inception),
    uint16(rrsig.keyTag),
    encodeName(rrsig.signer),
    rrsig.signature,
  );
}

/** Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeDs(rdata: Uint8Array): Result<DsRdata, Fault> {
  const [, , algorithm, digestType] = rdata;
  if (algorithm === undefined || digestType === undefined || rdata.length < 5)
    return malformedRdata(TYPE.DS, "has no digest");
  return success({ keyTag: readUint16(rdata, 0), algorithm, digestType, digest: rdata.slice(4) });
}

/** RDATA of a DS record. */
export function encodeDs(ds: DsRdata): Uint8Array {
  return concatBytes(uint16(ds.keyTag), Uint8Array.of(ds.algorithm, ds.digestType), ds.digest);
}

/** Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodeDnskey(rdata: Uint8Array): Result<DnskeyRdata, Fault> {
  const [, , protocol, algorithm] = rdata;
  if (protocol === undefined || algorithm === undefined || rdata.length < 5)
    return malformedRdata(TYPE.DNSKEY, "has no key");
  return success({ flags: readUint16(rdata, 0), protocol, algorithm, publicKey: rdata.slice(4) });
}

/** RDATA of a DNSKEY record. */
export function encodeDnskey(dnskey: DnskeyRdata): Uint8Array {
  return concatBytes(uint16(dnskey.flags), Uint8Array.of(dnskey.protocol, dnskey.algorithm), dnskey.publicKey);
}

/** RDATA of any type in the generic form of RFC 3597 §5: `\# 3 030101`. */
export function formatUnknown(rdata: Uint8Array): string {
  return `\\# ${String(rdata.length)} ${formatHex(rdata)}`.trim();
}

/** RDATA of the generic form of RFC 3597 §5, or null. */
export function parseUnknown(text: string): Uint8Array | null {
  const match = /^\s*\\#\s+(\d{1,5})(?:\s+([0-9a-fA-F\s]*))?$/.exec(text);
  const rdata = match === null ? null : parseHex(match[2] ?? "");
  return rdata !== null && rdata.length === Number(match?.[1]) ? rdata : null;
}

/** RRSIG times as YYYYMMDDHHmmSS in UTC (RFC 4034 §3.2), in the era 1970 to 2106. */
function formatSignatureTime(time: number): string {
  return new Date(time * 1000).toISOString().replace(/\D/g, "").slice(0, 14);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** Character-strings in quotes (RFC 1035 §5.1), or null when they do not fill the RDATA. */
function formatStrings(rdata: Uint8Array): string | null {
  const strings: string[] = [];
  for (let at = 0; at < rdata.length; at += 1 + (rdata[at] ?? 0)) {
    const end = at + 1 + (rdata[at] ?? 0);
    if (end > rdata.length) return null;
    const characters = Array.from(rdata.subarray(at + 1, end), (octet) => {
      if (octet < 0x20 || octet > 0x7e) return `\\${String(octet).padStart(3, "0")}`;
      return octet === 0x22 || octet === 0x5c ? `\\${String.fromCharCode(octet)}` : String.fromCharCode(octet);
    });
    strings.push(`"${characters.join("")}"`);
  }
  return strings.length === 0 ? null : strings.join(" ");
}

function textOf<T>(decoded: Result<T, Fault>, format: (value: T) => string): string | null {
  return decoded.ok ? format(decoded.value) : null;
}

function formatKnown(type: number, rdata: Uint8Array): string | null {
  switch (type) {
    case TYPE.A:
      return textOf(decodeA(rdata), (address) => address);
    case TYPE.AAAA:
      return textOf(decodeAaaa(rdata), (address) => address);
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.PTR:
    case TYPE.DNAME:
      return textOf(nameToEnd(type, rdata, 0), (name) => name);
    case TYPE.SOA:
      return textOf(decodeSoa(rdata), (soa) =>
        [soa.mname, soa.rname, soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum].join(" "),
      );
    case TYPE.MX:
      return textOf(decodeMx(rdata), (mx) => `${String(mx.preference)} ${mx.exchange}`);
    case TYPE.SRV:
      return textOf(decodeSrv(rdata), (srv) => [srv.priority, srv.weight, srv.port, srv.target].join(" "));
    case TYPE.TXT:
      return formatStrings(rdata);
    case TYPE.TLSA:
      return textOf(decodeTlsa(rdata), formatTlsa);
    case TYPE.DS:
      return textOf(decodeDs(rdata), (ds) => [ds.keyTag, ds.algorithm, ds.digestType, formatHex(ds.digest)].join(" "));
    case TYPE.DNSKEY:
      return textOf(decodeDnskey(rdata), (key) =>
        [key.flags, key.protocol, key.algorithm, base64(key.publicKey)].join(" "),
      );
    case TYPE.NSEC:
      return textOf(decodeNsec(rdata), formatNsec);
    case TYPE.NSEC3:
      return textOf(decodeNsec3(rdata), formatNsec3);
    case TYPE.NSEC3PARAM:
      return textOf(decodeNsec3param(rdata), formatNsec3param);
    case TYPE.RRSIG:
      return textOf(decodeRrsig(rdata), formatRrsig);
    default:
      return null;
  }
}

function formatRrsig(sig: RrsigRdata): string {
  const times = [formatSignatureTime(sig.expiration), formatSignatureTime(sig.inception)];
  const fields = [typeName(sig.typeCovered), sig.algorithm, sig.labels, sig.originalTtl, ...times, sig.keyTag];
  return [...fields, sig.signer, base64(sig.signature)].join(" ");
}

/** Zone-file text of RDATA; types that we do not know, and RDATA that does not fit its type, in the generic form (RFC 3597 §5). */
export function formatRdata(type: number, rdata: Uint8Array): string {
  return formatKnown(type, rdata) ?? formatUnknown(rdata);
}
