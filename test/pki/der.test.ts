import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { concatBytes } from "../../src/base/bytes.ts";
import { encodeElement, readElement } from "../../src/base/der.ts";
import { instant } from "../../src/base/time.ts";
import { readCertificate, readCredentials } from "../../src/pki/certificate.ts";
import { sliceCertificate, sliceRequest, sliceSpki } from "../../src/pki/der.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";

let der = new Uint8Array();

beforeAll(async () => {
  const issued = await issueCertificate({
    subject: "CN=mx.example.org,O=Example",
    dnsNames: ["mx.example.org"],
    notBefore: instant(1_790_000_000_000),
    notAfter: instant(1_900_000_000_000),
  });
  der = Uint8Array.from(issued.der);
});

function codeOf(bytes: Uint8Array): string | undefined {
  const slices = sliceCertificate(bytes);
  return slices.ok ? undefined : slices.fault.code;
}

describe("lengths", () => {
  test.each([
    { name: "short form", bytes: [0x04, 0x01, 0xaa], want: { tag: 4, start: 0, body: 2, end: 3 } },
    { name: "empty content", bytes: [0x05, 0x00], want: { tag: 5, start: 0, body: 2, end: 2 } },
    { name: "long form of a short length", bytes: [0x04, 0x81, 0x01, 0xaa], want: "long-form" },
    { name: "leading zero in the long form", bytes: [0x04, 0x82, 0x00, 0x80], want: "long-form" },
    { name: "indefinite length", bytes: [0x30, 0x80, 0x00, 0x00], want: "indefinite" },
    { name: "longer than the input", bytes: [0x04, 0x05, 0x00], want: "truncated" },
    { name: "one octet", bytes: [0x30], want: "truncated" },
    { name: "no octets", bytes: [], want: "truncated" },
    { name: "length of five octets", bytes: [0x04, 0x85, 1, 1, 1, 1, 1], want: "truncated" },
    { name: "multi-octet tag", bytes: [0x1f, 0x81, 0x01, 0x00], want: "bad-tag" },
    { name: "end-of-contents", bytes: [0x00, 0x00], want: "bad-tag" },
  ])("$name", ({ bytes, want }) => {
    expect(readElement(Uint8Array.from(bytes), 0)).toEqual(want);
  });

  test("what we encode we read back, for lengths around each boundary", () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const encoded = encodeElement(0x04, new Uint8Array(length));
      expect(readElement(encoded, 0)).toMatchObject({ end: encoded.length, body: encoded.length - length });
    }
  });
});

describe("certificates", () => {
  test("the slices are the octets that were given", () => {
    const slices = sliceCertificate(der);
    if (!slices.ok) throw new Error(slices.fault.message);
    expect(slices.value.der).toBe(der);
    const { start, end } = slices.value.parts.spki;
    expect(slices.value.spki).toEqual(der.slice(start, end));
    expect(sliceSpki(slices.value.spki)).toEqual({ ok: true, value: slices.value.spki });
  });

  test("an outer SEQUENCE with a longer length than needed is BER", () => {
    // 30 82 LL LL -> 30 83 00 LL LL
    const ber = concatBytes(Uint8Array.of(0x30, 0x83, 0x00), der.subarray(2));
    expect(codeOf(ber)).toBe("CERT_NOT_DER");
    expect(readCredentials(ber)).toMatchObject({ ok: false, fault: { code: "CERT_NOT_DER" } });
  });

  test("an outer SEQUENCE of indefinite length is BER", () => {
    const ber = concatBytes(Uint8Array.of(0x30, 0x80), der.subarray(4), Uint8Array.of(0, 0));
    expect(codeOf(ber)).toBe("CERT_NOT_DER");
    expect(readCredentials(ber)).toMatchObject({ ok: false, fault: { code: "CERT_NOT_DER" } });
  });

  test("a BER length deep inside the public key's algorithm is BER", () => {
    const slices = sliceCertificate(der);
    if (!slices.ok) throw new Error(slices.fault.message);
    const { spki } = slices.value;
    // SEQUENCE { SEQUENCE { OID …: the OID's length becomes 81 07, the lengths around it grow by one.
    const grown = Uint8Array.from([...spki.slice(0, 5), 0x81, ...spki.slice(5)]);
    grown[1] = (grown[1] ?? 0) + 1;
    grown[3] = (grown[3] ?? 0) + 1;
    expect(sliceSpki(grown)).toMatchObject({ ok: false, fault: { code: "CERT_NOT_DER" } });
  });

  test("octets after the end are not part of it", () => {
    expect(codeOf(concatBytes(der, Uint8Array.of(0)))).toBe("CERT_MALFORMED");
    expect(readCredentials(concatBytes(der, Uint8Array.of(0)))).toMatchObject({ ok: false });
    expect(readCredentials(concatBytes(der, Uint8Array.of(0x0d, 0x0a)))).toMatchObject({ ok: true });
  });

  test("cut off after any octet it is refused, never thrown", () => {
    for (let length = 0; length < der.length; length++) {
      const cut = der.slice(0, length);
      expect(codeOf(cut)).toBeDefined();
      expect(readCredentials(cut).ok).toBe(false);
    }
  });

  test("with any octet changed the readers give a result", () => {
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 0, max: 255 }), (at, octet) => {
        const changed = Uint8Array.from(der);
        changed[at] = octet;
        expect(typeof readCertificate(changed).ok).toBe("boolean");
        expect(typeof readCredentials(changed).ok).toBe("boolean");
      }),
      { numRuns: 400 },
    );
  });

  test("random octets give a result", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const input of [bytes, concatBytes(Uint8Array.of(0x30, bytes.length), bytes)]) {
          expect(sliceCertificate(input).ok).toBe(false);
          expect(typeof sliceRequest(input).ok).toBe("boolean");
          expect(typeof readCredentials(input).ok).toBe("boolean");
        }
      }),
    );
  });
});
