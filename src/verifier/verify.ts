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
import type { CertificateKind } from "../transport/tls.ts";
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
import { probeAddress, probeEveryKind } from "./probe.ts";
import { referenceNames } from "./reference-names.ts";
import { routesOf, srvRoutesOf } from "./routes.ts";
import type { NoRoute, Route } from "./routes.ts";
import type { MailTarget, ServiceTarget, Target } from "./target.ts";
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
  /** Ask each address for its RSA, ECDSA and EdDSA certificates; else look at what it presents first alone. */
  readonly everyKind: boolean;
  /** Days to look ahead for certificates and signatures that end; null: nobody asked. */
  readonly aheadDays: number | null;
  /** Of these the days within which it is critical; absent or null: it is never more than a warning. */
  readonly criticalDays?: number | null;
  /** Called when records of usage 0 or 1 have to be judged: the roots that they may rely on, as DER. */
  readonly loadTrustStore: () => readonly Uint8Array[];
  /** Certificates that the servers had before, as DER: they explain records and change no verdict. */
  readonly previous?: readonly Uint8Array[];
  readonly signal?: AbortSignal | undefined;
}

/** Looks at one target. Never rejects for what it finds; rejects only with what `resolve` throws. */
export type Verifier = (target: Target) => Promise<VerifyReport>;

/** What the hosts of one target share. */
interface Job {
  readonly options: VerifyOptions;
  readonly limit: Limiter;
  readonly deadline: Deadline;
}

/** A verifier whose targets share a resolver and a bound on handshakes at a time. */
export function createVerifier(options: VerifyOptions): Verifier {
  const limit = createLimiter(options.concurrency);
  return async (target) => {
    const deadline = startDeadline(options.deadlineMs);
    try {
      const hosts = explainStale(await verifyTarget(target, { options, limit, deadline }));
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
  return target.kind === "mx" ? verifyMailDomain(target, job) : verifyService(target, job);
}

async function verifyMailDomain({ text, domain }: MailTarget, job: Job): Promise<readonly HostReport[]> {
  const route: Route = { target: text, endpoint: { host: domain, port: 25, protocol: "smtp" }, mx: null, nextHops: [] };
  let mx: DnsAnswer;
  try {
    mx = await job.deadline.race(job.options.resolve(domain, TYPE.MX));
  } catch (error) {
    return [nothing(route, { verdict: "dns-error", ...whyLate(error) })];
  }
  const routes = routesOf(text, domain, mx);
  if (!routes.ok) return [nothing({ ...route, mx }, routes.fault)];
  return Promise.all(routes.value.map((each) => verifyHost(each, job)));
}

async function verifyService(target: ServiceTarget, job: Job): Promise<readonly HostReport[]> {
  const { text, domain, port, protocol } = target;
  const route: Route = { target: text, endpoint: { host: domain, port, protocol }, mx: null, nextHops: [] };
  let answer: DnsAnswer;
  try {
    answer = await job.deadline.race(job.options.resolve(target.owner, TYPE.SRV));
  } catch (error) {
    return [nothing(route, { verdict: "dns-error", ...whyLate(error) })];
  }
  const routes = srvRoutesOf(target, answer);
  if (!routes.ok) return [nothing({ ...route, srv: { answer, domain } }, routes.fault)];
  return Promise.all(routes.value.map((each) => verifyHost(each, job)));
}

/** A host about which nothing can be said but why. */
function nothing(route: Route, { verdict, reason, hint }: NoRoute): HostReport {
  const { target, endpoint } = route;
  const dns = { ...leadingHere(route), a: null, aaaa: null, tlsa: null };
  const profile = profileOf(route);
  return { target, endpoint, profile, baseDomain: endpoint.host, verdict, reason, hint, dns, addresses: [] };
}

function leadingHere({ mx, srv }: Route): Pick<HostReport["dns"], "mx" | "srv"> {
  return srv === undefined ? { mx } : { mx, srv: srv.answer };
}

/** Message submission (RFC 6409). */
const SUBMISSION_PORT = 587;

/** RFC 7672 is about mail between servers: neither submission nor a service behind SRV records (RFC 7673) is that. */
function profileOf({ endpoint, srv }: Route): Profile {
  const isTransfer = endpoint.protocol === "smtp" && endpoint.port !== SUBMISSION_PORT;
  return isTransfer && srv === undefined ? "smtp" : "generic";
}

/** Only lateness is an outcome; everything else that is thrown goes on. */
function whyLate(error: unknown): { readonly reason: string; readonly hint: string } {
  if (!(error instanceof OperationalError) || error.code !== "TARGET_DEADLINE") throw error;
  return { reason: error.message, hint: error.hint };
}

async function verifyHost(route: Route, job: Job): Promise<HostReport> {
  const { endpoint, srv } = route;
  const profile = job.options.profile ?? profileOf(route);
  let host: HostEvidence;
  try {
    const { resolve, addresses } = job.options;
    // Raced as a whole: what is asked after the end, for an answer that came late, is of no use but does no harm.
    host = await job.deadline.race(discoverHost(endpoint, resolve, addresses, srv?.answer.status ?? null));
  } catch (error) {
    return { ...nothing(route, { verdict: "unreachable", ...whyLate(error) }), profile };
  }
  const [tlsa = null] = host.tlsa;
  const common = {
    target: route.target,
    endpoint,
    profile,
    baseDomain: tlsa?.baseDomain ?? endpoint.host,
    dns: { ...leadingHere(route), a: host.a, aaaa: host.aaaa, tlsa },
  };
  if (host.addresses.length === 0) {
    const { reason, hint } = whyNoAddress(host);
    return { ...common, verdict: "unreachable", reason, hint, addresses: [] };
  }
  const looks = await Promise.all(host.addresses.map((plan) => verifyAddress(plan, { ...route, profile }, job)));
  const addresses = looks.flat();
  const verdict = worstVerdict(addresses.map((each) => each.verdict)) ?? "unreachable";
  const report: HostReport = { ...common, verdict, reason: null, hint: null, addresses };
  const { at, aheadDays, criticalDays } = job.options;
  return aheadDays === null ? report : { ...report, expiring: lookAhead(report, at, aheadDays, criticalDays) };
}

/** One report for each chain that the address presents, and for each look that failed. */
async function verifyAddress(
  plan: AddressPlan,
  route: Route & { readonly profile: Profile },
  job: Job,
): Promise<readonly AddressReport[]> {
  const { address, tlsa } = plan;
  const { endpoint, mx, nextHops, profile } = route;
  const { options } = job;
  const looks = await lookAt(plan, route, job);
  const needsRoots = profile === "generic" && tlsa.kind === "records" && tlsa.records.some(({ usage }) => usage < 2);
  return looks.map(({ kind, outcome }) => {
    const judgement = judge({
      tlsa,
      probe: outcome,
      profile,
      referenceNames: referenceNames({ profile, baseDomain: tlsa.baseDomain, host: endpoint.host, mx, nextHops }),
      eeNames: options.eeNames,
      trustStore: needsRoots ? options.loadTrustStore() : [],
      mailExchangerSecure: mx === null || mx.status === "secure",
      previous: options.previous ?? [],
      at: options.at,
    });
    return { address, algorithm: looks.length > 1 && kind !== null ? KIND_NAMES[kind] : null, ...judgement };
  });
}

const KIND_NAMES: Readonly<Record<CertificateKind, string>> = { rsa: "RSA", ecdsa: "ECDSA", eddsa: "EdDSA" };

/** As often as the answer can matter: not at all after a failed lookup, once where there are no records to compare. */
async function lookAt({ address, tlsa }: AddressPlan, route: Route, job: Job): Promise<readonly Look[]> {
  // A sender does not even connect after a failed TLSA lookup.
  if (tlsa.kind === "error") return [{ kind: null, outcome: null }];
  const { endpoint, srv } = route;
  const { options, limit, deadline } = job;
  const { timeoutMs, signal } = options;
  // RFC 7673 §4.1: without secure SRV records only the domain is known to be meant.
  const isDomainOnly = srv !== undefined && tlsa.kind === "none" && tlsa.why === "insecure-srv";
  const serverName = isDomainOnly ? srv.domain : tlsa.baseDomain;
  const probe = (kind?: CertificateKind): Promise<ProbeOutcome> =>
    limit(() =>
      deadline.probe(timeoutMs, (rest) => {
        return probeAddress(
          endpoint,
          address,
          { serverName, serviceDomain: srv?.domain, timeoutMs: rest, signal },
          kind,
        );
      }),
    );
  const once = tlsa.kind === "none" || !options.everyKind;
  return once ? [{ kind: null, outcome: await probe() }] : probeEveryKind(probe);
}

interface Look {
  readonly kind: CertificateKind | null;
  readonly outcome: ProbeOutcome | null;
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
