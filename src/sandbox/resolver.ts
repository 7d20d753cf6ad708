/**
 * A small caching, validating resolver: what a DANE client's resolver would answer. Each answer is kept for exactly its
 * TTL (lookup.ts) and comes out with what is left of it; which of the zone's servers is asked is left to chance, as with
 * real resolvers; what is bogus, or could not be judged, becomes SERVFAIL.
 */
import type { Clock } from "../base/time.ts";
import { seconds } from "../base/time.ts";
import { RCODE, TYPE } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { groupRrsets } from "../dns/rrset.ts";
import type { ResourceRecord } from "../dns/rrset.ts";
import type { DnsServer } from "../transport/dns-exchange.ts";
import { createAuthorities } from "./authorities.ts";
import { listenDns } from "./listener.ts";
import { createLookup } from "./lookup.ts";
import type { Found, KeptReply } from "./lookup.ts";
import { encodeReply, receive, replyTo } from "./reply.ts";
import type { ReplyBody } from "./reply.ts";
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
  /** 0: a free port of the system's choice. */
  readonly port: number;
  /** Servers that hold every zone of the tree. */
  readonly authorities: readonly DnsServer[];
  /** DS RDATA of the root zone. */
  readonly anchor: Uint8Array;
  readonly clock: Clock;
}

/** Starts the resolver on UDP and TCP. */
export async function startResolver(options: ResolverOptions): Promise<SandboxResolver> {
  const { anchor, clock } = options;
  const authorities = createAuthorities(options.authorities, clock);
  const lookup = createLookup({ ask: authorities.ask, anchor, clock });
  const listener = await listenDns(options.address, options.port, async (bytes, transport) => {
    const received = receive(bytes);
    if (received.kind === "refused") return received.reply;
    if (received.kind === "update")
      return encodeReply(received.message, replyTo(received.message, { rcode: RCODE.NOTIMP }), transport);
    const { message, question } = received;
    const found = await lookup.lookUp(question.name, question.type);
    return encodeReply(message, replyTo(message, bodyFor(message, found, clock)), transport);
  });
  return {
    address: listener.address,
    port: listener.port,
    flush: () => {
      lookup.flush();
      authorities.flush();
    },
    close: listener.close,
  };
}

/** RFC 4035 §3.2.2: bogus data is kept from clients that did not switch checking off. RFC 6840 §5.8: AD for those who ask. */
function bodyFor(query: DnsMessage, { status, replies }: Found, clock: Clock): ReplyBody {
  const last = replies.at(-1);
  const isUsable = status === "secure" || status === "insecure";
  if (last === undefined || !(isUsable || query.cd)) return { rcode: RCODE.SERVFAIL, ra: true };
  const dnssec = query.edns?.do === true;
  const proofs = last.message.authority.filter(({ type }) => dnssec || type === TYPE.SOA);
  return {
    rcode: last.message.rcode,
    answer: replies.flatMap((reply) => aged(reply.message.answer, reply, dnssec, clock)),
    authority: aged(proofs, last, dnssec, clock),
    ra: true,
    ad: status === "secure" && (query.ad || dnssec),
  };
}

/** Records with what is left of their TTL. */
function aged(
  records: readonly ResourceRecord[],
  { storedAt }: KeptReply,
  dnssec: boolean,
  clock: Clock,
): readonly ResourceRecord[] {
  const age = Math.floor((clock() - storedAt) / 1000);
  return groupRrsets(records).flatMap((rrset) =>
    signedRecordsOf({ ...rrset, ttl: seconds(Math.max(0, rrset.ttl - age)) }, dnssec),
  );
}
