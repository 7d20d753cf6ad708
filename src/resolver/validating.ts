/**
 * A resolver of trust mode "local": the evidence comes from a recursive resolver that nobody needs to trust, the
 * judgement is our own (src/dnssec).
 *
 * What is remembered, for the life of the process and shared by everything in it: the trust in each zone and the verdict
 * on each question, as long as their records' TTLs and signatures allow and never longer than an hour; bogus ones for a
 * minute, so that a mended zone is seen soon and a broken one is not asked about without end; what rests on no answer or
 * on an error code of the resolver not at all. Questions that are under way are joined, not repeated, so that checking a
 * thousand hosts asks for the keys of the root and of each TLD once.
 *
 * Where a signature names a zone of which nothing is known yet, the DS and DNSKEY records from there up to the anchor are
 * asked for all at once and not one after the other: a first lookup then waits twice for the resolver, not six times.
 *
 * The account of work belongs to the question that causes it. A zone that could not be judged because somebody's account
 * ran out is judged again on the account of the next who asks, so that one hostile answer cannot poison another's.
 */
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { addSeconds, seconds } from "../base/time.ts";
import type { Clock, Instant, Seconds } from "../base/time.ts";
import { TYPE, typeName } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import type { TrustAnchors } from "../dnssec/anchors.ts";
import { drive } from "../dnssec/need.ts";
import type { Sources } from "../dnssec/need.ts";
import { DEFAULT_POLICY } from "../dnssec/policy.ts";
import type { ValidationPolicy } from "../dnssec/policy.ts";
import { validate } from "../dnssec/validate.ts";
import type { Verdict } from "../dnssec/validate.ts";
import type { Validation } from "../dnssec/verdict.ts";
import { createWork } from "../dnssec/work.ts";
import { establishTrust } from "../dnssec/zone-trust.ts";
import type { Ground, ZoneTrust } from "../dnssec/zone-trust.ts";
import type { DnsAnswer, Resolve } from "./resolver.ts";
import type { Ask } from "./upstream.ts";

export interface ValidatingOptions {
  /** Fetches evidence: DO=1, CD=1. */
  readonly ask: Ask;
  readonly anchors: TrustAnchors;
  readonly clock: Clock;
  readonly policy?: ValidationPolicy;
}

/** No official reference; resolvers cap at a day (RFC 8767 §4 says a week at most). A rollover wants to see changes. */
const MOST_REMEMBERED = seconds(3600);
/** RFC 9520: resolution failures are cached for at least a second and at most five minutes. */
const BOGUS_REMEMBERED = seconds(60);
/** Entries of each kind: enough for the zones and hosts of a large check, some ten megabytes at most. */
const MOST_ENTRIES = 10_000;

/**
 * Records are fetched ahead of need only while the account holds more questions than this, so that signatures that name
 * deep and empty names cannot spend it.
 */
const AHEAD_FLOOR = 40;

interface Memory<T> {
  readonly find: (key: string, now: Instant) => Promise<T> | null;
  readonly put: (key: string, value: Promise<T>) => void;
  readonly keep: (key: string, until: Instant) => void;
  readonly drop: (key: string) => void;
}

/** A bounded map from questions to answers, under way or at hand; the longest unused goes first. */
function createMemory<T>(): Memory<T> {
  const entries = new Map<string, { readonly value: Promise<T>; readonly until: Instant | null }>();
  return {
    find: (key, now) => {
      const entry = entries.get(key);
      if (entry === undefined) return null;
      entries.delete(key);
      if (entry.until !== null && entry.until <= now) return null;
      entries.set(key, entry);
      return entry.value;
    },
    put: (key, value) => {
      entries.set(key, { value, until: null });
      if (entries.size <= MOST_ENTRIES) return;
      const [oldest] = entries.keys();
      if (oldest !== undefined) entries.delete(oldest);
    },
    keep: (key, until) => {
      const entry = entries.get(key);
      if (entry !== undefined) entries.set(key, { ...entry, until });
    },
    drop: (key) => {
      entries.delete(key);
    },
  };
}

/** An error code may pass with the next question, and says nothing about the zone's data: nobody should wait for a minute. */
function isPassing({ status, reasons }: Pick<Validation, "status" | "reasons">): boolean {
  return status === "indeterminate" || (status === "bogus" && reasons.some(({ code }) => code === "DNS_RCODE"));
}

function rememberUntil(
  judged: Pick<Validation, "status" | "reasons"> & { readonly until: Instant },
  now: Instant,
): Instant {
  const { status, until } = judged;
  if (isPassing(judged)) return now;
  const most = addSeconds(now, status === "bogus" ? BOGUS_REMEMBERED : MOST_REMEMBERED);
  if (status === "bogus" || most < until) return most;
  return until;
}

/** A zone's trust, whose account paid for it, and whether that ran out before the end. */
interface Paid {
  readonly trust: ZoneTrust;
  readonly payer: Ground;
  readonly starved: boolean;
}

/** What one question rests on, and what was asked on its account before it was needed. */
interface Asking extends Ground {
  readonly ahead: Map<string, Promise<Result<DnsMessage, Fault>>>;
}

/** A verdict and when it was found. */
interface Dated {
  readonly verdict: Verdict;
  readonly at: Instant;
}

/** TTLs count down while a verdict is remembered, as they do in any cache (RFC 1035 §3.2.1). */
function aged(ttl: Seconds, age: number): Seconds {
  return seconds(Math.max(0, ttl - age));
}

function answerOf(name: DomainName, type: number, { verdict, at }: Dated, now: Instant): DnsAnswer {
  const { status, reasons, chain, signaturesExpire, rcode, aliases, finalName, rrsets, negativeTtl } = verdict;
  const validation = { status, reasons, chain, signaturesExpire };
  if (status === "bogus" || status === "indeterminate") return { status, name, type, reasons, validation };
  const age = Math.max(0, Math.floor((now - at) / 1000));
  const [first] = rrsets;
  return {
    status,
    name,
    type,
    rcode,
    aliases: aliases.map((link) => ({ ...link, ttl: aged(link.ttl, age) })),
    finalName,
    rrset: first === undefined ? null : { ...first, ttl: aged(first.ttl, age) },
    negativeTtl: negativeTtl === null ? null : aged(negativeTtl, age),
    validation,
  };
}

function tooManyQuestions(name: DomainName, type: number, ground: Ground): Fault {
  const most = String(ground.policy.limits.questions);
  return fault("DNSSEC_LIMIT", `more than ${most} questions, the last ${displayName(name)} ${typeName(type)}`);
}

/** A {@link Resolve} that validates. It rejects only when `ask` does (`DNS_INTERRUPTED`). */
export function createValidatingResolver(options: ValidatingOptions): Resolve {
  const { ask, anchors, clock, policy = DEFAULT_POLICY } = options;
  const trusts = createMemory<Paid>();
  const verdicts = createMemory<Dated>();

  const fetch = async (name: DomainName, type: number, ground: Asking): Promise<Result<DnsMessage, Fault>> => {
    const key = `${String(type)} ${name}`;
    const early = ground.ahead.get(key);
    ground.ahead.delete(key);
    if (early !== undefined) return early;
    return ground.work.spend("questions") ? ask(name, type) : failure(tooManyQuestions(name, type, ground));
  };

  const fetchAhead = (name: DomainName, type: number, ground: Asking): void => {
    if (ground.work.left("questions") <= AHEAD_FLOOR) return;
    const reply = fetch(name, type, ground);
    // A rejection belongs to whoever needs the reply; without this Node would end the process before that.
    reply.catch(() => undefined);
    ground.ahead.set(`${String(type)} ${name}`, reply);
  };

  /** `signs` is handed on: above a zone that signs there are such zones up to the anchor. */
  const sourcesFor = (ground: Asking, signs: boolean): Sources => ({
    message: (name, type) => fetch(name, type, ground),
    trust: (name, signer) => trustOf(name, ground, signs || signer),
  });

  async function establish(name: DomainName, ground: Asking, signs: boolean): Promise<Paid> {
    if (signs && !anchors.has(name)) for (const type of [TYPE.DS, TYPE.DNSKEY]) fetchAhead(name, type, ground);
    try {
      const trust = await drive(establishTrust(name, ground), sourcesFor(ground, signs));
      const starved = ground.work.exhausted() !== null && trust.status !== "secure";
      if (starved) trusts.drop(name);
      else trusts.keep(name, rememberUntil(trust, ground.now));
      return { trust, payer: ground, starved };
    } catch (error) {
      trusts.drop(name);
      throw error;
    }
  }

  async function trustOf(name: DomainName, ground: Asking, signs: boolean): Promise<ZoneTrust> {
    for (;;) {
      const known = trusts.find(name, ground.now);
      const under = known ?? establish(name, ground, signs);
      if (known === null) trusts.put(name, under);
      const { trust, payer, starved } = await under;
      if (!starved || payer === ground) return trust;
    }
  }

  async function judge(key: string, name: DomainName, type: number): Promise<Dated> {
    const now = clock();
    const ground: Asking = { now, policy, work: createWork(policy.limits), anchors, ahead: new Map() };
    try {
      const verdict = await drive(validate(name, type, ground), sourcesFor(ground, false));
      verdicts.keep(key, rememberUntil(verdict, now));
      return { verdict, at: now };
    } catch (error) {
      verdicts.drop(key);
      throw error;
    }
  }

  return async (name, type) => {
    const now = clock();
    const key = `${String(type)} ${name}`;
    let dated = verdicts.find(key, now);
    if (dated === null) {
      dated = judge(key, name, type);
      verdicts.put(key, dated);
    }
    return answerOf(name, type, await dated, clock());
  };
}
