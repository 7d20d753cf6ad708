/**
 * A publisher writes TLSA records at one owner name; it never decides what to publish. Record by record: other
 * records at the name belong to other people.
 */
import type { Fault } from "../base/errors.ts";
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
   * Compare-and-swap: the exact RRset that must be there (RFC 2136 §2.4.2), else nothing is changed. Required for
   * removals; null for additions, which are idempotent.
   */
  readonly expected: readonly TlsaRdata[] | null;
}

/** What the update server serves after the change, read back from it. */
export interface ReadBack {
  readonly records: readonly TlsaRdata[];
  readonly ttl: Seconds | null;
  readonly signed: boolean;
  /** Worth telling, but no failure: a clamped TTL. */
  readonly notes?: readonly Fault[];
}

export interface Publisher {
  /** Applies the change and reads it back. Throws OperationalError; a change already in place is a success. */
  readonly apply: (change: TlsaChange) => Promise<ReadBack>;
}
