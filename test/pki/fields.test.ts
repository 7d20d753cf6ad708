import { describe, expect, test } from "vitest";
import { parseHex } from "../../src/base/bytes.ts";
import { encodeElement, readElement } from "../../src/base/der.ts";
import { formatInstant } from "../../src/base/time.ts";
import {
  comparableName,
  decodeDistinguishedName,
  decodeExtensions,
  decodeOid,
  decodeValidity,
  formatDistinguishedName,
  keyAlgorithm,
} from "../../src/pki/fields.ts";

function octets(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function hex(text: string): Uint8Array {
  return parseHex(text) ?? new Uint8Array();
}

/** RDNs of attributes [OID in hex, tag, value]. */
function distinguishedName(...rdns: readonly (readonly (readonly [string, number, Uint8Array])[])[]) {
  const sets = rdns.map((rdn) => {
    const pairs = rdn.map(([oid, tag, value]) =>
      encodeElement(0x30, encodeElement(0x06, hex(oid)), encodeElement(tag, value)),
    );
    return encodeElement(0x31, ...pairs);
  });
  const bytes = encodeElement(0x30, ...sets);
  const element = readElement(bytes, 0);
  if (typeof element === "string") throw new Error(element);
  return decodeDistinguishedName(bytes, element);
}

const [CN, O, C] = ["550403", "55040a", "550406"];

describe("distinguished names", () => {
  test.each([
    { name: "last RDN first", rdns: [[[C, 0x13, octets("DE")]], [[CN, 0x0c, octets("mx")]]], want: "CN=mx,C=DE" },
    {
      name: "joined attributes",
      rdns: [
        [
          [CN, 0x0c, octets("a")],
          [O, 0x0c, octets("b")],
        ],
      ],
      want: "CN=a+O=b",
    },
    {
      name: "special characters escaped",
      rdns: [[[CN, 0x0c, octets(' a,"b+c\\ ')]]],
      want: 'CN=\\ a\\,\\"b\\+c\\\\\\ ',
    },
    {
      name: "control characters spelt out",
      rdns: [[[CN, 0x0c, octets("a\u001b[31m\u0000\u202e")]]],
      want: "CN=a\\1b[31m\\00\\e2\\80\\ae",
    },
    { name: "UTF-16", rdns: [[[CN, 0x1e, hex("006d00fc")]]], want: "CN=mü" },
    { name: "unknown types and strings", rdns: [[["2a03", 0x04, hex("ff")]]], want: "1.2.3=#0401ff" },
    { name: "nothing", rdns: [], want: "" },
  ] as const)("$name", ({ rdns, want }) => {
    expect(formatDistinguishedName(distinguishedName(...rdns) ?? [])).toBe(want);
  });

  test("equal names compare equal over case, white space and string type", () => {
    const left = distinguishedName([[CN, 0x13, octets("Example  CA ")]]);
    const right = distinguishedName([[CN, 0x0c, octets("example ca")]]);
    const other = distinguishedName([[O, 0x0c, octets("example ca")]]);
    expect(comparableName(left ?? [])).toBe(comparableName(right ?? []));
    expect(comparableName(left ?? [])).not.toBe(comparableName(other ?? []));
  });
});

describe("dates", () => {
  const validity = (tag: number, text: string): string | null => {
    const bytes = encodeElement(0x30, encodeElement(tag, octets(text)), encodeElement(tag, octets(text)));
    const element = readElement(bytes, 0);
    const found = typeof element === "string" ? null : decodeValidity(bytes, element);
    return found === null ? null : formatInstant(found.notAfter);
  };

  test.each([
    { tag: 0x17, text: "261122131000Z", want: "2026-11-22T13:10:00Z" },
    { tag: 0x17, text: "491231235959Z", want: "2049-12-31T23:59:59Z" },
    { tag: 0x17, text: "500101000000Z", want: "1950-01-01T00:00:00Z" },
    { tag: 0x17, text: "2611221310Z", want: "2026-11-22T13:10:00Z" },
    { tag: 0x18, text: "99991231235959Z", want: "9999-12-31T23:59:59Z" },
    { tag: 0x17, text: "260431000000Z", want: null },
    { tag: 0x17, text: "261122131000+0100", want: null },
    { tag: 0x18, text: "20261122131000.5Z", want: null },
    { tag: 0x17, text: "", want: null },
    { tag: 0x13, text: "261122131000Z", want: null },
  ])("$text is $want", ({ tag, text, want }) => {
    expect(validity(tag, text)).toBe(want);
  });
});

describe("extensions", () => {
  const extension = (oid: string, value: Uint8Array, critical = false): Uint8Array =>
    encodeElement(
      0x30,
      encodeElement(0x06, hex(oid)),
      ...(critical ? [Uint8Array.of(0x01, 1, 0xff)] : []),
      encodeElement(0x04, value),
    );
  const decode = (...extensions: readonly Uint8Array[]) => {
    const bytes = encodeElement(0x30, encodeElement(0xa3, encodeElement(0x30, ...extensions)));
    const element = readElement(bytes, 0);
    return typeof element === "string" ? null : decodeExtensions(bytes, element, element.body);
  };

  test("names that no host can have are kept and can never match", () => {
    const names = [octets("mx.test"), octets("mx.test\u0000.evil"), octets("a b"), octets("a\\b")];
    const san = encodeElement(
      0x30,
      ...names.map((name) => encodeElement(0x82, name)),
      encodeElement(0x87, hex("7f000001")),
    );
    expect(decode(extension("551d11", san))?.dnsNames).toEqual(["mx.test", "mx.test\\x00.evil", "a\\x20b", "a\\x5cb"]);
  });

  test("critical extensions are known or named", () => {
    const found = decode(
      extension("2a0304", hex("0500"), true),
      extension("551d20", hex("3000"), true),
      extension("2a0305", hex("0500")),
    );
    expect(found?.unknownCritical).toEqual(["1.2.3.4"]);
  });

  test("key usage and constraints", () => {
    const constraints = hex("3006 0101ff 020100");
    const found = decode(extension("551d13", constraints, true), extension("551d0f", hex("03020106"), true));
    expect(found?.basicConstraints).toEqual({ isCa: true, pathLength: 0 });
    expect(found?.keyUsage).toEqual([false, false, false, false, false, true, true]);
  });

  test("an extension that occurs twice, or is cut off, is unreadable", () => {
    const constraints = extension("551d13", hex("3000"));
    expect(decode(constraints, constraints)).toBeNull();
    expect(decode(extension("551d13", hex("3005")))).toBeNull();
  });
});

test("object identifiers", () => {
  expect(decodeOid(hex("2a864886f70d010101"))).toBe("1.2.840.113549.1.1.1");
  expect(decodeOid(hex("883703"))).toBe("2.999.3");
  expect(decodeOid(hex("2a86"))).toBe("");
  expect(decodeOid(new Uint8Array())).toBe("");
});

test("algorithms of keys by name, or by number", () => {
  expect(keyAlgorithm(hex("302a300506032b6570032100" + "00".repeat(32)))).toBe("Ed25519");
  expect(keyAlgorithm(hex("300a300506032a0304030100"))).toBe("1.2.3.4");
  expect(keyAlgorithm(hex("3000"))).toBe("unknown");
});
