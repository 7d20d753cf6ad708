import { describe, expect, test } from "vitest";
import { formatHex } from "../../src/base/bytes.ts";
import { seconds } from "../../src/base/time.ts";
import { canonicalRdatas, canonicalRrset, signedOwner, signatureLabels } from "../../src/dns/canonical.ts";
import { CLASS, TYPE } from "../../src/dns/iana.ts";
import { formatGeneric, formatRecord } from "../../src/dns/presentation.ts";
import { encodeA, encodeRrsig } from "../../src/dns/rdata.ts";
import { findRrset, groupRrsets } from "../../src/dns/rrset.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";
import { hex, name, value } from "./help.ts";

function record(owner: string, type: number, ttl: number, rdata: Uint8Array): ResourceRecord {
  return { name: name(owner), type, class: CLASS.IN, ttl: seconds(ttl), rdata };
}

function rrsig(typeCovered: number): Uint8Array {
  const times = { originalTtl: 300, expiration: 2, inception: 1 };
  const rest = { keyTag: 1, signer: name("example"), signature: Uint8Array.of(1) };
  return encodeRrsig({ typeCovered, algorithm: 13, labels: 2, ...times, ...rest });
}

const RECORDS = [
  record("a.example", TYPE.A, 300, encodeA("192.0.2.2")),
  record("a.example", TYPE.RRSIG, 10, rrsig(TYPE.A)),
  record("b.example", TYPE.A, 300, encodeA("192.0.2.1")),
  record("A.Example", TYPE.A, 200, encodeA("192.0.2.1")),
  record("a.example", TYPE.A, 300, encodeA("192.0.2.2")),
  record("a.example", TYPE.RRSIG, 300, rrsig(TYPE.AAAA)),
];

describe("RRsets", () => {
  test("gather records, drop duplicates, take the least TTL and the signatures that cover them", () => {
    const [first, second, orphan, ...more] = groupRrsets(RECORDS);
    expect(first).toEqual({
      name: "a.example.",
      type: TYPE.A,
      class: CLASS.IN,
      ttl: 200,
      rdatas: [encodeA("192.0.2.2"), encodeA("192.0.2.1")],
      signatures: [rrsig(TYPE.A)],
    });
    expect(second).toMatchObject({ name: "b.example.", signatures: [] });
    expect(orphan).toMatchObject({ name: "a.example.", type: TYPE.RRSIG, rdatas: [rrsig(TYPE.AAAA)] });
    expect(more).toEqual([]);
  });

  test("are found by owner and type", () => {
    expect(findRrset(RECORDS, name("a.example"), TYPE.A)).toEqual(groupRrsets(RECORDS)[0]);
    expect(findRrset(RECORDS, name("a.example"), TYPE.AAAA)).toBeNull();
    expect(findRrset(RECORDS, name("c.example"), TYPE.A)).toBeNull();
    const foreign = RECORDS.map((each) => ({ ...each, class: CLASS.CH }));
    expect(findRrset(foreign, name("a.example"), TYPE.A)).toBeNull();
  });
});

describe("the canonical form", () => {
  const form = (type: number, text: string): string => {
    const rdatas = canonicalRdatas(type, [hex(text)]);
    return rdatas.ok ? rdatas.value.map(formatHex).join() : "fault";
  };

  test.each([
    { name: "NS", type: TYPE.NS, rdata: "024e5300", want: "026e7300" },
    {
      name: "SOA",
      type: TYPE.SOA,
      rdata: `014100 014200 ${"41".repeat(20)}`,
      want: `014100 014200 ${"41".repeat(20)}`.replace("0141", "0161").replace("0142", "0162"),
    },
    { name: "MX", type: TYPE.MX, rdata: "4142 014100", want: "4142 016100" },
    { name: "SRV", type: TYPE.SRV, rdata: "414243444546 014100", want: "414243444546 016100" },
    {
      name: "NAPTR",
      type: TYPE.NAPTR,
      rdata: "41424344 0141 0142 0143 014100",
      want: "41424344 0141 0142 0143 016100",
    },
    {
      name: "RRSIG",
      type: TYPE.RRSIG,
      rdata: `${"41".repeat(18)} 014100 4142`,
      want: `${"41".repeat(18)} 016100 4142`,
    },
    { name: "DNAME", type: TYPE.DNAME, rdata: "014100", want: "016100" },
    {
      name: "A6 with a prefix",
      type: TYPE.A6,
      rdata: `40 ${"41".repeat(8)} 014100`,
      want: `40 ${"41".repeat(8)} 016100`,
    },
    { name: "A6 without", type: TYPE.A6, rdata: `00 ${"41".repeat(16)}`, want: `00 ${"41".repeat(16)}` },
  ])("lower-cases the names of $name, and only them", ({ type, rdata, want }) => {
    expect(form(type, rdata)).toBe(want.replaceAll(" ", ""));
  });

  test.each([
    { name: "NSEC (RFC 6840 §5.1)", type: TYPE.NSEC, rdata: "014100000140" },
    { name: "HINFO", type: TYPE.HINFO, rdata: "01410142" },
    { name: "TXT", type: TYPE.TXT, rdata: "0141" },
    { name: "an unknown type", type: 65280, rdata: "014100" },
  ])("leaves $name alone", ({ type, rdata }) => {
    expect(form(type, rdata)).toBe(rdata);
  });

  test.each([
    { name: "a compressed name", type: TYPE.NS, rdata: "c000" },
    { name: "octets left over", type: TYPE.MX, rdata: "0001 0000" },
    { name: "too few octets", type: TYPE.SRV, rdata: "0001" },
    { name: "a string that runs out", type: TYPE.NAPTR, rdata: "00000000 ff41" },
  ])("does not exist for $name", ({ type, rdata }) => {
    expect(form(type, rdata)).toBe("fault");
  });

  test("sorts RDATA as unsigned octets, a prefix first, each once", () => {
    const rdatas = ["ff", "0001", "00", "7f", "00"].map((text) => hex(text));
    expect(value(canonicalRdatas(65280, rdatas)).map(formatHex)).toEqual(["00", "0001", "7f", "ff"]);
    const names = [hex("014100"), hex("016100")];
    expect(value(canonicalRdatas(TYPE.NS, names))).toEqual([hex("016100")]);
  });

  test("writes owner, type, class, original TTL and RDATA of each record", () => {
    const [rrset] = groupRrsets([record("A", TYPE.A, 5, hex("02020202")), record("A", TYPE.A, 5, hex("01010101"))]);
    const octets = rrset === undefined ? "" : formatHex(value(canonicalRrset(rrset, rrset.name, 3600)));
    expect(octets).toBe("0161000001000100000e10000401010101" + "0161000001000100000e10000402020202");
  });

  test("counts labels without a leading star, and finds the wildcard that was signed", () => {
    expect([".", "*.", "*.example.", "a.*.example."].map((text) => signatureLabels(name(text)))).toEqual([0, 0, 1, 3]);
    const owner = name("a.b.example");
    expect([3, 2, 1, 0, 4].map((labels) => signedOwner(owner, labels))).toEqual([
      owner,
      "*.b.example.",
      "*.example.",
      "*.",
      null,
    ]);
  });
});

describe("zone-file text", () => {
  const tlsa = record("_25._tcp.mx.example", TYPE.TLSA, 3600, hex("030101abcd"));

  test("of a record", () => {
    expect(formatRecord(tlsa)).toBe("_25._tcp.mx.example. 3600 IN TLSA 3 1 1 abcd");
    expect(formatRecord({ ...tlsa, type: 65280 })).toBe(
      String.raw`_25._tcp.mx.example. 3600 IN TYPE65280 \# 5 030101abcd`,
    );
  });

  test("in the form that any server understands", () => {
    expect(formatGeneric(tlsa)).toBe(String.raw`_25._tcp.mx.example. 3600 CLASS1 TYPE52 \# 5 030101abcd`);
  });
});
