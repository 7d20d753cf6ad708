/**
 * Keys and signatures as octets (RFC 4034 §3): key tags, the digests of DS records, what exactly a signature signs,
 * and how it is made. Whether a signature may be believed is decided in one place only, acceptance.ts.
 *
 * What we do not do: DSA, RSAMD5 and its odd key tag (RFC 4034 appendix B.1).
 */
import type { KeyObject } from "node:crypto";
import { assert } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import { canonicalRrset, signatureLabels, signedOwner } from "../dns/canonical.ts";
import { encodeName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeDnskey, encodeRrsig } from "../dns/rdata.ts";
import type { RrsigRdata } from "../dns/rdata.ts";
import type { Rrset } from "../dns/rrset.ts";
import { readUint16 } from "../dns/wire.ts";
import { createSignature, digestOf } from "./algorithms.ts";

/** DNSKEY flags (RFC 4034 §2.1.1, RFC 5011 §3). */
export const DNSKEY_FLAG = { ZONE: 0x0100, REVOKE: 0x0080, SEP: 0x0001 } as const;

/** The only value that the protocol field may have (RFC 4034 §2.1.2). */
export const DNSKEY_PROTOCOL = 3;

/** Key tag of DNSKEY RDATA (RFC 4034 appendix B). A hint only: different keys may share it. */
export function keyTag(dnskeyRdata: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < dnskeyRdata.length; at += 2) sum += readUint16(dnskeyRdata, at);
  return (sum + Math.floor(sum / 0x10000)) & 0xffff;
}

/**
 * The digest a DS record holds for this DNSKEY (RFC 4034 §5.1.4); null for digest types other than 1, 2 and 4, and for 1
 * where the system forbids SHA-1.
 */
export function dsDigest(owner: DomainName, dnskeyRdata: Uint8Array, digestType: number): Uint8Array | null {
  return digestOf(digestType, encodeName(owner), dnskeyRdata);
}

/** Seconds since 1970 modulo 2^32, as RRSIG counts them. */
export function signatureTime(at: Instant): number {
  return Math.floor(at / 1000) >>> 0;
}

/**
 * The octets that were signed (RFC 4034 §3.1.8.1): RRSIG RDATA without the signature, then the canonical RRset. Fails with
 * a message when the RRset is malformed or the RRSIG counts more labels than its owner has.
 */
export function signedData(rrset: Rrset, rrsig: RrsigRdata): Result<Uint8Array, string> {
  const owner = signedOwner(rrset.name, rrsig.labels);
  if (owner === null) return failure("the RRSIG counts more labels than its owner has");
  const records = canonicalRrset(rrset, owner, rrsig.originalTtl);
  if (!records.ok) return failure(records.fault.message);
  return success(concatBytes(encodeRrsig({ ...rrsig, signature: new Uint8Array(0) }), records.value));
}

/** Who signs, with what, and for how long. `dnskey` is the RDATA of the key that `privateKey` belongs to. */
export interface Signer {
  readonly signer: DomainName;
  readonly dnskey: Uint8Array;
  readonly privateKey: KeyObject;
  readonly inception: Instant;
  readonly expiration: Instant;
}

/** RDATA of an RRSIG over the RRset with its TTL as the original one. For well-formed RRsets of our own. */
export function signRrset(rrset: Rrset, signer: Signer): Uint8Array {
  const key = decodeDnskey(signer.dnskey);
  assert(key.ok, "the signer's DNSKEY is malformed");
  const rrsig: RrsigRdata = {
    typeCovered: rrset.type,
    algorithm: key.value.algorithm,
    labels: signatureLabels(rrset.name),
    originalTtl: rrset.ttl,
    expiration: signatureTime(signer.expiration),
    inception: signatureTime(signer.inception),
    keyTag: keyTag(signer.dnskey),
    signer: signer.signer,
    signature: new Uint8Array(0),
  };
  const data = signedData(rrset, rrsig);
  assert(data.ok, "an RRset to be signed is malformed");
  const signature = createSignature(rrsig.algorithm, signer.privateKey, data.value);
  assert(signature !== null, `algorithm ${String(rrsig.algorithm)} cannot sign`);
  return encodeRrsig({ ...rrsig, signature });
}
