import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import { formatTlsa } from "../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { changeFragment, formatFragment, parseFragment, refuseOwners } from "../../src/publisher/fragment.ts";
import type { Fragment } from "../../src/publisher/fragment.ts";
import type { TlsaChange } from "../../src/publisher/publisher.ts";
import { name } from "../fakes/scripted-dns.ts";

const FILE = "/etc/tlsa.inc";
const MX = name("_25._tcp.mx.example.org");
const WWW = name("_443._tcp.www.example.org");
const ZONE = name("example.org");

function record(octet: number): TlsaRdata {
  return { usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32).fill(octet) };
}

function text(octet: number): string {
  return formatTlsa(record(octet));
}

function read(content: string): Fragment {
  const parsed = parseFragment(content, FILE);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

function lines(fragment: Fragment): readonly string[] {
  return formatFragment(fragment)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith(";"));
}

describe("the text of a fragment", () => {
  test("is sorted, absolute, with TTL and class on each line, and a digest of the records", () => {
    const fragment = new Map([
      [WWW, { ttl: seconds(60), records: [record(9), record(1)] }],
      [MX, { ttl: seconds(3600), records: [record(5)] }],
    ]);
    expect(lines(fragment)).toEqual([
      `_25._tcp.mx.example.org. 3600 IN TLSA ${text(5)}`,
      `_443._tcp.www.example.org. 60 IN TLSA ${text(1)}`,
      `_443._tcp.www.example.org. 60 IN TLSA ${text(9)}`,
    ]);
    expect(formatFragment(fragment)).toMatch(/^; .*daneward.*\n; sha256 of the records below: [0-9a-f]{64}\n_25/);
  });

  test("is the same for the same records in another order", () => {
    const one = new Map([[MX, { ttl: seconds(60), records: [record(1), record(2)] }]]);
    const other = new Map([[MX, { ttl: seconds(60), records: [record(2), record(1)] }]]);
    expect(formatFragment(one)).toBe(formatFragment(other));
  });

  test("without records is a file of comments, and reads as no records", () => {
    const empty = formatFragment(new Map());
    expect(empty.split("\n").every((line) => line === "" || line.startsWith(";"))).toBe(true);
    expect(read(empty).size).toBe(0);
    expect(read("").size).toBe(0);
  });

  test("reads back as it was written", () => {
    const octets = fc.uniqueArray(fc.nat({ max: 255 }), { minLength: 1, maxLength: 5 });
    const sets = fc.uniqueArray(fc.tuple(fc.constantFrom(MX, WWW, ZONE), fc.nat({ max: 86_400 }), octets), {
      selector: ([owner]) => owner,
    });
    fc.assert(
      fc.property(sets, (drawn) => {
        const fragment = new Map(
          drawn.map(([owner, ttl, all]) => [owner, { ttl: seconds(ttl), records: all.map(record) }]),
        );
        expect(formatFragment(read(formatFragment(fragment)))).toBe(formatFragment(fragment));
      }),
      { numRuns: 60 },
    );
  });
});

describe("reading what somebody else wrote", () => {
  test("takes class before TTL, any case, digits in pieces, comments and blank lines", () => {
    const hex = "05".repeat(32);
    const content = `; by hand\n\n_25._tcp.MX.example.org. in 60 tlsa 3 1 1 ${hex.slice(0, 20)} ${hex.slice(20).toUpperCase()} ; old\r\n`;
    expect(lines(read(content))).toEqual([`_25._tcp.mx.example.org. 60 IN TLSA ${text(5)}`]);
  });

  test("takes the larger of two TTLs", () => {
    const content = [60, 90].map((ttl) => `${MX} ${String(ttl)} IN TLSA ${text(ttl)}\n`).join("");
    expect(read(content).get(MX)?.ttl).toBe(90);
  });

  test.each([
    ["another type", "example.org. 60 IN MX 10 mx.example.org.", "line 1 holds MX"],
    ["a signature", `${MX} 60 IN RRSIG TLSA 13 5 60 1 1 1 example.org. AAAA`, "line 1 holds RRSIG"],
    ["a directive", "$ORIGIN example.org.", "line 1 is the directive $ORIGIN"],
    ["a line that goes on", `_25._tcp IN TLSA ${text(1)}`, "line 1 needs a TTL in seconds and the class IN"],
    [
      "a relative name",
      `_25._tcp.mx 60 IN TLSA ${text(1)}`,
      "has the owner name _25._tcp.mx, which is not an absolute one",
    ],
    ["no owner name", `  60 IN TLSA ${text(1)}`, "line 1 has no owner name"],
    ["no class", `${MX} 60 TLSA ${text(1)}`, "needs a TTL in seconds and the class IN"],
    ["another class", `${MX} 60 CH TLSA ${text(1)}`, "line 1 holds CH"],
    ["a TTL out of range", `${MX} 2147483648 IN TLSA ${text(1)}`, "needs a TTL in seconds and the class IN"],
    ["parentheses", `${MX} 60 IN TLSA ( ${text(1)} )`, "is not a TLSA record"],
    ["an odd digit", `${MX} 60 IN TLSA 3 1 1 abc`, "does not end in hexadecimal digits"],
    ["a key", "-----BEGIN PRIVATE KEY-----", "is not a file of TLSA records: line 1 "],
  ])("refuses %s and names the line", (_, content, want) => {
    const parsed = parseFragment(`${content}\n`, FILE);
    expect(parsed.ok ? null : parsed.fault.code).toBe("FRAGMENT_FOREIGN");
    expect(parsed.ok ? "" : parsed.fault.message).toContain(want);
    expect(parsed.ok ? "" : parsed.fault.message).toContain(FILE);
  });

  test("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (content) => {
        parseFragment(content, FILE);
        parseFragment(`${MX} 60 IN TLSA ${content}`, FILE);
      }),
    );
  });
});

describe("a change", () => {
  const base: TlsaChange = { owner: MX, zone: ZONE, ttl: seconds(300), add: [], remove: [], expected: null };
  const present = new Map([
    [MX, { ttl: seconds(60), records: [record(1), record(2)] }],
    [WWW, { ttl: seconds(60), records: [record(7)] }],
  ]);
  const after = (change: Partial<TlsaChange>, from: Fragment = present): readonly string[] | string => {
    const changed = changeFragment(from, { ...base, ...change }, FILE);
    return changed.ok ? lines(changed.value) : `${changed.fault.code}: ${changed.fault.message}`;
  };
  const other = `${WWW} 60 IN TLSA ${text(7)}`;

  test("adds records and gives the set the new TTL, and leaves other names alone", () => {
    expect(after({ add: [record(3)] })).toEqual([
      ...[1, 2, 3].map((octet) => `${MX} 300 IN TLSA ${text(octet)}`),
      other,
    ]);
  });

  test("adding what is there changes nothing but the TTL", () => {
    expect(after({ add: [record(2)], ttl: seconds(60) })).toEqual(lines(present));
  });

  test("removes exactly the records named and keeps the TTL of the rest", () => {
    const expected = [record(1), record(2), record(99)];
    expect(after({ remove: [record(1)], expected })).toEqual([`${MX} 60 IN TLSA ${text(2)}`, other]);
  });

  test("removing what is gone already changes nothing", () => {
    expect(after({ remove: [record(9)], expected: [record(9), record(1), record(2)] })).toEqual(lines(present));
  });

  test("does not remove while the file holds a record that no server serves", () => {
    expect(after({ remove: [record(1)], expected: [record(1)] })).toMatch(
      /^PUBLISH_CONFLICT: \/etc\/tlsa\.inc holds "3 1 1 0202.*which the name servers do not serve yet$/,
    );
  });

  test("does not remove the last record when the one to stay is not in the file", () => {
    const only = new Map([[MX, { ttl: seconds(60), records: [record(1)] }]]);
    expect(after({ remove: [record(1)], expected: [record(1), record(2)] }, only)).toMatch(
      /^PUBLISH_CONFLICT: \/etc\/tlsa\.inc does not hold "3 1 1 0202.*which was to stay$/,
    );
    expect(after({ remove: [record(1)], expected: [record(1)] }, only)).toEqual([]);
  });
});

describe("owner names", () => {
  const fragment = new Map([[MX, { ttl: seconds(60), records: [record(1)] }]]);
  test("of certificates that publish here may stand in the file, others may not", () => {
    expect(refuseOwners(fragment, new Set([MX]), { zone: ZONE, file: FILE })).toBeNull();
    expect(refuseOwners(fragment, new Set([WWW]), { zone: ZONE, file: FILE })).toMatchObject({
      code: "FRAGMENT_FOREIGN",
      message: "/etc/tlsa.inc holds records of _25._tcp.mx.example.org",
      hint: expect.stringContaining('owners = ["_25._tcp.mx.example.org"]') as string,
    });
  });

  test("of another zone mean that several zones share a file", () => {
    expect(refuseOwners(fragment, new Set([MX]), { zone: name("example.net"), file: FILE })?.hint).toContain("{zone}");
  });
});
