/**
 * What the update server itself serves at an owner name. Read over TCP with RD=0 and DO=1, unsigned at first, because
 * some servers answer BADKEY to a signed query that they would answer unsigned; signed with the TSIG key when that is
 * refused, for servers that choose the right to ask by key, or at once when told so, for those that choose the view by it.
 */
import { OperationalError } from "../base/errors.ts";
import type { Clock, Seconds } from "../base/time.ts";
import { TYPE } from "../dns/iana.ts";
import { decodeMessage, encodeMessage, queryMessage } from "../dns/message.ts";
import type { DnsMessage } from "../dns/message.ts";
import { displayName, isAtOrBelow, ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeCname, decodeTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import { findRrset } from "../dns/rrset.ts";
import { signMessage, verifyReply } from "../dns/tsig.ts";
import type { TsigKey } from "../dns/tsig.ts";
import {
  exchangeTcp,
  formatServer,
  query,
  queryOver,
  randomMessageId,
  requireAnswer,
} from "../transport/dns-exchange.ts";
import type { Carry, DnsServer } from "../transport/dns-exchange.ts";

export interface ReadOptions {
  readonly server: DnsServer;
  readonly key: TsigKey;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Sign at once, for servers that choose by key what they show: an unsigned question would be answered, wrongly. */
  readonly signQueries?: boolean;
  /** A connection that is kept; a new one for each question unless given. */
  readonly carry?: Carry;
}

/** The TLSA RRset at a name as one server serves it, and what stands in its way. */
export interface ServedRrset {
  readonly records: readonly TlsaRdata[];
  /** RDATA as served, malformed records included. */
  readonly rdatas: readonly Uint8Array[];
  /** Null: no RRset. */
  readonly ttl: Seconds | null;
  /** An RRSIG came beside the RRset, or beside the proof that there is none. */
  readonly signed: boolean;
  /** Any RRSIG in the answer: the zone is signed, so a signature may be waited for. */
  readonly zoneSigned: boolean;
  /** Target of the CNAME at the name. */
  readonly alias: DomainName | null;
  /** Owner of the delegation below which the name lies on this server. */
  readonly delegation: DomainName | null;
}

async function askSigned(options: ReadOptions, owner: DomainName, type: number): Promise<DnsMessage> {
  const { server, key, clock, timeoutMs, signal } = options;
  const plain = encodeMessage(queryMessage({ id: randomMessageId(), name: owner, type, dnssecOk: true }));
  const { message, mac } = signMessage(plain, key, clock());
  const subject = `the signed question ${displayName(owner)}`;
  const carry: Carry = options.carry ?? ((request, how) => exchangeTcp(request, server, how));
  const bytes = await carry(message, { timeoutMs, signal, subject });
  const verdict = verifyReply({ bytes, key, requestMac: mac, now: clock() });
  if (verdict.status !== "verified") {
    const what = `${formatServer(server)} does not answer ${subject}: ${verdict.status}`;
    throw new OperationalError("DNS_RCODE", what);
  }
  const decoded = decodeMessage(verdict.message);
  if (!decoded.ok) throw OperationalError.of(decoded.fault, "later");
  return requireAnswer(decoded.value, { server, name: owner, type });
}

async function ask(options: ReadOptions, owner: DomainName, type: number): Promise<DnsMessage> {
  const { server, timeoutMs, signal, carry } = options;
  if (options.signQueries === true) return await askSigned(options, owner, type);
  const question = { server, name: owner, type, dnssecOk: true, transport: "tcp", timeoutMs, signal } as const;
  const message =
    carry === undefined
      ? await query(question)
      : await queryOver({ datagram: null, stream: carry, streamName: "tcp" }, question);
  try {
    return requireAnswer(message, question);
  } catch {
    return await askSigned(options, owner, type);
  }
}

/**
 * A referral for `owner`: not authoritative, NS of a name at or above it in the authority section. A referral to the root
 * is how some servers say that they know nothing of the name.
 */
function delegationOf(message: DnsMessage, owner: DomainName): DomainName | null {
  if (message.aa || message.answer.length > 0) return null;
  const ns = message.authority.find((record) => record.type === TYPE.NS && isAtOrBelow(owner, record.name));
  return ns === undefined || ns.name === ROOT ? null : ns.name;
}

/**
 * Reads the TLSA RRset at `owner` from the update server. Throws the codes of the exchange, `DNS_RCODE` when the server
 * answers neither an unsigned nor a signed question.
 */
export async function readOwner(owner: DomainName, options: ReadOptions): Promise<ServedRrset> {
  const message = await ask(options, owner, TYPE.TLSA);
  const rrset = findRrset(message.answer, owner, TYPE.TLSA);
  const rdatas = rrset?.rdatas ?? [];
  const cname = findRrset(message.answer, owner, TYPE.CNAME)?.rdatas[0];
  const alias = cname === undefined ? null : decodeCname(cname);
  const zoneSigned = [...message.answer, ...message.authority].some((record) => record.type === TYPE.RRSIG);
  return {
    records: rdatas.map(decodeTlsa).flatMap((one) => (one.ok ? [one.value] : [])),
    rdatas,
    ttl: rrset?.ttl ?? null,
    signed: rrset === null ? zoneSigned : rrset.signatures.length > 0,
    zoneSigned,
    alias: alias?.ok === true ? alias.value : null,
    delegation: delegationOf(message, owner),
  };
}

/**
 * The zone that holds `owner` according to the update server, by SOA questions at the name and its parents; null when
 * this server does not know. Below a delegation it is the delegated zone, which this server may not serve. Behind a CNAME
 * the SOA belongs to the target's zone and is not taken. Throws the codes of the exchange.
 */
export async function findZoneAtServer(
  owner: DomainName,
  parents: readonly DomainName[],
  options: ReadOptions,
): Promise<DomainName | null> {
  for (const name of [owner, ...parents]) {
    let message: DnsMessage;
    try {
      message = await ask(options, name, TYPE.SOA);
    } catch (error) {
      // A foreign name gives REFUSED on most servers: the parent may still be served here.
      if (error instanceof OperationalError && error.code === "DNS_RCODE") continue;
      throw error;
    }
    const cut = delegationOf(message, name);
    if (cut !== null) return cut;
    if (!message.aa || findRrset(message.answer, name, TYPE.CNAME) !== null) continue;
    const soa = [...message.answer, ...message.authority].find((record) => record.type === TYPE.SOA);
    if (soa !== undefined && isAtOrBelow(name, soa.name)) return soa.name;
  }
  return null;
}
