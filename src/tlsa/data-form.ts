/**
 * What association data was made from, where people do not hash what RFC 6698 §2.1.3 says: another digest, or the text
 * of a file instead of the octets in it.
 */
import { hash } from "node:crypto";
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

/** How `data` comes from the octets of the certificate, or with selector 1 of its key; null when it does not. */
export function findForm(data: Uint8Array, certificate: CertificateBytes, selector: Selector): DataForm | null {
  const octets = octetsOf(certificate, selector);
  if (equalBytes(data, octets)) return { text: "the octets of", matchingType: 0 };
  const found = DIGESTS.find(({ name, length }) => data.length === length && equalBytes(data, digest(name, octets)));
  return found === undefined ? null : { text: `the ${found.shown} digest of`, matchingType: found.matchingType };
}

/** As {@link findForm}, but from what stands for the octets in files and on terminals. Takes some thirty digests. */
export function findTextForm(data: Uint8Array, certificate: CertificateBytes, selector: Selector): DataForm | null {
  const kinds = DIGESTS.filter(({ length }) => data.length === length);
  if (kinds.length === 0) return null;
  for (const { what, text } of textsOf(octetsOf(certificate, selector), selector)) {
    const found = kinds.find(({ name }) => equalBytes(data, digest(name, text)));
    if (found !== undefined) return { text: `the ${found.shown} digest of ${what} of`, matchingType: null };
  }
  return null;
}

function octetsOf({ der, spki }: CertificateBytes, selector: Selector): Uint8Array {
  return selector === 0 ? der : spki;
}

function digest(name: string, input: string | Uint8Array): Uint8Array {
  return hash(name, input, "buffer");
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
