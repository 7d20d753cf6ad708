import type { Seconds } from "../base/time.ts";
import type { DomainName } from "./name.ts";

/** One resource record. `rdata` is decompressed wire form with the case of embedded names as received. */
export interface ResourceRecord {
  readonly name: DomainName;
  readonly type: number;
  readonly class: number;
  readonly ttl: Seconds;
  readonly rdata: Uint8Array;
}

/**
 * The records of one owner, type and class (RFC 9499), duplicates dropped, with the RRSIGs that came beside them.
 * `ttl` is the smallest of the records' TTLs (RFC 2181 §5.2 wants them equal).
 */
export interface Rrset {
  readonly name: DomainName;
  readonly type: number;
  readonly class: number;
  readonly ttl: Seconds;
  readonly rdatas: readonly Uint8Array[];
  /** RDATA of the RRSIG records that cover this RRset. */
  readonly signatures: readonly Uint8Array[];
}
