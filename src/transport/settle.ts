/** What every DNS exchange shares, whatever carries it: one deadline, one signal, one outcome, and words for failures. */
import { isIP } from "node:net";
import { OperationalError } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import { formatHostPort } from "../base/socket-address.ts";

/** Where a DNS server listens: a literal IPv4 or IPv6 address. */
export interface DnsServer {
  readonly address: string;
  readonly port: number;
}

/** What an exchange needs of an AbortSignal; {@link relayInterruption} makes one that many exchanges can share. */
export interface Interruption {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

export interface ExchangeOptions {
  /** For the whole exchange, connecting included. */
  readonly timeoutMs: number;
  readonly signal?: Interruption | undefined;
  /** What is asked, for messages: `the question mx.example.org A`. */
  readonly subject?: string | undefined;
}

/** One exchange under way, as messages name it. */
export interface Attempt {
  readonly server: DnsServer;
  readonly transport: "udp" | "tcp" | "tls";
  readonly options: ExchangeOptions;
}

export interface Settle {
  readonly done: (reply: Uint8Array) => void;
  readonly fail: (error: OperationalError) => void;
}

/** `192.0.2.1:53` or `[2001:db8::1]:53`. */
export function formatServer(server: DnsServer): string {
  return formatHostPort(server.address, server.port);
}

/** An error that names server, transport and question: `192.0.2.1:53 over UDP <what> (the question …)`. */
export function problem(attempt: Attempt, code: FaultCode, what: string, cause?: unknown): OperationalError {
  const subject = attempt.options.subject === undefined ? "" : ` (${attempt.options.subject})`;
  const where = `${formatServer(attempt.server)} over ${attempt.transport.toUpperCase()}`;
  return new OperationalError(code, `${where} ${what}${subject}`, { cause });
}

/** A socket's error in words, its code kept for whoever searches for it. */
export function describeCause(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : error.message;
  if (code === "ECONNREFUSED") return "nothing listens there (ECONNREFUSED)";
  if (code === "ENETUNREACH" || code === "EADDRNOTAVAIL") return `this host has no route to that address (${code})`;
  return code;
}

/** Throws `DNS_UNREACHABLE` for a server that is not a literal address. */
export function requireAddress(attempt: Attempt): void {
  if (isIP(attempt.server.address) !== 0) return;
  throw problem(attempt, "DNS_UNREACHABLE", "cannot be asked: that is not an IP address");
}

/**
 * Runs one exchange against deadline and signal. `start` begins it and returns how to let go of it, which happens
 * exactly once, before the outcome is known to the caller. Rejects with `DNS_TIMEOUT`, `DNS_INTERRUPTED`, or whatever
 * `fail` was called with.
 */
export function settleOnce(attempt: Attempt, start: (settle: Settle) => () => void): Promise<Uint8Array> {
  const { options } = attempt;
  return new Promise((resolve, reject) => {
    const state: { settled: boolean; release: (() => void) | null } = { settled: false, release: null };
    const finish = (): boolean => {
      if (state.settled) return false;
      state.settled = true;
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", interrupt);
      state.release?.();
      return true;
    };
    const fail = (error: OperationalError): void => {
      if (finish()) reject(error);
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
    const begin = (): (() => void) => {
      try {
        return start({
          done: (reply) => {
            if (finish()) resolve(reply);
          },
          fail,
        });
      } catch (error) {
        finish();
        throw error;
      }
    };
    const release = begin();
    // `start` may have settled at once, before there was anything to release.
    if (state.settled) release();
    else state.release = release;
  });
}

/**
 * The signal for many exchanges at once: however many listen, the signal itself has one listener, and none while nobody
 * listens. (Node warns of a leak from the eleventh listener on, and walks the list of them at each new one.)
 */
export function relayInterruption(signal: Interruption): Interruption {
  const listeners = new Set<() => void>();
  const pass = (): void => {
    for (const listener of [...listeners]) listener();
  };
  return {
    get aborted() {
      return signal.aborted;
    },
    addEventListener: (_, listener) => {
      if (listeners.size === 0) signal.addEventListener("abort", pass);
      listeners.add(listener);
    },
    removeEventListener: (_, listener) => {
      if (listeners.delete(listener) && listeners.size === 0) signal.removeEventListener("abort", pass);
    },
  };
}
