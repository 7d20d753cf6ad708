/**
 * Asks recursive resolvers for raw evidence: RD=1 CD=1 DO=1 AD=0. CD is always set, because a validating resolver would
 * otherwise hide the very data that must be judged and explained here (RFC 6840 §5.9). AD and AA of what comes back mean
 * nothing to us; without RA the server is no resolver, and its referrals would read like "does not exist".
 *
 * Several resolvers stand in order of preference. One that is silent, unreachable, or answers with an error is skipped
 * for the next; the last one left gets all the time that is left, the others an even share of it. One that failed as a
 * server (not merely with SERVFAIL, which speaks of the name) is asked last for {@link DEMOTION_MS}, so that a dead
 * resolver costs its time once and not at every question.
 *
 * At most {@link MAX_IN_FLIGHT} questions are under way, the others wait in line; the deadline of a question counts from
 * when it is sent, so that a long line is not an outage.
 */
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault, FaultCode } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { RCODE, typeName } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { formatResolver } from "../dns/resolver-server.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";
import { rcodeProblem } from "../transport/dns-exchange.ts";
import type { TlsTrust } from "../transport/dns-stream.ts";
import { openResolverChannel } from "../transport/resolver-channel.ts";
import type { ResolverChannel } from "../transport/resolver-channel.ts";
import { relayInterruption } from "../transport/settle.ts";
import type { Interruption } from "../transport/settle.ts";
import { monotonicMs } from "../transport/stopwatch.ts";
import { resolverHint } from "./resolver-hint.ts";

/**
 * Asks for one name and type. A success is NOERROR or NXDOMAIN from a server that offers recursion; every failure, an
 * error code of the resolver among them, is a Fault: `DNS_TIMEOUT`, `DNS_UNREACHABLE`, `DNS_CONNECTION_LOST`,
 * `DNS_MESSAGE_MALFORMED`, `DNS_RCODE`, `RESOLVER_NOT_RECURSIVE`, `RESOLVER_TLS_FAILED`. Rejects only with
 * `DNS_INTERRUPTED`.
 */
export type Ask = (name: DomainName, type: number) => Promise<Result<DnsMessage, Fault>>;

export interface UpstreamOptions {
  /** In order of preference; at least one. */
  readonly servers: readonly ResolverServer[];
  /** For one question, all servers and retries included, waiting in line excluded. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Roots for `tls://` resolvers. */
  readonly trust?: TlsTrust | undefined;
}

/** Enough to keep any resolver busy, few enough for its limits on clients and for small routers. */
const MAX_IN_FLIGHT = 64;
const DEMOTION_MS = 30_000;
/** Of several failures the most telling names the whole: an answer first, silence last. */
const TELLING: readonly FaultCode[] = [
  "DNS_RCODE",
  "RESOLVER_TLS_FAILED",
  "RESOLVER_NOT_RECURSIVE",
  "DNS_MESSAGE_MALFORMED",
  "DNS_CONNECTION_LOST",
];

interface Upstream {
  readonly server: ResolverServer;
  readonly channel: ResolverChannel;
  /** Asked last until then, on the clock of {@link monotonicMs}. */
  demotedUntil: number;
}

/** What one server had to say when it had no answer. */
interface Refusal {
  readonly fault: Fault;
  /** It failed as a server, whatever the question was. */
  readonly demotes: boolean;
}

function refusalOf(error: unknown): Refusal {
  if (!(error instanceof OperationalError) || error.code === "DNS_INTERRUPTED") throw error;
  const demotes = error.code !== "DNS_MESSAGE_MALFORMED";
  return { fault: fault(error.code, error.message, resolverHint(error)), demotes };
}

async function askOne(
  upstream: Upstream,
  name: DomainName,
  type: number,
  limits: { readonly timeoutMs: number; readonly signal: Interruption | undefined },
): Promise<DnsMessage | Refusal> {
  let message: DnsMessage;
  try {
    message = await upstream.channel({ name, type, rd: true, cd: true, dnssecOk: true, ...limits });
  } catch (error) {
    return refusalOf(error);
  }
  const { server } = upstream;
  if (message.rcode !== RCODE.NOERROR && message.rcode !== RCODE.NXDOMAIN) {
    const { code, message: said, hint } = rcodeProblem(message, { name, type }, formatResolver(server));
    return { fault: fault(code, said, hint), demotes: message.rcode !== RCODE.SERVFAIL };
  }
  if (message.ra) return message;
  const what = `${formatResolver(server)} offers no recursion to this host`;
  return { fault: fault("RESOLVER_NOT_RECURSIVE", what), demotes: true };
}

/** One fault for all that was tried: each server by name with what it said, and how long it took. */
function joinFaults(faults: readonly Fault[], name: DomainName, type: number, spentMs: number): Fault {
  const [first, ...rest] = faults;
  if (first === undefined) return fault("DNS_UNREACHABLE", "no resolver is named that could be asked");
  const spent = `given up after ${String(Math.round(spentMs))} ms`;
  if (rest.length === 0) return fault(first.code, `${first.message}; the resolver was ${spent}`, first.hint);
  const telling = TELLING.map((code) => faults.find((one) => one.code === code)).find((one) => one !== undefined);
  const { code, hint } = telling ?? first;
  const asked = `none of ${String(faults.length)} resolvers answered ${displayName(name)} ${typeName(type)}`;
  return fault(code, `${asked}: ${faults.map((one) => one.message).join("; ")}; ${spent}`, hint);
}

/** Lets at most `limit` tasks run; the others wait in the order in which they came. */
function createGate(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  const queue: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running >= limit) await new Promise<void>((go) => queue.push(go));
    else running += 1;
    try {
      return await task();
    } finally {
      // The place is handed over, so that nobody who comes later gets in between.
      const next = queue.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

/** An {@link Ask} over the servers; sockets are opened when needed and closed when idle, and none keeps the process alive. */
export function createUpstream(options: UpstreamOptions): Ask {
  const { timeoutMs, trust } = options;
  const signal = options.signal === undefined ? undefined : relayInterruption(options.signal);
  const upstreams: readonly Upstream[] = options.servers.map((server) => {
    return { server, channel: openResolverChannel(server, trust), demotedUntil: 0 };
  });
  const inOrder = (now: number): readonly Upstream[] => {
    if (upstreams.every((one) => one.demotedUntil <= now)) return upstreams;
    const isDemoted = (one: Upstream): boolean => one.demotedUntil > now;
    return [...upstreams.filter((one) => !isDemoted(one)), ...upstreams.filter(isDemoted)];
  };
  const askAll = async (name: DomainName, type: number): Promise<Result<DnsMessage, Fault>> => {
    const began = monotonicMs();
    const faults: Fault[] = [];
    const candidates = inOrder(began);
    for (const [index, upstream] of candidates.entries()) {
      const left = timeoutMs - (monotonicMs() - began);
      if (left <= 0) break;
      const share = Math.max(1, Math.floor(left / (candidates.length - index)));
      const outcome = await askOne(upstream, name, type, { timeoutMs: share, signal });
      if (!("demotes" in outcome)) return success(outcome);
      if (outcome.demotes) upstream.demotedUntil = monotonicMs() + DEMOTION_MS;
      faults.push(outcome.fault);
    }
    return failure(joinFaults(faults, name, type, monotonicMs() - began));
  };
  const throughGate = createGate(MAX_IN_FLIGHT);
  return (name, type) => throughGate(() => askAll(name, type));
}
