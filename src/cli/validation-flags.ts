/** The flags that say whom to ask and whom to believe: --resolver, --trust and --trust-anchor. All throw USAGE. */
import path from "node:path";
import { fault, OperationalError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";
import type { TrustAnchors } from "../dnssec/anchors.ts";
import { rootAnchors } from "../dnssec/root-anchors.ts";
import { openResolver } from "../resolver/open.ts";
import type { Resolve } from "../resolver/resolver.ts";
import type { Io } from "./io.ts";
import { parseResolverFlag } from "./resolver-flag.ts";
import { systemResolvers } from "./system-resolvers.ts";

export interface ValidationFlags {
  /** In order of preference; none: those of the system for "local", 127.0.0.1 for "ad". */
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
 * at `at`, at the present time when it is null. Flags that an AD bit cannot honour are refused, not ignored.
 */
export async function openValidation(
  flags: ValidationFlags,
  timeoutMs: number,
  io: Io,
  at: Instant | null = null,
): Promise<Validation> {
  const { resolver = [], trust = "local", trustAnchor } = flags;
  if (trust !== "local" && trust !== "ad") throw usage(`--trust: "${trust}" is not known`, "use local or ad");
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
  const servers = resolver.length === 0 ? unnamed() : resolver.map(parseResolverFlag);
  const clock = at === null ? io.clock : (): Instant => at;
  const anchors = trustAnchor === undefined ? rootAnchors() : await readAnchors(trustAnchor, clock(), io);
  return { resolve: openResolver({ trust, servers, anchors, timeoutMs, clock, signal: io.signal }), trust, servers };
}

async function readAnchors(file: string, at: Instant, io: Io): Promise<TrustAnchors> {
  const { readTrustAnchorFile } = await import("../config/trust-anchor-file.ts");
  return readTrustAnchorFile(path.resolve(io.cwd, file), at);
}

function usage(message: string, hint: string): OperationalError {
  return OperationalError.of(fault("USAGE", message, hint));
}
