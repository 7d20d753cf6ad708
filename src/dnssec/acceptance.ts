/**
 * Whether a zone's keys vouch for an RRset now (RFC 4035 §5.3). Every condition of RFC 4035 §5.3.1 is checked before any
 * cryptography, the number of signatures and keys tried is bounded, and one good signature is enough
 * (RFC 4035 §5.3.3, RFC 6840 §5.11) unless the policy asks for one of each announced algorithm.
 *
 * The label count must reach down to the signer's name, so that no wildcard above the zone is ever imagined. An RRset
 * that was expanded from a wildcard is accepted here, and whoever uses it must still see that no closer name exists.
 */
import { fault } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { formatSecond, instant, seconds } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import { signedOwner, signatureLabels } from "../dns/canonical.ts";
import { algorithmName, CLASS, TYPE, typeName } from "../dns/iana.ts";
import { countLabels, displayName, isAtOrBelow } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeRrsig } from "../dns/rdata.ts";
import type { RrsigRdata } from "../dns/rdata.ts";
import type { Rrset } from "../dns/rrset.ts";
import { isSupportedAlgorithm, verifySignature } from "./algorithms.ts";
import { EDE } from "./ede.ts";
import type { ZoneKey, ZoneKeys } from "./keys.ts";
import type { ValidationPolicy } from "./policy.ts";
import { signatureTime, signedData } from "./signature.ts";
import type { LinkSignature, Reason } from "./verdict.ts";
import type { Work } from "./work.ts";

/** What every judgement needs: the time, the policy, and the account of the work done so far. */
export interface Bench {
  readonly now: Instant;
  readonly policy: ValidationPolicy;
  readonly work: Work;
}

/** A signature that verified. */
export interface Accepted {
  readonly signature: LinkSignature;
  /** The wildcard that was signed when the owner was expanded from one (RFC 4035 §5.3.4); null otherwise. */
  readonly wildcard: DomainName | null;
  /** How long the RRset may be kept: the least of TTL, original TTL and time to expiration (RFC 4035 §5.3.3). */
  readonly ttl: Seconds;
}

/** Why none did. `signature` is the one that came closest. */
export interface Refused {
  readonly reason: Reason;
  readonly signature: LinkSignature | null;
}

/** `the A records of www.example.org`. */
export function rrsetText(rrset: Rrset): string {
  return `the ${typeName(rrset.type)} records of ${displayName(rrset.name)}`;
}

/** A reason in a zone. */
export function reasonOf(code: FaultCode, zone: DomainName, message: string, ede: number | null): Reason {
  return { ...fault(code, message), zone, ede };
}

/** Signer names of the RRset's signatures that could vouch for it, nearest zone first (RFC 4035 §5.3.1). */
export function candidateSigners(rrset: Rrset): readonly DomainName[] {
  const signers = new Set<DomainName>();
  for (const rdata of rrset.signatures) {
    const rrsig = decodeRrsig(rdata);
    if (!rrsig.ok || rrsig.value.typeCovered !== rrset.type) continue;
    const { signer } = rrsig.value;
    // A DS belongs to the parent: the zone itself cannot vouch for its own delegation (RFC 4035 §2.4).
    const isOwnDs = rrset.type === TYPE.DS && signer === rrset.name;
    if (isAtOrBelow(rrset.name, signer) && !isOwnDs) signers.add(signer);
  }
  return [...signers].sort((left, right) => countLabels(right) - countLabels(left));
}

/** `left` is at or after `right` in the arithmetic of RFC 1982 §3.2 over 32 bits. */
function isAtOrAfter(left: number, right: number): boolean {
  return ((left - right) | 0) >= 0;
}

/** The instant nearest to `now` that a signature time can mean (RFC 4034 §3.1.5). */
function instantOf(time: number, now: Instant): Instant {
  return instant((Math.floor(now / 1000) + ((time - signatureTime(now)) | 0)) * 1000);
}

function factsOf(rrsig: RrsigRdata, now: Instant): LinkSignature {
  return {
    signer: rrsig.signer,
    keyTag: rrsig.keyTag,
    algorithm: rrsig.algorithm,
    inception: instantOf(rrsig.inception, now),
    expiration: instantOf(rrsig.expiration, now),
  };
}

/** RFC 4035 §5.3.1 but for the times and the key: null when the RRSIG can be about this RRset in this zone. */
function misfit(rrset: Rrset, rrsig: RrsigRdata, zone: DomainName): string | null {
  if (rrset.class !== CLASS.IN) return "only class IN is validated";
  if (rrsig.typeCovered !== rrset.type) return "covers another type";
  if (rrsig.signer !== zone || !isAtOrBelow(rrset.name, zone)) return `is signed by ${displayName(rrsig.signer)}`;
  if (rrset.type === TYPE.DNSKEY && zone !== rrset.name) return "is not the zone's own, as DNSKEYs need";
  if (rrset.type === TYPE.DS && zone === rrset.name) return "is by the child zone, which cannot vouch for its own DS";
  if (rrsig.labels > signatureLabels(rrset.name)) return "counts more labels than the owner has";
  if (rrsig.labels < countLabels(zone)) return "stands for a wildcard above its signer";
  return null;
}

/** The times (RFC 4035 §5.3.1), or a reason that says by how much they miss. */
function untimely(rrset: Rrset, rrsig: RrsigRdata, now: Instant): Reason | null {
  const time = signatureTime(now);
  const { signer, inception, expiration, keyTag } = rrsig;
  // Words cost as much as the arithmetic, and mostly nobody reads them.
  const what = (): string => `the signature by key ${String(keyTag)} over ${rrsetText(rrset)}`;
  if (!isAtOrAfter(expiration, inception)) {
    return reasonOf("DNSSEC_SIGNATURE_INVALID", signer, `${what()} expires before it begins`, EDE.EXPIRED_BEFORE_VALID);
  }
  if (!isAtOrAfter(expiration, time)) {
    const since = `expired at ${formatSecond(instantOf(expiration, now))}, and is judged at ${formatSecond(now)}`;
    return reasonOf("DNSSEC_SIGNATURE_EXPIRED", signer, `${what()} ${since}`, EDE.SIGNATURE_EXPIRED);
  }
  if (isAtOrAfter(time, inception)) return null;
  const from = `is valid from ${formatSecond(instantOf(inception, now))} on, and is judged at ${formatSecond(now)}`;
  return reasonOf("DNSSEC_SIGNATURE_NOT_YET_VALID", signer, `${what()} ${from}`, EDE.NOT_YET_VALID);
}

function tooMuch(rrset: Rrset, zone: DomainName, what: string): Reason {
  return reasonOf("DNSSEC_LIMIT", zone, `validating ${rrsetText(rrset)} was given up: ${what}`, EDE.BOGUS);
}

/** How telling a reason is: the highest is reported, the first of equals. */
const WEIGHT: Readonly<Partial<Record<FaultCode, number>>> = {
  DNSSEC_LIMIT: 6,
  DNSSEC_SIGNATURE_INVALID: 5,
  DNSSEC_SIGNATURE_EXPIRED: 4,
  DNSSEC_SIGNATURE_NOT_YET_VALID: 4,
  DNSSEC_KEY_UNUSABLE: 3,
  DNSSEC_KEY_MISSING: 2,
  DNSSEC_SIGNATURE_MISSING: 1,
};

function moreTelling(left: Refused | null, right: Refused): Refused {
  return left !== null && (WEIGHT[left.reason.code] ?? 0) >= (WEIGHT[right.reason.code] ?? 0) ? left : right;
}

/** Tries the keys of the signature's tag and algorithm. */
function tryKeys(
  rrset: Rrset,
  rrsig: RrsigRdata,
  keys: readonly ZoneKey[],
  zone: DomainName,
  bench: Bench,
): Reason | null {
  const { limits } = bench.policy;
  if (!isSupportedAlgorithm(rrsig.algorithm, bench.policy)) {
    const message = `${rrsetText(rrset)} are signed with algorithm ${algorithmName(rrsig.algorithm)}, which is not supported`;
    return reasonOf("DNSSEC_KEY_MISSING", zone, message, EDE.DNSKEY_MISSING);
  }
  const named = keys.filter(({ tag, algorithm }) => tag === rrsig.keyTag && algorithm === rrsig.algorithm);
  const what = rrsetText(rrset);
  const keyText = `key ${String(rrsig.keyTag)} (${algorithmName(rrsig.algorithm)})`;
  if (named.length === 0) {
    const message = `${what} are signed by ${keyText}, and ${displayName(zone)} has no such DNSKEY`;
    return reasonOf("DNSSEC_KEY_MISSING", zone, message, EDE.DNSKEY_MISSING);
  }
  const fit = named.filter(({ unfit }) => unfit === null);
  if (fit.length === 0) {
    const message = `${what} are signed by ${keyText}, which ${named[0]?.unfit ?? "is unfit"}`;
    return reasonOf("DNSSEC_KEY_UNUSABLE", zone, message, EDE.NO_ZONE_KEY_BIT);
  }
  const data = signedData(rrset, rrsig);
  if (!data.ok) {
    const message = `${what} cannot be brought into canonical form: ${data.fault}`;
    return reasonOf("DNSSEC_SIGNATURE_INVALID", zone, message, EDE.BOGUS);
  }
  for (const key of fit.slice(0, limits.keysPerTag)) {
    const publicKey = key.publicKey();
    if (publicKey === null) continue;
    if (!bench.work.spend("verifications")) return tooMuch(rrset, zone, "too many signatures to verify");
    if (verifySignature(rrsig.algorithm, publicKey, data.value, rrsig.signature)) return null;
  }
  if (fit.length > limits.keysPerTag) {
    return tooMuch(rrset, zone, `${String(fit.length)} keys share tag ${String(rrsig.keyTag)}`);
  }
  if (fit.every((key) => key.publicKey() === null)) {
    const message = `${keyText} of ${displayName(zone)} is no key of its algorithm, or this system refuses it`;
    return reasonOf("DNSSEC_KEY_UNUSABLE", zone, message, EDE.BOGUS);
  }
  const message = `the signature by ${keyText} over ${what} does not verify`;
  return reasonOf("DNSSEC_SIGNATURE_INVALID", zone, message, EDE.BOGUS);
}

function unsigned(rrset: Rrset, zone: DomainName): Refused {
  const message = `${rrsetText(rrset)} have no signature by ${displayName(zone)}`;
  return {
    reason: reasonOf("DNSSEC_SIGNATURE_MISSING", zone, message, EDE.RRSIGS_MISSING),
    signature: null,
  };
}

/**
 * Whether a signature of the RRset by one of the keys verifies. `keys` may be fewer than the zone's: for a DNSKEY RRset
 * only those that the parent vouches for. Never throws on any octets.
 */
export function acceptRrset(rrset: Rrset, zone: ZoneKeys, bench: Bench): Result<Accepted, Refused> {
  const { limits, everyAlgorithm } = bench.policy;
  let best: Refused | null = null;
  let failures = 0;
  let looked = 0;
  const accepted = new Map<number, Accepted>();
  for (const rdata of rrset.signatures) {
    const decoded = decodeRrsig(rdata);
    // Signatures of other zones are not this zone's affair; whether they count is for the walk to find out.
    if (!decoded.ok || decoded.value.signer !== zone.zone) continue;
    const rrsig = decoded.value;
    const signature = factsOf(rrsig, bench.now);
    if (looked >= limits.signatures || failures >= limits.failures) {
      const what = `${String(rrset.signatures.length)} signatures, of which the first ${String(looked)} were no good`;
      best = { reason: tooMuch(rrset, zone.zone, what), signature };
      break;
    }
    looked += 1;
    const wrong = misfit(rrset, rrsig, zone.zone);
    if (wrong !== null) {
      const message = `the signature by key ${String(rrsig.keyTag)} over ${rrsetText(rrset)} ${wrong}`;
      const reason = reasonOf("DNSSEC_SIGNATURE_INVALID", zone.zone, message, EDE.BOGUS);
      best = moreTelling(best, { reason, signature });
      continue;
    }
    const reason = untimely(rrset, rrsig, bench.now) ?? tryKeys(rrset, rrsig, zone.keys, zone.zone, bench);
    if (reason !== null) {
      if (reason.code === "DNSSEC_SIGNATURE_INVALID") failures += 1;
      best = moreTelling(best, { reason, signature });
      if (reason.code === "DNSSEC_LIMIT") break;
      continue;
    }
    accepted.set(rrsig.algorithm, acceptance(rrset, rrsig, signature, bench.now));
    if (!everyAlgorithm || zone.announced.every((algorithm) => accepted.has(algorithm))) break;
  }
  return conclude(rrset, zone, accepted, best, everyAlgorithm);
}

function acceptance(rrset: Rrset, rrsig: RrsigRdata, signature: LinkSignature, now: Instant): Accepted {
  const signed = signedOwner(rrset.name, rrsig.labels);
  const remaining = (rrsig.expiration - signatureTime(now)) >>> 0;
  return {
    signature,
    wildcard: signed === rrset.name ? null : signed,
    ttl: seconds(Math.min(rrset.ttl, rrsig.originalTtl, remaining)),
  };
}

function conclude(
  rrset: Rrset,
  zone: ZoneKeys,
  accepted: ReadonlyMap<number, Accepted>,
  best: Refused | null,
  everyAlgorithm: boolean,
): Result<Accepted, Refused> {
  const [first] = accepted.values();
  if (first === undefined) return failure(best ?? unsigned(rrset, zone.zone));
  const missing = everyAlgorithm ? zone.announced.find((algorithm) => !accepted.has(algorithm)) : undefined;
  if (missing === undefined) return success(first);
  const message = `${rrsetText(rrset)} have no valid signature of algorithm ${String(missing)}, which the DS records of ${displayName(zone.zone)} announce`;
  const reason = reasonOf("DNSSEC_SIGNATURE_MISSING", zone.zone, message, EDE.RRSIGS_MISSING);
  return failure({ reason, signature: best?.signature ?? null });
}
