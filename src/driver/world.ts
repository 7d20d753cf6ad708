/** The driver's windows on the outside, each a function, so that tests put another world behind them. */
import type { DomainName } from "../dns/name.ts";
import type { Publisher } from "../publisher/publisher.ts";
import type { Resolve } from "../resolver/resolver.ts";
import type { NameServerAddress, OwnerView } from "../resolver/server-view.ts";
import type { KeyKind } from "../rollover/chain.ts";
import type { ConfiguredReaders } from "../rollover/observation.ts";
import type { Endpoint, ProbeOutcome } from "../verifier/endpoint.ts";
import type { CertificateConfig, Configuration, PublisherConfig } from "../config/schema.ts";
import type { Clock, Seconds } from "../base/time.ts";

/**
 * What an address is asked for. A handshake that offers one kind of key is refused where there is no certificate of that
 * kind, and the server's log says so: hence every kind is asked for only now and then.
 */
export type Look =
  | { readonly look: "every-kind" }
  /** One handshake that offers everything, and one for each kind that is known to be there. */
  | { readonly look: "known-kinds"; readonly kinds: readonly KeyKind[] }
  /** One handshake that offers one kind. */
  | { readonly look: "one-kind"; readonly kind: KeyKind };

export interface World {
  /** The validating resolver's answers. */
  readonly resolve: Resolve;
  /** What every name server, or only the one given, says of a TLSA owner name. Throws OperationalError when zone or servers cannot be found. */
  readonly viewOwner: (owner: DomainName, only?: NameServerAddress) => Promise<OwnerView>;
  /** What one address presents: one outcome for each kind of certificate that was found, at least one. */
  readonly probe: (
    endpoint: Endpoint,
    address: string,
    signal: AbortSignal,
    look: Look,
  ) => Promise<readonly ProbeOutcome[]>;
  /** Who is configured on this host to read which files of a certificate; null: nothing is known of anybody. */
  readonly readers: (certificate: CertificateConfig) => Promise<ConfiguredReaders | null>;
  /** Seconds since the machine booted; null where that cannot be known. */
  readonly uptime: () => Seconds | null;
  /** The publisher of that configuration. Rejects with OperationalError when its key or token cannot be read. */
  readonly publisher: (config: PublisherConfig) => Promise<Publisher>;
}

/** Makes the world of a configuration; called once a tick, and only when something is due. */
export type WorldMaker = (
  configuration: Configuration,
  clock: Clock,
  signal: AbortSignal,
  /** Folders with programs that publishers run, before the system's. */
  path?: string,
) => World;
