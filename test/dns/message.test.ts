import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, formatHex } from "../../src/base/bytes.ts";
import { seconds } from "../../src/base/time.ts";
import { CLASS, OPCODE, TYPE } from "../../src/dns/iana.ts";
import { decodeMessage, encodeMessage, queryMessage } from "../../src/dns/message.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { encodeMx, encodeNs, encodeSoa, encodeTlsa } from "../../src/dns/rdata.ts";
import { hex, name, truncations, value } from "./help.ts";

const OWNER = name("_25._tcp.mx.example");
const RECORD = {
  name: OWNER,
  type: TYPE.TLSA,
  class: CLASS.IN,
  ttl: seconds(3600),
  rdata: encodeTlsa({ usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32).fill(0xab) }),
};

const REPLY: DnsMessage = {
  ...queryMessage({ id: 0xbeef, name: OWNER, type: TYPE.TLSA, rd: true, cd: true, dnssecOk: true }),
  qr: true,
  aa: true,
  ra: true,
  ad: true,
  rcode: 23,
  answer: [RECORD],
  authority: [{ ...RECORD, name: name("example"), type: TYPE.NS, rdata: encodeNs(name("ns.example")) }],
  additional: [{ ...RECORD, name: name("ns.example"), type: TYPE.A, rdata: Uint8Array.of(192, 0, 2, 1) }],
  edns: { udpSize: 1232, do: true, options: [{ code: 15, data: Uint8Array.of(0, 9) }] },
};

/** Header with these four counts, then the body. */
function message(counts: readonly [number, number, number, number], body: string): Uint8Array {
  return concatBytes(hex("000180000000000000000000"), hex(body)).map((octet, at) =>
    at >= 5 && at <= 11 && at % 2 === 1 ? (counts[(at - 5) / 2] ?? 0) : octet,
  );
}

/** Type, class, TTL and RDATA of a record without its owner. */
function rest(type: number, rdata: string, ttl = "00000e10", rrClass = "0001"): string {
  const octets = hex(rdata);
  const number = (count: number): string => count.toString(16).padStart(4, "0");
  return `${number(type)}${rrClass}${ttl}${number(octets.length)}${formatHex(octets)}`;
}

describe("messages", () => {
  test("come back as they went, the extended response code and EDNS included", () => {
    expect(value(decodeMessage(encodeMessage(REPLY)))).toEqual(REPLY);
  });

  test("without EDNS too", () => {
    const plain: DnsMessage = { ...REPLY, rcode: 3, edns: null, tc: true, opcode: OPCODE.NOTIFY };
    expect(value(decodeMessage(encodeMessage(plain)))).toEqual(plain);
  });

  test("a query is as RFC 1035 §4.1 and RFC 6891 §6.1.2 draw it", () => {
    const query = encodeMessage(
      queryMessage({ id: 0x1234, name: name("example"), type: TYPE.TLSA, rd: true, ad: true, dnssecOk: true }),
    );
    expect(formatHex(query)).toBe("123401200001000000000001" + "076578616d706c650000340001" + "00002904d0000080000000");
  });

  test("a TTL with its top bit set counts as zero", () => {
    const bytes = message([0, 1, 0, 0], `00${rest(TYPE.A, "c0000201", "80000001")}`);
    expect(value(decodeMessage(bytes)).answer[0]?.ttl).toBe(0);
  });

  test("owner names are lower-cased, names in RDATA keep their case", () => {
    const bytes = message([0, 1, 0, 0], `024d5800${rest(TYPE.NS, "024e5300")}`);
    const [record] = value(decodeMessage(bytes)).answer;
    expect(record?.name).toBe("mx.");
    expect(record && formatHex(record.rdata)).toBe("024e5300");
  });
});

describe("compression in RDATA", () => {
  const question = "076578616d706c650000060001";
  const decode = (type: number, rdata: string): string => {
    const bytes = message([1, 1, 0, 0], `${question}c00c${rest(type, rdata)}`);
    const decoded = decodeMessage(bytes);
    const [record] = decoded.ok ? decoded.value.answer : [];
    return record === undefined ? "fault" : formatHex(record.rdata);
  };

  test("is undone for the types of RFC 1035", () => {
    expect(decode(TYPE.NS, "026e73c00c")).toBe(formatHex(encodeNs(name("ns.example"))));
    const mx = encodeMx({ preference: 10, exchange: name("example") });
    expect(decode(TYPE.MX, "000ac00c")).toBe(formatHex(mx));
    const numbers = { serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 };
    const soa = encodeSoa({ mname: name("example"), rname: name("a.example"), ...numbers });
    expect(decode(TYPE.SOA, "c00c0161c00c0000000100000002000000030000000400000005")).toBe(formatHex(soa));
  });

  test("is no compression in other types, whose octets stay", () => {
    expect(decode(TYPE.TLSA, "c00c")).toBe("c00c");
    expect(decode(TYPE.DNAME, "c00c")).toBe("c00c");
    expect(decode(65280, "c00c")).toBe("c00c");
  });

  test.each([
    { name: "leaves octets over", type: TYPE.NS, rdata: "c00c00" },
    { name: "needs more octets than RDLENGTH gives", type: TYPE.SOA, rdata: "c00cc00c00000001" },
    { name: "has a name that runs out of the RDATA", type: TYPE.NS, rdata: "0261" },
    { name: "is empty", type: TYPE.CNAME, rdata: "" },
  ])("is refused when the RDATA $name", ({ type, rdata }) => {
    expect(decode(type, rdata)).toBe("fault");
  });

  test("empty RDATA of classes ANY and NONE is for any type, as UPDATE needs it", () => {
    for (const rrClass of ["00ff", "00fe"]) {
      const bytes = message([0, 0, 1, 0], `00${rest(TYPE.NS, "", "00000000", rrClass)}`);
      expect(value(decodeMessage(bytes)).authority[0]?.rdata).toHaveLength(0);
    }
  });
});

describe("a message is refused", () => {
  const a = `00${rest(TYPE.A, "c0000201")}`;
  const opt = "0000290200000000000000";
  test.each([
    { name: "when it is shorter than a header", bytes: new Uint8Array(11) },
    { name: "when octets follow the last record", bytes: message([0, 1, 0, 0], `${a}00`) },
    { name: "when it counts more records than it has", bytes: message([0, 2, 0, 0], a) },
    { name: "when it counts fewer records than it has", bytes: message([0, 1, 0, 0], a + a) },
    { name: "when RDLENGTH leads past the end", bytes: message([0, 1, 0, 0], "0000010001000000000005c0000201") },
    { name: "when a question is cut short", bytes: message([1, 0, 0, 0], "00000100") },
    { name: "when it has two OPT records", bytes: message([0, 0, 0, 2], opt + opt) },
    { name: "when OPT stands in the answer", bytes: message([0, 1, 0, 0], opt) },
    { name: "when OPT has an owner", bytes: message([0, 0, 0, 1], `0161${opt}`) },
    { name: "when an EDNS option is cut short", bytes: message([0, 0, 0, 1], "0000290200000000000005000f000200") },
  ])("$name", ({ bytes }) => {
    expect(decodeMessage(bytes)).toMatchObject({ ok: false, fault: { code: "DNS_MESSAGE_MALFORMED" } });
  });

  test("when it is cut at any octet", () => {
    for (const cut of truncations(encodeMessage(REPLY))) expect(decodeMessage(cut).ok).toBe(false);
  });
});

describe("hostile octets", () => {
  test("at random never make decoding throw, and what decodes encodes to the same meaning", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.nat({ max: 2 }), { minLength: 4, maxLength: 4 }),
        (body, counts) => {
          const [qd = 0, an = 0, ns = 0, ar = 0] = counts;
          const decoded = decodeMessage(message([qd, an, ns, ar], formatHex(body)));
          if (decoded.ok) expect(value(decodeMessage(encodeMessage(decoded.value)))).toEqual(decoded.value);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("changed one at a time never make decoding throw", () => {
    const bytes = encodeMessage(REPLY);
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), octet), { maxLength: 4 }), (changes) => {
        const changed = bytes.slice();
        for (const [at, put] of changes) changed[at] = put;
        expect(typeof decodeMessage(changed).ok).toBe("boolean");
      }),
      { numRuns: 2000 },
    );
  });
});
