/**
 * The verdict on an answer that says that something does not exist (RFC 4035 §5.4, RFC 5155 §8): it is worth what its
 * proof is worth. NXDOMAIN whose proof shows a name without the type is taken as just that (NODATA), because the response
 * code is signed by nobody.
 */
import { seconds } from "../base/time.ts";
import type { Seconds } from "../base/time.ts";
import { RCODE, TYPE, typeName } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { countLabels, displayName, isAtOrBelow, parentOf } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeSoa } from "../dns/rdata.ts";
import type { Rrset } from "../dns/rrset.ts";
import { acceptRrset, candidateSigners, reasonOf } from "./acceptance.ts";
import { rrsetsOf } from "./answer.ts";
import { denialRrsets, judgeDenial } from "./denial.ts";
import type { DenialQuestion, JudgedDenial } from "./denial.ts";
import { EDE } from "./ede.ts";
import { trustAt } from "./need.ts";
import type { Walk } from "./need.ts";
import { isDelegation } from "./nsec.ts";
import type { DenialProof } from "./nsec.ts";
import { broken, byZone, decidingName, MAX_SIGNERS, mayJudge, partLink } from "./part.ts";
import type { Judged, Subject } from "./part.ts";
import type { Ground, SecureZone } from "./zone-trust.ts";

/** Zones whose denial records came along and that may speak about the name, nearest first. */
function denyingZones(authority: readonly Rrset[], deciding: DomainName, ground: Ground): readonly DomainName[] {
  const zones = new Set(denialRrsets(authority).flatMap((rrset) => candidateSigners(rrset)));
  return [...zones]
    .filter((zone) => isAtOrBelow(deciding, zone) && mayJudge(zone, deciding, ground))
    .sort((left, right) => countLabels(right) - countLabels(left))
    .slice(0, MAX_SIGNERS);
}

/** A proof that the name exists without the type; an opted-out span shows no such thing. */
function existing(proof: DenialProof | null): DenialProof | null {
  return proof?.optOut === true ? null : proof;
}

function absenceQuestion(name: DomainName, type: number, rcode: number): DenialQuestion {
  if (rcode !== RCODE.NXDOMAIN) {
    const what = `that ${displayName(name)} has no ${typeName(type)} record`;
    return { what, prove: (records) => records.noType(name, type) };
  }
  const what = `that ${displayName(name)} does not exist`;
  return { what, prove: (records) => records.noName(name) ?? existing(records.noType(name, type)) };
}

/**
 * Whether the records show an unsigned delegation at the name or above it: an unsigned zone's answer may come with the
 * proof that its parent gave instead of one about the name.
 */
function cutQuestion(name: DomainName, zone: DomainName): DenialQuestion {
  const what = `an unsigned delegation at or above ${displayName(name)}`;
  return {
    what,
    prove: (records) => {
      for (let at: DomainName | null = name; at !== null && at !== zone; at = parentOf(at)) {
        const proof = records.noType(at, TYPE.DS);
        const types = proof?.types ?? null;
        if (proof === null || types === null || !isDelegation(types)) continue;
        return { ...proof, message: `${displayName(zone)} delegates ${displayName(at)} without a DS record` };
      }
      return null;
    },
  };
}

function unsignedCut(denial: JudgedDenial, trust: SecureZone): JudgedDenial {
  const message = denial.proof?.message ?? "";
  return { ...denial, status: "insecure", reason: reasonOf("DNSSEC_UNSIGNED_DELEGATION", trust.zone, message, null) };
}

function absent(subject: Subject, denial: JudgedDenial, trust: SecureZone): Judged {
  const { status, reason, proof, signature, ttl } = denial;
  if (status === "bogus" && reason !== null) return broken(subject, trust, reason, signature, denial);
  const message = proof?.message ?? reason?.message ?? "";
  const link = partLink(subject, trust.zone, status, message, signature);
  const reasons = [...(reason === null ? [] : [reason]), ...trust.reasons];
  const zone = status === "secure" ? trust : null;
  return { status, reasons, links: [...trust.links, link], ttl, rrset: null, until: trust.until, denial, zone };
}

/** Judges that the name, or the type at it, does not exist. */
export function* judgeAbsence(name: DomainName, type: number, message: DnsMessage, ground: Ground): Walk<Judged> {
  const subject: Subject = { kind: "denial", name, type, rrset: null };
  const authority = rrsetsOf(message.authority);
  const question = absenceQuestion(name, type, message.rcode);
  const deciding = decidingName(name, type);
  let refused: Judged | null = null;
  for (const zone of denyingZones(authority, deciding, ground)) {
    const trust = yield* trustAt(zone, { signs: true });
    if (trust.status === "insecure") return byZone(subject, trust);
    if (trust.status !== "secure") {
      refused ??= byZone(subject, trust);
      continue;
    }
    if (trust.zone !== zone) continue;
    const judged = absent(subject, judgeDenial(authority, trust, question, ground), trust);
    if (judged.status !== "bogus") return judged;
    const cut = judgeDenial(authority, trust, cutQuestion(deciding, zone), ground);
    if (cut.status === "secure") return absent(subject, unsignedCut(cut, trust), trust);
    refused = judged;
  }
  if (refused !== null) return refused;
  const trust = yield* trustAt(deciding);
  if (trust.status !== "secure") return byZone(subject, trust);
  const missing = `no NSEC or NSEC3 record of ${displayName(trust.zone)} came along to show ${question.what}`;
  const unsigned = !message.authority.some((record) => record.type === TYPE.RRSIG);
  const ede = unsigned ? EDE.RRSIGS_MISSING : EDE.NSEC_MISSING;
  return broken(subject, trust, reasonOf("DNSSEC_DENIAL_MISSING", trust.zone, missing, ede));
}

/** min(SOA TTL, SOA MINIMUM), not longer than the proof (RFC 2308 §5, RFC 9077 §3); a secure absence needs a secure SOA. */
export function negativeTtl(message: DnsMessage, judged: Judged, ground: Ground): Seconds | null {
  const soa = rrsetsOf(message.authority).find(({ type }) => type === TYPE.SOA);
  const fields = soa?.rdatas[0] === undefined ? null : decodeSoa(soa.rdatas[0]);
  if (soa === undefined || fields?.ok !== true) return null;
  if (judged.zone === null) return seconds(Math.min(soa.ttl, fields.value.minimum));
  const accepted = acceptRrset(soa, judged.zone, ground);
  return accepted.ok ? seconds(Math.min(accepted.value.ttl, fields.value.minimum, judged.ttl)) : null;
}
