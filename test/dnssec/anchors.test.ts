import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatHex } from "../../src/base/bytes.ts";
import { instant } from "../../src/base/time.ts";
import { ROOT } from "../../src/dns/name.ts";
import { parseTrustAnchors } from "../../src/dnssec/anchors.ts";
import { rootAnchors } from "../../src/dnssec/root-anchors.ts";
import { dsDigest, keyTag } from "../../src/dnssec/signature.ts";
import { name, value } from "../dns/help.ts";
import {
  DIGEST_2017,
  DIGEST_2024,
  DS,
  faultOf,
  KEY_2017,
  KEY_2024,
  NOW,
  PUBLIC_KEY,
  read,
  xml,
} from "./anchor-samples.ts";

describe("the built-in anchors", () => {
  test("are those of the root's keys of 2017 and 2024", () => {
    const root = rootAnchors().get(ROOT);
    const keys = [
      ...value(
        parseTrustAnchors(`. DNSKEY 257 3 8 ${KEY_2017}\n. DNSKEY 257 3 8 ${KEY_2024}`, { source: "", at: NOW }),
      ).values(),
    ];
    const made = keys.flatMap((anchor) => anchor.dnskeys.map((key) => [keyTag(key), dsDigest(ROOT, key, 2)]));
    expect(made).toEqual(root?.ds.map((ds) => [ds.keyTag, ds.digest]));
    expect(root?.ds.map((ds) => [ds.keyTag, ds.algorithm, ds.digestType])).toEqual([
      [20326, 8, 2],
      [38696, 8, 2],
    ]);
    expect(root).toMatchObject({ zone: ".", dnskeys: [], source: "built in" });
  });
});

const BOTH_DS = { ".": ["20326 8 2", "38696 8 2"] };
const BOTH_KEYS = { ".": ["key 20326", "key 38696"] };

const FORMS = [
  { name: "DS records", text: `${DS}\n. IN DS 38696 8 2 ${DIGEST_2024}\n`, want: BOTH_DS },
  {
    name: "DS records without class, or with a TTL, or both",
    text: `. DS 20326 8 2 ${DIGEST_2017}\n. 2d IN DS 38696 8 2 ${DIGEST_2024.toLowerCase()}`,
    want: BOTH_DS,
  },
  {
    name: "DS records with class before TTL, by number",
    text: `. CLASS1 172800 TYPE43 20326 8 2 ${DIGEST_2017}`,
    want: { ".": ["20326 8 2"] },
  },
  { name: "an algorithm by its mnemonic", text: `. DS 20326 RSASHA256 2 ${DIGEST_2017}`, want: { ".": ["20326 8 2"] } },
  { name: "the generic form", text: String.raw`. DS \# 36 4F66 08 02 ` + DIGEST_2017, want: { ".": ["20326 8 2"] } },
  {
    name: "a record over several lines",
    text: `. IN DS ( 20326 8 ; sha-256\n   2 ${DIGEST_2017.slice(0, 32)}\n   ${DIGEST_2017.slice(32)} ) ; done`,
    want: { ".": ["20326 8 2"] },
  },
  {
    name: "Debian's root.key",
    text: `. IN DNSKEY 257 3 8 ${KEY_2017} ; keytag 20326\n. IN DNSKEY 257 3 8 ${KEY_2024} ; keytag 38696\n`,
    want: BOTH_KEYS,
  },
  {
    name: "lines that end as in DOS, and a byte order mark",
    text: `\ufeff; anchors\r\n${DS}\r\n\r\n`,
    want: { ".": ["20326 8 2"] },
  },
  {
    name: "the owner of the line before",
    text: `.\tIN DS 20326 8 2 ${DIGEST_2017}\n\tIN DS 38696 8 2 ${DIGEST_2024}\n 300 DS 38696 8 2 ${DIGEST_2024}`,
    want: BOTH_DS,
  },
  { name: "an indented record with its owner", text: `   ${DS}`, want: { ".": ["20326 8 2"] } },
  {
    name: "the same record twice, once",
    text: `${DS}\n. 60 ds 20326 8 2 ${DIGEST_2017.toLowerCase()}\n${DS}`,
    want: { ".": ["20326 8 2"] },
  },
  {
    name: "several zones, names with and without the final dot, in any case",
    text: `${DS}\nExample.COM DS 1 13 2 ${DIGEST_2024}\nexample.com. DS 2 13 1 ${"ab".repeat(20)}\n`,
    want: { ".": ["20326 8 2"], "example.com.": ["1 13 2", "2 13 1"] },
  },
  {
    name: "DS and DNSKEY of one zone",
    text: `${DS}\n. DNSKEY 257 3 8 ${KEY_2024}`,
    want: { ".": ["20326 8 2", "key 38696"] },
  },
  { name: "algorithms and digests that are unknown", text: ". DS 1 250 250 00", want: { ".": ["1 250 250"] } },
  {
    name: "the file that Unbound keeps, without the keys that are pending, revoked or removed",
    text: `; autotrust trust anchor file
;;id: . 1
;;last_queried: 1790000000 ;;Mon Sep 21 13:33:20 2026
.\t86400\tIN\tDNSKEY\t257 3 8 ${KEY_2017} ;{id = 20326 (ksk), size = 2048b} ;;state=3 [ MISSING ] ;;count=0
.\t86400\tIN\tDNSKEY\t257 3 8 ${KEY_2024} ;{id = 38696 (ksk), size = 2048b} ;;state=2 [  VALID  ] ;;count=0
one.\t86400\tIN\tDNSKEY\t257 3 8 ${KEY_2024} ;;state=1 [ ADDPEND ] ;;count=2
two.\t86400\tIN\tDNSKEY\t385 3 8 ${KEY_2024} ;;state=4 [ REVOKED ] ;;count=0
three.\t86400\tIN\tDNSKEY\t385 3 8 ${KEY_2024} ;;state=5 [ REMOVED ] ;;count=0
`,
    want: BOTH_KEYS,
  },
  {
    name: "BIND's trust-anchors with keys",
    text: `# bind.keys; see {}\ntrust-anchors {\n  // of 2017\n  . initial-key 257 3 8 "${KEY_2017.slice(0, 50)}\n      ${KEY_2017.slice(50)}";\n  /* of\n 2024 */ "." static-key 257 3 8 "${KEY_2024}";\n};\n`,
    want: BOTH_KEYS,
  },
  {
    name: "BIND's trust-anchors behind a comment that looks like Unbound's options",
    text: `/*\n note: of 2017\n */\ntrust-anchors\n{\n . initial-ds 20326 8 2 "${DIGEST_2017}"; };`,
    want: { ".": ["20326 8 2"] },
  },
  {
    name: "DS records behind a comment that looks like BIND's clauses",
    text: `; trust-anchors { . }; server: x\n${DS}`,
    want: { ".": ["20326 8 2"] },
  },
  {
    name: "Unbound's lines beside a comment that looks like BIND's clauses",
    text: `# trust-anchors { . };\nserver:\n trust-anchor: "${DS}"`,
    want: { ".": ["20326 8 2"] },
  },
  {
    name: "BIND's trust-anchors with digests",
    text: `trust-anchors { . initial-ds 20326 8 2 "${DIGEST_2017}"; . static-ds 38696 8 2 "${DIGEST_2024}"; };`,
    want: BOTH_DS,
  },
  {
    name: "BIND's older managed-keys and trusted-keys",
    text: `managed-keys { "." initial-key 257 3 8 "${KEY_2017}"; };\ntrusted-keys {\n . 257 3 8 "${KEY_2024}"; };`,
    want: BOTH_KEYS,
  },
  {
    name: "trust anchors within a whole named.conf",
    text: `options { directory "/var/cache/bind"; };\nzone "." { type hint; };\nview "in" { trust-anchors { . static-ds 20326 8 2 "${DIGEST_2017}"; }; };\ninclude "trust-anchors";`,
    want: { ".": ["20326 8 2"] },
  },
  {
    name: "Unbound's trust-anchor lines",
    text: `server:\n  verbosity: 1 # quiet\n  # trust-anchor: "example. DS 1 1 1 00"\n  trust-anchor: "${DS}"\n\ttrust-anchor: '. DNSKEY 257 3 8 ${KEY_2024}' # of 2024\n`,
    want: { ".": ["20326 8 2", "key 38696"] },
  },
  { name: "IANA's document, without what is no longer valid", text: xml(), want: { ".": ["38696 8 2"] } },
  { name: "IANA's document with a public key", text: xml(undefined, PUBLIC_KEY), want: { ".": ["38696 8 2"] } },
  {
    name: "IANA's document of a zone other than the root",
    text: xml().replace("<Zone>.<", "<Zone> Example. <"),
    want: { "example.": ["38696 8 2"] },
  },
] as const;

describe("trust anchors are read from", () => {
  test.each(FORMS)("$name", ({ text, want }) => {
    expect(read(text)).toEqual(want);
  });

  test("a text whose name becomes their source", () => {
    const anchors = value(parseTrustAnchors(DS, { source: "/etc/root.ds", at: NOW }));
    const anchor = anchors.get(ROOT);
    expect(anchor?.source).toBe("/etc/root.ds");
    expect(anchor?.ds.map((ds) => formatHex(ds.digest))).toEqual([DIGEST_2017.toLowerCase()]);
  });
});

describe("periods of validity", () => {
  const text = xml('validFrom="2018-01-01T00:00:00+00:00" validUntil="2020-01-01T00:00:00Z"');
  test.each([
    { at: "2017-12-31T23:59:59Z", want: ["19036 8 2"] },
    { at: "2018-01-01T00:00:00Z", want: ["19036 8 2", "38696 8 2"] },
    { at: "2019-01-11T00:00:00Z", want: ["38696 8 2"] },
    { at: "2019-12-31T23:59:59Z", want: ["38696 8 2"] },
  ])("at $at leave $want", ({ at, want }) => {
    expect(read(text, instant(Date.parse(at)))).toEqual({ ".": want });
  });

  test.each([
    {
      at: "2010-07-14T00:00:00Z",
      want: "key 19036 of . is not valid before 2010-07-15T00:00:00Z, key 38696 of . is not valid before 2018-01-01T00:00:00Z",
    },
    {
      at: "2020-01-01T00:00:00Z",
      want: "key 19036 of . was valid until 2019-01-11T00:00:00Z, key 38696 of . was valid until 2020-01-01T00:00:00Z",
    },
  ])("at $at leave nothing, and the fault says why", ({ at, want }) => {
    const result = parseTrustAnchors(text, { source: "a.xml", at: instant(Date.parse(at)) });
    expect(result.ok ? "" : result.fault.message).toBe(`a.xml: no trust anchor in it may be used at ${at}: ${want}`);
  });

  test("count zones of time", () => {
    const east = xml('validFrom="2026-11-22T13:30:00+01:00"').replace("19036", "19037");
    expect(faultOf(east)).toContain("key 38696 of . is not valid before 2026-11-22T12:30:00Z");
  });
});

describe("whatever the text", () => {
  const never = (text: string): void => {
    const result = parseTrustAnchors(text, { source: "anchors", at: NOW });
    if (!result.ok) expect(result.fault.code).toBe("TRUST_ANCHOR_INVALID");
    else expect(result.value.size).toBeGreaterThan(0);
  };

  test("reading it never throws: cut at any character", () => {
    for (const { text } of FORMS)
      for (let end = 0; end < text.length; end += text.length > 800 ? 7 : 1) never(text.slice(0, end));
  });

  test("reading it never throws: with pieces of it changed", () => {
    const piece = fc.constantFrom(
      "",
      " ",
      "\n",
      ";",
      "(",
      ")",
      "{",
      "}",
      '"',
      "'",
      "<",
      ">",
      "</",
      "<!--",
      "-->",
      "&",
      "/*",
      "*/",
      "#",
      "\\",
      "\\#",
      "0",
      "-",
      ".",
      "=",
      "\0",
      "ü",
      "\ud800",
      "DS",
      "IN",
      "<X>",
      "trust-anchor:",
    );
    const form = fc.constantFrom(...FORMS.map(({ text }) => text));
    fc.assert(
      fc.property(
        form,
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 12 }), piece), { maxLength: 5 }),
        (text, changes) => {
          let changed: string = text;
          for (const [where, length, instead] of changes) {
            const at = Math.floor(where * changed.length);
            changed = changed.slice(0, at) + instead + changed.slice(at + length);
          }
          never(changed);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("reading it never throws: with anything in it", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), never), { numRuns: 1000 });
    fc.assert(
      fc.property(
        fc.string({ maxLength: 100 }).map((text) => `<TrustAnchor>${text}`),
        never,
      ),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(
        fc.string({ maxLength: 100 }).map((text) => `trust-anchors {${text}`),
        never,
      ),
      { numRuns: 300 },
    );
  });

  test.each([
    { name: "digits", text: ". " + "1".repeat(500_000) },
    { name: "parentheses", text: "(".repeat(500_000) },
    { name: "white space before an element", text: `${" ".repeat(500_000)}<` },
    { name: "elements", text: "<a>".repeat(300_000) },
    { name: "elements side by side", text: `<TrustAnchor>${"<a></a>".repeat(100_000)}</TrustAnchor>` },
    { name: "attributes", text: `<a ${'b="c" '.repeat(150_000)}` },
    { name: "white space in an element", text: `<a ${" ".repeat(500_000)}` },
    { name: "a comment", text: `<!--${"- ".repeat(500_000)}--><a/>` },
    { name: "comments of BIND", text: `{ ${"/*".repeat(400_000)}` },
    { name: "braces", text: "trust-anchors {".repeat(60_000) },
    { name: "quotation marks", text: `trust-anchor: "${'" '.repeat(400_000)}x` },
    { name: "a key", text: `. DNSKEY 257 3 8 ${"A".repeat(1_000_000)}` },
    { name: "a digest in pieces", text: `. DS 1 8 2 ${"ab ".repeat(300_000)}` },
    { name: "lines", text: ". DS 1 8 250 00\n".repeat(60_000) },
    { name: "options", text: "a: b\n".repeat(200_000) + "server:\n" },
  ])("reading it ends soon, where quadratic work would take minutes: $name", ({ text }) => {
    never(text);
  });
});

test("names of zones are compared without regard to case", () => {
  const anchors = value(parseTrustAnchors(`EXAMPLE. DS 1 8 2 ${DIGEST_2017}`, { source: "x", at: NOW }));
  expect(anchors.get(name("example"))?.zone).toBe("example.");
});
