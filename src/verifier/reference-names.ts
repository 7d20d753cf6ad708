/**
 * The names that a certificate may be for, when names count at all. The TLSA base domain is always the first of them
 * (RFC 7671 §10.2); more are only what the protocol itself allows:
 * - mail by a secure MX lookup: the mail domain, and what it is an alias of (RFC 7672 §3.2.2)
 * - mail by an insecure one: no other, because the MX records prove nothing about the domain
 * - mail without MX records: the domain as it was before its aliases were followed
 * - everything else: no other. A certificate for the alias alone is refused by a client that does as told.
 */
import type { DomainName } from "../dns/name.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import type { Profile } from "./evidence.ts";

/** How a host came to be looked at. */
export interface ReferenceContext {
  readonly profile: Profile;
  readonly baseDomain: DomainName;
  /** The host as the target or the MX record names it. */
  readonly host: DomainName;
  /** Null: there was no MX lookup. */
  readonly mx: DnsAnswer | null;
  /** The domain of the mail and what it is an alias of, or the names that a secure SRV lookup adds. */
  readonly nextHops: readonly DomainName[];
}

/** The reference identifiers, each once, the TLSA base domain first. */
export function referenceNames(context: ReferenceContext): readonly DomainName[] {
  const { profile, baseDomain, host, mx, nextHops } = context;
  const hasExchangers = mx !== null && "rrset" in mx && mx.rrset !== null;
  const original = profile === "smtp" && !hasExchangers ? [host] : [];
  return [...new Set([baseDomain, ...original, ...nextHops])];
}
