/**
 * Live verification, in three steps that do not mix: DNS (`routes.ts`, `discover.ts`), TLS (`probe.ts`), judgement
 * (`judge.ts`).
 *
 * Each address of each host is looked at for itself, because clients meet them one at a time: one server behind a
 * name with an old certificate means that some mail is refused. SNI is the TLSA base domain (RFC 7671 §10.2).
 *
 * A verifier is made once and used for any number of targets: they share its resolver with the cache behind it, and one
 * bound on handshakes at a time. A target that runs out of time loses what is not finished yet, and keeps the rest.
 */
import { OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import { TYPE } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import type { DnsAnswer, Resolve } from "../resolver/resolver.ts";
import { startDeadline } from "./deadline.ts";
import type { Deadline } from "./deadline.ts";
import { discoverHost } from "./discover.ts";
import type { ProbeOutcome } from "./endpoint.ts";
import type { AddressPlan, HostEvidence, Profile } from "./evidence.ts";
import { explainStale } from "./explain-stale.ts";
import { judge } from "./judge.ts";
import { createLimiter } from "./limiter.ts";
import type { Limiter } from "./limiter.ts";
import { lookAhead } from "./look-ahead.ts";
import { probeAddress } from "./probe.ts";
import { referenceNames } from "./reference-names.ts";
import { routesOf } from "./routes.ts";
import type { NoRoute, Route } from "./routes.ts";
import type { Target } from "./target.ts";
import { exitOfHosts, worstVerdict } from "./verdict.ts";
import type { AddressReport, HostReport, VerifyReport } from "./verdict.ts";

export interface VerifyOptions {
  readonly resolve: Resolve;
  /** Certificate dates are judged at this instant. */
  readonly at: Instant;
  /** Milliseconds for one probe. */
  readonly timeoutMs: number;
  /** Milliseconds for everything about one target; null: as long as its questions and probes may take. */
  readonly deadlineMs: number | null;
  /** Targets at a time, and handshakes at a time. */
  readonly concurrency: number;
  /** Probed instead of the addresses in DNS, unless empty. */
  readonly addresses: readonly string[];
  /** Null: `smtp` for SMTP, `generic` for the rest. */
  readonly profile: Profile | null;
  readonly eeNames: boolean;
  /** Days to look ahead for certificates and signatures that end; null: nobody asked. */
  readonly aheadDays: number | null;
  /** Called when records of usage 0 or 1 have to be judged: the roots that they may rely on, as DER. */
  readonly loadTrustStore: () => readonly Uint8Array[];
  readonly signal?: AbortSignal | undefined;
}

/** Looks at one target. Never rejects for what it finds; rejects only with what `resolve` throws. */
export type Verifier = (target: Target) => Promise<VerifyReport>;

/** What the hosts of one target share. */
interface Job {
  readonly options: VerifyOptions;
  readonly limit: Limiter;
  /** As `options.resolve`, but rejects with TARGET_DEADLINE when time is up. */
  readonly resolve: Resolve;
  readonly deadline: Deadline;
}

/** A verifier whose targets share a resolver and a bound on handshakes at a time. */
export function createVerifier(options: VerifyOptions): Verifier {
  const limit = createLimiter(options.concurrency);
  return async (target) => {
    const deadline = startDeadline(options.deadlineMs);
    const resolve: Resolve = (name, type) => deadline.race(options.resolve(name, type));
    try {
      const hosts = explainStale(await verifyTarget(target, { options, limit, resolve, deadline }));
      return { exit: exitOfHosts(hosts), at: options.at, hosts };
    } finally {
      deadline.stop();
    }
  };
}

/** Looks at all targets; the report has them in the order given. Rejects only with what `resolve` throws. */
export async function verifyTargets(targets: readonly Target[], options: VerifyOptions): Promise<VerifyReport> {
  const verify = createVerifier(options);
  const admit = createLimiter(options.concurrency);
  const reports = await Promise.all(targets.map((target) => admit(() => verify(target))));
  const hosts = reports.flatMap((report) => report.hosts);
  return { exit: exitOfHosts(hosts), at: options.at, hosts };
}

async function verifyTarget(target: Target, job: Job): Promise<readonly HostReport[]> {
  if (target.kind === "service") {
    const { text, endpoint } = target;
    return [await verifyHost({ target: text, endpoint, mx: null, nextHops: [] }, job)];
  }
  const { text, domain } = target;
  const route: Route = { target: text, endpoint: { host: domain, port: 25, protocol: "smtp" }, mx: null, nextHops: [] };
  let mx: DnsAnswer;
  try {
    mx = await job.resolve(domain, TYPE.MX);
  } catch (error) {
    return [nothing(route, { verdict: "dns-error", ...whyLate(error) })];
  }
  const routes = routesOf(text, domain, mx);
  if (!routes.ok) return [nothing({ ...route, mx }, routes.fault)];
  return Promise.all(routes.value.map((each) => verifyHost(each, job)));
}

/** A host about which nothing can be said but why. */
function nothing({ target, endpoint, mx }: Route, { verdict, reason, hint }: NoRoute): HostReport {
  const dns = { mx, a: null, aaaa: null, tlsa: null };
  const profile = endpoint.protocol === "smtp" ? "smtp" : "generic";
  return { target, endpoint, profile, baseDomain: endpoint.host, verdict, reason, hint, dns, addresses: [] };
}

/** Only lateness is an outcome; everything else that is thrown goes on. */
function whyLate(error: unknown): { readonly reason: string; readonly hint: string } {
  if (!(error instanceof OperationalError) || error.code !== "TARGET_DEADLINE") throw error;
  return { reason: error.message, hint: error.hint };
}

async function verifyHost(route: Route, job: Job): Promise<HostReport> {
  const { endpoint, mx } = route;
  const profile = job.options.profile ?? (endpoint.protocol === "smtp" ? "smtp" : "generic");
  let host: HostEvidence;
  try {
    host = await discoverHost(endpoint, job.resolve, job.options.addresses);
  } catch (error) {
    return { ...nothing(route, { verdict: "unreachable", ...whyLate(error) }), profile };
  }
  const [tlsa = null] = host.tlsa;
  const common = {
    target: route.target,
    endpoint,
    profile,
    baseDomain: tlsa?.baseDomain ?? endpoint.host,
    dns: { mx, a: host.a, aaaa: host.aaaa, tlsa },
  };
  if (host.addresses.length === 0) {
    const { reason, hint } = whyNoAddress(host);
    return { ...common, verdict: "unreachable", reason, hint, addresses: [] };
  }
  const addresses = await Promise.all(host.addresses.map((plan) => verifyAddress(plan, { ...route, profile }, job)));
  const verdict = worstVerdict(addresses.map((each) => each.verdict)) ?? "unreachable";
  const report: HostReport = { ...common, verdict, reason: null, hint: null, addresses };
  const { at, aheadDays } = job.options;
  return aheadDays === null ? report : { ...report, expiring: lookAhead(report, at, aheadDays) };
}

async function verifyAddress(
  { address, tlsa }: AddressPlan,
  route: Route & { readonly profile: Profile },
  job: Job,
): Promise<AddressReport> {
  const { endpoint, mx, nextHops, profile } = route;
  const { options, limit, deadline } = job;
  const { timeoutMs, signal, at, eeNames } = options;
  const serverName = tlsa.baseDomain;
  // A sender does not even connect after a failed TLSA lookup.
  const probe: ProbeOutcome | null =
    tlsa.kind === "error"
      ? null
      : await limit(() =>
          deadline.probe(timeoutMs, (rest) => probeAddress(endpoint, address, { serverName, timeoutMs: rest, signal })),
        );
  const needsRoots = profile === "generic" && tlsa.kind === "records" && tlsa.records.some(({ usage }) => usage < 2);
  const judgement = judge({
    tlsa,
    probe,
    profile,
    referenceNames: referenceNames({ profile, baseDomain: tlsa.baseDomain, host: endpoint.host, mx, nextHops }),
    eeNames,
    trustStore: needsRoots ? options.loadTrustStore() : [],
    mailExchangerSecure: mx === null || mx.status === "secure",
    at,
  });
  return { address, algorithm: null, ...judgement };
}

function whyNoAddress({ endpoint, a, aaaa }: HostEvidence): { readonly reason: string; readonly hint: string | null } {
  const failed = [a, aaaa].flatMap((answer) => ("reasons" in answer ? answer.reasons : []));
  if (failed.length > 0) {
    return { reason: `the address lookup failed: ${describeFirst(failed)}`, hint: hintOf(failed) };
  }
  const reason = `${displayName(endpoint.host)} has no address`;
  return { reason, hint: "check the spelling of the name, and its A and AAAA records" };
}

/** The outermost reason says enough for a line; the others explain it. */
function describeFirst(reasons: readonly Fault[]): string {
  return reasons[0]?.message ?? "no reason was given";
}

function hintOf(reasons: readonly Fault[]): string | null {
  return reasons[0]?.hint ?? null;
}
