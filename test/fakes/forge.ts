/**
 * Certificates as no library issues them: whatever version, with or without extensions, right or wrong key identifiers,
 * whoever signs. Written octet by octet, so that the code under test and what it is tested with share nothing.
 */
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readCertificate } from "../../src/pki/certificate.ts";
import type { Certificate } from "../../src/pki/certificate.ts";

export interface Forged {
  readonly der: Uint8Array;
  readonly read: Certificate;
  readonly key: KeyObject;
  readonly subject: Uint8Array;
  readonly serial: Uint8Array;
}

interface RawExtension {
  readonly oid: string;
  readonly critical?: boolean;
  readonly body: Uint8Array;
}

export interface ForgeOptions {
  /** `CN=x` or `O=y,CN=x`, outermost first. */
  readonly subject: string;
  /** Self-signed without. */
  readonly issuer?: Forged;
  /** Whose key signs, if not the issuer's. */
  readonly signer?: KeyObject;
  readonly key?: KeyObject;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** 1: no extensions at all. */
  readonly version?: 1 | 3;
  /** basicConstraints; null leaves the extension out. */
  readonly ca?: boolean | null;
  readonly pathLength?: number;
  /** Bits of keyUsage. */
  readonly keyUsage?: readonly number[];
  readonly purposes?: readonly string[];
  readonly dnsNames?: readonly string[];
  /** Further GeneralNames of subjectAltName, whole. */
  readonly otherNames?: readonly Uint8Array[];
  /** GeneralNames of nameConstraints, whole. */
  readonly permitted?: readonly Uint8Array[];
  readonly excluded?: readonly Uint8Array[];
  readonly subjectKeyId?: "right" | "wrong";
  readonly authorityKeyId?: "right" | "wrong" | "issuer" | "wrong-issuer";
  readonly more?: readonly RawExtension[];
}

export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
export const ANY_PURPOSE = "2.5.29.37.0";
const VALID_FROM = new Date("2025-01-01T00:00:00Z");
const VALID_TO = new Date("2027-01-01T00:00:00Z");

/** A new P-256 key. */
export function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

export function forge(options: ForgeOptions): Forged {
  const key = options.key ?? newKey();
  const subject = distinguishedName(options.subject);
  const serial = Uint8Array.of(1, ...randomBytes(8));
  const { issuer, version = 3 } = options;
  const algorithm = sequence(oid("1.2.840.10045.4.3.2"));
  const tbs = sequence(
    ...(version === 3 ? [element(0xa0, element(0x02, Uint8Array.of(2)))] : []),
    element(0x02, serial),
    algorithm,
    issuer?.subject ?? subject,
    sequence(time(options.notBefore ?? VALID_FROM), time(options.notAfter ?? VALID_TO)),
    subject,
    spkiOf(key),
    ...(version === 3 ? extensionsOf(options, key) : []),
  );
  const signature = sign("sha256", tbs, options.signer ?? issuer?.key ?? key);
  const der = sequence(tbs, algorithm, element(0x03, Uint8Array.of(0), signature));
  const read = readCertificate(der);
  if (!read.ok) throw new Error(read.fault.message);
  return { der, read: read.value, key, subject, serial };
}

/** A server certificate for `mx.example.org`, unless told otherwise. */
export function forgeLeaf(issuer: Forged, more: Partial<ForgeOptions> = {}): Forged {
  return forge({ subject: "CN=leaf", dnsNames: ["mx.example.org"], ca: null, issuer, ...more });
}

export function forgeAuthority(subject: string, issuer?: Forged, more: Partial<ForgeOptions> = {}): Forged {
  return forge({ subject, ca: true, ...(issuer === undefined ? {} : { issuer }), ...more });
}

/** GeneralNames. */
export const generalName = {
  dns: (name: string): Uint8Array => element(0x82, text(name)),
  email: (name: string): Uint8Array => element(0x81, text(name)),
  ip: (...octets: readonly number[]): Uint8Array => element(0x87, Uint8Array.from(octets)),
  directory: (name: string): Uint8Array => element(0xa4, distinguishedName(name)),
};

function extensionsOf(options: ForgeOptions, key: KeyObject): readonly Uint8Array[] {
  const { ca = null, pathLength, keyUsage, purposes, dnsNames = [], otherNames = [], issuer } = options;
  const list: RawExtension[] = [...(options.more ?? [])];
  if (ca !== null) {
    const flag = ca ? [element(0x01, Uint8Array.of(0xff))] : [];
    const limit = pathLength === undefined ? [] : [element(0x02, Uint8Array.of(pathLength))];
    list.push({ oid: "2.5.29.19", critical: true, body: sequence(...flag, ...limit) });
  }
  if (keyUsage !== undefined) list.push({ oid: "2.5.29.15", critical: true, body: bits(keyUsage) });
  if (purposes !== undefined) list.push({ oid: "2.5.29.37", body: sequence(...purposes.map(oid)) });
  const names = [...dnsNames.map(generalName.dns), ...otherNames];
  if (names.length > 0) list.push({ oid: "2.5.29.17", body: sequence(...names) });
  const { permitted, excluded } = options;
  if (permitted !== undefined || excluded !== undefined) {
    const part = (tag: number, bases: readonly Uint8Array[] | undefined): readonly Uint8Array[] =>
      bases === undefined ? [] : [element(tag, ...bases.map((base) => sequence(base)))];
    list.push({ oid: "2.5.29.30", critical: true, body: sequence(...part(0xa0, permitted), ...part(0xa1, excluded)) });
  }
  if (options.subjectKeyId !== undefined) {
    const id = options.subjectKeyId === "right" ? keyId(key) : new Uint8Array(20).fill(7);
    list.push({ oid: "2.5.29.14", body: element(0x04, id) });
  }
  if (options.authorityKeyId !== undefined && issuer !== undefined) {
    list.push({ oid: "2.5.29.35", body: authorityKeyId(options.authorityKeyId, issuer) });
  }
  if (list.length === 0) return [];
  const encoded = list.map(({ oid: type, critical = false, body }) => {
    return sequence(oid(type), ...(critical ? [element(0x01, Uint8Array.of(0xff))] : []), element(0x04, body));
  });
  return [element(0xa3, sequence(...encoded))];
}

/** The issuer's own issuer and serial: every issuer here is taken for self-signed, or its name would not match. */
function authorityKeyId(kind: NonNullable<ForgeOptions["authorityKeyId"]>, issuer: Forged): Uint8Array {
  if (kind === "right") return sequence(element(0x80, keyId(issuer.key)));
  if (kind === "wrong") return sequence(element(0x80, new Uint8Array(20).fill(9)));
  const serial = kind === "issuer" ? issuer.serial : Uint8Array.of(1, 2, 3);
  return sequence(element(0xa1, element(0xa4, issuer.subject)), element(0x82, serial));
}

function keyId(key: KeyObject): Uint8Array {
  return createHash("sha1").update(spkiOf(key)).digest();
}

function spkiOf(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ type: "spki", format: "der" });
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  CN: "2.5.4.3",
  O: "2.5.4.10",
  emailAddress: "1.2.840.113549.1.9.1",
};

function distinguishedName(name: string): Uint8Array {
  const rdns = name === "" ? [] : name.split(",");
  return sequence(
    ...rdns.map((rdn) => {
      const [type = "", value = ""] = rdn.split("=");
      return element(0x31, sequence(oid(ATTRIBUTES[type] ?? ""), element(0x0c, text(value))));
    }),
  );
}

function time(date: Date): Uint8Array {
  return element(0x18, text(`${date.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`));
}

function bits(set: readonly number[]): Uint8Array {
  const octets = new Uint8Array(2);
  for (const bit of set) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return element(0x03, Uint8Array.of(0), octets);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return element(0x06, Uint8Array.from(octets));
}

function sequence(...content: readonly Uint8Array[]): Uint8Array {
  return element(0x30, ...content);
}

function element(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(content);
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return new Uint8Array(Buffer.concat([Uint8Array.of(tag, ...length), body]));
}
