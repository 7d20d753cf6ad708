/**
 * The flags that say whom to ask and whom to believe: --resolver, --trust and --trust-anchor, and the configuration that
 * stands in for them where one is named. All throw USAGE.
 */
import path from "node:path";
import { fault, OperationalError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";
import type { TrustAnchors } from "../dnssec/anchors.ts";
import { rootAnchors } from "../dnssec/root-anchors.ts";
import { openResolver } from "../resolver/open.ts";
import type { Resolve } from "../resolver/resolver.ts";
import type { Io } from "./io.ts";
import { namedConfiguration } from "./named-configuration.ts";
import { parseResolverFlag } from "./resolver-flag.ts";
import { systemResolvers } from "./system-resolvers.ts";

export interface ValidationFlags {
  readonly config?: string;
  /** In order of preference; none: the configuration's, else those of the system for "local", 127.0.0.1 for "ad". */
  readonly resolver?: readonly string[];
  readonly trust?: string;
  readonly trustAnchor?: string;
}

export interface Validation {
  readonly resolve: Resolve;
  readonly trust: "local" | "ad";
  /** Whom it asks. */
  readonly servers: readonly ResolverServer[];
}

/**
 * A resolver for the life of the process, with one memory: validating here unless --trust says ad. Signatures are judged
 * at `at`, at the present time when it is null. What no flag says a configuration says, if one was named. Flags
 * that an AD bit cannot honour are refused, not ignored.
 */
export async function openValidation(
  flags: ValidationFlags,
  timeoutMs: number,
  io: Io,
  at: Instant | null = null,
): Promise<Validation> {
  const { resolver = [], trustAnchor } = flags;
  const named = parseTrust(flags.trust);
  const configuration = await namedConfiguration(flags.config, io);
  const trust = named ?? configuration?.trust ?? "local";
  if (trust === "ad" && at !== null) {
    throw usage("--at makes sense only with --trust local", "with --trust ad the resolver has its own clock");
  }
  if (trust === "ad" && trustAnchor !== undefined) {
    throw usage(
      "--trust-anchor makes sense only with --trust local",
      "with --trust ad the resolver has its own anchors",
    );
  }
  const unnamed = trust === "local" ? systemResolvers : (): readonly ResolverServer[] => [parseResolverFlag(undefined)];
  const servers = resolver.length > 0 ? resolver.map(parseResolverFlag) : (configuration?.resolvers ?? unnamed());
  const clock = at === null ? io.clock : (): Instant => at;
  // Those of the configuration are none of an AD bit's business, as for the driver.
  const anchorFile = trustAnchor ?? (trust === "local" ? configuration?.trustAnchors : null) ?? null;
  const anchors = anchorFile === null ? rootAnchors() : await readAnchors(anchorFile, clock(), io);
  // The configuration vouches for the way to its own resolvers, not to those of flags.
  const allowRemoteAd = resolver.length === 0 && configuration?.allowRemoteAd === true;
  const options = { trust, servers, anchors, allowRemoteAd, timeoutMs, clock, signal: io.signal };
  return {
    resolve: openResolver(configuration === null ? options : { ...options, sha1: configuration.sha1 }),
    trust,
    servers,
  };
}

function parseTrust(text: string | undefined): "local" | "ad" | null {
  if (text === undefined || text === "local" || text === "ad") return text ?? null;
  throw usage(`--trust: "${text}" is not known`, "use local or ad");
}

async function readAnchors(file: string, at: Instant, io: Io): Promise<TrustAnchors> {
  const { readTrustAnchorFile } = await import("../config/trust-anchor-file.ts");
  return readTrustAnchorFile(path.resolve(io.cwd, file), at);
}

function usage(message: string, hint: string): OperationalError {
  return OperationalError.of(fault("USAGE", message, hint));
}
