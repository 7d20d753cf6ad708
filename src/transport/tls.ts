/**
 * TLS as a DANE client opens it: to prove that the server holds the key of its leaf certificate, and to collect the
 * chain exactly as sent. Whether the chain is trustworthy is judged elsewhere, from TLSA records; so the handshake
 * itself never consults a trust store (`ca: []` also keeps Node from loading its bundled roots, which costs more than
 * the handshake), and never refuses a certificate.
 *
 * Protocol: TLS 1.2 and later (RFC 8996 retired what came before), SNI always sent when there is a name
 * (RFC 7671 §10.2). Raw public keys (RFC 7250) cannot be offered with Node, so a server that has nothing else fails.
 */
import { connect as connectTcpSocket, isIP } from "node:net";
import type { Socket } from "node:net";
import { DEFAULT_CIPHERS, connect as startTls, createSecureContext } from "node:tls";
import type { ConnectionOptions, SecureContext, SecureContextOptions, TLSSocket } from "node:tls";
import type { X509Certificate } from "node:crypto";
import { OperationalError } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import { quoteLine } from "./starttls/conversation.ts";
import { runDialogue } from "./starttls/dialogue.ts";
import type { Dialogue } from "./starttls/dialogue.ts";

/** The kinds of certificate that a server may have beside each other, by the signatures that their keys make. */
export type CertificateKind = "rsa" | "ecdsa" | "eddsa";

export interface OpenTlsOptions {
  readonly address: string;
  readonly port: number;
  /** What to say before TLS; null: TLS from the first octet. */
  readonly dialogue: Dialogue | null;
  /** SNI, without a final dot; null: none is sent. */
  readonly serverName: string | null;
  /** Milliseconds for everything together: connection, dialogue and handshake. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Selects one certificate of a server that has several; without it the server chooses. */
  readonly certificateKind?: CertificateKind | undefined;
}

export interface TlsSession {
  /** DER of the certificates as sent, leaf first, in wire order. */
  readonly certificates: readonly Uint8Array[];
  /** As OpenSSL calls it: `TLSv1.2`, `TLSv1.3`. */
  readonly version: string;
  readonly cipher: string;
  /** Says goodbye and closes; never throws. */
  readonly close: () => void;
}

/** A chain longer than this is not looked at further: no honest server sends it. */
const MAX_CERTIFICATES = 32;

/** How long a closing connection may linger, in milliseconds. */
const LINGER_MS = 1000;

/**
 * The signature algorithms to offer so that a server has to present its certificate of one kind, in TLS 1.2 and in
 * TLS 1.3 (RFC 8446 §4.2.3): measured with nginx and Postfix. Old digests are among them, because TLS 1.2 servers with
 * nothing better are to be looked at, not judged.
 */
const SIGNATURE_ALGORITHMS: Readonly<Record<CertificateKind, string>> = {
  rsa: [
    ...["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"],
    ...["rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512"],
    ...["RSA+SHA256", "RSA+SHA384", "RSA+SHA512", "RSA+SHA224"],
  ].join(":"),
  ecdsa: ["ECDSA+SHA256", "ECDSA+SHA384", "ECDSA+SHA512", "ECDSA+SHA224"].join(":"),
  eddsa: ["ed25519", "ed448"].join(":"),
};

/**
 * OpenSSL's security level 1, whatever the level of the library that Node came with (2 from Node 24 on): a server with
 * Diffie-Hellman parameters of 1024 bits is to be looked at, like one with an old digest.
 */
const CIPHERS = `${DEFAULT_CIPHERS}:@SECLEVEL=1`;

/** A context costs more than a handshake, so there is one for each set of options. */
const CONTEXTS: Readonly<Record<CertificateKind | "any", SecureContext>> = {
  any: createContext({}),
  rsa: createContext({ sigalgs: SIGNATURE_ALGORITHMS.rsa }),
  ecdsa: createContext({ sigalgs: SIGNATURE_ALGORITHMS.ecdsa }),
  eddsa: createContext({ sigalgs: SIGNATURE_ALGORITHMS.eddsa }),
};

function createContext(options: SecureContextOptions): SecureContext {
  return createSecureContext({ ca: [], minVersion: "TLSv1.2", ciphers: CIPHERS, ...options });
}

/**
 * Connects, speaks the dialogue, and completes a handshake. Throws OperationalError: CONNECT_FAILED, CONNECT_TIMEOUT,
 * SERVICE_REFUSED, STARTTLS_*, TLS_FAILED, TLS_TIMEOUT, TLS_NO_CERTIFICATE, PROBE_CANCELLED.
 */
export async function openTls(options: OpenTlsOptions): Promise<TlsSession> {
  const where = isIP(options.address) === 6 ? `[${options.address}]` : options.address;
  const attempt = new Attempt(`${where}:${String(options.port)}`, options);
  try {
    await attempt.connect();
    if (options.dialogue !== null) await attempt.negotiate(options.dialogue);
    const socket = await attempt.secure();
    return sessionOf(socket, attempt.where, options.dialogue);
  } catch (cause) {
    attempt.abandon();
    throw attempt.explain(cause);
  } finally {
    attempt.stopClock();
  }
}

function tlsOptions({ serverName, certificateKind }: OpenTlsOptions): ConnectionOptions {
  return {
    secureContext: CONTEXTS[certificateKind ?? "any"],
    // The judge decides, from TLSA records; see above.
    rejectUnauthorized: false,
    ...(serverName === null ? {} : { servername: serverName }),
  };
}

type Phase = "connecting" | "waiting for the greeting" | "negotiating" | "handshaking";

const TIMEOUT_CODE: Readonly<Record<Phase, FaultCode>> = {
  connecting: "CONNECT_TIMEOUT",
  "waiting for the greeting": "CONNECT_TIMEOUT",
  negotiating: "TLS_TIMEOUT",
  handshaking: "TLS_TIMEOUT",
};

/** One connection on its way to TLS: knows how far it came, so that whatever ends it gets the right name. */
class Attempt {
  readonly where: string;
  readonly #options: OpenTlsOptions;
  readonly #socket: Socket;
  /** Without a dialogue the socket is a TLS socket from the first: a second one on top would cost a tenth of everything. */
  readonly #direct: TLSSocket | null;
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort: () => void;
  #phase: Phase = "connecting";
  #ended: "timeout" | "cancelled" | null = null;

  constructor(where: string, options: OpenTlsOptions) {
    this.where = where;
    this.#options = options;
    const to = { host: options.address, port: options.port };
    this.#direct = options.dialogue === null ? startTls({ ...to, ...tlsOptions(options) }) : null;
    this.#socket = this.#direct ?? connectTcpSocket(to);
    this.#socket.setNoDelay(true);
    const end = (how: "timeout" | "cancelled"): void => {
      this.#ended ??= how;
      this.#socket.destroy(new Error(how));
    };
    this.#timer = setTimeout(() => {
      end("timeout");
    }, options.timeoutMs);
    this.#onAbort = () => {
      end("cancelled");
    };
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal?.aborted === true) this.#onAbort();
  }

  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once("connect", () => {
        // From here on errors are read by whoever reads the socket; this one only keeps them from being unhandled.
        this.#socket.off("error", reject);
        this.#socket.on("error", () => undefined);
        resolve();
      });
      this.#socket.once("error", reject);
    });
  }

  async negotiate(dialogue: Dialogue): Promise<void> {
    this.#phase = "waiting for the greeting";
    this.#socket.once("data", () => {
      this.#phase = "negotiating";
    });
    await runDialogue(this.#socket, dialogue, this.where);
  }

  secure(): Promise<TLSSocket> {
    this.#phase = "handshaking";
    return new Promise((resolve, reject) => {
      const socket = this.#direct ?? startTls({ socket: this.#socket, ...tlsOptions(this.#options) });
      const onClose = (): void => {
        reject(new Error("the server closed the connection during the handshake"));
      };
      socket.once("secureConnect", () => {
        socket.off("error", reject);
        socket.off("close", onClose);
        socket.on("error", () => undefined);
        resolve(socket);
      });
      socket.once("error", reject);
      socket.once("close", onClose);
    });
  }

  explain(cause: unknown): OperationalError {
    if (this.#ended === "cancelled") {
      return new OperationalError("PROBE_CANCELLED", `${this.where}: cancelled while ${this.#phase}`, { cause });
    }
    if (this.#ended === "timeout") {
      const spent = `${String(this.#options.timeoutMs / 1000)} s`;
      return new OperationalError(
        TIMEOUT_CODE[this.#phase],
        `${this.where}: no result after ${spent} while ${this.#phase}`,
        {
          cause,
        },
      );
    }
    if (cause instanceof OperationalError) return cause;
    const early = this.#phase === "connecting" || this.#phase === "waiting for the greeting";
    const hint = handshakeHint(cause, this.#options.dialogue !== null);
    return new OperationalError(early ? "CONNECT_FAILED" : "TLS_FAILED", `${this.where}: ${describeError(cause)}`, {
      cause,
      ...(hint === null ? {} : { hint }),
    });
  }

  abandon(): void {
    this.#socket.destroy();
  }

  stopClock(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}

function sessionOf(socket: TLSSocket, where: string, dialogue: Dialogue | null): TlsSession {
  const certificates = certificatesAsSent(socket);
  if (certificates.length === 0)
    throw new OperationalError("TLS_NO_CERTIFICATE", `${where}: the server sent no certificate`);
  return {
    certificates,
    version: socket.getProtocol() ?? "unknown",
    cipher: socket.getCipher().name,
    close: () => {
      closePolitely(socket, dialogue);
    },
  };
}

/**
 * The wire list. `getPeerCertificate(true)` must not be used: it appends issuers from Node's own trust store that were
 * never sent, and drops certificates that do not fit, so a digest of a public root would match a chain without it.
 * Node hands the list out once only: a second call would start one certificate later.
 */
function certificatesAsSent(socket: TLSSocket): readonly Uint8Array[] {
  const certificates: Uint8Array[] = [];
  let next: X509Certificate | undefined = socket.getPeerX509Certificate();
  while (next !== undefined && certificates.length < MAX_CERTIFICATES) {
    certificates.push(new Uint8Array(next.raw));
    next = next.issuerCertificate;
  }
  return certificates;
}

function closePolitely(socket: TLSSocket, dialogue: Dialogue | null): void {
  const linger = setTimeout(() => {
    socket.destroy();
  }, LINGER_MS);
  linger.unref();
  socket.once("close", () => {
    clearTimeout(linger);
  });
  socket.unref();
  socket.resume();
  if (dialogue === null || dialogue.goodbye === "") socket.end();
  else socket.end(dialogue.goodbye);
}

function errorCode(cause: unknown): string {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the server reset the connection",
  EPIPE: "the server closed the connection",
  EHOSTUNREACH: "no route to this host",
  ENETUNREACH: "no route to this network",
  EADDRNOTAVAIL: "this address cannot be reached from here",
  ETIMEDOUT: "the connection timed out",
  EACCES: "the system forbids this connection",
  EPERM: "the system forbids this connection",
  ERR_SSL_WRONG_VERSION_NUMBER: "the server does not answer in TLS",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "the server does not answer in TLS",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "the server offers nothing newer than TLS 1.1",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "the server refuses TLS 1.2 and TLS 1.3",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "the server refuses the handshake (alert handshake_failure)",
  "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE": "the server refuses the handshake (alert handshake_failure)",
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: "the server does not know this name (alert unrecognized_name)",
};

function describeError(cause: unknown): string {
  const known = WORDS[errorCode(cause)];
  if (known !== undefined) return known;
  return quoteLine(cause instanceof Error ? cause.message : String(cause)).replace(/^[A-Z]/, (letter) =>
    letter.toLowerCase(),
  );
}

function handshakeHint(cause: unknown, afterDialogue: boolean): string | null {
  switch (errorCode(cause)) {
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return afterDialogue
        ? "the server went on in the clear after it had agreed to TLS; check middleboxes and update the server"
        : "the port may need STARTTLS: write HOST:PORT/smtp, /imap, /pop3, /xmpp-client or another protocol";
    case "ERR_SSL_UNSUPPORTED_PROTOCOL":
    case "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION":
      return "enable TLS 1.2 or TLS 1.3 on the server (RFC 8996)";
    default:
      return null;
  }
}
