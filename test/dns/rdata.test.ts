import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, formatHex } from "../../src/base/bytes.ts";
import { parseIpv4, parseIpv6 } from "../../src/dns/address.ts";
import { TYPE, typeFromName, typeName } from "../../src/dns/iana.ts";
import { decodeNsec, encodeNsec } from "../../src/dns/rdata-denial.ts";
import {
  decodeA,
  decodeAaaa,
  decodeCname,
  decodeDname,
  decodeDnskey,
  decodeDs,
  decodeMx,
  decodeNs,
  decodeRrsig,
  decodeSoa,
  decodeSrv,
  decodeTlsa,
  encodeA,
  encodeAaaa,
  encodeCname,
  encodeDnskey,
  encodeDs,
  encodeMx,
  encodeNs,
  encodeRrsig,
  encodeSoa,
  encodeSrv,
  encodeTlsa,
  formatRdata,
  formatTlsa,
  parseTlsa,
  parseUnknown,
} from "../../src/dns/rdata.ts";
import { decodeTypeBitmap, encodeTypeBitmap } from "../../src/dns/type-bitmap.ts";
import { hex, name, truncations, value } from "./help.ts";

const DIGEST = "ab".repeat(32);

describe("TLSA text", () => {
  test.each([
    { name: "as written by everybody", text: `3 1 1 ${DIGEST}` },
    { name: "with upper-case hex", text: `3 1 1 ${DIGEST.toUpperCase()}` },
    { name: "with hex in pieces", text: ` 3  1\t1 ${DIGEST.slice(0, 20)} ${DIGEST.slice(20)}\n` },
    { name: "in the generic form", text: String.raw`\# 35 030101 ` + DIGEST },
  ])("$name reads as the same record", ({ text }) => {
    expect(formatTlsa(value(parseTlsa(text)))).toBe(`3 1 1 ${DIGEST}`);
  });

  test.each([
    { name: "no data", text: "3 1 1" },
    { name: "an odd number of digits", text: "3 1 1 abc" },
    { name: "other letters", text: "3 1 1 xyz0" },
    { name: "two numbers", text: `3 1 ${DIGEST}` },
    { name: "a number above 255", text: `256 1 1 ${DIGEST}` },
    { name: "a negative number", text: `-1 1 1 ${DIGEST}` },
    { name: "a wrong length in the generic form", text: String.raw`\# 36 030101 ` + DIGEST },
    { name: "nothing", text: "" },
  ])("with $name is refused", ({ text }) => {
    expect(parseTlsa(text)).toMatchObject({ ok: false, fault: { code: "TLSA_TEXT_INVALID" } });
  });

  test("of a record without data is generic, and reads back", () => {
    const empty = value(decodeTlsa(Uint8Array.of(3, 1, 1)));
    expect(formatTlsa(empty)).toBe(String.raw`\# 3 030101`);
    expect(value(parseTlsa(formatTlsa(empty)))).toEqual(empty);
  });

  test("and octets say the same for every record", () => {
    const code = fc.integer({ min: 0, max: 255 });
    const record = fc.record({
      usage: code,
      selector: code,
      matchingType: code,
      data: fc.uint8Array({ maxLength: 80 }),
    });
    fc.assert(
      fc.property(record, (tlsa) => {
        expect(value(parseTlsa(formatTlsa(tlsa)))).toEqual(tlsa);
        expect(value(decodeTlsa(encodeTlsa(tlsa)))).toEqual(tlsa);
      }),
    );
  });
});

const [MX, NS] = [name("mx.example"), name("ns.example")];
const SOA = {
  mname: NS,
  rname: name(String.raw`host\.master.example`),
  serial: 0xffff_ffff,
  refresh: 2,
  retry: 3,
  expire: 4,
  minimum: 5,
};
const RRSIG = {
  typeCovered: TYPE.TLSA,
  algorithm: 13,
  labels: 4,
  originalTtl: 3600,
  expiration: Date.UTC(2026, 0, 31, 23, 59, 58) / 1000,
  inception: Date.UTC(2026, 0, 1) / 1000,
  keyTag: 65535,
  signer: name("example"),
  signature: Uint8Array.of(1, 2, 3),
};
const DNSKEY = { flags: 257, protocol: 3, algorithm: 13, publicKey: Uint8Array.of(255, 254) };
const DS = { keyTag: 1, algorithm: 13, digestType: 2, digest: hex("abcd") };
const NSEC = { next: MX, types: [TYPE.A, TYPE.MX, TYPE.RRSIG, TYPE.NSEC, 1234] };

const KINDS = [
  { type: TYPE.A, rdata: encodeA("192.0.2.1"), decode: decodeA, want: "192.0.2.1", text: "192.0.2.1" },
  { type: TYPE.AAAA, rdata: encodeAaaa("2001:DB8::1"), decode: decodeAaaa, want: "2001:db8::1", text: "2001:db8::1" },
  { type: TYPE.NS, rdata: encodeNs(NS), decode: decodeNs, want: NS, text: "ns.example." },
  { type: TYPE.CNAME, rdata: encodeCname(MX), decode: decodeCname, want: MX, text: "mx.example." },
  { type: TYPE.DNAME, rdata: encodeCname(MX), decode: decodeDname, want: MX, text: "mx.example." },
  {
    type: TYPE.SOA,
    rdata: encodeSoa(SOA),
    decode: decodeSoa,
    want: SOA,
    text: String.raw`ns.example. host\.master.example. 4294967295 2 3 4 5`,
  },
  {
    type: TYPE.MX,
    rdata: encodeMx({ preference: 10, exchange: MX }),
    decode: decodeMx,
    want: { preference: 10, exchange: MX },
    text: "10 mx.example.",
  },
  {
    type: TYPE.SRV,
    rdata: encodeSrv({ priority: 1, weight: 2, port: 5222, target: MX }),
    decode: decodeSrv,
    want: { priority: 1, weight: 2, port: 5222, target: MX },
    text: "1 2 5222 mx.example.",
  },
  { type: TYPE.DS, rdata: encodeDs(DS), decode: decodeDs, want: DS, text: "1 13 2 abcd" },
  { type: TYPE.DNSKEY, rdata: encodeDnskey(DNSKEY), decode: decodeDnskey, want: DNSKEY, text: "257 3 13 //4=" },
  {
    type: TYPE.NSEC,
    rdata: encodeNsec(NSEC),
    decode: decodeNsec,
    want: NSEC,
    text: "mx.example. A MX RRSIG NSEC TYPE1234",
  },
  {
    type: TYPE.RRSIG,
    rdata: encodeRrsig(RRSIG),
    decode: decodeRrsig,
    want: RRSIG,
    text: "TLSA 13 4 3600 20260131235958 20260101000000 65535 example. AQID",
  },
].map((kind) => ({ ...kind, name: typeName(kind.type) }));

describe("RDATA", () => {
  test.each(KINDS)("of $name comes back as it went, and prints", ({ type, rdata, decode, want, text }) => {
    expect(value<unknown, unknown>(decode(rdata))).toEqual(want);
    expect(formatRdata(type, rdata)).toBe(text);
  });

  test.each(KINDS.filter((kind) => ![TYPE.RRSIG, TYPE.DS, TYPE.DNSKEY].some((open) => open === kind.type)))(
    "of $name is refused with octets left over",
    ({ type, rdata, decode }) => {
      const longer = concatBytes(rdata, Uint8Array.of(0));
      expect(decode(longer).ok).toBe(false);
      expect(formatRdata(type, longer)).toBe(String.raw`\# ${String(longer.length)} ` + formatHex(longer));
    },
  );

  test.each(KINDS)("of $name cut at any octet, or random, never throws", ({ type, rdata, decode }) => {
    const openEnded = new Set<number>([TYPE.RRSIG, TYPE.DS, TYPE.DNSKEY, TYPE.NSEC]);
    for (const cut of truncations(rdata)) {
      if (!openEnded.has(type)) expect(decode(cut).ok).toBe(false);
      expect(formatRdata(type, cut)).not.toBe("");
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
        if (!decode(octets).ok) expect(formatRdata(type, octets)).toMatch(/^\\#/);
      }),
    );
  });

  test("names in it may not be compressed", () => {
    expect(decodeNs(hex("00c000")).ok).toBe(false);
    expect(decodeMx(hex("000ac002")).ok).toBe(false);
  });

  test("of RRSIG, DS and DNSKEY needs a signature, a digest, a key", () => {
    expect(decodeRrsig(encodeRrsig({ ...RRSIG, signature: new Uint8Array(0) })).ok).toBe(false);
    expect(decodeDs(hex("00010d02")).ok).toBe(false);
    expect(decodeDnskey(hex("0101030d")).ok).toBe(false);
  });

  test("of TXT prints in quotes, with escapes", () => {
    expect(formatRdata(TYPE.TXT, hex("0361 22 5c 02 07ff"))).toBe(String.raw`"a\"\\" "\007\255"`);
    expect(formatRdata(TYPE.TXT, hex("0561"))).toBe(String.raw`\# 2 0561`);
  });

  test("of an unknown type prints in the generic form, and that reads back", () => {
    expect(formatRdata(65280, hex("0aff"))).toBe(String.raw`\# 2 0aff`);
    expect(formatRdata(65280, new Uint8Array(0))).toBe(String.raw`\# 0`);
    expect(parseUnknown(String.raw`\# 2 0A ff`)).toEqual(hex("0aff"));
    expect(parseUnknown(String.raw`\# 0`)).toEqual(new Uint8Array(0));
    expect(parseUnknown(String.raw`\# 1 0aff`)).toBeNull();
  });
});

describe("type bitmaps", () => {
  test("are as RFC 4034 §4.3 shows", () => {
    const types = [TYPE.A, TYPE.MX, TYPE.RRSIG, TYPE.NSEC, 1234];
    const bitmap = `0006400100000003 041b${"00".repeat(26)}20`;
    expect(formatHex(encodeTypeBitmap([...types].reverse()))).toBe(formatHex(hex(bitmap)));
    expect(decodeTypeBitmap(hex(bitmap))).toEqual(types);
  });

  test("hold any set of types", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 65535 })), (types) => {
        expect(decodeTypeBitmap(encodeTypeBitmap(types))).toEqual([...types].sort((left, right) => left - right));
      }),
    );
  });

  test.each([
    { name: "windows out of order", bitmap: "010140 000140" },
    { name: "a window twice", bitmap: "000140 000140" },
    { name: "an empty window", bitmap: "0000" },
    { name: "a window of 33 octets", bitmap: `0021${"01".repeat(33)}` },
    { name: "a window cut short", bitmap: "000240" },
    { name: "a window without length", bitmap: "00" },
  ])("with $name are refused", ({ bitmap }) => {
    expect(decodeTypeBitmap(hex(bitmap))).toBeNull();
  });
});

describe("addresses", () => {
  test.each([
    { text: "1.2.3.4", want: "01020304" },
    { text: "01.2.3.4", want: null },
    { text: "1.2.3", want: null },
    { text: "1.2.3.256", want: null },
    { text: "1.2.3.4.5", want: null },
  ])("IPv4 $text is $want", ({ text, want }) => {
    const octets = parseIpv4(text);
    expect(octets && formatHex(octets)).toBe(want);
  });

  test.each([
    { text: "::", shown: "::" },
    { text: "::1", shown: "::1" },
    { text: "1::", shown: "1::" },
    { text: "2001:0DB8:0:0:1:0:0:1", shown: "2001:db8::1:0:0:1" },
    { text: "2001:db8:0:1:1:1:1:1", shown: "2001:db8:0:1:1:1:1:1" },
    { text: "::ffff:192.0.2.1", shown: "::ffff:c000:201" },
    { text: "1:2:3:4:5:6:7::", shown: "1:2:3:4:5:6:7:0" },
    { text: "1:2:3:4:5:6:7:8:9", shown: null },
    { text: "1:2:3:4:5:6:7", shown: null },
    { text: "1::2::3", shown: null },
    { text: "1:2:3:4::5:6:7:8", shown: null },
    { text: ":1:2:3:4:5:6:7", shown: null },
    { text: "1.2.3.4::", shown: null },
    { text: "fe80::1%eth0", shown: null },
    { text: "12345::", shown: null },
  ])("IPv6 $text is $shown", ({ text, shown }) => {
    const octets = parseIpv6(text);
    expect(octets && value(decodeAaaa(octets))).toBe(shown);
  });
});

describe("types", () => {
  test("are known by name in any case, and by number", () => {
    expect(["tlsa", "TYPE52", "type65280", "TYPE65536", "TYPE", "BOGUS"].map(typeFromName)).toEqual([
      52,
      52,
      65280,
      null,
      null,
      null,
    ]);
    expect([52, 65280].map(typeName)).toEqual(["TLSA", "TYPE65280"]);
  });
});
