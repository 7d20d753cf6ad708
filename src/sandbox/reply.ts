/** Puts replies together, the same way for name servers and the resolver. */
import { CLASS, OPCODE, RCODE } from "../dns/iana.ts";
import { decodeMessage, encodeMessage, UDP_PAYLOAD } from "../dns/message.ts";
import type { DnsMessage, Question } from "../dns/message.ts";
import type { ResourceRecord } from "../dns/rrset.ts";
import type { DnsTransport } from "./listener.ts";

export interface ReplyBody {
  readonly rcode: number;
  readonly aa?: boolean;
  readonly ra?: boolean;
  readonly ad?: boolean;
  readonly answer?: readonly ResourceRecord[];
  readonly authority?: readonly ResourceRecord[];
  readonly additional?: readonly ResourceRecord[];
}

/** UDP without EDNS carries this much (RFC 1035 §2.3.4). */
const PLAIN_UDP = 512;

/** The reply to `query`, with EDNS when the query had it. */
export function replyTo(query: DnsMessage, body: ReplyBody): DnsMessage {
  return {
    id: query.id,
    qr: true,
    opcode: query.opcode,
    aa: body.aa ?? false,
    tc: false,
    rd: query.rd,
    ra: body.ra ?? false,
    ad: body.ad ?? false,
    cd: query.cd,
    rcode: body.rcode,
    question: query.question,
    answer: body.answer ?? [],
    authority: body.authority ?? [],
    additional: body.additional ?? [],
    edns: query.edns === null ? null : { udpSize: UDP_PAYLOAD, do: query.edns.do, options: [] },
  };
}

/** Wire form; over UDP what does not fit leaves an empty reply with TC set (RFC 2181 §9). */
export function encodeReply(query: DnsMessage, reply: DnsMessage, transport: DnsTransport): Uint8Array {
  const bytes = encodeMessage(reply);
  const asked = query.edns === null ? PLAIN_UDP : Math.max(PLAIN_UDP, query.edns.udpSize);
  if (transport === "tcp" || bytes.length <= Math.min(asked, UDP_PAYLOAD)) return bytes;
  return encodeMessage({ ...reply, tc: true, answer: [], authority: [], additional: [] });
}

/** A message that is a question we can answer; else the reply that says why not, or null for no reply at all. */
export type Received =
  | { readonly kind: "question"; readonly message: DnsMessage; readonly question: Question }
  | { readonly kind: "update"; readonly message: DnsMessage }
  | { readonly kind: "refused"; readonly reply: Uint8Array | null };

/** Sorts incoming messages. Replies and rubbish get no answer, so that two servers never answer each other. */
export function receive(bytes: Uint8Array): Received {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok || decoded.value.qr) return { kind: "refused", reply: null };
  const message = decoded.value;
  const [question] = message.question;
  if (message.opcode === OPCODE.UPDATE) return { kind: "update", message };
  const refuse = (rcode: number): Received => ({ kind: "refused", reply: encodeMessage(replyTo(message, { rcode })) });
  if (message.opcode !== OPCODE.QUERY) return refuse(RCODE.NOTIMP);
  if (question === undefined || message.question.length !== 1) return refuse(RCODE.FORMERR);
  if (question.class !== CLASS.IN) return refuse(RCODE.REFUSED);
  return { kind: "question", message, question };
}
