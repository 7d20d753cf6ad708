import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBase32Hex, encodeBase32Hex } from "../../src/base/base32.ts";
import { compareBytes } from "../../src/base/bytes.ts";

const text = (octets: string): Uint8Array => new TextEncoder().encode(octets);

describe("base 32 with the extended hex alphabet", () => {
  // RFC 4648 §10, without the padding.
  test.each([
    { octets: "", shown: "" },
    { octets: "f", shown: "co" },
    { octets: "fo", shown: "cpng" },
    { octets: "foo", shown: "cpnmu" },
    { octets: "foob", shown: "cpnmuog" },
    { octets: "fooba", shown: "cpnmuoj1" },
    { octets: "foobar", shown: "cpnmuoj1e8" },
  ])("writes $octets as $shown, and reads it in either case", ({ octets, shown }) => {
    expect(encodeBase32Hex(text(octets))).toBe(shown);
    expect(decodeBase32Hex(shown)).toEqual(text(octets));
    expect(decodeBase32Hex(shown.toUpperCase())).toEqual(text(octets));
  });

  test.each([
    { name: "a letter behind v", shown: "cw" },
    { name: "padding", shown: "co======" },
    { name: "white space", shown: "cp ng" },
    { name: "a letter of another script", shown: "cpn\u0663" },
    { name: "one character", shown: "c" },
    { name: "a character too many", shown: "cpn" },
    { name: "bits at the end that are not zero", shown: "cp" },
  ])("refuses $name", ({ shown }) => {
    expect(decodeBase32Hex(shown)).toBeNull();
  });

  test("comes back as it went, and sorts as the octets do", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), fc.uint8Array({ maxLength: 30 }), (left, right) => {
        expect(decodeBase32Hex(encodeBase32Hex(left))).toEqual(new Uint8Array(left));
        const [ours, theirs] = [encodeBase32Hex(left), encodeBase32Hex(right)];
        expect(Math.sign(compareBytes(left, right))).toBe(ours === theirs ? 0 : ours < theirs ? -1 : 1);
      }),
    );
  });

  test("has one text for each octet string", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0189abuvwVUA=]{0,12}$/), (shown) => {
        const octets = decodeBase32Hex(shown);
        if (octets !== null) expect(encodeBase32Hex(octets)).toBe(shown.toLowerCase());
      }),
    );
  });
});
