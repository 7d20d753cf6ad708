/**
 * The verdict on one RRset of an answer: by the zone that its signatures name, once that is proved to be a zone; without
 * one, by the zone that holds its owner (RFC 4035 §5.3). Only a proved unsigned delegation makes it insecure.
 */
import { addSeconds, instant, seconds } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import type { AliasLink } from "../dns/alias.ts";
import { TYPE } from "../dns/iana.ts";
import { countLabels, displayName, isAtOrBelow, parentOf, ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import type { Rrset } from "../dns/rrset.ts";
import { acceptRrset, candidateSigners, reasonOf, rrsetText } from "./acceptance.ts";
import type { Accepted } from "./acceptance.ts";
import type { AnswerPart } from "./answer.ts";
import { judgeDenial } from "./denial.ts";
import type { DenialQuestion, JudgedDenial } from "./denial.ts";
import { EDE } from "./ede.ts";
import { trustAt } from "./need.ts";
import type { Walk } from "./need.ts";
import { nextCloserName } from "./nsec3.ts";
import type { ChainLink, LinkSignature, Reason, SecurityStatus } from "./verdict.ts";
import type { Ground, SecureZone, ZoneTrust } from "./zone-trust.ts";

/** Signer names tried for one RRset: honest answers have one, or two where parent and child share a name server. */
export const MAX_SIGNERS = 4;

/** The verdict on one part of an answer. */
export interface Judged {
  readonly status: SecurityStatus;
  readonly reasons: readonly Reason[];
  readonly links: readonly ChainLink[];
  readonly ttl: Seconds;
  readonly rrset: Rrset | null;
  readonly until: Instant;
  /** Set for a proof of absence, and for one that a wildcard may stand here. */
  readonly denial: JudgedDenial | null;
  /** The zone that proved it, when secure. */
  readonly zone: SecureZone | null;
}

/** What a verdict is about. */
export interface Subject {
  readonly kind: "alias" | "answer" | "denial";
  readonly name: DomainName;
  readonly type: number;
  readonly rrset: Rrset | null;
  /** Of an alias. */
  readonly link?: AliasLink | null;
}

/** The link that a part adds to the chain of trust. */
export function partLink(
  subject: Subject,
  zone: DomainName,
  status: SecurityStatus,
  message: string,
  signature: LinkSignature | null = null,
): ChainLink {
  const { kind, name, type, link } = subject;
  const alias = link === undefined || link === null ? {} : { alias: { from: link.alias, target: link.target } };
  return { kind, zone, name, type, status, keys: [], signature, message, ...alias };
}

/** A part that shares the fate of its zone: nothing can be said beyond what is known of that. */
export function byZone(subject: Subject, trust: Exclude<ZoneTrust, SecureZone>): Judged {
  const { status, reasons, links, until, zone } = trust;
  const what = subject.rrset === null ? "the answer" : rrsetText(subject.rrset);
  const message = status === "insecure" ? `${what}: unsigned, as ${displayName(zone)} is` : `${what}: not judged`;
  const ttl = subject.rrset?.ttl ?? seconds(0);
  const link = partLink(subject, zone, status, message);
  return { status, reasons, links: [...links, link], ttl, rrset: subject.rrset, until, denial: null, zone: null };
}

/** A part whose zone is secure, and which is not what the zone says. */
export function broken(
  subject: Subject,
  trust: SecureZone,
  reason: Reason,
  signature: LinkSignature | null = null,
  denial: JudgedDenial | null = null,
): Judged {
  const link = partLink(subject, trust.zone, "bogus", reason.message, signature);
  const { links, until } = trust;
  const reasons = [reason, ...trust.reasons];
  return { status: "bogus", reasons, links: [...links, link], ttl: seconds(0), rrset: null, until, denial, zone: null };
}

function signedText(subject: Subject, { signature, wildcard }: Accepted): string {
  const what = subject.rrset === null ? "" : rrsetText(subject.rrset);
  const from = wildcard === null ? "" : `, expanded from ${displayName(wildcard)}`;
  return `${what} signed by ${String(signature.keyTag)} of ${displayName(signature.signer)}${from}`;
}

/** A wildcard may only stand for names that nothing closer exists for (RFC 4035 §5.3.4). */
function judgeExpansion(
  subject: Subject,
  rrset: Rrset,
  accepted: Accepted,
  authority: readonly Rrset[],
  trust: SecureZone,
  ground: Ground,
): Judged {
  const secure = accept(subject, rrset, accepted, trust);
  if (accepted.wildcard === null) return secure;
  if (rrset.type === TYPE.DNAME) {
    const message = `the DNAME at ${displayName(rrset.name)} was expanded from a wildcard, which means nothing`;
    const reason = reasonOf("DNSSEC_ANSWER_CONTRADICTORY", trust.zone, message, EDE.BOGUS);
    return broken(subject, trust, reason, accepted.signature);
  }
  const nextCloser = nextCloserName(rrset.name, countLabels(accepted.wildcard) - 1);
  const what = `that no name closer than ${displayName(accepted.wildcard)} stands for ${displayName(rrset.name)}`;
  const question: DenialQuestion = { what, prove: (records) => records.noCloser(nextCloser) };
  const denial = judgeDenial(authority, trust, question, ground);
  // The records may be believed no longer than the proof that they belong here.
  const until = instant(Math.min(secure.until, addSeconds(ground.now, denial.ttl)));
  if (denial.status === "secure") return { ...secure, until, denial };
  if (denial.reason !== null && denial.status === "bogus")
    return broken(subject, trust, denial.reason, accepted.signature);
  const reasons = [...(denial.reason === null ? [] : [denial.reason]), ...secure.reasons];
  const message = `${signedText(subject, accepted)}; ${denial.reason?.message ?? ""}`;
  const { wildcard } = accepted;
  const link = { ...partLink(subject, trust.zone, "insecure", message, accepted.signature), wildcard };
  return { ...secure, status: "insecure", reasons, links: [...trust.links, link], until };
}

function accept(subject: Subject, rrset: Rrset, accepted: Accepted, trust: SecureZone): Judged {
  const plain = partLink(subject, trust.zone, "secure", signedText(subject, accepted), accepted.signature);
  const link = accepted.wildcard === null ? plain : { ...plain, wildcard: accepted.wildcard };
  return {
    status: "secure",
    reasons: trust.reasons,
    links: [...trust.links, link],
    ttl: accepted.ttl,
    rrset: { ...rrset, ttl: accepted.ttl },
    until: trust.until,
    denial: null,
    zone: trust,
  };
}

/** Nothing signs signatures (RFC 4035 §2.2). */
function unsignable(subject: Subject, rrset: Rrset, ground: Ground): Judged {
  const link = partLink(subject, rrset.name, "insecure", "RRSIG records are not signed themselves");
  const { ttl } = rrset;
  const common = { ttl, rrset, until: addSeconds(ground.now, ttl), denial: null, zone: null } as const;
  return { status: "insecure", reasons: [], links: [link], ...common };
}

/** The zone whose trust decides about data without a usable signature: a DS belongs to the parent (RFC 4035 §2.4). */
export function decidingName(name: DomainName, type: number): DomainName {
  return type === TYPE.DS ? (parentOf(name) ?? ROOT) : name;
}

/**
 * Zones that may speak about the name: none above the closest anchor, because whoever put an anchor there knows that the
 * name is signed from there on (RFC 6840 §5.10).
 */
export function mayJudge(zone: DomainName, name: DomainName, ground: Ground): boolean {
  let at: DomainName | null = name;
  while (at !== null && !ground.anchors.has(at)) at = parentOf(at);
  return at === null || isAtOrBelow(zone, at);
}

/** Judges one RRset of an answer by the zone that its signatures name, else by the zone that holds its owner. */
export function* judgeRrset(part: AnswerPart, authority: readonly Rrset[], ground: Ground): Walk<Judged> {
  const { rrset, kind, link } = part;
  const subject: Subject = { kind, name: rrset.name, type: rrset.type, rrset, link };
  if (rrset.type === TYPE.RRSIG) return unsignable(subject, rrset, ground);
  let refused: Judged | null = null;
  const deciding = decidingName(rrset.name, rrset.type);
  const signers = candidateSigners(rrset).filter((signer) => mayJudge(signer, deciding, ground));
  for (const signer of signers.slice(0, MAX_SIGNERS)) {
    const trust = yield* trustAt(signer, { signs: true });
    if (trust.status === "insecure") return byZone(subject, trust);
    if (trust.status !== "secure") {
      refused ??= byZone(subject, trust);
      continue;
    }
    // A name that is no zone signs nothing, whatever the record says.
    if (trust.zone !== signer) continue;
    const accepted = acceptRrset(rrset, trust, ground);
    if (accepted.ok) return judgeExpansion(subject, rrset, accepted.value, authority, trust, ground);
    refused = broken(subject, trust, accepted.fault.reason, accepted.fault.signature);
  }
  if (refused !== null) return refused;
  const trust = yield* trustAt(deciding);
  if (trust.status !== "secure") return byZone(subject, trust);
  const missing = `${rrsetText(rrset)} have no signature by ${displayName(trust.zone)}, which is signed`;
  return broken(subject, trust, reasonOf("DNSSEC_SIGNATURE_MISSING", trust.zone, missing, EDE.RRSIGS_MISSING));
}
