/**
 * A small caching, validating resolver: what a DANE client's resolver would answer. Each answer is kept for exactly its
 * TTL (a negative one for min(SOA TTL, MINIMUM), RFC 2308 §5) and comes out with what is left of it; which of the
 * zone's servers is asked is left to chance, as with real resolvers; a bogus answer becomes SERVFAIL and is not kept.
 */
import { randomInt } from "node:crypto";
import type { Clock, Instant, Seconds } from "../base/time.ts";
import { addSeconds, seconds } from "../base/time.ts";
import { RCODE, TYPE } from "../dns/iana.ts";
import type { DomainName } from "../dns/name.ts";
import type { DnsMessage } from "../dns/message.ts";
import { decodeCname, decodeSoa } from "../dns/rdata.ts";
import { groupRrsets } from "../dns/rrset.ts";
import type { ResourceRecord, Rrset } from "../dns/rrset.ts";
import { query } from "../transport/dns-exchange.ts";
import type { DnsServer } from "../transport/dns-exchange.ts";
import { listenDns } from "./listener.ts";
import { encodeReply, receive, replyTo } from "./reply.ts";
import type { ReplyBody } from "./reply.ts";
import { createValidator } from "./validator.ts";
import type { FetchedAnswer } from "./validator.ts";
import { signedRecordsOf } from "./zone.ts";

export interface SandboxResolver {
  readonly address: string;
  readonly port: number;
  /** Forgets everything. */
  readonly flush: () => void;
  readonly close: () => Promise<void>;
}

export interface ResolverOptions {
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  /** Servers that hold every zone of the tree. */
  readonly authorities: readonly DnsServer[];
  /** DS RDATA of the root zone. */
  readonly anchor: Uint8Array;
  readonly clock: Clock;
}

interface Entry extends FetchedAnswer {
  readonly finalName: DomainName;
  /** Null: secure. */
  readonly problem: string | null;
  readonly storedAt: Instant;
  readonly until: Instant;
}

/** How long a server that did not answer is asked last. */
const SILENCE = seconds(2);
const LONGEST_ALIAS_CHAIN = 8;

/** Starts the resolver on UDP and TCP. */
export async function startResolver(options: ResolverOptions): Promise<SandboxResolver> {
  const { clock } = options;
  const cache = new Map<string, Entry>();
  const authorities = createAuthorities(options.authorities, clock);
  const validator = createValidator({ anchor: options.anchor, clock, fetch: authorities.ask });

  async function lookUp(name: DomainName, type: number): Promise<Entry> {
    const key = `${name} ${String(type)}`;
    const cached = cache.get(key);
    if (cached !== undefined && cached.until > clock()) return cached;
    const fetched = await authorities.ask(name, type);
    const finalName = endOfAliases(fetched.answer, name);
    const problem = await validator.problemOf(fetched, finalName, type);
    const storedAt = clock();
    const entry = { ...fetched, finalName, problem, storedAt, until: addSeconds(storedAt, ttlOf(fetched)) };
    if (problem === null) cache.set(key, entry);
    return entry;
  }

  async function resolve(name: DomainName, type: number, dnssec: boolean): Promise<ReplyBody> {
    const answer: ResourceRecord[] = [];
    let at = name;
    for (let links = 0; links < LONGEST_ALIAS_CHAIN; links++) {
      const entry = await lookUp(at, type);
      const age = Math.floor((clock() - entry.storedAt) / 1000);
      const records = (rrsets: readonly Rrset[]): readonly ResourceRecord[] =>
        rrsets.flatMap((rrset) => signedRecordsOf({ ...rrset, ttl: seconds(Math.max(0, rrset.ttl - age)) }, dnssec));
      answer.push(...records(entry.answer));
      const isWhole =
        entry.finalName === at ||
        entry.answer.some((each) => each.name === entry.finalName) ||
        entry.authority.length > 0;
      if (isWhole || entry.problem !== null) {
        const shown = entry.authority.filter((each) => dnssec || each.type === TYPE.SOA);
        return { rcode: entry.rcode, answer, authority: records(shown), ad: entry.problem === null };
      }
      at = entry.finalName;
    }
    return { rcode: RCODE.SERVFAIL };
  }

  const listener = await listenDns(options.address, options.port, async (bytes, transport) => {
    const received = receive(bytes);
    if (received.kind === "refused") return received.reply;
    if (received.kind === "update")
      return encodeReply(received.message, replyTo(received.message, { rcode: RCODE.NOTIMP }), transport);
    const { message, question } = received;
    const dnssec = message.edns?.do === true;
    const body = await resolve(question.name, question.type, dnssec).catch((): ReplyBody => ({
      rcode: RCODE.SERVFAIL,
    }));
    return encodeReply(message, replyTo(message, forClient(message, body)), transport);
  });
  return {
    address: listener.address,
    port: listener.port,
    flush: () => {
      cache.clear();
      validator.flush();
      authorities.flush();
    },
    close: listener.close,
  };
}

/** RFC 4035 §3.2.2: bogus data is kept from clients that did not switch checking off. RFC 6840 §5.8: AD for those who ask. */
function forClient(query: DnsMessage, body: ReplyBody): ReplyBody {
  if (body.ad !== true && !query.cd) return { rcode: RCODE.SERVFAIL, ra: true };
  return { ...body, ra: true, ad: body.ad === true && (query.ad || query.edns?.do === true) };
}

/** Asks for one RRset at one of the servers. */
interface Authorities {
  readonly ask: (name: DomainName, type: number) => Promise<FetchedAnswer>;
  /** Forgets which servers were silent. */
  readonly flush: () => void;
}

/** Begins with a random server and goes on to the next; one that was silent a moment ago is asked last. */
function createAuthorities(servers: readonly DnsServer[], clock: Clock): Authorities {
  const silentUntil = new Map<DnsServer, Instant>();
  const isSilent = (server: DnsServer): boolean => (silentUntil.get(server) ?? 0) > clock();
  return {
    ask: async (name, type) => {
      const start = randomInt(Math.max(1, servers.length));
      const rotated = [...servers.slice(start), ...servers.slice(0, start)];
      const order = [...rotated.filter((each) => !isSilent(each)), ...rotated.filter(isSilent)];
      let failure = new Error("no name server gave a usable answer");
      // The second round is patient: in one process with its servers, a busy moment delays both ends.
      for (const timeoutMs of [400, 800]) {
        for (const server of order) {
          try {
            const reply = await query({ server, name, type, dnssecOk: true, timeoutMs });
            if (reply.rcode !== RCODE.NOERROR && reply.rcode !== RCODE.NXDOMAIN) continue;
            return { rcode: reply.rcode, answer: groupRrsets(reply.answer), authority: groupRrsets(reply.authority) };
          } catch (error) {
            failure = error instanceof Error ? error : new Error(String(error));
            silentUntil.set(server, addSeconds(clock(), SILENCE));
          }
        }
      }
      throw failure;
    },
    flush: () => {
      silentUntil.clear();
    },
  };
}

function endOfAliases(answer: readonly Rrset[], name: DomainName): DomainName {
  let at = name;
  for (let links = 0; links < LONGEST_ALIAS_CHAIN; links++) {
    const alias = answer.find((each) => each.name === at && each.type === TYPE.CNAME)?.rdatas[0];
    const target = alias === undefined ? null : decodeCname(alias);
    if (target?.ok !== true) return at;
    at = target.value;
  }
  return at;
}

/** The smallest TTL of what was asked for; for what does not exist, min(SOA TTL, MINIMUM). */
function ttlOf(fetched: FetchedAnswer): Seconds {
  const soa = fetched.authority.find((each) => each.type === TYPE.SOA);
  const decoded = soa?.rdatas[0] === undefined ? null : decodeSoa(soa.rdatas[0]);
  const negative = soa !== undefined && decoded?.ok === true ? [Math.min(soa.ttl, decoded.value.minimum)] : [];
  const ttls = [...fetched.answer.map((rrset) => rrset.ttl), ...negative];
  return seconds(ttls.length === 0 ? 0 : Math.min(...ttls));
}
