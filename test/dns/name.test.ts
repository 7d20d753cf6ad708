import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, formatHex } from "../../src/base/bytes.ts";
import {
  compareNames,
  countLabels,
  decodeName,
  decodePlainName,
  displayName,
  encodeName,
  isAtOrBelow,
  joinName,
  labelsOf,
  nameFromLabels,
  ownerNames,
  parentOf,
  parseName,
  ROOT,
} from "../../src/dns/name.ts";
import { hex, name, truncations, value } from "./help.ts";

const LABEL_63 = "a".repeat(63);
/** 255 octets on the wire. */
const LONGEST = `${LABEL_63}.${LABEL_63}.${LABEL_63}.${"a".repeat(61)}.`;

describe("text that is a name", () => {
  test.each([
    { name: "is lower-cased", text: "MX.Example.ORG.", want: "mx.example.org." },
    { name: "needs no final dot", text: "mx.example", want: "mx.example." },
    { name: "may be the root", text: ".", want: "." },
    { name: "may have underscores and a star", text: "*._tcp.example", want: "*._tcp.example." },
    { name: "may have an escaped dot", text: String.raw`a\.b.example`, want: String.raw`a\.b.example.` },
    { name: "may have the dot in decimal", text: String.raw`a\046b.example`, want: String.raw`a\.b.example.` },
    { name: "may end in an escaped dot", text: String.raw`a\.`, want: String.raw`a\..` },
    { name: "may have any octet in decimal", text: String.raw`\000\255\065`, want: String.raw`\000\255a.` },
    { name: "may escape what needs no escape", text: String.raw`\a\-b`, want: "a-b." },
    { name: "may have an escaped space", text: String.raw`a\ b`, want: String.raw`a\032b.` },
    { name: "may have an escaped backslash before a dot", text: String.raw`a\\.b`, want: String.raw`a\\.b.` },
    { name: "may be international", text: "Bücher.example", want: "xn--bcher-kva.example." },
    { name: "may have ideographic dots", text: "日本。example", want: "xn--wgv71a.example." },
    { name: "may have a label of foreign digits", text: "१२.example", want: "xn--e4bc.example." },
    { name: "may have 63 octets in a label", text: LABEL_63, want: `${LABEL_63}.` },
    { name: "may have 255 octets", text: LONGEST, want: LONGEST },
    { name: "may have 127 labels", text: "a.".repeat(127), want: "a.".repeat(127) },
  ])("$name", ({ text, want }) => {
    expect(value(parseName(text))).toBe(want);
    expect(value(parseName(want))).toBe(want);
  });
});

describe("text that is no name", () => {
  test.each([
    { name: "nothing", text: "" },
    { name: "an empty label", text: "a..b" },
    { name: "a dot in front", text: ".a" },
    { name: "two dots", text: ".." },
    { name: "64 octets in a label", text: `${LABEL_63}a` },
    { name: "256 octets", text: `a${LONGEST}` },
    { name: "128 labels", text: "a.".repeat(128) },
    { name: "white space", text: "a b" },
    { name: "a line break", text: "a\n" },
    { name: "an escape cut short", text: "a\\" },
    { name: "an escape of two digits", text: String.raw`a\04` },
    { name: "an escape above 255", text: String.raw`a\256` },
    { name: "an international label with an address inside", text: "é@example" },
    { name: "an international label with a percent sign", text: "é%41" },
    { name: "an unassigned letter", text: "\u{10ffff}.example" },
    { name: "an international label that becomes too long", text: `${"ü".repeat(60)}.example` },
  ])("$name", ({ text }) => {
    expect(parseName(text)).toMatchObject({ ok: false, fault: { code: "DNS_NAME_INVALID" } });
  });
});

const label = fc.uint8Array({ minLength: 1, maxLength: 63 });
const labels = fc
  .array(label, { maxLength: 20 })
  .filter((list) => list.reduce((total, each) => total + each.length + 1, 1) <= 255);

describe("names", () => {
  test("keep every octet but for case, as labels, on the wire and as text", () => {
    const folded = (octets: Uint8Array): string =>
      Buffer.from(octets)
        .toString("latin1")
        .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    fc.assert(
      fc.property(labels, (list) => {
        const made = value(nameFromLabels(list));
        expect(labelsOf(made).map(folded)).toEqual(list.map(folded));
        expect(value(parseName(made))).toBe(made);
        const wire = encodeName(made);
        expect(value(decodeName(wire, 0))).toEqual({ name: made, next: wire.length, wire });
        expect(countLabels(made)).toBe(list.length);
      }),
    );
  });

  test("are decoded with the case as received beside", () => {
    const wire = hex("03577757 03434f6d 00");
    const decoded = value(decodeName(wire, 0));
    expect(decoded.name).toBe("www.com.");
    expect(formatHex(decoded.wire)).toBe(formatHex(wire));
  });

  test("know their parents", () => {
    expect(parentOf(name(String.raw`a\.b.example`))).toBe("example.");
    expect(parentOf(name("example"))).toBe(".");
    expect(parentOf(ROOT)).toBeNull();
  });

  test.each([
    { below: "a.example.", above: "example.", want: true },
    { below: "example.", above: "example.", want: true },
    { below: "example.", above: ".", want: true },
    { below: "an-example.", above: "example.", want: false },
    { below: "example.", above: "a.example.", want: false },
    { below: String.raw`a\.example.`, above: "example.", want: false },
    { below: String.raw`a\\.example.`, above: "example.", want: true },
  ])("$below is at or below $above: $want", ({ below, above, want }) => {
    expect(isAtOrBelow(name(below), name(above))).toBe(want);
  });

  test("sort as RFC 4034 §6.1 shows", () => {
    const sorted = [
      "example.",
      "a.example.",
      "yljkjljk.a.example.",
      "Z.a.example.",
      "zABC.a.EXAMPLE.",
      "z.example.",
    ].concat(String.raw`\001.z.example.`, "*.z.example.", String.raw`\200.z.example.`);
    const names = sorted.map(name);
    expect([...names].reverse().sort(compareNames)).toEqual(names);
  });

  test("are shown without the final dot, but the root", () => {
    expect([name("mx.example"), ROOT].map(displayName)).toEqual(["mx.example", "."]);
  });

  test("are joined, unless they grow too long", () => {
    expect(value(joinName("_25._tcp", name("mx.example")))).toBe("_25._tcp.mx.example.");
    expect(value(joinName("_25._tcp", ROOT))).toBe("_25._tcp.");
    expect(joinName("a", name(LONGEST)).ok).toBe(false);
    expect(joinName("", ROOT).ok).toBe(false);
  });
});

describe("a compressed name", () => {
  const header = new Uint8Array(12);
  const message = (body: string): Uint8Array => concatBytes(header, hex(body));

  test("is followed backwards", () => {
    const decoded = value(decodeName(message("076578616d706c6500 026d78c00c"), 21));
    expect(decoded).toMatchObject({ name: "mx.example.", next: 26 });
  });

  test.each([
    { name: "leads to itself", body: "c00c", at: 12 },
    { name: "leads forwards", body: "c00e00", at: 12 },
    { name: "leads into its own labels", body: "0161c00c", at: 12 },
    { name: "leads into the header", body: "c000", at: 12 },
    { name: "is cut short", body: "c0", at: 12 },
    { name: "has a reserved label type", body: "4000", at: 12 },
    { name: "has the other reserved label type", body: "8000", at: 12 },
    { name: "loops over two pointers", body: "c00e c00c", at: 14 },
    { name: "starts past the end", body: "00", at: 13 },
    { name: "ends inside a label", body: "056162", at: 12 },
    { name: "has no end", body: "0161", at: 12 },
  ])("is refused when it $name", ({ body, at }) => {
    expect(decodeName(message(body), at)).toMatchObject({ ok: false, fault: { code: "DNS_MESSAGE_MALFORMED" } });
  });

  test("is refused beyond 255 octets", () => {
    const long = encodeName(name(LONGEST));
    expect(decodeName(concatBytes(header, long), 12).ok).toBe(true);
    const longer = concatBytes(header, long, hex("0161c00c"));
    expect(decodeName(longer, 12 + long.length)).toMatchObject({ ok: false });
  });

  test("is refused where names must be plain", () => {
    expect(decodePlainName(message("00c00c"), 13).ok).toBe(false);
  });
});

test("decoding names never throws", () => {
  for (const cut of truncations(encodeName(name("mx.example.org")))) expect(decodeName(cut, 0).ok).toBe(false);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 310 }), (bytes, offset) => {
      for (const decoded of [decodeName(bytes, offset), decodePlainName(bytes, offset)]) {
        if (decoded.ok) expect(value(parseName(decoded.value.name))).toBe(decoded.value.name);
      }
    }),
  );
});

test("parsing names never throws", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string()), (text) => {
      const parsed = parseName(text);
      if (parsed.ok) expect(value(parseName(parsed.value))).toBe(parsed.value);
    }),
    { numRuns: 1000 },
  );
});

describe("owner names that are remembered", () => {
  const header = new Uint8Array(12);
  test("read as if each were read on its own, whatever the octets", () => {
    const octet = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(0, 1, 2, 0x41, 0x61, 0xc0) },
      { weight: 4, arbitrary: fc.integer({ min: 12, max: 40 }) },
      fc.nat({ max: 255 }),
    );
    fc.assert(
      fc.property(
        fc.array(octet, { maxLength: 60 }),
        fc.array(fc.nat({ max: 75 }), { maxLength: 40 }),
        (body, order) => {
          const bytes = Uint8Array.from([...header, ...body]);
          const ownerAt = ownerNames(bytes);
          for (const offset of [...order, ...bytes.keys()]) {
            const plain = decodeName(bytes, offset);
            const remembered = ownerAt(offset);
            expect(remembered.ok).toBe(plain.ok);
            if (plain.ok && remembered.ok) {
              expect(remembered.value).toMatchObject({ name: plain.value.name, next: plain.value.next });
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("follow as many pointers as names that are read on their own, and no more", () => {
    const pointers = Array.from({ length: 130 }, (_, index) => {
      const target = index === 0 ? 12 : 15 + (index - 1) * 2;
      return [0xc0 | (target >>> 8), target & 0xff];
    });
    const bytes = Uint8Array.from([...header, 1, 0x61, 0, ...pointers.flat()]);
    const ownerAt = ownerNames(bytes);
    const offsets = [12, ...Array.from(pointers, (_, index) => 15 + index * 2)];
    const outcomes = offsets.map((offset) => ownerAt(offset).ok);
    expect(outcomes).toEqual(offsets.map((offset) => decodeName(bytes, offset).ok));
    expect(outcomes.filter((ok) => !ok)).toHaveLength(3);
  });
});

test("encoding with and without escapes agrees with the labels", () => {
  const octets = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 8 });
  const plain = fc.array(fc.stringMatching(/^[a-z0-9_*-]{1,20}$/), { maxLength: 8 });
  const labelLists = fc.oneof(
    octets,
    plain.map((list) => list.map((text) => new TextEncoder().encode(text))),
  );
  fc.assert(
    fc.property(labelLists, (list) => {
      const made = value(nameFromLabels(list));
      const wire = labelsOf(made).flatMap((one) => [one.length, ...one]);
      expect([...encodeName(made)]).toEqual([...wire, 0]);
    }),
  );
});
