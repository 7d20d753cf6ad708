/**
 * Certificate chains as the rollover core sees them: an id, digests to match records with, the records it wants, and
 * dates. No certificates, no keys, no files: those stay with the driver.
 */
import type { Instant } from "../base/time.ts";

declare const chainIdBrand: unique symbol;
declare const recordTextBrand: unique symbol;

/** Lower-case hex SHA-256 of the leaf certificate's DER. */
export type ChainId = string & { readonly [chainIdBrand]: true };

/**
 * TLSA RDATA in its one canonical text form, `U S M HEX` with lower-case hex and single blanks. Equal texts are equal
 * RDATA, so sets of records are sets of strings, in memory and in the state file.
 */
export type RecordText = string & { readonly [recordTextBrand]: true };

/** The kinds of keys for which a server may have a certificate each. */
export type KeyKind = "rsa" | "ecdsa" | "eddsa";

/** Lower-case hex digests over the octets as sent. */
export interface CertificateDigests {
  readonly certSha256: string;
  readonly certSha512: string;
  readonly spkiSha256: string;
  readonly spkiSha512: string;
}

export interface ChainFacts {
  readonly id: ChainId;
  /** Leaf first, in the order in which the server sends them. */
  readonly certificates: readonly CertificateDigests[];
  /** What the configured TLSA parameters make of this chain; the same at each of its owner names. */
  readonly records: readonly RecordText[];
  /** For people: subject, or first DNS name, of the leaf. */
  readonly subject: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** False when only seen on the wire: it can neither be deployed nor put back. */
  readonly hasFiles: boolean;
}

/** Brands a SHA-256 (lower-case hex) of a leaf certificate as the id of its chain. */
export function chainId(sha256: string): ChainId {
  return sha256 as ChainId;
}

/** Brands a canonical `U S M HEX` text; the caller has parsed and formatted it. */
export function recordText(canonical: string): RecordText {
  return canonical as RecordText;
}
