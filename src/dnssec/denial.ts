/**
 * Proofs that something does not exist, from the records of a message (RFC 4035 §5.4, RFC 5155 §8). The NSEC and NSEC3
 * RRsets of one zone are verified first; what was expanded from a wildcard is never proof (RFC 4035 §5.4), and neither
 * is anything that another zone signed. Then the question is put to what remains.
 *
 * A proof is secure; insecure when it rests on an opted-out span (RFC 5155 §9.2) or on more NSEC3 iterations than are
 * accepted (RFC 9276 §3.2); otherwise the answer that needs it is bogus.
 */
import type { Seconds } from "../base/time.ts";
import { seconds } from "../base/time.ts";
import { TYPE } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import type { Rrset } from "../dns/rrset.ts";
import { acceptRrset, candidateSigners, reasonOf } from "./acceptance.ts";
import type { Accepted, Bench } from "./acceptance.ts";
import { EDE } from "./ede.ts";
import type { ZoneKeys } from "./keys.ts";
import { nsecDenial } from "./nsec.ts";
import type { DenialProof, DenialRecords } from "./nsec.ts";
import { nsec3Denial, nsec3Records } from "./nsec3.ts";
import type { LinkSignature, Reason } from "./verdict.ts";

/** The verdict on one proof. */
export interface JudgedDenial {
  readonly status: "secure" | "insecure" | "bogus";
  /** Null when nothing was proved. */
  readonly proof: DenialProof | null;
  /** Why it is not secure; null when it is. */
  readonly reason: Reason | null;
  readonly signature: LinkSignature | null;
  /** How long it may be kept: the least TTL of the records. */
  readonly ttl: Seconds;
  /** The signatures it rests on. */
  readonly signatures: readonly LinkSignature[];
}

/** NSEC and NSEC3 RRsets among the records of a section. */
export function denialRrsets(rrsets: readonly Rrset[]): readonly Rrset[] {
  return rrsets.filter(({ type }) => type === TYPE.NSEC || type === TYPE.NSEC3);
}

interface Verified {
  readonly rrsets: readonly Rrset[];
  readonly accepted: readonly Accepted[];
  /** Why records were left out. */
  readonly trouble: Reason | null;
}

/** Those RRsets that the zone vouches for as they stand. */
function verified(rrsets: readonly Rrset[], zone: ZoneKeys, bench: Bench): Verified {
  const ours = denialRrsets(rrsets).filter((rrset) => candidateSigners(rrset).includes(zone.zone));
  const { denials } = bench.policy.limits;
  const kept: Rrset[] = [];
  const accepted: Accepted[] = [];
  let trouble: Reason | null = null;
  for (const rrset of ours.slice(0, denials)) {
    const verdict = acceptRrset(rrset, zone, bench);
    if (!verdict.ok) trouble ??= verdict.fault.reason;
    else if (verdict.value.wildcard === null) {
      kept.push(rrset);
      accepted.push(verdict.value);
    } else {
      const message = `the NSEC record at ${displayName(rrset.name)} was expanded from a wildcard and proves nothing`;
      trouble ??= reasonOf("DNSSEC_DENIAL_INVALID", zone.zone, message, EDE.BOGUS);
    }
  }
  if (ours.length > denials && trouble === null) {
    const message = `${String(ours.length)} records deny one answer, ${String(denials)} are looked at`;
    trouble = reasonOf("DNSSEC_LIMIT", zone.zone, message, EDE.BOGUS);
  }
  return { rrsets: kept, accepted, trouble };
}

/** The question for a proof: how to put it to the records, and what it is called in messages. */
export interface DenialQuestion {
  /** `that mx.example.org has no TLSA record`. */
  readonly what: string;
  readonly prove: (records: DenialRecords) => DenialProof | null;
}

function tooManyIterations(iterations: number, zone: ZoneKeys): Reason {
  const count = `${displayName(zone.zone)} hashes names with ${String(iterations)} NSEC3 iterations`;
  return reasonOf("DNSSEC_NSEC3_ITERATIONS", zone.zone, count, EDE.NSEC3_ITERATIONS);
}

/** Judges whether the NSEC and NSEC3 records among `rrsets` prove it in this zone. */
export function judgeDenial(
  rrsets: readonly Rrset[],
  zone: ZoneKeys,
  question: DenialQuestion,
  bench: Bench,
): JudgedDenial {
  const { rrsets: kept, accepted, trouble } = verified(rrsets, zone, bench);
  const common = {
    signature: accepted[0]?.signature ?? null,
    ttl: seconds(accepted.reduce((least, each) => Math.min(least, each.ttl), Number.MAX_SAFE_INTEGER)),
    signatures: accepted.map(({ signature }) => signature),
  };
  const nsec = nsecDenial(
    kept.filter(({ type }) => type === TYPE.NSEC),
    zone.zone,
  );
  const byNsec = question.prove(nsec);
  if (byNsec !== null) return { ...common, status: "secure", proof: byNsec, reason: null };
  const hashed = nsec3Records(
    kept.filter(({ type }) => type === TYPE.NSEC3),
    zone.zone,
  );
  const iterations = hashed.parameters?.iterations ?? 0;
  if (iterations > bench.policy.insecureIterations) {
    const status = iterations > bench.policy.bogusIterations ? "bogus" : "insecure";
    return { ...common, status, proof: null, reason: tooManyIterations(iterations, zone) };
  }
  const byNsec3 = question.prove(nsec3Denial(hashed, zone.zone, bench.work));
  if (byNsec3 === null) {
    return { ...common, status: "bogus", proof: null, reason: unproved(question.what, kept, trouble, zone, bench) };
  }
  if (!byNsec3.optOut) return { ...common, status: "secure", proof: byNsec3, reason: null };
  const message = `${displayName(zone.zone)} shows only ${question.what} in an opted-out span, where an unsigned zone may stand`;
  const reason = reasonOf("DNSSEC_OPT_OUT", zone.zone, message, null);
  return { ...common, status: "insecure", proof: byNsec3, reason };
}

function unproved(what: string, kept: readonly Rrset[], trouble: Reason | null, zone: ZoneKeys, bench: Bench): Reason {
  if (bench.work.exhausted() === "hashes") {
    return reasonOf("DNSSEC_LIMIT", zone.zone, `too many NSEC3 hashes are needed to show ${what}`, EDE.BOGUS);
  }
  if (trouble !== null) return trouble;
  if (kept.length === 0) {
    const message = `no NSEC or NSEC3 record of ${displayName(zone.zone)} came along to show ${what}`;
    return reasonOf("DNSSEC_DENIAL_MISSING", zone.zone, message, EDE.NSEC_MISSING);
  }
  const owners = kept.map(({ name }) => displayName(name)).join(", ");
  const message = `the NSEC or NSEC3 records at ${owners} do not show ${what}`;
  return reasonOf("DNSSEC_DENIAL_INVALID", zone.zone, message, EDE.BOGUS);
}
