/**
 * From a mail domain to the hosts that take its mail, in the order in which a sender tries them. Lower preference
 * first (RFC 5321 §5.1); DANE never reorders. A domain without MX records is its own exchanger, one that does not exist
 * is an error, a null MX takes no mail (RFC 7505 §3). What the MX records are worth is kept beside each route: they
 * decide which names count and whether the delivery as a whole is secure (RFC 7672 §2.2.1).
 */
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { RCODE } from "../dns/iana.ts";
import { displayName, ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeMx } from "../dns/rdata.ts";
import type { DnsAnswer, UsableAnswer } from "../resolver/resolver.ts";
import type { Endpoint } from "./endpoint.ts";

/** How a host came to be looked at. */
export interface Route {
  /** The target as the user wrote it. */
  readonly target: string;
  readonly endpoint: Endpoint;
  /** The MX answer that led here. */
  readonly mx: DnsAnswer | null;
  /** Further names the certificate may carry: the mail domain, and what it is an alias of (RFC 7672 §3.2.2). */
  readonly nextHops: readonly DomainName[];
}

/** Why a mail domain leads nowhere. */
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
