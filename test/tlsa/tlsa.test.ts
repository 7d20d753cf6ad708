import { describe, expect, test } from "vitest";
import { formatHex, parseHex } from "../../src/base/bytes.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { adviseOn } from "../../src/tlsa/advice.ts";
import { isSuppressed, strongestRecords } from "../../src/tlsa/agility.ts";
import { associationData, digestsAreRight, isDigestOfNothing, recordsForChain } from "../../src/tlsa/association.ts";
import { matchingDepths } from "../../src/tlsa/match.ts";
import { tlsaOwner } from "../../src/tlsa/owner.ts";
import { describeParameters, formatParameters, parseParameters } from "../../src/tlsa/params.ts";
import type { TlsaParameters } from "../../src/tlsa/params.ts";
import { usability } from "../../src/tlsa/usable.ts";

function name(text: string): DomainName {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

function record(text: string, hex: string): TlsaRdata {
  const [usage = 0, selector = 0, matchingType = 0] = text.split(" ").map(Number);
  return { usage, selector, matchingType, data: parseHex(hex) ?? new Uint8Array() };
}

const chain = [1, 2, 3].map((octet) => ({ der: Uint8Array.of(0x30, octet), spki: Uint8Array.of(0x31, octet) }));

describe("parameters", () => {
  test.each([
    { text: "3 1 1", want: "3 1 1" },
    { text: " 3  1\t1 ", want: "3 1 1" },
    { text: "2,0,1", want: "2 0 1" },
    { text: "210", want: "2 1 0" },
    { text: "DANE-EE SPKI SHA2-256", want: "3 1 1" },
    { text: "pkix-ta cert full", want: "0 0 0" },
  ])("$text", ({ text, want }) => {
    const parsed = parseParameters(text);
    expect(parsed.ok && formatParameters(parsed.value)).toBe(want);
  });

  test.each(["", "3 1", "3 1 1 1", "4 1 1", "3 2 1", "3 1 3", "3 1 -1", "x 1 1", "3 1 1 aabb", "3 1 01000"])(
    '"%s" is refused',
    (text) => {
      expect(parseParameters(text)).toMatchObject({ ok: false, fault: { code: "TLSA_PARAMETERS" } });
    },
  );

  test("read out as in the RFCs, unknown codes as numbers", () => {
    expect(describeParameters({ usage: 3, selector: 1, matchingType: 1 })).toBe("DANE-EE(3) SPKI(1) SHA2-256(1)");
    expect(describeParameters({ usage: 9, selector: 0, matchingType: 0 })).toBe("9 Cert(0) Full(0)");
  });
});

describe("association data", () => {
  test("the known answers of SHA-2 come out", () => {
    expect(digestsAreRight()).toBe(true);
  });

  test("no octets are a bug of the caller, and the digest of nothing is recognised", () => {
    expect(() => associationData(1, new Uint8Array())).toThrow("association data of no octets");
    expect(
      isDigestOfNothing(record("3 1 1", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855").data),
    ).toBe(true);
    expect(isDigestOfNothing(associationData(1, Uint8Array.of(0)))).toBe(false);
    expect(isDigestOfNothing(new Uint8Array())).toBe(false);
  });

  test.each([
    { params: "3 1 0", want: ["0: 3101"] },
    { params: "1 0 0", want: ["0: 3001"] },
    { params: "2 0 0", want: ["1: 3002", "2: 3003"] },
    { params: "0 1 0", want: ["1: 3102", "2: 3103"] },
  ])("$params takes the right certificates of a chain", ({ params, want }) => {
    const parsed = parseParameters(params);
    if (!parsed.ok) throw new Error(parsed.fault.message);
    const found = recordsForChain([parsed.value], chain);
    expect(found.map((each) => `${String(each.depth)}: ${formatHex(each.record.data)}`)).toEqual(want);
  });

  test("equal records appear once, parameters in the order given", () => {
    const params: TlsaParameters[] = [
      { usage: 2, selector: 1, matchingType: 1 },
      { usage: 3, selector: 1, matchingType: 1 },
      { usage: 3, selector: 1, matchingType: 1 },
    ];
    const found = recordsForChain(params, [...chain, ...chain.slice(1)]);
    expect(found.map((each) => `${String(each.record.usage)}@${String(each.depth)}`)).toEqual(["2@1", "2@2", "3@0"]);
  });
});

describe("matching", () => {
  test("usage decides which depths count", () => {
    expect(matchingDepths(record("3 1 0", "3101"), chain)).toEqual([0]);
    expect(matchingDepths(record("3 1 0", "3102"), chain)).toEqual([]);
    expect(matchingDepths(record("2 1 0", "3101"), chain)).toEqual([]);
    expect(matchingDepths(record("2 0 0", "3003"), chain)).toEqual([2]);
  });

  test("records with unknown codes match nothing", () => {
    for (const params of ["4 1 0", "3 2 0", "3 1 3"]) {
      expect(matchingDepths(record(params, "3101"), chain)).toEqual([]);
    }
  });
});

describe("usability", () => {
  const SHA256 = "00".repeat(32);
  const SHA512 = "00".repeat(64);
  const SPKI = "300a300506032b6570030100";
  test.each([
    { params: "3 1 1", data: SHA256, smtp: true, want: null },
    { params: "3 1 2", data: SHA512, smtp: true, want: null },
    { params: "4 1 1", data: SHA256, smtp: false, want: "unknown-usage" },
    { params: "3 2 1", data: SHA256, smtp: false, want: "unknown-selector" },
    { params: "3 1 3", data: SHA256, smtp: false, want: "unknown-matching-type" },
    { params: "1 1 1", data: SHA256, smtp: false, want: null },
    { params: "1 1 1", data: SHA256, smtp: true, want: "usage-not-for-smtp" },
    { params: "0 1 1", data: SHA256, smtp: true, want: "usage-not-for-smtp" },
    { params: "3 1 1", data: "", smtp: true, want: "empty" },
    { params: "3 1 1", data: SHA512, smtp: true, want: "length" },
    { params: "3 1 2", data: SHA256, smtp: true, want: "length" },
    { params: "3 1 0", data: SPKI, smtp: true, want: null },
    { params: "3 1 0", data: `${SPKI}00`, smtp: true, want: "malformed" },
    { params: "3 0 0", data: SPKI, smtp: true, want: "malformed" },
    { params: "3 1 0", data: SHA256, smtp: true, want: "malformed" },
  ])("$params with $data.length digits, smtp $smtp: $want", ({ params, data, smtp, want }) => {
    const verdict = usability(record(params, data), { smtp });
    expect(verdict.usable ? null : verdict.reason).toBe(want);
  });
});

describe("digest agility", () => {
  const full = record("3 1 0", "aa");
  const weak = record("3 1 1", "aa");
  const strong = record("3 1 2", "aa");
  const other = record("3 0 1", "aa");
  const issuer = record("2 1 1", "aa");

  test("the strongest digest of each usage and selector counts, and Full besides", () => {
    expect(strongestRecords([full, weak, strong, other, issuer])).toEqual([full, strong, other, issuer]);
    expect(strongestRecords([weak, full])).toEqual([weak, full]);
    expect(isSuppressed(weak, [weak, strong])).toBe(true);
  });
});

describe("owner names", () => {
  test.each([
    { host: "mx.example.org", port: 25, want: "_25._tcp.mx.example.org." },
    { host: "MX.Example.ORG.", port: 443, want: "_443._tcp.mx.example.org." },
    { host: ".", port: 25, want: "_25._tcp." },
  ])("$want", ({ host, port, want }) => {
    expect(tlsaOwner(name(host), port)).toBe(want);
  });

  test("the transport can be chosen, and a name that becomes too long is refused", () => {
    expect(tlsaOwner(name("sip.test"), 5061, "sctp")).toBe("_5061._sctp.sip.test.");
    const long = name(Array.from({ length: 4 }, () => "a".repeat(61)).join("."));
    expect(() => tlsaOwner(long, 25)).toThrow(/long|255/);
  });
});

describe("advice", () => {
  const SHA256 = "11".repeat(32);
  const topics = (records: readonly TlsaRdata[], smtp: boolean | null): readonly string[] =>
    adviseOn(records, { smtp }).map(({ level, topic }) => `${level} ${topic}`);

  test.each([
    { name: "3 1 1 needs none", records: [record("3 1 1", SHA256)], smtp: true, want: [] },
    {
      name: "3 0 1 changes at each renewal",
      records: [record("3 0 1", SHA256)],
      smtp: true,
      want: ["note certificate-digest"],
    },
    { name: "1 1 1 fails for mail", records: [record("1 1 1", SHA256)], smtp: true, want: ["warning smtp-usage"] },
    { name: "1 1 1 is fine for the web", records: [record("1 1 1", SHA256)], smtp: false, want: [] },
    {
      name: "2 1 1 wants its issuer sent",
      records: [record("2 1 1", SHA256)],
      smtp: true,
      want: ["note anchor-on-the-wire"],
    },
    { name: "a broken digest", records: [record("3 1 1", "00")], smtp: true, want: ["warning unusable"] },
    {
      name: "the digest of nothing",
      records: [record("3 1 1", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")],
      smtp: true,
      want: ["warning digest-of-nothing"],
    },
    {
      name: "a whole key",
      records: [record("3 1 0", "300a300506032b6570030100")],
      smtp: true,
      want: ["note full-data"],
    },
    {
      name: "a weak digest beside a strong one",
      records: [record("3 1 1", SHA256), record("3 1 2", SHA256 + SHA256)],
      smtp: true,
      want: ["note suppressed"],
    },
  ])("$name", ({ records, smtp, want }) => {
    expect(topics(records, smtp)).toEqual(want);
  });

  test("more than eight records at one name", () => {
    const many = Array.from({ length: 9 }, (_, at) => record("3 1 1", String(at + 10).repeat(32)));
    expect(topics(many, true)).toEqual(["note many-records"]);
    expect(topics(many.slice(1), true)).toEqual([]);
  });
});
