import { hash } from "node:crypto";
import { assert } from "../base/assert.ts";
import { equalBytes, formatHex, parseHex } from "../base/bytes.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import { isIssuerUsage, isKeyAlone } from "./params.ts";
import type { MatchingType, TlsaParameters } from "./params.ts";

/** A certificate as sent: its whole DER and the slice of it that is the SubjectPublicKeyInfo. */
export interface CertificateBytes {
  readonly der: Uint8Array;
  readonly spki: Uint8Array;
}

/** A record together with the depth of the certificate it was computed from: 0 the leaf, 1 its issuer, and so on. */
export interface ChainRecord {
  readonly record: TlsaRdata;
  readonly depth: number;
}

/** The octets, or their digest (RFC 6698 §2.1.3). Empty input is a bug of the caller: a digest of nothing gets published otherwise. */
export function associationData(matchingType: MatchingType, octets: Uint8Array): Uint8Array {
  assert(octets.length > 0, "association data of no octets");
  if (matchingType === 0) return Uint8Array.from(octets);
  // crypto.hash() spares the stream object of createHash(), which is measurably faster on input of this size.
  const digest = hash(matchingType === 1 ? "sha256" : "sha512", octets, "buffer");
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
}

/** The record that a certificate has under these parameters. */
export function associationFor(parameters: TlsaParameters, certificate: CertificateBytes): TlsaRdata {
  const octets = parameters.selector === 0 ? certificate.der : certificate.spki;
  return { ...parameters, data: associationData(parameters.matchingType, octets) };
}

/**
 * The records of a chain, leaf first, for each of the parameters in turn: the leaf's for usages 1 and 3, one for every
 * issuer for usages 0 and 2 (RFC 7671 §5.2: the leaf is never a trust anchor, so it has none). Equal records appear once.
 */
export function recordsForChain(
  parameters: readonly TlsaParameters[],
  chain: readonly CertificateBytes[],
): readonly ChainRecord[] {
  const records: ChainRecord[] = [];
  for (const each of parameters) {
    for (const [depth, certificate] of chain.entries()) {
      if (isIssuerUsage(each.usage) !== depth > 0) continue;
      const record = associationFor(each, certificate);
      if (!records.some((known) => sameRecord(known.record, record))) records.push({ record, depth });
    }
  }
  return records;
}

/** The records that these parameters make of a SubjectPublicKeyInfo without a certificate; none for most parameters. */
export function recordsForKey(parameters: readonly TlsaParameters[], spki: Uint8Array): readonly TlsaRdata[] {
  return parameters.filter(isKeyAlone).map((each) => ({ ...each, data: associationData(each.matchingType, spki) }));
}

/** Equality of all four fields. */
export function sameRecord(left: TlsaRdata, right: TlsaRdata): boolean {
  return (
    left.usage === right.usage &&
    left.selector === right.selector &&
    left.matchingType === right.matchingType &&
    equalBytes(left.data, right.data)
  );
}

/** Octets of association data that fit into RDATA (RFC 1035 §3.2.1) behind the three parameters. */
export const MAX_ASSOCIATION_DATA = 65_532;

const DIGESTS_OF_NOTHING = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
] as const;

/** Whether the data is the SHA-256 or SHA-512 of empty input: what a script publishes whose certificate command failed. */
export function isDigestOfNothing(data: Uint8Array): boolean {
  const hex = formatHex(data);
  return DIGESTS_OF_NOTHING.some((nothing) => hex === nothing);
}

/** Known answers of FIPS 180-4 ("abc"): false when the crypto provider of this machine does not compute what it should. */
export function digestsAreRight(): boolean {
  const abc = Uint8Array.of(0x61, 0x62, 0x63);
  const answers: readonly (readonly [MatchingType, string])[] = [
    [0, "616263"],
    [1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      2,
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ],
  ];
  return answers.every(([type, hex]) => equalBytes(associationData(type, abc), parseHex(hex) ?? abc.subarray(0, 0)));
}
