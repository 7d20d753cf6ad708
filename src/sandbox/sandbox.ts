/**
 * The sandbox: everything that a DANE site needs, on loopback, in this process, without privileges: a signed DNS tree
 * with a primary and a secondary (dns-tree.ts), a caching validating resolver (resolver.ts), an SMTP server and a TLS
 * server that read a deployed directory (tls-server.ts), and a certification authority (ca.ts).
 *
 * Real: the wire formats, the signatures and their validation, TSIG, TTLs and caches, STARTTLS and the handshakes. Not
 * real: zone transfers, the size of anything, and that one process plays all the parts. It is for `daneward demo` and
 * for tests; it serves nobody else, and takes no mail.
 */
import type { Clock, Seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import { tlsaOwner } from "../tlsa/owner.ts";
import { createAuthority } from "./ca.ts";
import type { CertificateAuthority } from "./ca.ts";
import { startDnsTree } from "./dns-tree.ts";
import type { DnsTree } from "./dns-tree.ts";
import { nameOf } from "./records.ts";
import { startResolver } from "./resolver.ts";
import type { SandboxResolver } from "./resolver.ts";
import type { SamplerTarget } from "./sampler.ts";
import { startTlsService } from "./tls-server.ts";
import type { TlsService } from "./tls-server.ts";

export interface Sandbox {
  /** The mail host, with an address on loopback. */
  readonly host: DomainName;
  readonly tree: DnsTree;
  readonly resolver: SandboxResolver;
  readonly authority: CertificateAuthority;
  readonly smtp: TlsService;
  readonly tls: TlsService;
  /** Both services, as a sampler wants them. */
  readonly targets: readonly SamplerTarget[];
  /** Makes both services read the deployed directory again. Rejects when one of them cannot. */
  readonly reload: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface SandboxOptions {
  readonly clock: Clock;
  /** TTL of everything in the zone. */
  readonly ttl: Seconds;
  /** The directory that the servers read; it may appear later. */
  readonly deployed: string;
}

const HOST = nameOf("mx.example.test");
const ADDRESS = "127.0.0.1";

/** Starts everything. When a part cannot start, the parts that did are closed again. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const started: { readonly close: () => Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(started.map((part) => part.close()));
  };
  const keep = <Part extends { readonly close: () => Promise<void> }>(part: Part): Part => {
    started.push(part);
    return part;
  };
  try {
    const service = { address: ADDRESS, port: 0, directory: options.deployed, hostname: "mx.example.test" };
    const smtp = keep(await startTlsService({ ...service, protocol: "smtp" }));
    const tls = keep(await startTlsService({ ...service, protocol: "tls" }));
    const targets: readonly SamplerTarget[] = [
      { host: HOST, port: smtp.port, protocol: "smtp", owner: tlsaOwner(HOST, smtp.port) },
      { host: HOST, port: tls.port, protocol: "tls", owner: tlsaOwner(HOST, tls.port) },
    ];
    const tree = keep(
      await startDnsTree({
        clock: options.clock,
        ttl: options.ttl,
        hosts: { [HOST]: ADDRESS },
        writable: (name) => targets.some((target) => target.owner === name),
      }),
    );
    const resolver = keep(
      await startResolver({
        address: ADDRESS,
        port: 0,
        authorities: [tree.primary, tree.secondary],
        anchor: tree.anchor,
        clock: options.clock,
      }),
    );
    const authority = await createAuthority(options.clock);
    const reload = async (): Promise<void> => {
      await Promise.all([smtp.reload(), tls.reload()]);
    };
    return { host: HOST, tree, resolver, authority, smtp, tls, targets, reload, close };
  } catch (error) {
    await close();
    throw error;
  }
}
