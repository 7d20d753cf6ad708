/**
 * Validation as a resolver does it (RFC 4035 §5): from the root's trust anchor over DS and DNSKEY down to the RRset or
 * the proof that there is none. The sandbox's tree is signed throughout, so there is no "insecure" here: what is not
 * proved is bogus. No wildcards, no NSEC3, no limits against hostile zones: its authors are we ourselves.
 */
import type { Clock, Instant } from "../base/time.ts";
import { addSeconds } from "../base/time.ts";
import { RCODE, TYPE, typeName } from "../dns/iana.ts";
import { displayName, isAtOrBelow, ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeDs, decodeRrsig } from "../dns/rdata.ts";
import { equalBytes } from "../base/bytes.ts";
import type { Rrset } from "../dns/rrset.ts";
import { dsDigest, keyTag, verifyRrset } from "../dnssec/signature.ts";
import { provesNoData, provesNoName } from "./denial.ts";

/** A reply as RRsets. */
export interface FetchedAnswer {
  readonly rcode: number;
  readonly answer: readonly Rrset[];
  readonly authority: readonly Rrset[];
}

export interface Validator {
  /** Why the answer is bogus; null when it is secure. `finalName` is where its CNAMEs end. */
  readonly problemOf: (answer: FetchedAnswer, finalName: DomainName, type: number) => Promise<string | null>;
  /** Forgets the keys. */
  readonly flush: () => void;
}

export interface ValidatorOptions {
  /** DS RDATA of the root zone. */
  readonly anchor: Uint8Array;
  readonly clock: Clock;
  /** Asks an authoritative server. */
  readonly fetch: (name: DomainName, type: number) => Promise<FetchedAnswer>;
}

interface ZoneKeys {
  readonly keys: readonly Uint8Array[];
  readonly until: Instant;
}

/** A validator with a cache of zone keys. */
export function createValidator(options: ValidatorOptions): Validator {
  const { clock, fetch } = options;
  const known = new Map<DomainName, ZoneKeys>();

  /** The DNSKEYs of a zone, proved by its DS; or why they cannot be. */
  async function keysOf(zone: DomainName): Promise<readonly Uint8Array[] | string> {
    const cached = known.get(zone);
    if (cached !== undefined && cached.until > clock()) return cached.keys;
    const secured = zone === ROOT ? [options.anchor] : await secureDs(zone);
    if (typeof secured === "string") return secured;
    const fetched = await fetch(zone, TYPE.DNSKEY);
    const rrset = fetched.answer.find((each) => each.type === TYPE.DNSKEY && each.name === zone);
    if (rrset === undefined) return `${displayName(zone)} has no DNSKEY`;
    const entries = rrset.rdatas.filter((dnskey) => secured.some((ds) => isDigestOf(ds, zone, dnskey)));
    if (!isSignedBy(rrset, zone, entries, clock()))
      return `no DNSKEY of ${displayName(zone)} matches its DS and signs the key set`;
    known.set(zone, { keys: rrset.rdatas, until: addSeconds(clock(), rrset.ttl) });
    return rrset.rdatas;
  }

  async function secureDs(zone: DomainName): Promise<readonly Uint8Array[] | string> {
    const fetched = await fetch(zone, TYPE.DS);
    const rrset = fetched.answer.find((each) => each.type === TYPE.DS && each.name === zone);
    if (rrset === undefined) return `${displayName(zone)} has no DS`;
    return (await rrsetProblem(rrset)) ?? rrset.rdatas;
  }

  async function rrsetProblem(rrset: Rrset): Promise<string | null> {
    const what = `${displayName(rrset.name)} ${typeName(rrset.type)}`;
    let problem = `${what} has no RRSIG`;
    for (const rdata of rrset.signatures) {
      const signature = decodeRrsig(rdata);
      if (!signature.ok) continue;
      const { signer } = signature.value;
      // A DS belongs to the parent (RFC 4035 §2.4); anything else is signed by a zone at or above it.
      const isPossible = isAtOrBelow(rrset.name, signer) && !(rrset.type === TYPE.DS && signer === rrset.name);
      const keys = isPossible ? await keysOf(signer) : `${what} is signed by ${displayName(signer)}`;
      if (typeof keys === "string") problem = keys;
      else if (isSignedBy(rrset, signer, keys, clock())) return null;
      else problem = `no signature of ${what} verifies`;
    }
    return problem;
  }

  return {
    problemOf: async (fetched, finalName, type) => {
      for (const rrset of fetched.answer) {
        const problem = await rrsetProblem(rrset);
        if (problem !== null) return problem;
      }
      const isPositive = fetched.answer.some((each) => each.name === finalName && each.type === type);
      if (isPositive || fetched.authority.length === 0) return isPositive ? null : missingProof(fetched, finalName);
      const proofs = fetched.authority.filter((each) => each.type === TYPE.NSEC || each.type === TYPE.SOA);
      for (const rrset of proofs) {
        const problem = await rrsetProblem(rrset);
        if (problem !== null) return problem;
      }
      const nsecs = proofs.filter((each) => each.type === TYPE.NSEC);
      const isProved =
        fetched.rcode === RCODE.NXDOMAIN ? provesNoName(nsecs, finalName) : provesNoData(nsecs, finalName, type);
      return isProved
        ? null
        : `the NSEC records do not prove that ${displayName(finalName)} ${typeName(type)} does not exist`;
    },
    flush: () => {
      known.clear();
    },
  };
}

/** An answer that stops at a CNAME out of the zone needs no proof: its target is asked for next. */
function missingProof(fetched: FetchedAnswer, finalName: DomainName): string | null {
  if (fetched.answer.some((each) => each.type === TYPE.CNAME)) return null;
  return `nothing proves that ${displayName(finalName)} does not exist`;
}

function isSignedBy(rrset: Rrset, signer: DomainName, keys: readonly Uint8Array[], now: Instant): boolean {
  return rrset.signatures.some((rdata) => {
    const signature = decodeRrsig(rdata);
    if (!signature.ok || signature.value.signer !== signer) return false;
    return keys.some((dnskey) => {
      const verified = verifyRrset(rrset, rdata, dnskey, now);
      // No zone of the sandbox has wildcards, so nothing may be an expansion of one.
      return verified.ok && verified.value.wildcard === null;
    });
  });
}

function isDigestOf(dsRdata: Uint8Array, zone: DomainName, dnskey: Uint8Array): boolean {
  const ds = decodeDs(dsRdata);
  if (!ds.ok || ds.value.keyTag !== keyTag(dnskey)) return false;
  const digest = dsDigest(zone, dnskey, ds.value.digestType);
  return digest !== null && equalBytes(digest, ds.value.digest);
}
