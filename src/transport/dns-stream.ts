/**
 * Questions to one resolver over one connection that is kept: TCP, or DNS over TLS (RFC 7858).
 *
 * Several questions are in flight at once and their answers come in any order (RFC 7766 §6.2.1.1, §7), so each has an ID
 * of its own on the connection; the ID of a question that was given up stays taken, so that its late answer meets nobody.
 * Questions whose connection closes before their answer are asked once more on a new one (RFC 7766 §6.2.4), because
 * servers close idle connections whenever they like. A connection that is idle for {@link IDLE_MS} is closed, and one on
 * which a question went unanswered while nothing else came is not used for new questions.
 *
 * TLS is the strict profile of RFC 8310 §5: the certificate must chain to a root that is trusted here and carry the name
 * of the resolver, or its address when no name is known, as subjectAltName (the subject is not looked at, RFC 8310 §8.1);
 * not one octet of a question leaves before that is checked, and clear text is never used instead. The session is kept in
 * the process to make the next handshake shorter.
 *
 * Not done: raw public key pins, TLSA for the resolver itself, EDNS padding and keepalive.
 */
import { connect as connectTcp } from "node:net";
import type { Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, createSecureContext } from "node:tls";
import type { PeerCertificate, SecureContext } from "node:tls";
import { OperationalError } from "../base/errors.ts";
import type { ResolverServer, TlsResolver } from "../dns/resolver-server.ts";
import { readUint16, uint16 } from "../dns/wire.ts";
import { isReplyTo, randomMessageId } from "./dns-exchange.ts";
import type { Carry } from "./dns-exchange.ts";
import { createFramer, frameMessage } from "./framing.ts";
import { describeCause, problem, requireAddress, settleOnce } from "./settle.ts";
import type { Attempt, ExchangeOptions, Settle } from "./settle.ts";

const IDLE_MS = 10_000;
/** How often a question is put when connections close under it. */
const MAX_ATTEMPTS = 2;
/** More IDs than this taken on one connection, by questions that were given up above all: a new one is due. */
const MAX_TAKEN = 1_024;

/** Departures from what suits a resolver that is asked again and again. */
export interface StreamOptions {
  /** How often a question is put when connections close under it; 1 for what must not be sent again blindly. */
  readonly attempts?: number;
  /** How long a connection stays open with nobody waiting. */
  readonly idleMs?: number;
}

/** What a connection to a TLS resolver is checked against. */
export interface TlsTrust {
  /** PEM of the roots; absent: those that Node carries, and NODE_EXTRA_CA_CERTS. */
  readonly roots?: readonly string[] | undefined;
}

/** One question on its way; `request` carries the ID that it has on this connection. */
interface Errand {
  readonly request: Uint8Array;
  readonly attempt: Attempt;
  readonly settle: Settle;
}

interface Connection {
  readonly socket: Socket;
  /** By ID; null: its question was given up, the answer may still come. */
  readonly errands: Map<number, Errand | null>;
  waiting: number;
  /** Not to be used for new questions; closed when nobody waits. */
  retired: boolean;
  phase: "connecting" | "securing" | "ready" | "closed";
  /** Messages received so far. */
  heard: number;
}

function identityProblem(server: TlsResolver, certificate: PeerCertificate): Error | undefined {
  const wanted = server.name ?? server.address;
  // Absent, whatever the type says, when the certificate has none. Node would then look at the common name.
  const { subjectaltname }: Partial<PeerCertificate> = certificate;
  if (!/(?:^|, )(?:DNS|IP Address):/.test(subjectaltname ?? ""))
    return new Error(`its certificate carries no name that could be ${wanted}`);
  return checkServerIdentity(wanted, certificate);
}

/** Opens the socket; `secured` is called once it may be written to. */
function openSocket(server: ResolverServer, tls: TlsState): Socket {
  if (server.kind === "plain") return connectTcp({ host: server.address, port: server.port, noDelay: true });
  tls.context ??= createSecureContext({
    minVersion: "TLSv1.2",
    ...(tls.roots === undefined ? {} : { ca: [...tls.roots] }),
  });
  const socket = connectTls({
    host: server.address,
    port: server.port,
    secureContext: tls.context,
    rejectUnauthorized: true,
    checkServerIdentity: (_, certificate) => identityProblem(server, certificate),
    ...(server.name === null ? {} : { servername: server.name }),
    ...(tls.session === null ? {} : { session: tls.session }),
  });
  socket.setNoDelay(true);
  socket.on("session", (session) => {
    if (socket.authorized) tls.session = session;
  });
  return socket;
}

interface TlsState {
  readonly roots: readonly string[] | undefined;
  context: SecureContext | null;
  session: Buffer | null;
}

/** Why the connection is of no more use, as the error of one of its questions. */
function closedError(connection: Connection, attempt: Attempt, cause: Error | undefined): OperationalError {
  const why = cause === undefined ? "" : `: ${describeCause(cause)}`;
  switch (connection.phase) {
    case "connecting":
      return problem(attempt, "DNS_UNREACHABLE", `cannot be reached${why}`, cause);
    case "securing": {
      const said = cause === undefined ? "closed the connection during the handshake" : tlsWords(cause);
      return problem(attempt, "RESOLVER_TLS_FAILED", `is not trusted: ${said}`, cause);
    }
    case "ready":
    case "closed": {
      const how = `closed the connection before it had answered, after ${String(connection.heard)} other answers${why}`;
      return problem(attempt, "DNS_CONNECTION_LOST", how, cause);
    }
  }
}

const TLS_WORDS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate chain ends in a root that is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate chain ends in no root that is trusted here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate chain ends in no root that is trusted here",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not answer in TLS",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it does not answer in TLS",
};

function tlsWords(cause: Error): string {
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  const known = TLS_WORDS[code];
  if (known !== undefined) return `${known} (${code})`;
  const text = cause.message
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim()
    .slice(0, 300);
  return code === "ERR_TLS_CERT_ALTNAME_INVALID" ? `its certificate is for another name (${text})` : text;
}

function onMessage(connection: Connection, reply: Uint8Array): void {
  connection.heard += 1;
  const id = readUint16(reply, 0);
  const errand = reply.length < 2 ? undefined : connection.errands.get(id);
  if (errand === undefined) return;
  connection.errands.delete(id);
  if (errand === null) return;
  if (isReplyTo(errand.request, reply)) {
    errand.settle.done(reply);
    return;
  }
  const what = "sent a reply that belongs to another request";
  errand.settle.fail(problem(errand.attempt, "DNS_MESSAGE_MALFORMED", what));
  connection.socket.destroy();
}

function openConnection(server: ResolverServer, tls: TlsState, idleMs: number): Connection {
  const socket = openSocket(server, tls);
  const connection: Connection = {
    socket,
    errands: new Map(),
    waiting: 0,
    retired: false,
    phase: "connecting",
    heard: 0,
  };
  const state: { cause: Error | undefined } = { cause: undefined };
  const ready = (): void => {
    connection.phase = "ready";
    for (const errand of connection.errands.values()) if (errand !== null) socket.write(frameMessage(errand.request));
  };
  socket.on("connect", () => {
    if (server.kind === "plain") ready();
    else connection.phase = "securing";
  });
  if (server.kind === "tls") socket.on("secureConnect", ready);
  const framer = createFramer((reply) => {
    onMessage(connection, reply);
  });
  socket.on("data", framer);
  socket.on("error", (error) => {
    state.cause ??= error;
  });
  socket.on("end", () => {
    socket.destroy();
  });
  socket.on("close", () => {
    connection.retired = true;
    for (const errand of connection.errands.values()) {
      errand?.settle.fail(closedError(connection, errand.attempt, state.cause));
    }
    connection.phase = "closed";
    connection.errands.clear();
  });
  socket.setTimeout(idleMs, () => {
    if (connection.waiting === 0) socket.destroy();
  });
  // The deadline of a question keeps the process alive; a connection alone does not.
  socket.unref();
  return connection;
}

/** A copy of the request under an ID that is not in flight on the connection (RFC 7766 §6.2.1). */
function withFreeId(request: Uint8Array, connection: Connection): Uint8Array {
  let id = readUint16(request, 0);
  while (connection.errands.has(id)) id = randomMessageId();
  const copy = new Uint8Array(request);
  copy.set(uint16(id));
  return copy;
}

/** Puts one question on a connection. */
function exchangeOn(connection: Connection, attempt: Attempt, request: Uint8Array): Promise<Uint8Array> {
  return settleOnce(attempt, (settle) => {
    const asked = withFreeId(request, connection);
    const id = readUint16(asked, 0);
    const { errands } = connection;
    const errand: Errand = { request: asked, attempt, settle };
    const heardBefore = connection.heard;
    errands.set(id, errand);
    connection.waiting += 1;
    if (connection.phase === "ready") connection.socket.write(frameMessage(asked));
    return () => {
      connection.waiting -= 1;
      if (errands.get(id) === errand) {
        if (connection.phase === "ready") errands.set(id, null);
        else errands.delete(id);
        connection.retired ||= connection.heard === heardBefore;
      }
      connection.retired ||= errands.size > MAX_TAKEN;
      if (connection.retired && connection.waiting === 0) connection.socket.destroy();
    };
  });
}

function isLost(error: unknown): boolean {
  return error instanceof OperationalError && error.code === "DNS_CONNECTION_LOST";
}

/**
 * A {@link Carry} to `server` over a connection that is opened when needed and kept. Throws `DNS_UNREACHABLE`,
 * `RESOLVER_TLS_FAILED`, `DNS_CONNECTION_LOST` (each time), `DNS_MESSAGE_MALFORMED`, `DNS_TIMEOUT`, `DNS_INTERRUPTED`.
 */
export function createDnsStream(server: ResolverServer, trust: TlsTrust = {}, settings: StreamOptions = {}): Carry {
  const { attempts = MAX_ATTEMPTS, idleMs = IDLE_MS } = settings;
  const tls: TlsState = { roots: trust.roots, context: null, session: null };
  let current: Connection | null = null;
  const exchange = async (request: Uint8Array, options: ExchangeOptions): Promise<Uint8Array> => {
    const attempt: Attempt = { server, transport: server.kind === "tls" ? "tls" : "tcp", options };
    requireAddress(attempt);
    if (current === null || current.retired) current = openConnection(server, tls, idleMs);
    return exchangeOn(current, attempt, request);
  };
  return async (request, options) => {
    const began = performance.now();
    for (let tries = 1; ; tries++) {
      const left = options.timeoutMs - (performance.now() - began);
      try {
        return await exchange(request, { ...options, timeoutMs: Math.max(1, Math.round(left)) });
      } catch (error) {
        if (!isLost(error) || tries >= attempts) throw error;
      }
    }
  };
}
