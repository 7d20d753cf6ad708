/**
 * The validator: a question and the messages that answer it in, a verdict with its reasons out (RFC 4035 §5).
 *
 * The protocol: data of a signed zone carry signatures, and what does not exist is proved not to exist, by keys that hang
 * on a trust anchor through DS records. Everything else depends on knowing which zones must be signed, because an
 * attacker can always take signatures away; zone-trust.ts finds that out.
 *
 * Decided: each RRset on the way from the name asked to the answer is judged by itself, and the whole is as good as its
 * worst part. An RRset with a signature is judged by the zone that it names, once that is proved to be a zone; without
 * one, the chain is walked down to its owner, and only a proved unsigned delegation makes it insecure. A negative answer
 * is worth what its proof is worth. NXDOMAIN whose proof shows a name without the type is taken as just that (NODATA):
 * the proof is what counts, and a wrong response code in the unsigned header harms nobody.
 *
 * Not done: RRSIG records asked for as such are insecure, because nothing signs them (RFC 4035 §2.2); automatic anchors
 * (RFC 5011); negative trust anchors (RFC 7646).
 */
import type { Fault } from "../base/errors.ts";
import { addSeconds, instant, seconds } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import type { AliasLink } from "../dns/alias.ts";
import { nextCloserName } from "./nsec3.ts";
import { RCODE, TYPE, typeName } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { countLabels, displayName, isAtOrBelow, parentOf, ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeSoa } from "../dns/rdata.ts";
import type { Rrset } from "../dns/rrset.ts";
import { acceptRrset, candidateSigners, reasonOf, rrsetText } from "./acceptance.ts";
import type { Accepted } from "./acceptance.ts";
import { readAnswer, rrsetsOf } from "./answer.ts";
import type { AnswerPart } from "./answer.ts";
import { denialRrsets, judgeDenial } from "./denial.ts";
import type { DenialQuestion, JudgedDenial } from "./denial.ts";
import { isDelegation } from "./nsec.ts";
import type { DenialProof } from "./nsec.ts";
import { EDE } from "./ede.ts";
import { messageFor, trustAt } from "./need.ts";
import type { Walk } from "./need.ts";
import type { ChainLink, LinkSignature, Reason, SecurityStatus, Validation } from "./verdict.ts";
import { silence } from "./zone-trust.ts";
import type { Ground, SecureZone, ZoneTrust } from "./zone-trust.ts";

/** A verdict with what it is about. For `bogus` and `indeterminate` there are no RRsets to be used by mistake. */
export interface Verdict extends Validation {
  readonly rcode: number;
  readonly aliases: readonly AliasLink[];
  /** The last target of the aliases, or the name asked. */
  readonly finalName: DomainName;
  /** Empty: the name or the type does not exist. TTLs are capped by their signatures (RFC 4035 §5.3.3). */
  readonly rrsets: readonly Rrset[];
  /** Negative answers: how long the absence may be believed (RFC 2308 §5); null when nothing says. */
  readonly negativeTtl: Seconds | null;
  /** Until when the verdict may be remembered, as far as its records say. */
  readonly until: Instant;
}

/** Signer names tried for one RRset: honest answers have one, or two where parent and child share a name server. */
const MAX_SIGNERS = 4;

/** The verdict on one part of an answer. */
interface Judged {
  readonly status: SecurityStatus;
  readonly reasons: readonly Reason[];
  readonly links: readonly ChainLink[];
  readonly ttl: Seconds;
  readonly rrset: Rrset | null;
  readonly until: Instant;
  /** Set for a proof of absence. */
  readonly denial: JudgedDenial | null;
  /** The zone that proved it, when secure. */
  readonly zone: SecureZone | null;
}

type PartKind = "alias" | "answer" | "denial";

interface Subject {
  readonly kind: PartKind;
  readonly name: DomainName;
  readonly type: number;
  readonly rrset: Rrset | null;
}

function partLink(
  subject: Subject,
  zone: DomainName,
  status: SecurityStatus,
  message: string,
  signature: LinkSignature | null = null,
): ChainLink {
  const { kind, name, type } = subject;
  return { kind, zone, name, type, status, keys: [], signature, message };
}

/** A part that shares the fate of its zone: nothing can be said beyond what is known of that. */
function byZone(subject: Subject, trust: Exclude<ZoneTrust, SecureZone>): Judged {
  const { status, reasons, links, until, zone } = trust;
  const what = subject.rrset === null ? "the answer" : rrsetText(subject.rrset);
  const message = status === "insecure" ? `${what}: unsigned, as ${displayName(zone)} is` : `${what}: not judged`;
  const ttl = subject.rrset?.ttl ?? seconds(0);
  const link = partLink(subject, zone, status, message);
  return { status, reasons, links: [...links, link], ttl, rrset: subject.rrset, until, denial: null, zone: null };
}

function broken(
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
  if (denial.status === "secure") return secure;
  if (denial.reason !== null && denial.status === "bogus")
    return broken(subject, trust, denial.reason, accepted.signature);
  const reasons = [...(denial.reason === null ? [] : [denial.reason]), ...secure.reasons];
  const message = `${signedText(subject, accepted)}; ${denial.reason?.message ?? ""}`;
  const link = partLink(subject, trust.zone, "insecure", message, accepted.signature);
  return { ...secure, status: "insecure", reasons, links: [...trust.links, link] };
}

function accept(subject: Subject, rrset: Rrset, accepted: Accepted, trust: SecureZone): Judged {
  const link = partLink(subject, trust.zone, "secure", signedText(subject, accepted), accepted.signature);
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
function decidingName(name: DomainName, type: number): DomainName {
  return type === TYPE.DS ? (parentOf(name) ?? ROOT) : name;
}

/**
 * Zones that may speak about the name: none above the closest anchor, because whoever put an anchor there knows that the
 * name is signed from there on (RFC 6840 §5.10).
 */
function mayJudge(zone: DomainName, name: DomainName, ground: Ground): boolean {
  let at: DomainName | null = name;
  while (at !== null && !ground.anchors.has(at)) at = parentOf(at);
  return at === null || isAtOrBelow(zone, at);
}

function* judgeRrset(part: AnswerPart, authority: readonly Rrset[], ground: Ground): Walk<Judged> {
  const { rrset, kind } = part;
  const subject: Subject = { kind, name: rrset.name, type: rrset.type, rrset };
  if (rrset.type === TYPE.RRSIG) return unsignable(subject, rrset, ground);
  let refused: Judged | null = null;
  const deciding = decidingName(rrset.name, rrset.type);
  const signers = candidateSigners(rrset).filter((signer) => mayJudge(signer, deciding, ground));
  for (const signer of signers.slice(0, MAX_SIGNERS)) {
    const trust = yield* trustAt(signer);
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
        if (types !== null && isDelegation(types)) return proof;
      }
      return null;
    },
  };
}

function unsignedCut(denial: JudgedDenial, name: DomainName, trust: SecureZone): JudgedDenial {
  const message = `${displayName(trust.zone)} delegates ${displayName(name)} or a name above it without a DS record`;
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

function* judgeAbsence(name: DomainName, type: number, message: DnsMessage, ground: Ground): Walk<Judged> {
  const subject: Subject = { kind: "denial", name, type, rrset: null };
  const authority = rrsetsOf(message.authority);
  const question = absenceQuestion(name, type, message.rcode);
  const deciding = decidingName(name, type);
  let refused: Judged | null = null;
  for (const zone of denyingZones(authority, deciding, ground)) {
    const trust = yield* trustAt(zone);
    if (trust.status === "insecure") return byZone(subject, trust);
    if (trust.status !== "secure") {
      refused ??= byZone(subject, trust);
      continue;
    }
    if (trust.zone !== zone) continue;
    const judged = absent(subject, judgeDenial(authority, trust, question, ground), trust);
    if (judged.status !== "bogus") return judged;
    const cut = judgeDenial(authority, trust, cutQuestion(deciding, zone), ground);
    if (cut.status === "secure") return absent(subject, unsignedCut(cut, deciding, trust), trust);
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
function negativeTtl(message: DnsMessage, judged: Judged, ground: Ground): Seconds | null {
  const soa = rrsetsOf(message.authority).find(({ type }) => type === TYPE.SOA);
  const fields = soa?.rdatas[0] === undefined ? null : decodeSoa(soa.rdatas[0]);
  if (soa === undefined || fields?.ok !== true) return null;
  if (judged.zone === null) return seconds(Math.min(soa.ttl, fields.value.minimum));
  const accepted = acceptRrset(soa, judged.zone, ground);
  return accepted.ok ? seconds(Math.min(accepted.value.ttl, fields.value.minimum, judged.ttl)) : null;
}

const BADNESS: Readonly<Record<SecurityStatus, number>> = { secure: 0, insecure: 1, indeterminate: 2, bogus: 3 };

function worse(left: SecurityStatus, right: SecurityStatus): SecurityStatus {
  return BADNESS[left] >= BADNESS[right] ? left : right;
}

function isUsable(status: SecurityStatus): boolean {
  return status === "secure" || status === "insecure";
}

/** Puts the parts together as they are judged, one after the other. */
interface Account {
  readonly add: (judged: Judged) => void;
  readonly status: () => SecurityStatus;
  readonly verdict: (rest: Pick<Verdict, "rcode" | "aliases" | "finalName" | "negativeTtl">) => Verdict;
}

function openAccount(ground: Ground): Account {
  let status: SecurityStatus = "secure";
  let until = addSeconds(ground.now, seconds(86_400));
  const reasons: Reason[] = [];
  // Parts of one zone share the links above them: a set keeps each once, in the order of the walk.
  const links = new Set<ChainLink>();
  const rrsets: Rrset[] = [];
  return {
    add: (judged) => {
      // The reason of the worst part stands first.
      if (BADNESS[judged.status] > BADNESS[status]) reasons.unshift(...judged.reasons);
      else reasons.push(...judged.reasons);
      status = worse(status, judged.status);
      for (const link of judged.links) links.add(link);
      const last = judged.links.at(-1);
      if (judged.rrset !== null && last?.kind === "answer") rrsets.push(judged.rrset);
      const kept = addSeconds(ground.now, judged.ttl);
      until = instant(Math.min(until, judged.until, kept));
    },
    status: () => status,
    verdict: (rest) => {
      const chain = [...links];
      const expirations = chain.flatMap(({ signature }) => (signature === null ? [] : [signature.expiration]));
      return {
        status,
        reasons: [...new Map(reasons.map((reason) => [`${reason.code} ${reason.message}`, reason])).values()],
        chain,
        signaturesExpire: expirations.length === 0 ? null : instant(Math.min(...expirations)),
        rrsets: isUsable(status) ? rrsets : [],
        until,
        ...rest,
      };
    },
  };
}

function unanswered(at: DomainName, type: number, problem: Fault, ground: Ground): Judged {
  const what = `${displayName(at)} ${typeName(type)} could not be looked up`;
  const reason = silence(at, what, problem);
  const link = partLink({ kind: "answer", name: at, type, rrset: null }, at, "indeterminate", reason.message);
  const common = { ttl: seconds(0), rrset: null, until: ground.now, denial: null, zone: null } as const;
  return { status: "indeterminate", reasons: [reason], links: [link], ...common };
}

function endless(at: DomainName, name: DomainName, type: number, ground: Ground): Judged {
  const message = `the aliases of ${displayName(name)} lead through ${displayName(at)} and on without an end`;
  const reason = reasonOf("DNS_ALIAS_LOOP", at, message, null);
  const link = partLink({ kind: "alias", name: at, type, rrset: null }, at, "indeterminate", message);
  const common = { ttl: seconds(0), rrset: null, until: ground.now, denial: null, zone: null } as const;
  return { status: "indeterminate", reasons: [reason], links: [link], ...common };
}

/** The answer ends in an alias and says nothing of its target: the target must be asked for. */
function stopsShort(message: DnsMessage, found: number, followed: number): boolean {
  if (found > 0 || followed === 0 || message.rcode !== RCODE.NOERROR) return false;
  return !message.authority.some(({ type }) => type === TYPE.SOA || type === TYPE.NSEC || type === TYPE.NSEC3);
}

/** Judges one question. Never throws on any message. */
export function* validate(name: DomainName, type: number, ground: Ground): Walk<Verdict> {
  const account = openAccount(ground);
  const aliases: AliasLink[] = [];
  const left = new Set<DomainName>();
  const conclude = (finalName: DomainName, rcode: number, ttl: Seconds | null = null): Verdict =>
    account.verdict({ rcode, aliases, finalName, negativeTtl: ttl });
  for (let at = name; ;) {
    const reply = yield* messageFor(at, type);
    if (!reply.ok) {
      account.add(unanswered(at, type, reply.fault, ground));
      return conclude(at, RCODE.SERVFAIL);
    }
    const message = reply.value;
    const most = ground.policy.limits.aliases - aliases.length;
    const reading = readAnswer(message.answer, at, type, most);
    const authority = rrsetsOf(message.authority);
    for (const part of reading.parts) {
      const judged = yield* judgeRrset(part, authority, ground);
      const { rrset } = judged;
      account.add(rrset === null ? judged : { ...judged, rrset: { ...part.shown, ttl: rrset.ttl } });
      if (!isUsable(account.status())) return conclude(part.rrset.name, message.rcode);
      if (part.link !== null) aliases.push(part.link);
    }
    const { finalName } = reading;
    left.add(at);
    if (reading.endless || (left.has(finalName) && finalName !== at)) {
      account.add(endless(finalName, name, type, ground));
      return conclude(finalName, message.rcode);
    }
    if (reading.rrsets.length > 0) return conclude(finalName, RCODE.NOERROR);
    if (stopsShort(message, reading.rrsets.length, reading.parts.length)) {
      at = finalName;
      continue;
    }
    const absence = yield* judgeAbsence(finalName, type, message, ground);
    account.add(absence);
    // What was proved counts more than the unsigned response code.
    const kind = absence.denial?.proof?.kind;
    const rcode = kind === "nodata" ? RCODE.NOERROR : message.rcode;
    return conclude(finalName, rcode, isUsable(absence.status) ? negativeTtl(message, absence, ground) : null);
  }
}
