/**
 * One DNS message out, one back (RFC 1035 §4.2, RFC 7766).
 *
 * What keeps a forger off the path out (RFC 5452): every query has a random ID, and every attempt a socket of its own,
 * connected, so that the system picks a random source port and drops datagrams from other hosts. A datagram is taken
 * for the reply only if the ID, the opcode, the QR bit and the question agree, the name octet by octet without regard
 * to case; anything else is ignored and the wait goes on. Over TCP the same disagreement is an error.
 *
 * Decided: EDNS with a payload of 1232 octets; TC means TCP, and the truncated message is never looked into; a question
 * is asked at most twice over UDP within one deadline; a message over TCP is read by its length prefix to the octet, not
 * to the end of what happens to be in the buffer. Every failure is an OperationalError that names the server:
 * `DNS_TIMEOUT`, `DNS_UNREACHABLE` (nothing was sent), `DNS_CONNECTION_LOST`, `DNS_MESSAGE_MALFORMED`,
 * `DNS_INTERRUPTED`. What an rcode means is for the caller to say; {@link requireAnswer} turns errors into `DNS_RCODE`.
 *
 * Not done here: sockets that are kept, pipelining and DNS over TLS (udp-pool.ts, dns-stream.ts do that for the one
 * resolver that is asked again and again). Not done at all: DNS over HTTPS, 0x20 case games (servers exist that answer in
 * lower case).
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIP } from "node:net";
import { OperationalError } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import { rcodeName, OPCODE, RCODE, typeName } from "../dns/iana.ts";
import { decodeMessage, encodeMessage, HEADER_LENGTH, queryMessage } from "../dns/message.ts";
import type { DnsMessage } from "../dns/message.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { readUint16 } from "../dns/wire.ts";
import { extendedErrorText } from "./extended-error.ts";
import { createFramer, frameMessage } from "./framing.ts";
import { describeCause, formatServer, problem, requireAddress, settleOnce } from "./settle.ts";
import type { Attempt, DnsServer, ExchangeOptions, Interruption } from "./settle.ts";
import { monotonicMs } from "./stopwatch.ts";

export { formatServer };
export type { DnsServer };

export type DnsTransport = "udp" | "tcp";

/** A question and how to ask it. Flags that are not given are clear. */
export interface DnsQuery {
  readonly server: DnsServer;
  readonly name: DomainName;
  readonly type: number;
  readonly rd?: boolean;
  readonly ad?: boolean;
  readonly cd?: boolean;
  readonly dnssecOk?: boolean;
  /** UDP with TCP on truncation unless told to use TCP at once. */
  readonly transport?: DnsTransport;
  readonly timeoutMs: number;
  readonly signal?: Interruption | undefined;
}

/** Share of the deadline after which an unanswered datagram is sent again. */
const FIRST_ATTEMPT = 0.4;
const FLAG_QR = 0x8000;
const FLAG_TC = 0x0200;
const OPCODE_MASK = 0x7800;
const RCODE_MASK = 0x000f;

/** An ID that cannot be guessed, for queries and updates. */
export function randomMessageId(): number {
  return randomInt(0x1_0000);
}

/** End of the question of a message that was encoded without compression. */
function endOfQuestion(message: Uint8Array): number {
  let at = HEADER_LENGTH;
  while ((message[at] ?? 0) !== 0) at += (message[at] ?? 0) + 1;
  return at + 5;
}

/** Octet by octet without regard to the case of ASCII letters (RFC 4343 §3); length octets are no letters. */
function sameName(left: Uint8Array, right: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const ours = left[at] ?? 0;
    const theirs = right[at] ?? 0;
    if (ours === theirs) continue;
    const folded = ours | 0x20;
    if (folded !== (theirs | 0x20) || folded < 0x61 || folded > 0x7a) return false;
  }
  return true;
}

/**
 * Whether `reply` can be the reply to `request`: ID, QR, opcode and, for queries, the question (RFC 5452 §9.1). A server
 * may leave the question out of an error; the zone section of an UPDATE need not come back at all (NSD leaves it out).
 */
export function isReplyTo(request: Uint8Array, reply: Uint8Array): boolean {
  if (reply.length < HEADER_LENGTH || readUint16(reply, 0) !== readUint16(request, 0)) return false;
  const asked = readUint16(request, 2);
  const flags = readUint16(reply, 2);
  if ((flags & FLAG_QR) === 0 || (flags & OPCODE_MASK) !== (asked & OPCODE_MASK)) return false;
  if ((asked & OPCODE_MASK) >>> 11 !== OPCODE.QUERY) return true;
  const rcode = flags & RCODE_MASK;
  if (readUint16(reply, 4) === 0) return rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN;
  const end = endOfQuestion(request);
  if (readUint16(reply, 4) !== 1 || reply.length < end) return false;
  const sameType = readUint16(request, end - 4) === readUint16(reply, end - 4);
  const sameClass = readUint16(request, end - 2) === readUint16(reply, end - 2);
  return sameType && sameClass && sameName(request, reply, HEADER_LENGTH, end - 4);
}

/**
 * Sends one datagram and waits for the reply to it; stray and forged datagrams are ignored. No retry. Throws
 * `DNS_TIMEOUT`, `DNS_UNREACHABLE`, `DNS_INTERRUPTED`.
 */
export async function exchangeUdp(
  request: Uint8Array,
  server: DnsServer,
  options: ExchangeOptions,
): Promise<Uint8Array> {
  const attempt: Attempt = { server, transport: "udp", options };
  requireAddress(attempt);
  return settleOnce(attempt, ({ done, fail }) => {
    const socket = createSocket(isIP(server.address) === 6 ? "udp6" : "udp4");
    socket.on("error", (error) => {
      fail(problem(attempt, "DNS_UNREACHABLE", `cannot be reached: ${describeCause(error)}`, error));
    });
    socket.on("message", (datagram) => {
      if (isReplyTo(request, datagram)) done(new Uint8Array(datagram));
    });
    socket.on("connect", () => {
      socket.send(request);
    });
    socket.connect(server.port, server.address);
    return () => {
      socket.close();
    };
  });
}

/**
 * Sends one message over a connection of its own and reads one message back. Throws `DNS_UNREACHABLE` when no
 * connection came about (nothing was sent), `DNS_CONNECTION_LOST` and `DNS_TIMEOUT` when the request may have arrived,
 * `DNS_MESSAGE_MALFORMED` when the reply belongs to another request, `DNS_INTERRUPTED`.
 */
export async function exchangeTcp(
  request: Uint8Array,
  server: DnsServer,
  options: ExchangeOptions,
): Promise<Uint8Array> {
  const attempt: Attempt = { server, transport: "tcp", options };
  requireAddress(attempt);
  return settleOnce(attempt, ({ done, fail }) => {
    const socket = connect({ host: server.address, port: server.port, noDelay: true });
    const framer = createFramer((reply) => {
      if (isReplyTo(request, reply)) done(reply);
      else fail(problem(attempt, "DNS_MESSAGE_MALFORMED", "sent a reply that belongs to another request"));
    });
    let connected = false;
    let count = 0;
    const lost = (cause?: Error): void => {
      const why = cause === undefined ? "" : `: ${describeCause(cause)}`;
      const how = `closed the connection after ${String(count)} octets, before a whole reply${why}`;
      fail(problem(attempt, "DNS_CONNECTION_LOST", how, cause));
    };
    socket.on("connect", () => {
      connected = true;
      socket.write(frameMessage(request));
    });
    socket.on("data", (chunk: Buffer) => {
      count += chunk.length;
      framer(chunk);
    });
    socket.on("error", (error) => {
      if (connected) lost(error);
      else fail(problem(attempt, "DNS_UNREACHABLE", `cannot be reached: ${describeCause(error)}`, error));
    });
    socket.on("close", () => {
      lost();
    });
    return () => {
      socket.destroy();
    };
  });
}

/** {@link exchangeUdp} or {@link exchangeTcp}, for messages that are not plain queries. No retry. */
export async function exchangeMessage(
  request: Uint8Array,
  server: DnsServer,
  options: ExchangeOptions & { readonly transport: DnsTransport },
): Promise<Uint8Array> {
  return options.transport === "tcp" ? exchangeTcp(request, server, options) : exchangeUdp(request, server, options);
}

function codeOf(error: unknown): FaultCode | null {
  return error instanceof OperationalError ? error.code : null;
}

/** `the question _25._tcp.mx.example.org TLSA`. */
function subjectOf(question: { readonly name: DomainName; readonly type: number }): string {
  return `the question ${displayName(question.name)} ${typeName(question.type)}`;
}

/** Carries one request to one server and brings one reply back; `exchangeUdp` is one. */
export type Carry = (request: Uint8Array, options: ExchangeOptions) => Promise<Uint8Array>;

/** How a question reaches a server: by datagrams first, or by a stream alone. */
export interface Carriers {
  readonly datagram: Carry | null;
  readonly stream: Carry;
  readonly streamName: "tcp" | "tls";
}

/** Over UDP, once more with a new ID and port if nothing comes back. Null: only a stream can bring the answer. */
async function askByDatagram(
  build: () => Uint8Array,
  carry: Carry,
  left: () => number,
  options: ExchangeOptions,
): Promise<Uint8Array | null> {
  const first = Math.max(1, Math.round(options.timeoutMs * FIRST_ATTEMPT));
  let reply: Uint8Array;
  try {
    reply = await carry(build(), { ...options, timeoutMs: first }).catch((error: unknown) => {
      if (codeOf(error) !== "DNS_TIMEOUT") throw error;
      return carry(build(), { ...options, timeoutMs: left() });
    });
  } catch (error) {
    // Forged datagrams rain down: a stream cannot be forged from off the path.
    if (codeOf(error) === "DNS_MESSAGE_MALFORMED") return null;
    throw error;
  }
  return (readUint16(reply, 2) & FLAG_TC) === 0 ? reply : null;
}

/** {@link query} over carriers of the caller's choice. */
export async function queryOver(carriers: Carriers, question: DnsQuery): Promise<DnsMessage> {
  const { server, signal, timeoutMs } = question;
  const options = { timeoutMs, signal, subject: subjectOf(question) };
  const began = monotonicMs();
  const left = (): number => Math.max(1, Math.round(timeoutMs - (monotonicMs() - began)));
  const build = (): Uint8Array => encodeMessage(queryMessage({ ...question, id: randomMessageId() }));
  let transport: Attempt["transport"] = carriers.datagram === null ? carriers.streamName : "udp";
  let reply = carriers.datagram === null ? null : await askByDatagram(build, carriers.datagram, left, options);
  if (reply === null) {
    transport = carriers.streamName;
    reply = await carriers.stream(build(), { ...options, timeoutMs: left() });
  }
  const message = decodeMessage(reply);
  if (message.ok) return message.value;
  const what = `sent a damaged message: ${message.fault.message}`;
  throw problem({ server, transport, options }, "DNS_MESSAGE_MALFORMED", what);
}

/**
 * Asks one question: over UDP, once more with a new ID and port if nothing comes back, over TCP when truncated. Any
 * rcode is an answer here. Throws the codes listed at the head of this file.
 */
export async function query(question: DnsQuery): Promise<DnsMessage> {
  const { server } = question;
  const datagram: Carry = (request, options) => exchangeUdp(request, server, options);
  const stream: Carry = (request, options) => exchangeTcp(request, server, options);
  return queryOver({ datagram: question.transport === "tcp" ? null : datagram, stream, streamName: "tcp" }, question);
}

/** `DNS_RCODE` for an answer that is an error, with the server's extended errors as information; `where` names the server. */
export function rcodeProblem(
  message: DnsMessage,
  question: Pick<DnsQuery, "name" | "type">,
  where: string,
): OperationalError {
  const said = `${where} answered ${rcodeName(message.rcode)} to ${subjectOf(question)}`;
  return new OperationalError("DNS_RCODE", `${said}${extendedErrorText(message)}`);
}

/** Passes NOERROR and NXDOMAIN; throws {@link rcodeProblem} for the rest. */
export function requireAnswer(message: DnsMessage, question: Pick<DnsQuery, "server" | "name" | "type">): DnsMessage {
  if (message.rcode === RCODE.NOERROR || message.rcode === RCODE.NXDOMAIN) return message;
  throw rcodeProblem(message, question, formatServer(question.server));
}
