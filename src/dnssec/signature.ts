/**
 * Signatures of RRsets (RFC 4034 §3, RFC 4035 §5.3). This file answers one question: does this RRSIG, made by this
 * DNSKEY, vouch for this RRset now? Whether the key itself can be trusted is the business of whoever walks the chain from
 * an anchor, and so are limits on how many signatures and keys are tried.
 *
 * What we decided: whatever algorithms.ts can verify is verified; whether SHA-1 counts is asked there, before. All
 * conditions of RFC 4035 §5.3.1 are checked before any cryptography, and the label count must reach down to the signer,
 * so that a wildcard can never stand above the zone that signed it. Times compare in serial arithmetic (RFC 4034 §3.1.5).
 *
 * What we do not do here: DSA, RSAMD5 and its odd key tag (RFC 4034 appendix B.1), and proofs of denial; a wildcard
 * expansion is reported, and the caller must still see that no closer name exists.
 */
import type { KeyObject } from "node:crypto";
import { assert } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";
import { failure, success } from "../base/result.ts";
import type { Failure, Result } from "../base/result.ts";
import { seconds } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import { canonicalRrset, signatureLabels, signedOwner } from "../dns/canonical.ts";
import { CLASS, TYPE } from "../dns/iana.ts";
import { countLabels, displayName, encodeName, isAtOrBelow } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeDnskey, decodeRrsig, encodeRrsig } from "../dns/rdata.ts";
import type { DnskeyRdata, RrsigRdata } from "../dns/rdata.ts";
import type { Rrset } from "../dns/rrset.ts";
import { readUint16 } from "../dns/wire.ts";
import { createSignature, digestOf, importPublicKey, verifySignature } from "./algorithms.ts";

/** DNSKEY flags (RFC 4034 §2.1.1, RFC 5011 §3). */
export const DNSKEY_FLAG = { ZONE: 0x0100, REVOKE: 0x0080, SEP: 0x0001 } as const;

/** The only value that the protocol field may have (RFC 4034 §2.1.2). */
export const DNSKEY_PROTOCOL = 3;

/** Why an RRSIG does not vouch for an RRset. */
export interface SignatureProblem {
  readonly reason:
    "malformed" | "not-covering" | "key-differs" | "key-unusable" | "not-yet-valid" | "expired" | "does-not-verify";
  /** Lower case, for people. */
  readonly message: string;
}

/** What a verified RRSIG says beyond "yes". */
export interface VerifiedSignature {
  /** The wildcard that was signed when the owner was expanded from one (RFC 4035 §5.3.4); null otherwise. */
  readonly wildcard: DomainName | null;
  /** How long the RRset may be kept: the least of its TTL, the original TTL and the time to expiration (RFC 4035 §5.3.3). */
  readonly ttl: Seconds;
}

function problem(reason: SignatureProblem["reason"], message: string): Failure<SignatureProblem> {
  return failure({ reason, message });
}

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

/** `left` is at or after `right` in the arithmetic of RFC 1982 §3.2 over 32 bits. */
function isAtOrAfter(left: number, right: number): boolean {
  return ((left - right) | 0) >= 0;
}

/** Seconds since 1970 modulo 2^32, as RRSIG counts them. */
function signatureTime(at: Instant): number {
  return Math.floor(at / 1000) >>> 0;
}

/** The octets that were signed (RFC 4034 §3.1.8.1): RRSIG RDATA without the signature, then the canonical RRset. */
export function signedData(rrset: Rrset, rrsig: RrsigRdata): Result<Uint8Array, SignatureProblem> {
  const owner = signedOwner(rrset.name, rrsig.labels);
  if (owner === null) return problem("not-covering", "the RRSIG counts more labels than its owner has");
  const records = canonicalRrset(rrset, owner, rrsig.originalTtl);
  if (!records.ok) return problem("malformed", records.fault.message);
  return success(concatBytes(encodeRrsig({ ...rrsig, signature: new Uint8Array(0) }), records.value));
}

/** RFC 4035 §5.3.1, all but the times. Null when the RRSIG may vouch for the RRset with this key. */
function mismatch(rrset: Rrset, rrsig: RrsigRdata, key: DnskeyRdata, tag: number): Failure<SignatureProblem> | null {
  if (rrset.class !== CLASS.IN) return problem("not-covering", "only class IN is validated");
  if (rrsig.typeCovered !== rrset.type) return problem("not-covering", "the RRSIG covers another type");
  if (!isAtOrBelow(rrset.name, rrsig.signer)) {
    return problem("not-covering", `the signer ${displayName(rrsig.signer)} is not above the owner`);
  }
  if (rrset.type === TYPE.DNSKEY && rrsig.signer !== rrset.name) {
    return problem("not-covering", "DNSKEYs must be signed by their own zone");
  }
  if (rrsig.labels < countLabels(rrsig.signer)) {
    return problem("not-covering", "the RRSIG stands for a wildcard above its signer");
  }
  if (rrsig.algorithm !== key.algorithm || rrsig.keyTag !== tag) {
    return problem("key-differs", `the RRSIG was made by key ${String(rrsig.keyTag)}, not by key ${String(tag)}`);
  }
  if ((key.flags & DNSKEY_FLAG.ZONE) === 0 || key.protocol !== DNSKEY_PROTOCOL) {
    return problem("key-unusable", `key ${String(tag)} is no zone key`);
  }
  return null;
}

/** Whether this RRSIG (RDATA) by this DNSKEY (RDATA) vouches for the RRset at `now`. Never throws on any octets. */
export function verifyRrset(
  rrset: Rrset,
  rrsigRdata: Uint8Array,
  dnskeyRdata: Uint8Array,
  now: Instant,
): Result<VerifiedSignature, SignatureProblem> {
  const rrsig = decodeRrsig(rrsigRdata);
  if (!rrsig.ok) return problem("malformed", rrsig.fault.message);
  const key = decodeDnskey(dnskeyRdata);
  if (!key.ok) return problem("malformed", key.fault.message);
  const unfit = mismatch(rrset, rrsig.value, key.value, keyTag(dnskeyRdata));
  if (unfit !== null) return unfit;
  const { algorithm, inception, expiration, originalTtl, signature } = rrsig.value;
  const time = signatureTime(now);
  if (!isAtOrAfter(time, inception)) return problem("not-yet-valid", "the signature's inception is in the future");
  if (!isAtOrAfter(expiration, time)) return problem("expired", "the signature has expired");
  const data = signedData(rrset, rrsig.value);
  if (!data.ok) return data;
  const publicKey = importPublicKey(algorithm, key.value.publicKey);
  if (!publicKey.ok) return problem("key-unusable", publicKey.fault);
  if (!verifySignature(algorithm, publicKey.value, data.value, signature)) {
    return problem("does-not-verify", "the signature does not verify");
  }
  const signed = signedOwner(rrset.name, rrsig.value.labels);
  const remaining = (expiration - time) >>> 0;
  return success({
    wildcard: signed === rrset.name ? null : signed,
    ttl: seconds(Math.min(rrset.ttl, originalTtl, remaining)),
  });
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
