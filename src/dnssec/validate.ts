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
import { RCODE, TYPE, typeName } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import type { Rrset } from "../dns/rrset.ts";
import { judgeAbsence, negativeTtl } from "./absence.ts";
import { reasonOf } from "./acceptance.ts";
import { readAnswer, rrsetsOf } from "./answer.ts";
import { messageFor } from "./need.ts";
import type { Walk } from "./need.ts";
import { judgeRrset, partLink } from "./part.ts";
import type { Judged } from "./part.ts";
import type { ChainLink, LinkSignature, Reason, SecurityStatus, Validation } from "./verdict.ts";
import { silence } from "./zone-trust.ts";
import type { Ground } from "./zone-trust.ts";

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
  const proofs: LinkSignature[] = [];
  const rrsets: Rrset[] = [];
  return {
    add: (judged) => {
      // The reason of the worst part stands first.
      if (BADNESS[judged.status] > BADNESS[status]) reasons.unshift(...judged.reasons);
      else reasons.push(...judged.reasons);
      status = worse(status, judged.status);
      for (const link of judged.links) links.add(link);
      proofs.push(...(judged.denial?.signatures ?? []));
      const last = judged.links.at(-1);
      if (judged.rrset !== null && last?.kind === "answer") rrsets.push(judged.rrset);
      const kept = addSeconds(ground.now, judged.ttl);
      until = instant(Math.min(until, judged.until, kept));
    },
    status: () => status,
    verdict: (rest) => {
      const chain = [...links];
      const expirations = [...chain.flatMap(({ signature }) => signature ?? []), ...proofs].map(
        ({ expiration }) => expiration,
      );
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
      if (part.link !== null) aliases.push({ ...part.link, ttl: rrset?.ttl ?? part.link.ttl });
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
    const ttl = isUsable(absence.status) ? negativeTtl(message, absence, ground) : null;
    // Without a proof the SOA alone says how long an absence holds (RFC 2308 §5).
    const isProved = absence.denial !== null && absence.ttl < (ttl ?? Infinity);
    account.add({ ...absence, ttl: isProved || ttl === null ? absence.ttl : ttl });
    // What was proved counts more than the unsigned response code.
    const kind = absence.denial?.proof?.kind;
    const rcode = kind === undefined ? message.rcode : kind === "nodata" ? RCODE.NOERROR : RCODE.NXDOMAIN;
    return conclude(finalName, rcode, ttl);
  }
}
