/**
 * What a validating resolver says, whichever way it found out. A {@link DnsAnswer} cannot be read without naming its
 * security status: the variants without usable data have no `rrset` to read.
 */
import type { Fault } from "../base/errors.ts";
import type { Seconds } from "../base/time.ts";
import type { AliasLink } from "../dns/alias.ts";
import type { DomainName } from "../dns/name.ts";
import type { Rrset } from "../dns/rrset.ts";
import type { Validation } from "../dnssec/verdict.ts";

export type { AliasLink } from "../dns/alias.ts";

export interface UsableAnswer {
  readonly status: "secure" | "insecure";
  readonly name: DomainName;
  readonly type: number;
  readonly rcode: number;
  /** CNAMEs followed, in order; empty when the name itself answered. */
  readonly aliases: readonly AliasLink[];
  /** The last target of the aliases, or the name asked. */
  readonly finalName: DomainName;
  /** Null: the name or the type does not exist (NXDOMAIN or NODATA). */
  readonly rrset: Rrset | null;
  /** Negative answers: min(SOA TTL, SOA MINIMUM) (RFC 2308 §5), null when no SOA came along. */
  readonly negativeTtl: Seconds | null;
  /** The grounds of the status when it was found out here (trust "local"); absent when somebody else's AD bit was believed. */
  readonly validation?: Validation;
}

export interface UnusableAnswer {
  readonly status: "bogus" | "indeterminate";
  readonly name: DomainName;
  readonly type: number;
  /** Why, outermost first. */
  readonly reasons: readonly Fault[];
  /** As in {@link UsableAnswer}; absent also when no answer came at all. */
  readonly validation?: Validation;
}

export type DnsAnswer = UsableAnswer | UnusableAnswer;

/** Asks for one name and type. Never rejects for a DNS failure: that is an {@link UnusableAnswer}. */
export type Resolve = (name: DomainName, type: number) => Promise<DnsAnswer>;
