/**
 * What the resolver knows: replies of the authorities, each kept for exactly its TTL (a negative one for min(SOA TTL,
 * MINIMUM), RFC 2308 §5), and what the validator (src/dnssec) says of the answers that they make up. A verdict lives as
 * long as the replies under it; what is bogus or could not be judged is not kept at all, so that a mended zone is seen at
 * once.
 */
import { assert } from "../base/assert.ts";
import { success } from "../base/result.ts";
import type { Clock, Instant, Seconds } from "../base/time.ts";
import { addSeconds, seconds } from "../base/time.ts";
import { TYPE } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeDs, decodeSoa } from "../dns/rdata.ts";
import { groupRrsets } from "../dns/rrset.ts";
import type { TrustAnchors } from "../dnssec/anchors.ts";
import { drive } from "../dnssec/need.ts";
import { DEFAULT_POLICY } from "../dnssec/policy.ts";
import { validate } from "../dnssec/validate.ts";
import type { SecurityStatus } from "../dnssec/verdict.ts";
import { createWork } from "../dnssec/work.ts";
import { establishTrust } from "../dnssec/zone-trust.ts";
import type { Ground, ZoneTrust } from "../dnssec/zone-trust.ts";
import type { Authorities } from "./authorities.ts";

/** A reply, and how long it may be kept. */
export interface KeptReply {
  readonly message: DnsMessage;
  readonly storedAt: Instant;
  readonly until: Instant;
}

export interface Found {
  readonly status: SecurityStatus;
  /** One for each link of the alias chain that a zone answered by itself; empty when nobody answered. */
  readonly replies: readonly KeptReply[];
}

export interface Lookup {
  /** What the cache or the authorities have, judged; never rejects for what servers say. */
  readonly lookUp: (name: DomainName, type: number) => Promise<Found>;
  /** Forgets replies, verdicts and keys. */
  readonly flush: () => void;
}

export interface LookupOptions {
  readonly ask: Authorities["ask"];
  /** DS RDATA of the root zone. */
  readonly anchor: Uint8Array;
  readonly clock: Clock;
}

function isKeepable(status: SecurityStatus): boolean {
  return status === "secure" || status === "insecure";
}

/** A lookup with a memory of its own. */
export function createLookup({ ask, anchor, clock }: LookupOptions): Lookup {
  const anchors = anchorsOf(anchor);
  const replies = new Map<string, KeptReply>();
  const found = new Map<string, Found>();
  const trusts = new Map<DomainName, ZoneTrust>();

  async function trustOf(name: DomainName, ground: Ground): Promise<ZoneTrust> {
    const known = trusts.get(name);
    if (known !== undefined && known.until > ground.now) return known;
    const trust = await drive(establishTrust(name, ground), {
      message: ask,
      trust: (above) => trustOf(above, ground),
    });
    if (isKeepable(trust.status)) trusts.set(name, trust);
    return trust;
  }

  async function judge(name: DomainName, type: number): Promise<Found> {
    const now = clock();
    const ground: Ground = { now, policy: DEFAULT_POLICY, work: createWork(DEFAULT_POLICY.limits), anchors };
    const taken = new Map<string, KeptReply>();
    const { status } = await drive(validate(name, type, ground), {
      message: async (at, of) => {
        const key = keyOf(at, of);
        const kept = replies.get(key);
        if (kept !== undefined && kept.until > now) {
          taken.set(key, kept);
          return success(kept.message);
        }
        const reply = await ask(at, of);
        if (reply.ok) taken.set(key, keptReply(reply.value, clock()));
        return reply;
      },
      trust: (at) => trustOf(at, ground),
    });
    const judged = { status, replies: [...taken.values()] };
    if (isKeepable(status)) {
      for (const [key, reply] of taken) replies.set(key, reply);
      found.set(keyOf(name, type), judged);
    }
    return judged;
  }

  return {
    lookUp: async (name, type) => {
      const now = clock();
      const known = found.get(keyOf(name, type));
      const isFresh = known?.replies.every(({ until }) => until > now) === true;
      return known !== undefined && isFresh ? known : judge(name, type);
    },
    flush: () => {
      replies.clear();
      found.clear();
      trusts.clear();
    },
  };
}

function keyOf(name: DomainName, type: number): string {
  return `${String(type)} ${name}`;
}

function anchorsOf(rdata: Uint8Array): TrustAnchors {
  const ds = decodeDs(rdata);
  assert(ds.ok, "the anchor is no DS record");
  return new Map([[ROOT, { zone: ROOT, ds: [ds.value], dnskeys: [], source: "the sandbox" }]]);
}

function keptReply(message: DnsMessage, storedAt: Instant): KeptReply {
  return { message, storedAt, until: addSeconds(storedAt, ttlOf(message)) };
}

/** The smallest TTL of what was asked for; for what does not exist, min(SOA TTL, MINIMUM). */
function ttlOf({ answer, authority }: DnsMessage): Seconds {
  const soa = groupRrsets(authority).find(({ type }) => type === TYPE.SOA);
  const decoded = soa?.rdatas[0] === undefined ? null : decodeSoa(soa.rdatas[0]);
  const negative = soa !== undefined && decoded?.ok === true ? [Math.min(soa.ttl, decoded.value.minimum)] : [];
  const ttls = [...groupRrsets(answer).map(({ ttl }) => ttl), ...negative];
  return seconds(ttls.length === 0 ? 0 : Math.min(...ttls));
}
