import type { Fault } from "../base/errors.ts";
import type { ServiceProtocol } from "../base/service-protocol.ts";
import type { DomainName } from "../dns/name.ts";

/** A TLS service by name. Transport protocol is always TCP here: TLSA owner names are `_port._tcp.host`. */
export interface Endpoint {
  readonly host: DomainName;
  readonly port: number;
  readonly protocol: ServiceProtocol;
  /** The domain that is served there, for protocols that ask for it; absent where it is the host's own name. */
  readonly serviceDomain?: DomainName;
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
