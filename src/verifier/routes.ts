/**
 * From a domain to the hosts behind it.
 *
 * A mail domain: the hosts that take its mail, in the order in which a sender tries them. Lower preference first
 * (RFC 5321 §5.1); DANE never reorders. A domain without MX records is its own exchanger, one that does not exist
 * is an error, a null MX takes no mail (RFC 7505 §3). What the MX records are worth is kept beside each route: they
 * decide which names count and whether the delivery as a whole is secure (RFC 7672 §2.2.1).
 *
 * A service with SRV records: their targets, lower priority first and the heavier first among equals. Only a secure
 * answer brings DANE into play, and then the target's name and the domain's both count (RFC 7673 §3.1, §4.1); behind
 * an insecure one TLSA is not even asked for, and a failed lookup ends the matter.
 */
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { RCODE } from "../dns/iana.ts";
import { displayName, ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeMx, decodeSrv } from "../dns/rdata.ts";
import type { DnsAnswer, UsableAnswer } from "../resolver/resolver.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ServiceTarget } from "./target.ts";

/** How a host came to be looked at. */
export interface Route {
  /** The target as the user wrote it. */
  readonly target: string;
  readonly endpoint: Endpoint;
  /** The MX answer that led here. */
  readonly mx: DnsAnswer | null;
  /** The SRV answer that led here, and the domain that was asked about. */
  readonly srv?: { readonly answer: DnsAnswer; readonly domain: DomainName };
  /** Further names the certificate may carry: the mail domain, and what it is an alias of (RFC 7672 §3.2.2). */
  readonly nextHops: readonly DomainName[];
}

/** Why a domain leads nowhere. */
export interface NoRoute {
  readonly verdict: "dns-error" | "no-dane" | "unreachable";
  readonly reason: string;
  readonly hint: string | null;
}

/** The mail exchangers of a domain in order of preference, each once, or why there are none. */
export function routesOf(target: string, domain: DomainName, mx: DnsAnswer): Result<readonly Route[], NoRoute> {
  if ("reasons" in mx) {
    // RFC 7672 §2.1.1: bogus, indeterminate and a server failure are one thing, and none of them is "no MX records".
    const [first] = mx.reasons;
    return nowhere(
      "dns-error",
      `the MX lookup failed: ${first?.message ?? "no reason was given"}`,
      first?.hint ?? null,
    );
  }
  if (mx.rcode === RCODE.NXDOMAIN) {
    const missing = mx.finalName === domain ? "" : `: ${displayName(mx.finalName)}, its alias,`;
    const hint = "check the spelling of the domain; a sender returns the mail";
    return nowhere("unreachable", `${displayName(domain)}${missing} does not exist`, hint);
  }
  const exchangers = exchangersOf(mx, domain);
  if (exchangers === null) {
    return nowhere(
      "dns-error",
      `no MX record of ${displayName(domain)} can be read`,
      "mend the MX records of the domain",
    );
  }
  if (exchangers.length === 0) return nowhere("no-dane", "the domain takes no mail (null MX, RFC 7505)", null);
  // RFC 7672 §3.2.2: an insecure MX RRset proves nothing about the mail domain, so its name counts for nothing.
  const nextHops = mx.status === "secure" ? [domain, mx.finalName] : [];
  return success(exchangers.map((host) => ({ target, endpoint: { host, port: 25, protocol: "smtp" }, mx, nextHops })));
}

/** The hosts behind the SRV records `srv` of a service of `domain`, or why there are none. */
export function srvRoutesOf(target: ServiceTarget, answer: DnsAnswer): Result<readonly Route[], NoRoute> {
  const { text, owner, domain, protocol } = target;
  const name = displayName(owner);
  if ("reasons" in answer) {
    const [first] = answer.reasons;
    const reason = `the SRV lookup failed: ${first?.message ?? "no reason was given"}`;
    return nowhere("dns-error", reason, first?.hint ?? null);
  }
  if (answer.rrset === null) {
    const hint = "check the spelling, or name the host: HOST:PORT/PROTOCOL";
    return nowhere("unreachable", `there are no SRV records at ${name}`, hint);
  }
  const readable = answer.rrset.rdatas.flatMap((rdata) => {
    const decoded = decodeSrv(rdata);
    return decoded.ok ? [decoded.value] : [];
  });
  if (readable.length === 0)
    return nowhere("dns-error", `no SRV record at ${name} can be read`, "mend the SRV records");
  const offered = readable.filter((srv) => srv.target !== ROOT && srv.port > 0);
  if (offered.length === 0) {
    return nowhere("no-dane", `the domain does not offer this service (SRV target ".", RFC 2782)`, null);
  }
  const ordered = [...offered].sort((left, right) => left.priority - right.priority || right.weight - left.weight);
  // RFC 7673 §4.1: behind secure SRV records either name will do.
  const names = answer.status === "secure" ? [domain] : [];
  const places = new Map(ordered.map((srv) => [`${srv.target} ${String(srv.port)}`, srv]));
  return success(
    [...places.values()].map(({ target: host, port }) => {
      const nextHops = [host, ...names];
      return { target: text, endpoint: { host, port, protocol }, mx: null, srv: { answer, domain }, nextHops };
    }),
  );
}

function nowhere(verdict: NoRoute["verdict"], reason: string, hint: string | null): Result<never, NoRoute> {
  return failure({ verdict, reason, hint });
}

/** Empty: a null MX. Null: records that say nothing. */
function exchangersOf({ rrset }: UsableAnswer, domain: DomainName): readonly DomainName[] | null {
  // RFC 5321 §5.1: a domain without MX is its own exchanger.
  if (rrset === null) return [domain];
  const readable = rrset.rdatas.flatMap((rdata) => {
    const decoded = decodeMx(rdata);
    return decoded.ok ? [decoded.value] : [];
  });
  if (readable.length === 0) return null;
  readable.sort((left, right) => left.preference - right.preference);
  // RFC 7505 §3 forbids a null MX beside others; where there is one all the same, no host is meant by it.
  return [...new Set(readable.map(({ exchange }) => exchange))].filter((host) => host !== ROOT);
}
