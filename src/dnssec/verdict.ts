/**
 * What validation says: one of four outcomes (RFC 4035 §4.3), the reasons for it, and the links that were walked from
 * the trust anchor to the answer, so that a person sees where the chain broke and a program can draw it.
 */
import type { Fault } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";

/**
 * The security status of a DNS answer (RFC 4035 §4.3). `bogus` and `indeterminate` carry no data that anybody could
 * use by mistake; `insecure` data is usable as ordinary DNS, never as DANE (RFC 6698 §4.1).
 */
export type SecurityStatus = "secure" | "insecure" | "bogus" | "indeterminate";

/** Why an answer is not secure, or what to know although it is. The message names record, expected and found. */
export interface Reason extends Fault {
  /** The zone in which it was found. */
  readonly zone: DomainName;
  /** Extended DNS error that says it (RFC 8914 §4); null where none does. */
  readonly ede: number | null;
}

/** A key or a DS record that took part in a link. */
export interface LinkKey {
  readonly keyTag: number;
  readonly algorithm: number;
  /** Of a DS record; null for a DNSKEY. */
  readonly digestType: number | null;
  /** DNSKEY flags; null for a DS record. */
  readonly flags: number | null;
  /** This one made the link: it matched the link above, or made the signature. */
  readonly used: boolean;
}

/** The signature that made a link secure, or the one that failed. */
export interface LinkSignature {
  readonly signer: DomainName;
  readonly keyTag: number;
  readonly algorithm: number;
  readonly inception: Instant;
  readonly expiration: Instant;
}

/** One link of the chain of trust, in the order of the walk: from the anchor down, then the answer's own links. */
export interface ChainLink {
  /**
   * `anchor`: where trust starts; `ds`: the parent's word about a zone; `dnskey`: the zone's key set; `no-cut`: the
   * parent's proof that no zone begins here; `insecure`: its proof that an unsigned zone begins here; `alias`: a CNAME or
   * DNAME that was followed; `answer`: the RRset asked for; `denial`: the proof that it does not exist.
   */
  readonly kind: "anchor" | "ds" | "dnskey" | "no-cut" | "insecure" | "alias" | "answer" | "denial";
  /** The zone whose keys vouch for it, or should. */
  readonly zone: DomainName;
  readonly name: DomainName;
  readonly type: number;
  readonly status: SecurityStatus;
  /** `dnskey` and `anchor`: the keys; `ds`: the DS records; otherwise empty. */
  readonly keys: readonly LinkKey[];
  readonly signature: LinkSignature | null;
  /** For people: lower case, no full stop. */
  readonly message: string;
  /** `alias`: the name that was left, and where it leads; a DNAME stands above the name that it redirects. */
  readonly alias?: { readonly from: DomainName; readonly target: DomainName };
  /** `answer` and `alias`: the wildcard that the records were expanded from (RFC 4035 §5.3.4). */
  readonly wildcard?: DomainName;
}

/** Status with its grounds. */
export interface Validation {
  readonly status: SecurityStatus;
  /** Most telling first; may hold warnings although the status is secure. */
  readonly reasons: readonly Reason[];
  readonly chain: readonly ChainLink[];
  /** The earliest expiration among the signatures that the status rests on; null without any. */
  readonly signaturesExpire: Instant | null;
}
