/**
 * Decodes the few fields of a certificate that we look at: names, dates, the extensions that govern a path. All input
 * may come from a hostile peer: lengths are bounded by the DER reader, and whatever cannot be read is said so.
 */
import { formatHex } from "../base/bytes.ts";
import { DER_TAG, elementBody, elementOctets, readChildren, readElement } from "../base/der.ts";
import type { DerElement } from "../base/der.ts";
import { instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";

/**
 * One attribute of a distinguished name. `join` tells that it shares its RDN with the attribute before; `opaque`, that
 * its value is of no string type and stands as `#` and the hex of its whole element (RFC 4514 §2.4).
 */
export interface NameAttribute {
  readonly oid: string;
  readonly value: string;
  readonly join: boolean;
  readonly opaque: boolean;
}

const ATTRIBUTE_KEYWORDS: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "STREET",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "emailAddress",
};

const COMMON_NAME = "2.5.4.3";

/** Dotted form of an OBJECT IDENTIFIER's content octets; empty when malformed. */
export function decodeOid(body: Uint8Array): string {
  const last = body[body.length - 1];
  if (last === undefined || last >= 0x80 || body.length > 64) return "";
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const octet of body) {
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    if (octet >= 0x80) continue;
    if (arcs.length === 0) {
      const root = arc < 40n ? 0n : arc < 80n ? 1n : 2n;
      arcs.push(root, arc - root * 40n);
    } else arcs.push(arc);
    arc = 0n;
  }
  return arcs.join(".");
}

/** The attributes of a Name (RFC 5280 §4.1.2.4) in the order of the certificate; null when malformed. */
export function decodeDistinguishedName(bytes: Uint8Array, name: DerElement): readonly NameAttribute[] | null {
  const sets = readChildren(bytes, name);
  if (typeof sets === "string") return null;
  const attributes: NameAttribute[] = [];
  for (const set of sets) {
    const pairs = readChildren(bytes, set);
    if (typeof pairs === "string" || set.tag !== DER_TAG.set) return null;
    for (const [index, pair] of pairs.entries()) {
      const fields = readChildren(bytes, pair);
      if (typeof fields === "string") return null;
      const [type, value] = fields;
      if (type?.tag !== DER_TAG.objectIdentifier || value === undefined) return null;
      const oid = decodeOid(elementBody(bytes, type));
      const text = decodeText(value.tag, elementBody(bytes, value));
      const opaque = text === null;
      attributes.push({ oid, value: text ?? `#${formatHex(elementOctets(bytes, value))}`, join: index > 0, opaque });
    }
  }
  return attributes;
}

/** RFC 4514 text: the last RDN first, `CN=mx.example.org,O=Example`. Control characters come out as `\0A`. */
export function formatDistinguishedName(attributes: readonly NameAttribute[]): string {
  const rdns: string[] = [];
  for (const { oid, value, join, opaque } of attributes) {
    const text = `${ATTRIBUTE_KEYWORDS[oid] ?? oid}=${opaque ? value : escapeValue(value)}`;
    if (join) rdns[0] = `${rdns[0] ?? ""}+${text}`;
    else rdns.unshift(text);
  }
  return rdns.join(",");
}

/** A form in which names that RFC 5280 §7.1 calls equal are equal strings: case folded, white space collapsed. */
export function comparableName(attributes: readonly NameAttribute[]): string {
  return JSON.stringify(attributes.map(comparableAttribute));
}

function comparableAttribute({ oid, value, join, opaque }: NameAttribute): readonly (string | boolean)[] {
  return [oid, join, opaque, value.trim().replace(/\s+/g, " ").toLowerCase()];
}

/** Whether `name` lies in the subtree of `base`: its RDNs begin with those of the base (RFC 5280 §4.2.1.10, §7.1). */
export function isNameWithin(name: readonly NameAttribute[], base: readonly NameAttribute[]): boolean {
  if (name[base.length]?.join === true) return false;
  return comparableName(name.slice(0, base.length)) === comparableName(base);
}

/** The common names of a subject; name checks look at the last, most specific one (RFC 2818 §3.1). */
export function commonNamesOf(attributes: readonly NameAttribute[]): readonly string[] {
  return attributes.filter(({ oid }) => oid === COMMON_NAME).map(({ value }) => value);
}

function escapeValue(value: string): string {
  return value
    .replace(/[\\,+"<>;]/g, "\\$&")
    .replace(/^[ #]/, "\\$&")
    .replace(/(?<!^) $/, "\\ ")
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (character) =>
      [...new TextEncoder().encode(character)].map((octet) => `\\${formatHex(Uint8Array.of(octet))}`).join(""),
    );
}

function decodeText(tag: number, body: Uint8Array): string | null {
  if (tag === DER_TAG.utf8String) return new TextDecoder("utf-8").decode(body);
  if (tag === DER_TAG.bmpString) return decodeWide(body, 2);
  if (tag === DER_TAG.universalString) return decodeWide(body, 4);
  const ascii = [DER_TAG.printableString, DER_TAG.ia5String, DER_TAG.teletexString, 0x12, 0x1a];
  return ascii.includes(tag) ? String.fromCharCode(...body.subarray(0, 4096)) : null;
}

function decodeWide(body: Uint8Array, width: 2 | 4): string {
  let text = "";
  for (let at = 0; at + width <= body.length; at += width) {
    let code = 0;
    for (let index = 0; index < width; index++) code = code * 256 + (body[at + index] ?? 0);
    text += code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
  }
  return text;
}

/** notBefore and notAfter (RFC 5280 §4.1.2.5); null when either cannot be read. */
export function decodeValidity(
  bytes: Uint8Array,
  validity: DerElement,
): { readonly notBefore: Instant; readonly notAfter: Instant } | null {
  const times = readChildren(bytes, validity);
  if (typeof times === "string") return null;
  const [from, to] = times;
  const notBefore = from === undefined ? null : decodeTime(from.tag, elementBody(bytes, from));
  const notAfter = to === undefined ? null : decodeTime(to.tag, elementBody(bytes, to));
  return notBefore === null || notAfter === null ? null : { notBefore, notAfter };
}

/** DER writes seconds, no fractions and Z (RFC 5280 §4.1.2.5); certificates without seconds exist, so they may be missing. */
function decodeTime(tag: number, body: Uint8Array): Instant | null {
  if (tag !== DER_TAG.utcTime && tag !== DER_TAG.generalizedTime) return null;
  const yearLength = tag === DER_TAG.utcTime ? 2 : 4;
  const digits = body.subarray(0, -1);
  const hasSeconds = digits.length === yearLength + 10;
  if (body[digits.length] !== 0x5a || (!hasSeconds && digits.length !== yearLength + 8)) return null;
  if (!digits.every((octet) => octet >= 0x30 && octet <= 0x39)) return null;
  const pair = (at: number): number => ((digits[at] ?? 0) - 0x30) * 10 + (digits[at + 1] ?? 0) - 0x30;
  const [month, day, hour, minute] = [0, 2, 4, 6].map((at) => pair(yearLength + at));
  const second = hasSeconds ? pair(yearLength + 8) : 0;
  if (month === undefined || day === undefined || hour === undefined || minute === undefined) return null;
  // RFC 5280 §4.1.2.5.1: two-digit years from 50 on belong to the last century.
  const year = yearLength === 4 ? pair(0) * 100 + pair(2) : pair(0) + (pair(0) >= 50 ? 1900 : 2000);
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return null;
  // Date.UTC alone takes the years 0 to 99 for 1900 to 1999.
  const date = new Date(Date.UTC(2000, 0, 1, hour, minute, second));
  date.setUTCFullYear(year, month - 1, day);
  // There is no 31 April.
  return date.getUTCDate() === day ? instant(date.getTime()) : null;
}

/** What the extensions say about names and about what the key may do. `null` means that the extension is absent. */
export interface CertificateExtensions {
  /** dNSName entries; characters that no DNS name has come out as `\xNN`, so such a name never matches. Null without subjectAltName. */
  readonly dnsNames: readonly string[] | null;
  /** Names of other kinds in subjectAltName. */
  readonly otherNames: readonly GeneralName[];
  readonly basicConstraints: { readonly isCa: boolean; readonly pathLength: number | null } | null;
  /** Named bits of keyUsage, bit 0 first (RFC 5280 §4.2.1.3). */
  readonly keyUsage: readonly boolean[] | null;
  readonly extendedKeyUsage: readonly string[] | null;
  readonly nameConstraints: NameConstraints | null;
  /** Hex of subjectKeyIdentifier. */
  readonly subjectKeyId: string | null;
  readonly authorityKeyId: AuthorityKeyId | null;
  /** Critical extensions that we do not evaluate: a path through them cannot be accepted (RFC 5280 §4.2). */
  readonly unknownCritical: readonly string[];
}

/** A name of any kind (RFC 5280 §4.2.1.6): the tag of its kind, and its content octets. */
export interface GeneralName {
  readonly tag: number;
  readonly body: Uint8Array;
}

/** Tags of GeneralName. */
export const NAME_KIND = { email: 0x81, dns: 0x82, directory: 0xa4, ip: 0x87 } as const;

/** Subtrees of RFC 5280 §4.2.1.10: those of DNS names decoded, the others as they are. */
export interface NameConstraints {
  readonly permitted: readonly string[];
  readonly excluded: readonly string[];
  readonly permittedOthers: readonly GeneralName[];
  readonly excludedOthers: readonly GeneralName[];
}

/** What a certificate says of its issuer's certificate (RFC 5280 §4.2.1.1), in lower-case hex; null where it does not. */
export interface AuthorityKeyId {
  readonly keyId: string | null;
  readonly serial: string | null;
}

export const NO_EXTENSIONS: CertificateExtensions = {
  dnsNames: null,
  otherNames: [],
  basicConstraints: null,
  keyUsage: null,
  extendedKeyUsage: null,
  nameConstraints: null,
  subjectKeyId: null,
  authorityKeyId: null,
  unknownCritical: [],
};

/** Policies and identifiers bear on no decision of ours and may be critical without harm. */
const HARMLESS = new Set(["2.5.29.31", "2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54"]);
const EXPLICIT_EXTENSIONS = 0xa3;

/** The extensions among the fields that follow subjectPublicKeyInfo; null when malformed or when one occurs twice. */
export function decodeExtensions(bytes: Uint8Array, tbs: DerElement, at: number): CertificateExtensions | null {
  const wrapper = findTag(bytes, tbs, at, EXPLICIT_EXTENSIONS);
  if (wrapper === "none") return NO_EXTENSIONS;
  if (wrapper === "damaged") return null;
  const list = readElement(bytes, wrapper.body, wrapper.end);
  if (typeof list === "string") return null;
  const items = readChildren(bytes, list);
  if (typeof items === "string") return null;
  const unknownCritical: string[] = [];
  const seen = new Set<string>();
  let found: CertificateExtensions = NO_EXTENSIONS;
  for (const item of items) {
    const fields = readChildren(bytes, item);
    const type = typeof fields === "string" ? undefined : fields[0];
    const value = typeof fields === "string" ? undefined : fields[fields.length - 1];
    if (type?.tag !== DER_TAG.objectIdentifier || value?.tag !== DER_TAG.octetString) return null;
    const oid = decodeOid(elementBody(bytes, type));
    if (seen.has(oid)) return null;
    seen.add(oid);
    const middle = typeof fields !== "string" && fields.length === 3 ? fields[1] : undefined;
    const critical = middle?.tag === DER_TAG.boolean && bytes[middle.body] !== 0;
    const decoded = decodeExtension(oid, elementBody(bytes, value));
    if (decoded === "damaged") return null;
    if (decoded !== "unknown") found = { ...found, ...decoded };
    else if (critical && !HARMLESS.has(oid)) unknownCritical.push(oid);
  }
  return { ...found, unknownCritical };
}

function findTag(bytes: Uint8Array, parent: DerElement, from: number, tag: number): DerElement | "none" | "damaged" {
  for (let at = from; at < parent.end;) {
    const element = readElement(bytes, at, parent.end);
    if (typeof element === "string") return "damaged";
    if (element.tag === tag) return element;
    at = element.end;
  }
  return "none";
}

function decodeExtension(oid: string, body: Uint8Array): Partial<CertificateExtensions> | "unknown" | "damaged" {
  const outer = readElement(body, 0);
  switch (oid) {
    case "2.5.29.15":
      if (typeof outer === "string" || outer.tag !== DER_TAG.bitString) return "damaged";
      return { keyUsage: decodeBits(elementBody(body, outer)) };
    case "2.5.29.14":
      if (typeof outer === "string" || outer.tag !== DER_TAG.octetString) return "damaged";
      return { subjectKeyId: formatHex(elementBody(body, outer)) };
    case "2.5.29.17":
    case "2.5.29.19":
    case "2.5.29.30":
    case "2.5.29.35":
    case "2.5.29.37":
      break;
    default:
      return "unknown";
  }
  if (typeof outer === "string" || outer.tag !== DER_TAG.sequence) return "damaged";
  const children = readChildren(body, outer);
  if (typeof children === "string") return "damaged";
  if (oid === "2.5.29.17") {
    const names = children.map((child) => ({ tag: child.tag, body: elementBody(body, child) }));
    return {
      dnsNames: names.filter(({ tag }) => tag === NAME_KIND.dns).map((name) => printableName(name.body)),
      otherNames: names.filter(({ tag }) => tag !== NAME_KIND.dns),
    };
  }
  if (oid === "2.5.29.37") return { extendedKeyUsage: children.map((each) => decodeOid(elementBody(body, each))) };
  if (oid === "2.5.29.30") return decodeNameConstraints(body, children);
  if (oid === "2.5.29.35") {
    const hexOf = (wanted: number): string | null => {
      const field = children.find(({ tag }) => tag === wanted);
      return field === undefined ? null : formatHex(elementBody(body, field));
    };
    return { authorityKeyId: { keyId: hexOf(0x80), serial: hexOf(0x82) } };
  }
  const flag = children.find(({ tag }) => tag === DER_TAG.boolean);
  const limit = children.find(({ tag }) => tag === DER_TAG.integer);
  const pathLength = limit === undefined ? null : elementBody(body, limit).reduce((sum, octet) => sum * 256 + octet, 0);
  return { basicConstraints: { isCa: flag !== undefined && body[flag.body] !== 0, pathLength } };
}

const PERMITTED_SUBTREES = 0xa0;

function decodeNameConstraints(
  body: Uint8Array,
  children: readonly DerElement[],
): Partial<CertificateExtensions> | "damaged" {
  const permitted: GeneralName[] = [];
  const excluded: GeneralName[] = [];
  for (const child of children) {
    const subtrees = readChildren(body, child);
    if (typeof subtrees === "string") return "damaged";
    for (const subtree of subtrees) {
      const base = readElement(body, subtree.body, subtree.end);
      // RFC 5280 §4.2.1.10: minimum is always zero, which DER leaves out, and there is no maximum.
      if (typeof base === "string" || base.end !== subtree.end) return "damaged";
      (child.tag === PERMITTED_SUBTREES ? permitted : excluded).push({ tag: base.tag, body: elementBody(body, base) });
    }
  }
  const isDns = ({ tag }: GeneralName): boolean => tag === NAME_KIND.dns;
  return {
    nameConstraints: {
      permitted: permitted.filter(isDns).map((base) => printableName(base.body)),
      excluded: excluded.filter(isDns).map((base) => printableName(base.body)),
      permittedOthers: permitted.filter((base) => !isDns(base)),
      excludedOthers: excluded.filter((base) => !isDns(base)),
    },
  };
}

function decodeBits(body: Uint8Array): readonly boolean[] {
  const unused = body[0] ?? 0;
  const count = Math.max(0, (body.length - 1) * 8 - unused);
  return Array.from({ length: Math.min(count, 16) }, (_, bit) => {
    return ((body[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0;
  });
}

function printableName(body: Uint8Array): string {
  let text = "";
  for (const octet of body) {
    const plain = octet > 0x20 && octet < 0x7f && octet !== 0x5c;
    text += plain ? String.fromCharCode(octet) : `\\x${formatHex(Uint8Array.of(octet))}`;
  }
  return text;
}

const KEY_ALGORITHMS: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.1": "RSA",
  "1.2.840.113549.1.1.10": "RSASSA-PSS",
  "1.2.840.10040.4.1": "DSA",
  "1.2.840.10045.2.1": "EC",
  "1.3.101.110": "X25519",
  "1.3.101.111": "X448",
  "1.3.101.112": "Ed25519",
  "1.3.101.113": "Ed448",
  "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
  "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
  "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
};

const CURVES: Readonly<Record<string, string>> = {
  "1.2.840.10045.3.1.7": "P-256",
  "1.3.132.0.34": "P-384",
  "1.3.132.0.35": "P-521",
  "1.3.132.0.10": "secp256k1",
};

/** Name of the key's algorithm: `RSA 2048`, `EC P-256`, `Ed25519`, `ML-DSA-65`; the OID when it has no name here. */
export function keyAlgorithm(spki: Uint8Array): string {
  const outer = readElement(spki, 0);
  const children = typeof outer === "string" ? outer : readChildren(spki, outer);
  const [algorithm, key] = typeof children === "string" ? [] : children;
  const fields = algorithm === undefined ? "truncated" : readChildren(spki, algorithm);
  const [type, parameters] = typeof fields === "string" ? [] : fields;
  if (type === undefined || key === undefined) return "unknown";
  const oid = decodeOid(elementBody(spki, type));
  const name = KEY_ALGORITHMS[oid] ?? oid;
  if (name.startsWith("RSA")) return `${name} ${String(modulusBits(elementBody(spki, key).subarray(1)))}`;
  if (name !== "EC" || parameters?.tag !== DER_TAG.objectIdentifier) return name;
  const curve = decodeOid(elementBody(spki, parameters));
  return `EC ${CURVES[curve] ?? curve}`;
}

function modulusBits(key: Uint8Array): number {
  const outer = readElement(key, 0);
  const modulus = typeof outer === "string" ? outer : readElement(key, outer.body, outer.end);
  if (typeof modulus === "string") return 0;
  const body = elementBody(key, modulus);
  const start = body.findIndex((octet) => octet !== 0);
  return start < 0 ? 0 : (body.length - start - 1) * 8 + (32 - Math.clz32(body[start] ?? 0));
}
