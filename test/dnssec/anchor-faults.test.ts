import { describe, expect, test } from "vitest";
import { DIGEST_2017, DS, faultOf, KEY_2017, KEY_2024, PUBLIC_KEY, xml } from "./anchor-samples.ts";

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
      name: "Unbound's configuration without anchors",
      text: '# see unbound.conf(5) {}\ninclude-toplevel: "/etc/unbound/unbound.conf.d/*.conf"\n',
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
