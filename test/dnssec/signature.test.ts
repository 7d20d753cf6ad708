import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, formatHex, parseHex } from "../../src/base/bytes.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { CLASS, TYPE, typeFromName } from "../../src/dns/iana.ts";
import { encodeName, lowerCase } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { decodeRrsig, encodeA, encodeDnskey, encodeMx, encodeRrsig } from "../../src/dns/rdata.ts";
import type { RrsigRdata } from "../../src/dns/rdata.ts";
import type { Rrset } from "../../src/dns/rrset.ts";
import { importPublicKey } from "../../src/dnssec/algorithms.ts";
import { dsDigest, keyTag, signRrset } from "../../src/dnssec/signature.ts";
import type { Signer } from "../../src/dnssec/signature.ts";
import { name, value } from "../dns/help.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";
import { accept } from "./accept.ts";

interface Example {
  readonly rfc: string;
  readonly algorithm: number;
  readonly dnskey: string;
  readonly ds: string;
  readonly rrset: readonly string[];
  readonly rrsig: string;
  readonly keyTag: number;
  readonly now: number;
}

/** `NAME TTL IN TYPE FIELDS…` */
function fieldsOf(line: string): { owner: DomainName; ttl: number; type: number; fields: readonly string[] } {
  const [owner = "", ttl = "", , type = "", ...fields] = line.split(/\s+/);
  return { owner: name(owner), ttl: Number(ttl), type: typeFromName(type) ?? 0, fields };
}

function base64(parts: readonly string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(parts.join(""), "base64"));
}

function rdataOf(type: number, fields: readonly string[]): Uint8Array {
  const [first = "", second = ""] = fields;
  if (type === TYPE.A) return encodeA(first);
  if (type === TYPE.MX) return encodeMx({ preference: Number(first), exchange: name(second) });
  throw new Error(`the examples have no records of type ${String(type)}`);
}

function secondsOf(time: string): number {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(time) ?? [];
  return Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s)) / 1000;
}

function rrsigOf(line: string): Uint8Array {
  const [covered = "", algorithm, labels, ttl, expiration = "", inception = "", tag, signer = "", ...signature] =
    fieldsOf(line).fields;
  return encodeRrsig({
    typeCovered: typeFromName(covered) ?? 0,
    algorithm: Number(algorithm),
    labels: Number(labels),
    originalTtl: Number(ttl),
    expiration: secondsOf(expiration),
    inception: secondsOf(inception),
    keyTag: Number(tag),
    signer: name(signer),
    signature: base64(signature),
  });
}

function dnskeyOf(line: string): Uint8Array {
  const [flags, protocol, algorithm, ...key] = fieldsOf(line).fields;
  return encodeDnskey({
    flags: Number(flags),
    protocol: Number(protocol),
    algorithm: Number(algorithm),
    publicKey: base64(key),
  });
}

function rrsetOf(lines: readonly string[]): Rrset {
  const records = lines.map(fieldsOf);
  const [first] = records;
  if (first === undefined) throw new Error("an empty RRset");
  const rdatas = records.map((record) => rdataOf(record.type, record.fields));
  return { name: first.owner, type: first.type, class: CLASS.IN, ttl: seconds(first.ttl), rdatas, signatures: [] };
}

function loadExamples(): readonly Example[] {
  const folder = vectorsFolder();
  if (folder === null) return [];
  const text = readFileSync(join(folder, "dnssec", "rfc-algorithms.json"), "utf8");
  return (JSON.parse(text) as { readonly examples: readonly Example[] }).examples;
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
  return copy;
}

const examples = loadExamples();

describe.skipIf(vectorsFolder() === null)(vectorsTitle("examples of the RFCs"), () => {
  test("there are eight of them, over algorithms 8, 10, 13, 14, 15 and 16", () => {
    expect(examples).toHaveLength(8);
    expect(new Set(examples.map((example) => example.algorithm))).toEqual(new Set([8, 10, 13, 14, 15, 16]));
  });

  test.each(examples)("$rfc, algorithm $algorithm, key $keyTag verifies, and no other bit pattern does", (example) => {
    const rrset = rrsetOf(example.rrset);
    const [rrsig, dnskey] = [rrsigOf(example.rrsig), dnskeyOf(example.dnskey)];
    const now = instant(example.now * 1000);
    expect(keyTag(dnskey)).toBe(example.keyTag);
    expect(accept(rrset, rrsig, dnskey, now)).toMatchObject({ ok: true, value: { wildcard: null } });
    const signatureAt = 18 + encodeName(value(decodeRrsig(rrsig)).signer).length;
    for (const bit of [0, 7, 100, (rrsig.length - signatureAt) * 8 - 1]) {
      expect(accept(rrset, flipped(rrsig, signatureAt * 8 + bit), dnskey, now).ok).toBe(false);
    }
    const [rdata = new Uint8Array(0)] = rrset.rdatas;
    for (let bit = 0; bit < rdata.length * 8; bit++) {
      const changed = { ...rrset, rdatas: [flipped(rdata, bit)] };
      // The case of a letter in MX RDATA is not signed (RFC 4034 §6.2).
      if (formatHex(lowerCase(flipped(rdata, bit))) === formatHex(lowerCase(rdata))) continue;
      expect(accept(changed, rrsig, dnskey, now).ok).toBe(false);
    }
  });

  test.each(examples.filter((example) => typeof example.ds === "string"))("$rfc, DS of key $keyTag", (example) => {
    const { owner, fields } = fieldsOf(example.ds);
    const [, , digestType, ...digest] = fields;
    const made = dsDigest(owner, dnskeyOf(example.dnskey), Number(digestType));
    expect(made === null ? null : formatHex(made)).toBe(digest.join("").toLowerCase());
  });
});

const NOW = instant(Date.UTC(2026, 5, 1));
const ZONE = name("example.");

function newSigner(overrides: Partial<Signer> = {}): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const point = concatBytes(Buffer.from(x, "base64url"), Buffer.from(y, "base64url"));
  const dnskey = encodeDnskey({ flags: 257, protocol: 3, algorithm: 13, publicKey: point });
  const period = { inception: instant(NOW - 3_600_000), expiration: instant(NOW + 3_600_000) };
  return { signer: ZONE, dnskey, privateKey, ...period, ...overrides };
}

function addresses(owner: string, ...list: readonly string[]): Rrset {
  return {
    name: name(owner),
    type: TYPE.A,
    class: CLASS.IN,
    ttl: seconds(300),
    rdatas: list.map(encodeA),
    signatures: [],
  };
}

const SIGNER = newSigner();
const PLAIN = addresses("www.example.", "192.0.2.1", "192.0.2.2");
const SIGNATURE = signRrset(PLAIN, SIGNER);

function reasonOf(rrset: Rrset, rrsig: Uint8Array, dnskey = SIGNER.dnskey, now = NOW): string {
  const verdict = accept(rrset, rrsig, dnskey, now);
  return verdict.ok ? "verified" : `${verdict.fault.reason.code}: ${verdict.fault.reason.message}`;
}

/** A signature that is right but for these fields, over the RRset as those fields say it was. */
function altered(fields: Partial<RrsigRdata>): Uint8Array {
  return encodeRrsig({ ...value(decodeRrsig(SIGNATURE)), ...fields });
}

describe("our own signatures", () => {
  test("verify whatever the order, the duplicates and the TTL of the records", () => {
    const shuffled = { ...PLAIN, ttl: seconds(17), rdatas: [...PLAIN.rdatas].reverse().concat(PLAIN.rdatas) };
    expect(accept(shuffled, SIGNATURE, SIGNER.dnskey, NOW)).toMatchObject({
      ok: true,
      value: { wildcard: null, ttl: 17 },
    });
  });

  test("verify whatever the case of names that the canonical form folds", () => {
    const mx = { ...PLAIN, type: TYPE.MX, rdatas: [encodeMx({ preference: 5, exchange: name("mail.example.") })] };
    const shouted = {
      ...mx,
      rdatas: mx.rdatas.map((rdata) => rdata.map((octet) => (octet > 96 ? octet - 32 : octet))),
    };
    expect(reasonOf(shouted, signRrset(mx, SIGNER))).toBe("verified");
  });

  test("bound the TTL by the original TTL and by the time that is left", () => {
    const raised = { ...PLAIN, ttl: seconds(86_400) };
    expect(value(accept(raised, SIGNATURE, SIGNER.dnskey, NOW)).ttl).toBe(300);
    expect(value(accept(raised, SIGNATURE, SIGNER.dnskey, instant(NOW + 3_590_000))).ttl).toBe(10);
  });

  test("of a wildcard verify for an expanded name and say so", () => {
    const wildcard = addresses("*.example.", "192.0.2.1");
    const rrsig = signRrset(wildcard, SIGNER);
    expect(value(decodeRrsig(rrsig)).labels).toBe(1);
    expect(accept(wildcard, rrsig, SIGNER.dnskey, NOW)).toMatchObject({ ok: true, value: { wildcard: null } });
    const expanded = { ...wildcard, name: name("a.b.example.") };
    expect(accept(expanded, rrsig, SIGNER.dnskey, NOW)).toMatchObject({
      ok: true,
      value: { wildcard: "*.example." },
    });
  });

  test("hold from inception to expiration, both included, also where 32 bits wrap around", () => {
    expect(reasonOf(PLAIN, SIGNATURE, SIGNER.dnskey, SIGNER.inception)).toBe("verified");
    expect(reasonOf(PLAIN, SIGNATURE, SIGNER.dnskey, instant(SIGNER.inception - 1000))).toMatch(
      /^DNSSEC_SIGNATURE_NOT_YET_VALID/,
    );
    expect(reasonOf(PLAIN, SIGNATURE, SIGNER.dnskey, SIGNER.expiration)).toBe("verified");
    expect(reasonOf(PLAIN, SIGNATURE, SIGNER.dnskey, instant(SIGNER.expiration + 1000))).toMatch(
      /^DNSSEC_SIGNATURE_EXPIRED/,
    );
    const wrap = instant(0x1_0000_0000 * 1000);
    const around = { inception: instant(wrap - 3_600_000), expiration: instant(wrap + 3_600_000) };
    const rrsig = signRrset(PLAIN, { ...SIGNER, ...around });
    expect(reasonOf(PLAIN, rrsig, SIGNER.dnskey, instant(wrap - 1000))).toBe("verified");
    expect(reasonOf(PLAIN, rrsig, SIGNER.dnskey, instant(wrap + 1000))).toBe("verified");
    expect(reasonOf(PLAIN, rrsig, SIGNER.dnskey, instant(wrap + 3_601_000))).toMatch(/^DNSSEC_SIGNATURE_EXPIRED/);
  });
});

describe("a signature does not vouch", () => {
  test.each([
    {
      name: "for another type",
      want: /^DNSSEC_SIGNATURE_INVALID: .*covers another type$/,
      rrset: { ...PLAIN, type: TYPE.AAAA },
      rrsig: SIGNATURE,
    },
    {
      name: "for another class",
      want: /^DNSSEC_SIGNATURE_INVALID: .*only class IN/,
      rrset: { ...PLAIN, class: CLASS.CH },
      rrsig: SIGNATURE,
    },
    {
      name: "for an owner outside the signer's zone",
      want: /^DNSSEC_SIGNATURE_INVALID: .*is signed by example$/,
      rrset: { ...PLAIN, name: name("www.example.org.") },
      rrsig: SIGNATURE,
    },
    {
      name: "for an owner with fewer labels",
      want: /^DNSSEC_SIGNATURE_INVALID: .*more labels than the owner has$/,
      rrset: { ...PLAIN, name: ZONE },
      rrsig: SIGNATURE,
    },
    {
      name: "for a wildcard above its signer",
      want: /^DNSSEC_SIGNATURE_INVALID: .*wildcard above its signer$/,
      rrset: PLAIN,
      rrsig: altered({ labels: 0 }),
    },
    {
      name: "for DNSKEYs of a zone below",
      want: /^DNSSEC_SIGNATURE_INVALID: .*not the zone's own, as DNSKEYs need$/,
      rrset: { ...PLAIN, type: TYPE.DNSKEY },
      rrsig: altered({ typeCovered: TYPE.DNSKEY }),
    },
    {
      name: "when the key tag differs",
      want: /^DNSSEC_KEY_MISSING: .* key 1 /,
      rrset: PLAIN,
      rrsig: altered({ keyTag: 1 }),
    },
    {
      name: "when the algorithm differs",
      want: /^DNSSEC_KEY_MISSING: /,
      rrset: PLAIN,
      rrsig: altered({ algorithm: 8 }),
    },
    {
      name: "for another name",
      want: /^DNSSEC_SIGNATURE_INVALID: .*does not verify$/,
      rrset: { ...PLAIN, name: name("ftp.example.") },
      rrsig: SIGNATURE,
    },
    {
      name: "for one record less",
      want: /^DNSSEC_SIGNATURE_INVALID: .*does not verify$/,
      rrset: { ...PLAIN, rdatas: PLAIN.rdatas.slice(1) },
      rrsig: SIGNATURE,
    },
    {
      name: "when it is too short",
      want: /^DNSSEC_SIGNATURE_INVALID: .*does not verify$/,
      rrset: PLAIN,
      rrsig: SIGNATURE.slice(0, -1),
    },
    { name: "when it is cut off", want: /^DNSSEC_SIGNATURE_MISSING: /, rrset: PLAIN, rrsig: SIGNATURE.slice(0, 20) },
    {
      name: "with another original TTL",
      want: /^DNSSEC_SIGNATURE_INVALID: .*does not verify$/,
      rrset: PLAIN,
      rrsig: altered({ originalTtl: 301 }),
    },
  ])("$name", ({ want, rrset, rrsig }) => {
    expect(reasonOf(rrset, rrsig)).toMatch(want);
  });

  test("when it is another zone's", () => {
    const verdict = accept(PLAIN, SIGNATURE, SIGNER.dnskey, NOW, name("www.example."));
    expect(verdict).toMatchObject({ ok: false, fault: { reason: { code: "DNSSEC_SIGNATURE_MISSING" } } });
  });

  test("with the key of another", () => {
    expect(reasonOf(PLAIN, SIGNATURE, newSigner().dnskey)).toMatch(/^DNSSEC_KEY_MISSING: /);
  });

  test.each([
    { name: "without the zone bit", flags: 1, protocol: 3 },
    { name: "with another protocol", flags: 257, protocol: 2 },
  ])("with a key $name", ({ flags, protocol }) => {
    const dnskey = concatBytes(Uint8Array.of(flags >> 8, flags & 255, protocol), SIGNER.dnskey.subarray(3));
    expect(reasonOf(PLAIN, signRrset(PLAIN, { ...SIGNER, dnskey }), dnskey)).toMatch(/^DNSSEC_KEY_UNUSABLE: /);
  });
});

describe("public keys", () => {
  const rsa = (exponent: string, modulusOctets: number): Uint8Array => {
    const octets = parseHex(exponent) ?? new Uint8Array(0);
    return concatBytes(Uint8Array.of(octets.length), octets, new Uint8Array(modulusOctets).fill(0xc1));
  };
  test.each([
    { name: "an RSA key of 1024 bits", algorithm: 8, key: rsa("010001", 128), ok: true },
    { name: "an RSA key of 4096 bits", algorithm: 8, key: rsa("010001", 512), ok: true },
    { name: "an RSA exponent of 2^32 + 1", algorithm: 10, key: rsa("0100000001", 256), ok: true },
    { name: "an RSA key of 512 bits with SHA-256", algorithm: 8, key: rsa("010001", 64), ok: true },
    { name: "an RSA key of less than 512 bits", algorithm: 8, key: rsa("010001", 63), ok: false },
    { name: "an RSA key of less than 1024 bits with SHA-512", algorithm: 10, key: rsa("010001", 127), ok: false },
    { name: "an RSA key that is too long", algorithm: 8, key: rsa("010001", 513), ok: false },
    { name: "an even RSA exponent", algorithm: 8, key: rsa("010000", 256), ok: false },
    { name: "an RSA exponent of one", algorithm: 8, key: rsa("01", 256), ok: false },
    { name: "an RSA exponent made to be slow", algorithm: 8, key: rsa("0100000003", 256), ok: false },
    { name: "an RSA key without exponent", algorithm: 8, key: new Uint8Array(0), ok: false },
    { name: "a point that is not on the curve", algorithm: 13, key: new Uint8Array(64).fill(1), ok: false },
    { name: "an ECDSA key of a wrong length", algorithm: 14, key: new Uint8Array(64), ok: false },
    { name: "an EdDSA key of a wrong length", algorithm: 15, key: new Uint8Array(57), ok: false },
    { name: "an algorithm that is not supported", algorithm: 12, key: new Uint8Array(64), ok: false },
  ])("$name: $ok", ({ algorithm, key, ok }) => {
    expect(importPublicKey(algorithm, key).ok).toBe(ok);
  });
});

describe("hostile octets", () => {
  test("never make verification throw", () => {
    const octets = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(octets, octets, fc.constantFrom(5, 8, 10, 13, 14, 15, 16, 200), (garbage, key, algorithm) => {
        const dnskey = concatBytes(Uint8Array.of(1, 1, 3, algorithm), key);
        const rrsig = altered({ algorithm, keyTag: keyTag(dnskey), signature: garbage });
        expect(accept(PLAIN, rrsig, dnskey, NOW).ok).toBe(false);
        expect(accept(PLAIN, garbage, SIGNER.dnskey, NOW).ok).toBe(false);
        expect(accept(PLAIN, SIGNATURE, garbage, NOW).ok).toBe(false);
        const odd = { ...PLAIN, type: TYPE.SOA, rdatas: [garbage] };
        expect(accept(odd, altered({ typeCovered: TYPE.SOA }), SIGNER.dnskey, NOW).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test("of a real key's signature never make verification throw", () => {
    for (let length = 0; length < SIGNATURE.length; length++) {
      expect(accept(PLAIN, SIGNATURE.slice(0, length), SIGNER.dnskey, NOW).ok).toBe(false);
      expect(accept(PLAIN, SIGNATURE, SIGNER.dnskey.slice(0, length), NOW).ok).toBe(length >= SIGNER.dnskey.length);
    }
  });
});
