import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBase32Hex } from "../../src/base/base32.ts";
import { concatBytes, formatHex } from "../../src/base/bytes.ts";
import { TYPE } from "../../src/dns/iana.ts";
import { decodeNsec3, decodeNsec3param, encodeNsec3 } from "../../src/dns/rdata-denial.ts";
import type { Nsec3Rdata } from "../../src/dns/rdata-denial.ts";
import { formatRdata } from "../../src/dns/rdata.ts";
import { hex, truncations, value } from "./help.ts";

const NEXT = "2t7b4g4vsa5smi47k61mv5bv1a22bojr";

/** The NSEC3 at the apex of the zone in RFC 5155 appendix A, its RDATA written out. */
const APEX = hex("01 01 000c 04 aabbccdd 14 174eb2409fe28bcb4887a1836f957f0a8425e27b 0007 220100000002 90");

const NSEC3: Nsec3Rdata = {
  hashAlgorithm: 1,
  flags: 1,
  iterations: 12,
  salt: hex("aabbccdd"),
  nextHashed: decodeBase32Hex(NEXT) ?? new Uint8Array(0),
  types: [TYPE.NS, TYPE.SOA, TYPE.MX, TYPE.RRSIG, TYPE.DNSKEY, TYPE.NSEC3PARAM],
};

describe("NSEC3", () => {
  test("of the RFC's example decodes, encodes and prints", () => {
    expect(value(decodeNsec3(APEX))).toEqual(NSEC3);
    expect(formatHex(encodeNsec3(NSEC3))).toBe(formatHex(APEX));
    expect(formatRdata(TYPE.NSEC3, APEX)).toBe(`1 1 12 aabbccdd ${NEXT} NS SOA MX RRSIG DNSKEY NSEC3PARAM`);
  });

  test("without salt prints a dash, and without types nothing behind the hash", () => {
    const bare = encodeNsec3({ ...NSEC3, salt: new Uint8Array(0), types: [] });
    expect(value(decodeNsec3(bare)).types).toEqual([]);
    expect(formatRdata(TYPE.NSEC3, bare)).toBe(`1 1 12 - ${NEXT}`);
  });

  test("of another hash algorithm, with any flags and iterations, still decodes", () => {
    const odd = { ...NSEC3, hashAlgorithm: 200, flags: 255, iterations: 65_535, nextHashed: hex("00") };
    expect(value(decodeNsec3(encodeNsec3(odd)))).toEqual(odd);
  });

  test.each([
    { name: "nothing", rdata: "" },
    { name: "a salt longer than the rest", rdata: "01 00 0000 05 aabbccdd" },
    { name: "no hash length", rdata: "01 00 0000 00" },
    { name: "a hash of no octets", rdata: "01 00 0000 00 00" },
    { name: "a hash longer than the rest", rdata: "01 00 0000 00 02 aa" },
    { name: "a bitmap cut short", rdata: "01 00 0000 00 01 aa 0002 40" },
    { name: "an empty window", rdata: "01 00 0000 00 01 aa 0000" },
    { name: "windows out of order", rdata: "01 00 0000 00 01 aa 010140 000140" },
  ])("with $name is refused and prints in the generic form", ({ rdata }) => {
    const result = decodeNsec3(hex(rdata));
    expect(result.ok ? "accepted" : result.fault.code).toBe("DNS_MESSAGE_MALFORMED");
    expect(formatRdata(TYPE.NSEC3, hex(rdata))).toMatch(/^\\#/);
  });

  test("cut at any octet is refused but where the bitmap may end", () => {
    const bitmap = APEX.length - 9;
    const accepted = truncations(APEX).filter((cut) => decodeNsec3(cut).ok);
    expect(accepted.map((cut) => cut.length)).toEqual([bitmap]);
  });

  test("comes back as it went, whatever is in it", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const records = fc.record({
      hashAlgorithm: octet,
      flags: octet,
      iterations: fc.integer({ min: 0, max: 65_535 }),
      salt: fc.uint8Array({ maxLength: 255 }).map((salt) => new Uint8Array(salt)),
      nextHashed: fc.uint8Array({ minLength: 1, maxLength: 255 }).map((hash) => new Uint8Array(hash)),
      types: fc.uniqueArray(fc.integer({ min: 0, max: 65_535 })).map((types) => types.sort((a, b) => a - b)),
    });
    fc.assert(
      fc.property(records, (record) => {
        expect(value(decodeNsec3(encodeNsec3(record)))).toEqual(record);
      }),
    );
  });

  test("of random octets never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
        const [nsec3, param] = [decodeNsec3(octets), decodeNsec3param(octets)];
        expect(formatRdata(TYPE.NSEC3, octets).startsWith("\\#")).toBe(!nsec3.ok);
        expect(formatRdata(TYPE.NSEC3PARAM, octets).startsWith("\\#")).toBe(!param.ok);
      }),
    );
  });
});

describe("NSEC3PARAM", () => {
  test.each([
    { rdata: "01 00 0000 00", text: "1 0 0 -" },
    { rdata: "01 00 000c 04 aabbccdd", text: "1 0 12 aabbccdd" },
  ])("$text prints", ({ rdata, text }) => {
    expect(formatRdata(TYPE.NSEC3PARAM, hex(rdata))).toBe(text);
  });

  test("cut at any octet, or with one too many, is refused", () => {
    const rdata = hex("01 00 000c 04 aabbccdd");
    for (const cut of [...truncations(rdata), concatBytes(rdata, Uint8Array.of(0))]) {
      expect(decodeNsec3param(cut).ok).toBe(false);
    }
  });
});
