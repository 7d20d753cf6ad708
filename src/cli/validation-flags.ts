/** The flags that say whom to ask and whom to believe: --resolver, --trust and --trust-anchor. All throw USAGE. */
import path from "node:path";
import { fault, OperationalError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { TrustAnchors } from "../dnssec/anchors.ts";
import { rootAnchors } from "../dnssec/root-anchors.ts";
import { openResolver } from "../resolver/open.ts";
import type { Resolve } from "../resolver/resolver.ts";
import type { Io } from "./io.ts";
import { parseResolverFlag } from "./resolver-flag.ts";

export interface ValidationFlags {
  /** In order of preference; none: 127.0.0.1. */
  readonly resolver?: readonly string[];
  readonly trust?: string;
  readonly trustAnchor?: string;
}

/** A resolver for the life of the process, with one memory: validating here at the present time unless --trust says ad. */
export async function openValidation(flags: ValidationFlags, timeoutMs: number, io: Io): Promise<Resolve> {
  const { resolver = [], trust = "local", trustAnchor } = flags;
  if (trust !== "local" && trust !== "ad") throw usage(`--trust: "${trust}" is not known`, "use local or ad");
  if (trust === "ad" && trustAnchor !== undefined) {
    throw usage(
      "--trust-anchor makes sense only with --trust local",
      "with --trust ad the resolver has its own anchors",
    );
  }
  return openResolver({
    trust,
    servers: resolver.length === 0 ? [parseResolverFlag(undefined)] : resolver.map(parseResolverFlag),
    anchors: trustAnchor === undefined ? rootAnchors() : await readAnchors(trustAnchor, io.clock(), io),
    timeoutMs,
    clock: io.clock,
    signal: io.signal,
  });
}

async function readAnchors(file: string, at: Instant, io: Io): Promise<TrustAnchors> {
  const { readTrustAnchorFile } = await import("../config/trust-anchor-file.ts");
  return readTrustAnchorFile(path.resolve(io.cwd, file), at);
}

function usage(message: string, hint: string): OperationalError {
  return OperationalError.of(fault("USAGE", message, hint));
}
