/**
 * Asks recursive resolvers for raw evidence: RD=1 CD=1 DO=1 AD=0. CD is always set, because a validating resolver would
 * otherwise hide the very data that must be judged and explained here (RFC 6840 §5.9); AD and AA of what comes back
 * mean nothing to us.
 */
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { DnsMessage } from "../dns/message.ts";
import type { DomainName } from "../dns/name.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";
import { query, requireAnswer } from "../transport/dns-exchange.ts";

/**
 * Asks for one name and type. A success is NOERROR or NXDOMAIN; every failure, an error code of the resolver among them,
 * is a Fault. Rejects only with `DNS_INTERRUPTED`.
 */
export type Ask = (name: DomainName, type: number) => Promise<Result<DnsMessage, Fault>>;

export interface UpstreamOptions {
  /** In order of preference; at least one. */
  readonly servers: readonly ResolverServer[];
  /** For one question, all servers and retries included. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** An {@link Ask} over the servers. */
export function createUpstream(options: UpstreamOptions): Ask {
  const { servers, timeoutMs, signal } = options;
  return async (name, type) => {
    let last: Fault = fault("DNS_UNREACHABLE", "no resolver is configured");
    for (const server of servers) {
      if (server.kind === "tls") continue;
      const question = { server, name, type, rd: true, cd: true, dnssecOk: true, timeoutMs, signal };
      try {
        return success(requireAnswer(await query(question), question));
      } catch (error) {
        if (!(error instanceof OperationalError) || error.code === "DNS_INTERRUPTED") throw error;
        last = fault(error.code, error.message, error.hint);
      }
    }
    return failure(last);
  };
}
