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
 * Not done: pipelining, DNS over TLS or HTTPS, 0x20 case games (servers exist that answer in lower case).
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIP, isIPv6 } from "node:net";
import { equalBytes } from "../base/bytes.ts";
import { OperationalError } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import { formatHostPort } from "../base/socket-address.ts";
import { rcodeName, OPCODE, RCODE, typeName } from "../dns/iana.ts";
import { decodeMessage, encodeMessage, HEADER_LENGTH, queryMessage } from "../dns/message.ts";
import type { DnsMessage } from "../dns/message.ts";
import { displayName, lowerCase } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { readUint16, uint16 } from "../dns/wire.ts";
import { extendedErrorText } from "./extended-error.ts";

/** Where a DNS server listens: a literal IPv4 or IPv6 address. */
export interface DnsServer {
  readonly address: string;
  readonly port: number;
}

export interface ExchangeOptions {
  /** For the whole exchange, connecting included. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** What is asked, for messages: `the question mx.example.org A`. */
  readonly subject?: string | undefined;
}

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
  readonly signal?: AbortSignal | undefined;
}

/** Share of the deadline after which an unanswered datagram is sent again. */
const FIRST_ATTEMPT = 0.4;
const FLAG_QR = 0x8000;
const FLAG_TC = 0x0200;
const OPCODE_MASK = 0x7800;
const RCODE_MASK = 0x000f;

/** `192.0.2.1:53` or `[2001:db8::1]:53`. */
export function formatServer(server: DnsServer): string {
  return formatHostPort(server.address, server.port);
}

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

/**
 * Whether `reply` can be the reply to `request`: ID, QR, opcode and, for queries, the question. A server may leave the
 * question out of an error; the zone section of an UPDATE need not come back at all (NSD leaves it out).
 */
export function isReplyTo(request: Uint8Array, reply: Uint8Array): boolean {
  if (reply.length < HEADER_LENGTH || readUint16(reply, 0) !== readUint16(request, 0)) return false;
  const asked = readUint16(request, 2);
  const flags = readUint16(reply, 2);
  if ((flags & FLAG_QR) === 0 || (flags & OPCODE_MASK) !== (asked & OPCODE_MASK)) return false;
  if ((asked & OPCODE_MASK) >>> 11 !== OPCODE.QUERY) return true;
  const rcode = flags & RCODE_MASK;
  if (readUint16(reply, 4) === 0) return rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN;
  if (readUint16(reply, 4) !== 1) return false;
  const end = endOfQuestion(request);
  const name = (message: Uint8Array): Uint8Array => lowerCase(message.subarray(HEADER_LENGTH, end - 4));
  const typeAndClass = (message: Uint8Array): Uint8Array => message.subarray(end - 4, end);
  return equalBytes(name(request), name(reply)) && equalBytes(typeAndClass(request), typeAndClass(reply));
}

interface Attempt {
  readonly server: DnsServer;
  readonly transport: DnsTransport;
  readonly options: ExchangeOptions;
}

function problem(attempt: Attempt, code: FaultCode, what: string, cause?: unknown): OperationalError {
  const subject = attempt.options.subject === undefined ? "" : ` (${attempt.options.subject})`;
  const where = `${formatServer(attempt.server)} over ${attempt.transport.toUpperCase()}`;
  return new OperationalError(code, `${where} ${what}${subject}`, { cause });
}

function describeCause(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : error.message;
  if (code === "ECONNREFUSED") return "nothing listens there (ECONNREFUSED)";
  if (code === "ENETUNREACH" || code === "EADDRNOTAVAIL") return `this host has no route to that address (${code})`;
  return code;
}

interface Settle {
  readonly done: (reply: Uint8Array) => void;
  readonly fail: (error: OperationalError) => void;
}

/** Runs one exchange against deadline and signal; `start` opens the socket and returns how to close it. */
function settleOnce(attempt: Attempt, start: (settle: Settle) => () => void): Promise<Uint8Array> {
  const { options } = attempt;
  return new Promise((resolve, reject) => {
    let release: (() => void) | null = null;
    let settled = false;
    const finish = (act: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", interrupt);
      release?.();
      act();
    };
    const fail = (error: OperationalError): void => {
      finish(() => {
        reject(error);
      });
    };
    const interrupt = (): void => {
      fail(problem(attempt, "DNS_INTERRUPTED", "was not waited for any longer"));
    };
    const timer = setTimeout(() => {
      fail(problem(attempt, "DNS_TIMEOUT", `did not answer within ${String(options.timeoutMs)} ms`));
    }, options.timeoutMs);
    if (options.signal?.aborted === true) {
      interrupt();
      return;
    }
    options.signal?.addEventListener("abort", interrupt, { once: true });
    release = start({
      done: (reply) => {
        finish(() => {
          resolve(reply);
        });
      },
      fail,
    });
  });
}

function requireAddress(attempt: Attempt): void {
  if (isIP(attempt.server.address) !== 0) return;
  throw problem(attempt, "DNS_UNREACHABLE", "cannot be asked: that is not an IP address");
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
    const socket = createSocket(isIPv6(server.address) ? "udp6" : "udp4");
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

/** The first message in `chunks` by its length prefix (RFC 1035 §4.2.2), or null while octets are missing. */
function framedMessage(chunks: readonly Uint8Array[]): Uint8Array | null {
  const received = Buffer.concat(chunks);
  if (received.length < 2) return null;
  const end = 2 + readUint16(received, 0);
  return received.length < end ? null : new Uint8Array(received.subarray(2, end));
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
    const chunks: Uint8Array[] = [];
    let connected = false;
    const lost = (cause?: Error): void => {
      const count = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      const why = cause === undefined ? "" : `: ${describeCause(cause)}`;
      const how = `closed the connection after ${String(count)} octets, before a whole reply${why}`;
      fail(problem(attempt, "DNS_CONNECTION_LOST", how, cause));
    };
    socket.on("connect", () => {
      connected = true;
      socket.write(Buffer.concat([uint16(request.length), request]));
    });
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      const reply = framedMessage(chunks);
      if (reply === null) return;
      if (isReplyTo(request, reply)) done(reply);
      else fail(problem(attempt, "DNS_MESSAGE_MALFORMED", "sent a reply that belongs to another request"));
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

function isTimeout(error: unknown): boolean {
  return error instanceof OperationalError && error.code === "DNS_TIMEOUT";
}

/** `the question _25._tcp.mx.example.org TLSA`. */
function subjectOf(question: { readonly name: DomainName; readonly type: number }): string {
  return `the question ${displayName(question.name)} ${typeName(question.type)}`;
}

/**
 * Asks one question: over UDP, once more with a new ID and port if nothing comes back, over TCP when truncated. Any
 * rcode is an answer here. Throws the codes listed at the head of this file.
 */
export async function query(question: DnsQuery): Promise<DnsMessage> {
  const { server, signal, timeoutMs } = question;
  const subject = subjectOf(question);
  const began = performance.now();
  const left = (): number => Math.max(1, Math.round(timeoutMs - (performance.now() - began)));
  const build = (): Uint8Array => encodeMessage(queryMessage({ ...question, id: randomMessageId() }));
  const askUdp = async (budget: number): Promise<Uint8Array> =>
    exchangeUdp(build(), server, { timeoutMs: budget, signal, subject });
  let transport = question.transport ?? "udp";
  let reply: Uint8Array | null = null;
  if (transport === "udp") {
    try {
      reply = await askUdp(Math.max(1, Math.round(timeoutMs * FIRST_ATTEMPT)));
    } catch (error) {
      if (!isTimeout(error)) throw error;
      reply = await askUdp(left());
    }
    if ((readUint16(reply, 2) & FLAG_TC) !== 0) reply = null;
  }
  if (reply === null) {
    transport = "tcp";
    reply = await exchangeTcp(build(), server, { timeoutMs: left(), signal, subject });
  }
  const message = decodeMessage(reply);
  if (message.ok) return message.value;
  const attempt: Attempt = { server, transport, options: { timeoutMs, subject } };
  throw problem(attempt, "DNS_MESSAGE_MALFORMED", `sent a damaged message: ${message.fault.message}`);
}

/** Passes NOERROR and NXDOMAIN; throws `DNS_RCODE` for the rest, with the server's extended errors as information. */
export function requireAnswer(message: DnsMessage, question: Pick<DnsQuery, "server" | "name" | "type">): DnsMessage {
  if (message.rcode === RCODE.NOERROR || message.rcode === RCODE.NXDOMAIN) return message;
  const said = `${formatServer(question.server)} answered ${rcodeName(message.rcode)}`;
  throw new OperationalError("DNS_RCODE", `${said} to ${subjectOf(question)}${extendedErrorText(message)}`);
}
