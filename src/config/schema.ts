/**
 * The loaded configuration: every default filled in, every value checked, every path absolute.
 *
 * It is written by people in TOML (`toml.ts`), put together from the main file and `conf.d/*.toml` (`load.ts`), and
 * decoded by hand (`decode.ts`), so that one run names all the faults, each at its line and column. Secrets are never
 * part of it: it names the files that hold them.
 */
import type { ServiceProtocol } from "../base/service-protocol.ts";
import type { Seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";
import type { Policy } from "../rollover/policy.ts";
import type { TlsaParameters } from "../tlsa/params.ts";
import type { NotifyConfig } from "./notify.ts";
import type { CloudflareConfig } from "./publisher-cloudflare.ts";
import type { DesecConfig } from "./publisher-desec.ts";
import type { ExecConfig } from "./publisher-exec.ts";
import type { PowerDnsConfig } from "./publisher-powerdns.ts";
import type { Rfc2136Config } from "./publisher-rfc2136.ts";
import type { ZonefileConfig } from "./publisher-zonefile.ts";

export interface Configuration {
  readonly version: 1;
  /** Every file that was read, the main one first. */
  readonly files: readonly string[];
  /** Files and folders whose change means that the configuration must be read again. */
  readonly watched: readonly string[];
  /** The recursive resolvers to ask, in order of preference; at least one. */
  readonly resolvers: readonly ResolverServer[];
  /** Where the security status of an answer comes from: validation here, or the AD bit of a resolver on this host. */
  readonly trust: "local" | "ad";
  /** File of trust anchors for "local"; null: those of the root that are built in. */
  readonly trustAnchors: string | null;
  /** Whether SHA-1 signatures and digests count for "local" (RFC 9905 leaves it to the site). */
  readonly sha1: boolean;
  /** The operator vouches for the path to a resolver that is not on this host. */
  readonly allowRemoteAd: boolean;
  /** Port of authoritative name servers; other than 53 only in laboratories. */
  readonly nameServerPort: number;
  /** Folder under which deployed links are made when a certificate does not say `deploy`. */
  readonly deployRoot: string;
  /** Who is told of what; null: nobody. */
  readonly notify: NotifyConfig | null;
  /** Where metrics are written for the textfile collector of Prometheus's node_exporter; null: nowhere. */
  readonly prometheusTextfile: string | null;
  /** What `[defaults]` says of the TTL, for records that belong to no certificate. */
  readonly defaultTtl: Seconds;
  readonly publishers: ReadonlyMap<string, PublisherConfig>;
  readonly certificates: readonly CertificateConfig[];
}

/** How records are published: by `type`. What all of them may say is in `publisher-common.ts`. */
export type PublisherConfig =
  Rfc2136Config | ZonefileConfig | ExecConfig | PowerDnsConfig | CloudflareConfig | DesecConfig;

/**
 * Where the ACME client puts renewals: a folder with the usual file names, or the files one by one. Without a key file
 * the key is one of our own vault, for which the client only had a request signed.
 */
export type SourceConfig =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "files"; readonly cert: string; readonly key: string | null; readonly chain: string | null };

/** A TLS service by name, as written `host:port/protocol`. */
export interface ServiceConfig {
  readonly host: DomainName;
  readonly port: number;
  readonly protocol: ServiceProtocol;
  /** The domain that is served there, for protocols that ask for it; absent where it is the host's own name. */
  readonly serviceDomain?: DomainName;
  /** `_port._tcp.host.` */
  readonly owner: DomainName;
  /** `host:port` without the final dot: the name of this endpoint in state, journal and reports. */
  readonly label: string;
}

export interface CertificateConfig {
  readonly name: string;
  readonly source: SourceConfig;
  /** The link that servers read through. */
  readonly deploy: string;
  /** File that names the certificate which something else may bring to its servers now; null: nothing else does. */
  readonly holdFile: string | null;
  /** Key of {@link Configuration.publishers}. */
  readonly publisher: string;
  readonly services: readonly ServiceConfig[];
  /** Commands as argument vectors, run in order after the link was flipped. Never a shell. */
  readonly reload: readonly (readonly string[])[];
  /** Command, as an argument vector, that has the ACME client issue a new certificate now; null: a person does. */
  readonly renew: readonly string[] | null;
  /** Addresses of the services' hosts that are this host; null: all of them. */
  readonly verify: readonly string[] | null;
  /** When the record of the next key is published: when a certificate bears it, or as soon as there is such a key. */
  readonly next: "on-renewal" | "prepublish";
  /** The client's file with the next key; null: found where clients are known to keep it, else made in our own vault. */
  readonly nextKey: string | null;
  /** Group that may read the deployed private key; null: nobody but the owner. */
  readonly keyGroup: string | null;
  readonly parameters: readonly TlsaParameters[];
  readonly policy: Policy;
}
