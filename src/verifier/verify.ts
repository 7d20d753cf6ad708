/**
 * Live verification, in three steps that do not mix: DNS (`discover.ts`), TLS (`probe.ts`), judgement (`judge.ts`).
 *
 * Each address of each host is looked at for itself, because clients meet them one at a time: one server behind a
 * name with an old certificate means that some mail is refused. SNI is the TLSA base domain (RFC 7671 §10.2). A mail
 * domain stands for its exchangers in order of preference (RFC 5321 §5.1); DANE does not reorder them.
 */
import type { Fault } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import { TYPE } from "../dns/iana.ts";
import { displayName, ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeMx } from "../dns/rdata.ts";
import type { DnsAnswer, Resolve } from "../resolver/resolver.ts";
import { discoverHost } from "./discover.ts";
import type { Endpoint, ProbeOutcome } from "./endpoint.ts";
import type { AddressPlan, HostEvidence, Profile } from "./evidence.ts";
import { judge } from "./judge.ts";
import { createLimiter } from "./limiter.ts";
import type { Limiter } from "./limiter.ts";
import { probeAddress } from "./probe.ts";
import type { Target } from "./target.ts";
import { exitOfHosts, worstVerdict } from "./verdict.ts";
import type { AddressReport, HostReport, VerifyReport } from "./verdict.ts";

/** Handshakes at a time. */
const MAX_IN_FLIGHT = 64;

export interface VerifyOptions {
  readonly resolve: Resolve;
  /** Certificate dates are judged at this instant. */
  readonly at: Instant;
  /** Milliseconds for one probe. */
  readonly timeoutMs: number;
  /** Probed instead of the addresses in DNS, unless empty. */
  readonly addresses: readonly string[];
  /** Null: `smtp` for SMTP, `generic` for the rest. */
  readonly profile: Profile | null;
  readonly eeNames: boolean;
  /** Called when records of usage 0 or 1 have to be judged: the roots that they may rely on, as DER. */
  readonly loadTrustStore: () => readonly Uint8Array[];
  readonly signal?: AbortSignal | undefined;
}

/** How a host came to be looked at. */
interface Route {
  readonly target: string;
  readonly endpoint: Endpoint;
  /** The MX answer that led here. */
  readonly mx: DnsAnswer | null;
  /** Further names the certificate may carry: the mail domain, and what it is an alias of (RFC 7672 §3.2.2). */
  readonly nextHops: readonly DomainName[];
}

/** Looks at all targets. Never throws for what it finds; throws only what `resolve` throws. */
export async function verifyTargets(targets: readonly Target[], options: VerifyOptions): Promise<VerifyReport> {
  const limit = createLimiter(MAX_IN_FLIGHT);
  const hosts = (await Promise.all(targets.map((target) => verifyTarget(target, options, limit)))).flat();
  return { exit: exitOfHosts(hosts), hosts };
}

async function verifyTarget(target: Target, options: VerifyOptions, limit: Limiter): Promise<readonly HostReport[]> {
  if (target.kind === "service") {
    const { text, endpoint } = target;
    return [await verifyHost({ target: text, endpoint, mx: null, nextHops: [] }, options, limit)];
  }
  const mx = await options.resolve(target.domain, TYPE.MX);
  const routes = routesOf(target.text, target.domain, mx);
  if ("verdict" in routes) return [routes];
  return Promise.all(routes.map((route) => verifyHost(route, options, limit)));
}

/** The mail exchangers of a domain in order of preference, or why there are none. */
function routesOf(target: string, domain: DomainName, mx: DnsAnswer): readonly Route[] | HostReport {
  if ("reasons" in mx) {
    return nothing(
      target,
      domain,
      mx,
      "dns-error",
      `the MX lookup failed: ${describeFirst(mx.reasons)}`,
      hintOf(mx.reasons),
    );
  }
  // RFC 7672 §3.2.2: an insecure MX RRset proves nothing about the mail domain, so its name counts for nothing.
  const nextHops = mx.status === "secure" ? [domain, mx.finalName] : [];
  const endpointOf = (host: DomainName): Endpoint => ({ host, port: 25, protocol: "smtp" });
  if (mx.rrset === null) {
    // RFC 5321 §5.1: a domain without MX is its own exchanger.
    return [{ target, endpoint: endpointOf(domain), mx, nextHops }];
  }
  const exchangers = mx.rrset.rdatas.flatMap((rdata) => {
    const decoded = decodeMx(rdata);
    return decoded.ok ? [decoded.value] : [];
  });
  if (exchangers.length === 1 && exchangers[0]?.exchange === ROOT) {
    return nothing(target, domain, mx, "no-dane", "the domain takes no mail (null MX, RFC 7505)", null);
  }
  exchangers.sort((left, right) => left.preference - right.preference);
  return exchangers.map(({ exchange }) => ({ target, endpoint: endpointOf(exchange), mx, nextHops }));
}

function nothing(
  target: string,
  domain: DomainName,
  mx: DnsAnswer,
  verdict: "dns-error" | "no-dane",
  reason: string,
  hint: string | null,
): HostReport {
  const dns = { mx, a: null, aaaa: null, tlsa: null };
  const endpoint: Endpoint = { host: domain, port: 25, protocol: "smtp" };
  return { target, endpoint, profile: "smtp", baseDomain: domain, verdict, reason, hint, dns, addresses: [] };
}

async function verifyHost(route: Route, options: VerifyOptions, limit: Limiter): Promise<HostReport> {
  const { endpoint, mx } = route;
  const profile = options.profile ?? (endpoint.protocol === "smtp" ? "smtp" : "generic");
  const host = await discoverHost(endpoint, options.resolve, options.addresses);
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
  const addresses = await Promise.all(
    host.addresses.map((plan) => verifyAddress(plan, { ...route, profile }, options, limit)),
  );
  const verdict = worstVerdict(addresses.map((each) => each.verdict)) ?? "unreachable";
  return { ...common, verdict, reason: null, hint: null, addresses };
}

async function verifyAddress(
  { address, tlsa }: AddressPlan,
  route: Route & { readonly profile: Profile },
  options: VerifyOptions,
  limit: Limiter,
): Promise<AddressReport> {
  const { endpoint, mx, nextHops, profile } = route;
  const { timeoutMs, signal, at, eeNames } = options;
  // A sender does not even connect after a failed TLSA lookup.
  const probe: ProbeOutcome | null =
    tlsa.kind === "error"
      ? null
      : await limit(() => probeAddress(endpoint, address, { serverName: tlsa.baseDomain, timeoutMs, signal }));
  const needsRoots = profile === "generic" && tlsa.kind === "records" && tlsa.records.some(({ usage }) => usage < 2);
  const judgement = judge({
    tlsa,
    probe,
    profile,
    referenceNames: [...new Set([tlsa.baseDomain, endpoint.host, ...nextHops])],
    eeNames,
    trustStore: needsRoots ? options.loadTrustStore() : [],
    mailExchangerSecure: mx === null || mx.status === "secure",
    at,
  });
  return { address, ...judgement };
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
