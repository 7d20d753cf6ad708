import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatHex } from "../../src/base/bytes.ts";
import { instant } from "../../src/base/time.ts";
import { ROOT } from "../../src/dns/name.ts";
import { parseTrustAnchors, rootAnchors } from "../../src/dnssec/anchors.ts";
import type { TrustAnchors } from "../../src/dnssec/anchors.ts";
import { dsDigest, keyTag } from "../../src/dnssec/signature.ts";
import { name, value } from "../dns/help.ts";

const NOW = instant(Date.UTC(2026, 10, 22, 12));
const DIGEST_2017 = "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";
const DIGEST_2024 = "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16";
/** The keys as Debian's dns-root-data 2024071801 has them. */
const KEY_2017 =
  "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU=";
const KEY_2024 =
  "AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBosZBU5eeHspaQWOmOElZsjICMQMC3aeHbGiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhathWu1jo+siFUiRAAxm9qyJNg/wOZqqzL/dL/q8PkcRU5oUKEpUge71M3ej2/7CPqpdVwuMoTvoB+ZOT4YeGyxMvHmbrxlFzGOHOijtzN+u1TQNatX2XBuzZNQ1K+s2CXkPIZo7s6JgZyvaBevYtxPvYLw4z9mR7K2vaF18UYH9Z9GNUUeayffKC73PYc=";
const DS = `. IN DS 20326 8 2 ${DIGEST_2017}`;

/** What an anchor vouches for, in words that tables can hold. */
function summary(anchors: TrustAnchors): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    [...anchors].map(([zone, anchor]) => {
      const ds = anchor.ds.map((one) => [one.keyTag, one.algorithm, one.digestType].join(" "));
      return [zone, [...ds, ...anchor.dnskeys.map((key) => `key ${String(keyTag(key))}`)]];
    }),
  );
}

function read(text: string, at = NOW): Readonly<Record<string, readonly string[]>> {
  return summary(value(parseTrustAnchors(text, { source: "anchors", at })));
}

/** The message of the fault, or what was read where there should be one. */
function faultOf(text: string): string {
  const result = parseTrustAnchors(text, { source: "anchors", at: NOW });
  if (result.ok) return `accepted: ${JSON.stringify(summary(result.value))}`;
  expect(result.fault.code).toBe("TRUST_ANCHOR_INVALID");
  return result.fault.message;
}

/** A document of IANA's form; `attributes` of the second KeyDigest and what it holds behind its digest. */
function xml(attributes = 'validFrom="2024-07-18T00:00:00+00:00"', extra = ""): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- https://data.iana.org -->
<TrustAnchor id="380DC50D-484E-40D0-A3AE-68F2B18F61C7" source="http://data.iana.org/root-anchors/root-anchors.xml">
<Zone>.</Zone>
<KeyDigest id="Kjqmt7v" validFrom="2010-07-15T00:00:00+00:00" validUntil="2019-01-11T00:00:00+00:00">
<KeyTag>19036</KeyTag>
<Algorithm>8</Algorithm>
<DigestType>2</DigestType>
<Digest>49AAC11D7B6F6446702E54A1607371607A1A41855200FD2CE1CDDE32F24E8FB5</Digest>
</KeyDigest>
<KeyDigest id="Kmyv6jo" ${attributes}>
<KeyTag>38696</KeyTag>
<Algorithm>8</Algorithm>
<DigestType>2</DigestType>
<Digest>
  ${DIGEST_2024}
</Digest>${extra}
</KeyDigest>
</TrustAnchor>
`;
}

const PUBLIC_KEY = `<PublicKey>\n${KEY_2024.replace(/(.{60})/g, "$1\n")}</PublicKey><Flags>257</Flags>`;

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

describe("a fault names line, column and cause:", () => {
  test.each([
    { name: "nothing", text: " \n\t\n", want: "anchors: it is empty" },
    { name: "comments only", text: "; nothing here\n", want: "anchors: no trust anchor is in it" },
    { name: "an empty clause", text: "trust-anchors { };", want: "anchors: no trust anchor is in it" },
    {
      name: "another type",
      text: `${DS}\n. 3600 IN NS a.root-servers.net.`,
      want: 'anchors:2:11: "NS" records are no trust anchors: DS or DNSKEY is needed',
    },
    { name: "no type", text: `. IN 20326`, want: "anchors:1:11: the record has no type: DS or DNSKEY is needed" },
    { name: "prose", text: "this is no anchor", want: 'anchors:1:6: "is" is no record type: DS or DNSKEY is needed' },
    { name: "another class", text: `. CH DS 20326 8 2 ${DIGEST_2017}`, want: 'anchors:1:3: "CH" is not the class IN' },
    {
      name: "a directive",
      text: `$ORIGIN .\n${DS}`,
      want: 'anchors:1:1: "$ORIGIN" is not understood in a file of trust anchors',
    },
    { name: "no owner", text: ` IN DS 20326 8 2 ${DIGEST_2017}`, want: "anchors:1:2: the record has no owner name" },
    {
      name: "a name that is none",
      text: `a..b DS 20326 8 2 ${DIGEST_2017}`,
      want: 'anchors:1:1: the name "a..b" has an empty label',
    },
    {
      name: "a parenthesis left open",
      text: `. DS ( 20326 8 2\n${DIGEST_2017}\n`,
      want: "anchors:1:6: a parenthesis is never closed",
    },
    {
      name: "a parenthesis closed twice",
      text: `. DS ( 20326 8 2 ${DIGEST_2017} ) )`,
      want: "anchors:1:85: a parenthesis is closed that was never opened",
    },
    {
      name: "too few fields",
      text: "\n\n. DS 20326 8 2\n",
      want: "anchors:3:15: a DS record needs four fields: key tag, algorithm, digest type, digest",
    },
    {
      name: "a key tag that is too large",
      text: `. DS 70000 8 2 ${DIGEST_2017}`,
      want: 'anchors:1:6: "70000" is no key tag: a number up to 65535 is needed',
    },
    {
      name: "an algorithm that is none",
      text: `. DS 1 RSA 2 ${DIGEST_2017}`,
      want: 'anchors:1:8: "RSA" is no algorithm: a number up to 255 is needed',
    },
    {
      name: "a digest that is no hex",
      text: ". DS 20326 8 2 xyz",
      want: "anchors:1:16: the digest is not hexadecimal, two digits for each octet",
    },
    {
      name: "a digest that is cut short",
      text: `. DS 20326 8 2 ${DIGEST_2017.slice(2)}`,
      want: "anchors:1:6: the digest has 31 octets, but SHA-256 makes 32",
    },
    { name: "a key that is no base64", text: ". DNSKEY 257 3 8 AwEAA", want: "anchors:1:18: the key is not base64" },
    {
      name: "a key that is cut short",
      text: `. DNSKEY 257 3 8 ${KEY_2017.slice(0, 40)}`,
      want: "anchors:1:10: the key does not fit algorithm 8",
    },
    {
      name: "a key that is no zone key",
      text: `. DNSKEY 1 3 8 ${KEY_2017}`,
      want: "anchors:1:10: the key is no zone key: flags 1 lack the bit 256",
    },
    {
      name: "a revoked key",
      text: `. DNSKEY 385 3 8 ${KEY_2017}`,
      want: "anchors:1:10: the key is revoked: flags 385 have the bit 128",
    },
    {
      name: "another protocol",
      text: `. DNSKEY 257 2 8 ${KEY_2017}`,
      want: "anchors:1:10: the key has protocol 2, it must be 3",
    },
    {
      name: "generic RDATA of a wrong length",
      text: String.raw`. DS \# 35 4F6608 02 ` + DIGEST_2017,
      want: "anchors:1:6: the RDATA is not in the generic form",
    },
    {
      name: "keys that are all pending",
      text: `. DNSKEY 257 3 8 ${KEY_2024} ;;state=1 [ ADDPEND ]`,
      want: "anchors: no trust anchor in it may be used at 2026-11-22T12:00:00Z: key 38696 of . is still pending, says the file (state 1)",
    },
    {
      name: "a brace left open",
      text: `trust-anchors {\n. static-ds 20326 8 2 "${DIGEST_2017}";`,
      want: "anchors:1:15: a brace is never closed",
    },
    {
      name: "a quotation mark left open",
      text: `trust-anchors {\n. static-ds 20326 8 2 "${DIGEST_2017}; };`,
      want: "anchors:2:23: a quotation mark is never closed",
    },
    {
      name: "a comment left open",
      text: `trust-anchors {\n/* . static-ds`,
      want: "anchors:2:1: a comment is never closed",
    },
    {
      name: "a semicolon left out",
      text: `trust-anchors { . static-ds 20326 8 2 "${DIGEST_2017}" };`,
      want: "anchors:1:106: a semicolon is missing",
    },
    {
      name: "a keyword left out",
      text: `trust-anchors { . 257 3 8 "${KEY_2017}"; };`,
      want: 'anchors:1:19: "257" follows the name, but static-key, initial-key, static-ds or initial-ds must',
    },
    {
      name: "a revoked key in BIND's form",
      text: `trusted-keys { . 385 3 8 "${KEY_2017}"; };`,
      want: "anchors:1:18: the key is revoked: flags 385 have the bit 128",
    },
    {
      name: "a configuration without anchors",
      text: "options { directory x; };",
      want: "anchors: no trust anchor is in it",
    },
    {
      name: "Unbound's line without quotation marks",
      text: `server:\n trust-anchor: ${DS}`,
      want: 'anchors:2:16: the trust anchor is not in quotation marks: "NAME DS …"',
    },
    {
      name: "Unbound's line with a fault in it",
      text: `server:\n trust-anchor: ". DS 20326 8 2 xyz"`,
      want: "anchors:2:32: the digest is not hexadecimal, two digits for each octet",
    },
    {
      name: "Unbound's line that names a file",
      text: `server:\n auto-trust-anchor-file: "/var/lib/unbound/root.key"`,
      want: "anchors:2:26: the line auto-trust-anchor-file names another file",
    },
    {
      name: "too many anchors",
      text: Array.from({ length: 300 }, (_, tag) => `. DS ${String(tag)} 8 250 00`).join("\n"),
      want: "anchors: more than 256 trust anchors are in it",
    },
    {
      name: "a text that is too large",
      text: ";".repeat(1_100_000),
      want: "anchors: it is too large for a file of trust anchors",
    },
  ])("$name", ({ text, want }) => {
    expect(faultOf(text)).toBe(want);
  });

  const change = (from: string, to: string): string => xml().replace(from, to);
  test.each([
    {
      name: "a document type",
      text: change("<!--", '<!DOCTYPE x [<!ENTITY a "b">]><!--'),
      want: "anchors:2:1: a document type, an entity or a CDATA section stands here",
    },
    {
      name: "an entity",
      text: change("<Zone>.", "<Zone>&root;"),
      want: "anchors:4:7: a reference to an entity stands here",
    },
    {
      name: "a comment left open",
      text: change(" -->", ""),
      want: "anchors:2:1: a comment that is not closed as it should be stands here",
    },
    {
      name: "an element left open",
      text: change("</TrustAnchor>", ""),
      want: "anchors:3:1: <TrustAnchor> is never closed",
    },
    {
      name: "elements that overlap",
      text: change("</Zone>", "</KeyTag>"),
      want: "anchors:4:8: </KeyTag> closes what was not opened last",
    },
    {
      name: "another document",
      text: "<html><body></body></html>",
      want: "anchors:1:1: the document's element is <html>, not <TrustAnchor>",
    },
    {
      name: "two documents",
      text: `${xml()}<a/>`,
      want: "anchors:20:1: the document has more than one element",
    },
    { name: "only a prologue", text: '<?xml version="1.0"?>', want: "anchors: no trust anchor is in it" },
    { name: "no zone", text: change("<Zone>.</Zone>", ""), want: "anchors:3:1: <Zone> is missing in <TrustAnchor>" },
    {
      name: "two zones",
      text: change("<Zone>.</Zone>", "<Zone>.</Zone><Zone>.</Zone>"),
      want: "anchors:4:15: <Zone> occurs twice in <TrustAnchor>",
    },
    {
      name: "an unknown element",
      text: change("<KeyTag>19036</KeyTag>", "<KeyTag>19036</KeyTag><X/>"),
      want: "anchors:6:23: <X> is no part of <KeyDigest>",
    },
    {
      name: "an element in a field",
      text: change("19036", "<X/>19036"),
      want: "anchors:6:9: <KeyTag> holds <X>, but must hold text",
    },
    {
      name: "text beside elements",
      text: change("<KeyTag>19036", "hello<KeyTag>19036"),
      want: "anchors:6:1: text stands in <KeyDigest> beside its elements",
    },
    {
      name: "no digest type",
      text: change("<DigestType>2</DigestType>", ""),
      want: "anchors:5:1: <DigestType> is missing in <KeyDigest>",
    },
    { name: "no beginning", text: xml(""), want: "anchors:11:1: validFrom is missing in <KeyDigest>" },
    {
      name: "a time without zone",
      text: xml('validFrom="2024-07-18T00:00:00"'),
      want: 'anchors:11:25: validFrom, "2024-07-18T00:00:00", is no date and time with a zone',
    },
    {
      name: "a key without flags",
      text: xml(undefined, PUBLIC_KEY.replace(/<Flags>.*/, "")),
      want: "anchors:18:1: <PublicKey> and <Flags> must stand together",
    },
    {
      name: "another key than its digest's",
      text: xml(undefined, `<PublicKey>${KEY_2017}</PublicKey><Flags>257</Flags>`),
      want: "anchors:16:3: the key has the tag 20326, but 38696 is written beside it",
    },
    {
      name: "another digest than its key's",
      text: xml(undefined, PUBLIC_KEY).replace("683D2D", "683D2E"),
      want: "anchors:16:3: the digest is not that of the key beside it",
    },
  ])("in XML, $name", ({ text, want }) => {
    expect(faultOf(text)).toBe(want);
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
  ])("reading it takes no time: $name", ({ text }) => {
    const start = process.hrtime.bigint();
    never(text);
    expect(Number(process.hrtime.bigint() - start) / 1e6).toBeLessThan(1500);
  });
});

test("names of zones are compared without regard to case", () => {
  const anchors = value(parseTrustAnchors(`EXAMPLE. DS 1 8 2 ${DIGEST_2017}`, { source: "x", at: NOW }));
  expect(anchors.get(name("example"))?.zone).toBe("example.");
});
