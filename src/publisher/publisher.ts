/**
 * A publisher writes TLSA records at one owner name; it never decides what to publish. Record by record: other
 * records at the name belong to other people.
 */
import type { Fault, OperationalError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import type { Seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import type { TlsaRdata } from "../dns/rdata.ts";

export interface TlsaChange {
  /** The final owner name, aliases already followed. */
  readonly owner: DomainName;
  readonly zone: DomainName;
  readonly ttl: Seconds;
  readonly add: readonly TlsaRdata[];
  readonly remove: readonly TlsaRdata[];
  /**
   * Compare-and-swap: the RRset on which the change was decided; on another one nothing is changed (RFC 2136 §2.4.2),
   * unless all that was to stay is there and others' records have come. Required for removals; null for additions, which
   * are idempotent.
   */
  readonly expected: readonly TlsaRdata[] | null;
}

/** What is known after the change. */
export interface ReadBack {
  /**
   * `served`: read from the server that took the change. `pending`: accepted and on its way (a file that is signed
   * elsewhere, a provider's queue); `records` is then what was asked for, and only the name servers say when it is there.
   */
  readonly status: "served" | "pending";
  readonly records: readonly TlsaRdata[];
  readonly ttl: Seconds | null;
  readonly signed: boolean;
  /** Worth telling, but no failure: a clamped TTL. */
  readonly notes?: readonly Fault[];
}

/** What a way of publishing can and cannot do. */
export interface Capabilities {
  /** Whether single records are changed, or the whole RRset is replaced by what was read plus the change. */
  readonly granularity: "record" | "rrset";
  /** Whether a change is seen whole or not at all. */
  readonly atomic: boolean;
  /** Whether `expected` is compared and the change made in one go. False: another writer may come in between. */
  readonly compareAndSwap: boolean;
  readonly minTtl: Seconds;
  readonly maxTtl: Seconds;
  /** What `apply` looks at afterwards: a name server, the provider's or builder's own store, or nothing. */
  readonly readBack: "served" | "stored" | "none";
}

export interface Publisher {
  readonly capabilities: Capabilities;
  /** Applies the change and reads it back. Throws OperationalError; a change already in place is a success. */
  readonly apply: (change: TlsaChange) => Promise<ReadBack>;
  /** Applies several changes in fewer steps than one by one, each with an outcome of its own, in their order. */
  readonly applyAll?: (changes: readonly TlsaChange[]) => Promise<readonly Result<ReadBack, OperationalError>[]>;
}
