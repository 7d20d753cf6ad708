/** The world as it is: the configured resolver, the name servers themselves, TLS to live addresses, signed updates. */
import os from "node:os";
import { seconds } from "../base/time.ts";
import { OperationalError } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import type { Clock, Instant } from "../base/time.ts";
import type { CertificateConfig, Configuration } from "../config/schema.ts";
import { readTrustAnchorFile } from "../config/trust-anchor-file.ts";
import { TYPE } from "../dns/iana.ts";
import type { TrustAnchors } from "../dnssec/anchors.ts";
import { rootAnchors } from "../dnssec/root-anchors.ts";
import type { Publisher } from "../publisher/publisher.ts";
import { viewOwner } from "../resolver/authoritative.ts";
import { openResolver } from "../resolver/open.ts";
import type { KeyKind } from "../rollover/chain.ts";
import type { ConfiguredReaders } from "../rollover/observation.ts";
import type { ProbeOutcome } from "../verifier/endpoint.ts";
import { probeAddress, probeEveryKind } from "../verifier/probe.ts";
import { openPublisher } from "./open-publisher.ts";
import type { World } from "./world.ts";

/** One question, its retry included. No official reference; resolvers give up on a name after some seconds. */
const RESOLVER_TIMEOUT_MS = 10_000;
/** One question to one authoritative server; a silent one is asked again at the next tick anyway. */
const SERVER_TIMEOUT_MS = 4_000;
/** One handshake: a slow STARTTLS greeting (postscreen waits 6 s) must still fit. */
const PROBE_TIMEOUT_MS = 20_000;

/**
 * Anchors of the configured file, or those of the root that are built in. Throws PERMISSION_DENIED; a file that is
 * missing or holds none is a fault of the configuration that names it: CONFIG_INVALID, TRUST_ANCHOR_INVALID.
 */
function anchorsOf({ trust, trustAnchors }: Configuration, now: Instant): TrustAnchors {
  if (trust === "ad" || trustAnchors === null) return rootAnchors();
  try {
    return readTrustAnchorFile(trustAnchors, now);
  } catch (error) {
    if (!(error instanceof OperationalError) || !UNREADABLE.has(error.code)) throw error;
    const options = { hint: "correct trust_anchors in [dnssec], or put the file there", retry: "never" } as const;
    throw new OperationalError("CONFIG_INVALID", `dnssec.trust_anchors: ${error.message}`, {
      ...options,
      cause: error,
    });
  }
}

const UNREADABLE: ReadonlySet<string> = new Set<FaultCode>(["FILE_NOT_FOUND", "FILE_UNREADABLE"]);

/** Opens nothing yet. Throws RESOLVER_NOT_LOOPBACK when the resolver's AD bit may not be believed, TRUST_ANCHOR_INVALID. */
export function createLiveWorld(configuration: Configuration, clock: Clock, signal: AbortSignal, path?: string): World {
  const { trust, sha1, allowRemoteAd, resolvers: servers } = configuration;
  const anchors = anchorsOf(configuration, clock());
  const timeoutMs = RESOLVER_TIMEOUT_MS;
  const resolve = openResolver({ trust, sha1, servers, anchors, allowRemoteAd, timeoutMs, clock, signal });
  const { nameServerPort } = configuration;
  const publishers = new Map<string, Promise<Publisher>>();
  return {
    resolve,
    viewOwner: (owner, only) => {
      const servers = only === undefined ? "all" : [only];
      const looking = { resolve, clock, timeoutMs: SERVER_TIMEOUT_MS, nameServerPort, signal, servers } as const;
      return viewOwner(owner, TYPE.TLSA, looking);
    },
    probe: async (endpoint, address, probeSignal, look) => {
      const options = { serverName: endpoint.host, timeoutMs: PROBE_TIMEOUT_MS, signal: probeSignal };
      const handshake = (kind?: KeyKind): Promise<ProbeOutcome> => probeAddress(endpoint, address, options, kind);
      if (look.look === "one-kind") return [await handshake(look.kind)];
      const seen = await probeEveryKind(handshake, look.look === "known-kinds" ? look.kinds : undefined);
      return seen.map(({ outcome }) => outcome);
    },
    readers: readersOn(),
    uptime: () => {
      const known = os.uptime();
      return known > 0 ? seconds(Math.floor(known)) : null;
    },
    // One per configured one: its key is read once a tick, and read again by the next.
    publisher: (config) => {
      const known = publishers.get(config.name);
      if (known !== undefined) return known;
      const opened = openPublisher(config, { configuration, resolve, clock, signal, path });
      publishers.set(config.name, opened);
      return opened;
    },
  };
}

/**
 * Reads the mail servers' configurations once a tick, when the first certificate is looked at. Those of web servers may
 * have a file for each of many thousand sites: `daneward doctor` reads them.
 */
function readersOn(): World["readers"] {
  let reading: Promise<(certificate: CertificateConfig) => ConfiguredReaders | null> | null = null;
  const read = async (): Promise<(certificate: CertificateConfig) => ConfiguredReaders | null> => {
    const [{ openTree }, { dovecotUses, postfixUses }, { readersOf }] = await Promise.all([
      import("./setup/tree.ts"),
      import("./setup/mail-servers.ts"),
      import("./setup/readers.ts"),
    ]);
    const tree = openTree("/");
    const uses = [...postfixUses(tree), ...dovecotUses(tree)];
    const words = (use: (typeof uses)[number]): string => `${use.program} (${use.configuration}:${String(use.line)})`;
    return (certificate) => {
      const { deployed, source } = readersOf(certificate, tree, uses);
      return deployed.length + source.length === 0
        ? null
        : { deployed: deployed.map(words), source: source.map(words) };
    };
  };
  return async (certificate) => (await (reading ??= read()))(certificate);
}
