/**
 * What association data was made from, where people do not hash what RFC 6698 §2.1.3 says: another digest, or the text
 * of a file instead of the octets in it.
 */
import { createHash } from "node:crypto";
import { equalBytes, formatHex } from "../base/bytes.ts";
import type { CertificateBytes } from "./association.ts";
import type { MatchingType, Selector } from "./params.ts";

/** How data was made from octets. */
export interface DataForm {
  /** `the SHA2-256 digest of`, to stand before what was hashed. */
  readonly text: string;
  /** The matching type that means this form; null for a form that no type means. */
  readonly matchingType: MatchingType | null;
}

interface DigestName {
  readonly name: string;
  readonly shown: string;
  readonly length: number;
  readonly matchingType: MatchingType | null;
}

const DIGESTS: readonly DigestName[] = [
  { name: "sha256", shown: "SHA2-256", length: 32, matchingType: 1 },
  { name: "sha512", shown: "SHA2-512", length: 64, matchingType: 2 },
  { name: "sha1", shown: "SHA-1", length: 20, matchingType: null },
  { name: "sha384", shown: "SHA2-384", length: 48, matchingType: null },
  { name: "sha224", shown: "SHA2-224", length: 28, matchingType: null },
];

/** How `data` comes from the certificate, or with selector 1 from its key; null when it does not. */
export function findForm(data: Uint8Array, certificate: CertificateBytes, selector: Selector): DataForm | null {
  const octets = selector === 0 ? certificate.der : certificate.spki;
  if (equalBytes(data, octets)) return { text: "the octets of", matchingType: 0 };
  const texts = textsOf(octets, selector);
  for (const { name, shown, length, matchingType } of DIGESTS) {
    if (data.length !== length) continue;
    const digest = (input: string | Uint8Array): Uint8Array => createHash(name).update(input).digest();
    if (equalBytes(data, digest(octets))) return { text: `the ${shown} digest of`, matchingType };
    const written = texts.find(({ text }) => equalBytes(data, digest(text)));
    if (written !== undefined) return { text: `the ${shown} digest of ${written.what} of`, matchingType: null };
  }
  return null;
}

/** The texts that stand for octets in files and on terminals, and get hashed instead of them. */
function textsOf(octets: Uint8Array, selector: Selector): readonly { readonly what: string; readonly text: string }[] {
  const label = selector === 0 ? "CERTIFICATE" : "PUBLIC KEY";
  const base64 = Buffer.from(octets).toString("base64");
  const lines = base64.match(/.{1,64}/g) ?? [];
  const pem = [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`];
  const variants = (list: readonly string[], what: string): readonly { what: string; text: string }[] => [
    { what, text: `${list.join("\n")}\n` },
    { what, text: list.join("\n") },
    { what, text: `${list.join("\r\n")}\r\n` },
  ];
  const hex = formatHex(octets);
  return [
    ...variants(pem, "the PEM text"),
    ...variants(lines, "the Base64 text"),
    ...variants([base64], "the Base64 text"),
    ...variants([hex], "the hex text"),
    ...variants([hex.toUpperCase()], "the hex text"),
  ];
}
