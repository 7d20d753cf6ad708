import type { Fault } from "../base/errors.ts";
import type { DomainName } from "../dns/name.ts";

/** How TLS starts on a port: `tls` at once, the others after the STARTTLS dialogue of that protocol. */
export type Protocol = "tls" | "smtp" | "lmtp" | "imap" | "pop3";

/** A TLS service by name. Transport protocol is always TCP here: TLSA owner names are `_port._tcp.host`. */
export interface Endpoint {
  readonly host: DomainName;
  readonly port: number;
  readonly protocol: Protocol;
}

/** What one address presented. */
export interface ServedChain {
  readonly outcome: "served";
  /** DER of the certificates exactly as sent, leaf first, in wire order. */
  readonly certificates: readonly Uint8Array[];
  readonly tlsVersion: string;
}

export interface ProbeFailure {
  readonly outcome: "failed";
  readonly fault: Fault;
}

export type ProbeOutcome = ServedChain | ProbeFailure;
