/** What the authoritative servers of a zone say, each asked directly at each of its addresses (RD=0). Evidence only. */
import type { Fault } from "../base/errors.ts";
import type { Instant, Seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import type { Rrset } from "../dns/rrset.ts";
import type { AliasLink } from "./resolver.ts";

export interface NameServerAddress {
  readonly name: DomainName;
  readonly address: string;
  readonly port: number;
  /** A primary that no NS record names. */
  readonly hidden?: true;
}

export interface ServerAnswer {
  readonly outcome: "answer";
  readonly at: Instant;
  readonly authoritative: boolean;
  readonly rcode: number;
  /** Null: this server has no such RRset. */
  readonly rrset: Rrset | null;
  /** How long a cache may keep the negative answer (RFC 2308 §5); null for a positive one or without an SOA. */
  readonly negativeTtl: Seconds | null;
  /** SOA serial of the zone on this server; null when it would not say. */
  readonly serial: number | null;
  /**
   * Whether an RRSIG of the zone came along that covers the RRset and is within its validity period. The signature is
   * not verified cryptographically here: that is the validating resolver's part. Null for a negative answer.
   */
  readonly signed: boolean | null;
  /** The earliest expiration among the latest RRSIGs of each algorithm; null when unsigned. */
  readonly signatureExpires: Instant | null;
}

export interface ServerFailure {
  readonly outcome: "failed";
  readonly at: Instant;
  readonly fault: Fault;
}

export interface ServerView {
  readonly server: NameServerAddress;
  readonly said: ServerAnswer | ServerFailure;
}

/** An owner name as seen at the source: aliases followed, the zone that holds the final name, all of its servers. */
export interface OwnerView {
  readonly owner: DomainName;
  readonly type: number;
  readonly aliases: readonly AliasLink[];
  readonly finalOwner: DomainName;
  readonly zone: DomainName;
  readonly servers: readonly ServerView[];
}
