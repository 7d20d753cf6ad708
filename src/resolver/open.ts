/**
 * A {@link Resolve} as the configuration or the command line wants it: validated here ("local"), or by a resolver on this
 * host whose AD bit is believed ("ad").
 */
import { OperationalError } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import { formatResolver } from "../dns/resolver-server.ts";
import type { PlainResolver, ResolverServer } from "../dns/resolver-server.ts";
import type { TrustAnchors } from "../dnssec/anchors.ts";
import { DEFAULT_POLICY } from "../dnssec/policy.ts";
import type { DnsAnswer, Resolve } from "./resolver.ts";
import { createTrustedStub } from "./trusted-stub.ts";
import { createUpstream } from "./upstream.ts";
import { createValidatingResolver } from "./validating.ts";

export interface OpenResolverOptions {
  readonly trust: "local" | "ad";
  /** In order of preference; at least one. */
  readonly servers: readonly ResolverServer[];
  /** What "local" starts from; "ad" has no use for them. */
  readonly anchors: TrustAnchors;
  /** "local": whether SHA-1 signatures and digests count; they do unless told otherwise. */
  readonly sha1?: boolean;
  /** "ad": believe a resolver that is not on this host. */
  readonly allowRemoteAd?: boolean;
  /** For one question to the resolvers. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens it; nothing is asked yet. Throws `RESOLVER_NOT_LOOPBACK` and `RESOLVER_ADDRESS_INVALID` for a resolver that cannot
 * be trusted with an AD bit.
 */
export function openResolver(options: OpenResolverOptions): Resolve {
  const { trust, servers, anchors, timeoutMs, clock, signal } = options;
  if (trust === "local") {
    const policy = { ...DEFAULT_POLICY, sha1: options.sha1 ?? DEFAULT_POLICY.sha1 };
    return createValidatingResolver({ ask: createUpstream({ servers, timeoutMs, signal }), anchors, clock, policy });
  }
  const allowRemote = options.allowRemoteAd === true;
  return inTurn(servers.map((server) => createTrustedStub({ server: plain(server), timeoutMs, allowRemote, signal })));
}

function plain(server: ResolverServer): PlainResolver {
  if (server.kind === "plain") return server;
  throw new OperationalError(
    "RESOLVER_ADDRESS_INVALID",
    `${formatResolver(server)} cannot be asked with trust "ad", which is for a resolver on this host`,
    { hint: 'use trust "local", which needs no trust in the resolver', retry: "never" },
  );
}

/** Failures in which a server said nothing at all. */
const SILENT: ReadonlySet<FaultCode> = new Set<FaultCode>(["DNS_TIMEOUT", "DNS_UNREACHABLE", "DNS_CONNECTION_LOST"]);

function isSilence(answer: DnsAnswer): boolean {
  return "reasons" in answer && answer.reasons.every(({ code }) => SILENT.has(code));
}

/**
 * The first that says anything. What it says is final, SERVFAIL too: that may mean bogus, and the next resolver, which
 * perhaps does not validate, must not turn it into "insecure".
 */
export function inTurn(resolvers: readonly Resolve[]): Resolve {
  return async (name, type) => {
    let answer: DnsAnswer | null = null;
    for (const resolve of resolvers) {
      answer = await resolve(name, type);
      if (!isSilence(answer)) return answer;
    }
    if (answer !== null) return answer;
    throw new OperationalError("DNS_UNREACHABLE", "no resolver is configured", { retry: "never" });
  };
}
