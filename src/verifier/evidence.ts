/** What was found out before anything is judged. */
import type { Fault } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import type { AliasLink, DnsAnswer } from "../resolver/resolver.ts";
import type { Endpoint, ProbeOutcome } from "./endpoint.ts";

/** RFC 7672 for mail between servers, RFC 7671 alone for everything else. */
export type Profile = "smtp" | "generic";

interface TlsaRecords {
  readonly kind: "records";
  readonly baseDomain: DomainName;
  readonly owner: DomainName;
  readonly aliases: readonly AliasLink[];
  /** The answer itself, for its TTL and its signatures; absent when the records were given by hand. */
  readonly answer?: DnsAnswer;
  /** As published; RDATA too short to have three numbers appears with 255 for each. */
  readonly records: readonly TlsaRdata[];
}

export interface NoTlsa {
  readonly kind: "none";
  /**
   * `insecure-address`: not asked, because the address is not secure (RFC 7672 §2.2.2); `insecure-srv`: not asked,
   * because the SRV records are not (RFC 7673 §3.1); `insecure`: there is an answer, but in an unsigned zone; `absent`:
   * there is none, which need not be proven (RFC 7672 §2.1.1).
   */
  readonly why: "insecure-address" | "insecure-srv" | "insecure" | "absent";
  readonly baseDomain: DomainName;
  /** The owner name that was asked last, and the security of the answer; null when none was asked. */
  readonly owner: DomainName | null;
  readonly status: "secure" | "insecure" | null;
  readonly answer?: DnsAnswer;
}

export interface TlsaError {
  readonly kind: "error";
  readonly baseDomain: DomainName;
  readonly owner: DomainName;
  readonly status: "bogus" | "indeterminate";
  readonly reasons: readonly Fault[];
  readonly answer?: DnsAnswer;
}

/** What DNS says about TLSA for one address. */
export type TlsaEvidence = TlsaRecords | NoTlsa | TlsaError;

/** What one address of a host must be judged by. */
export interface AddressPlan {
  readonly address: string;
  readonly tlsa: TlsaEvidence;
}

/** DNS evidence about one host. */
export interface HostEvidence {
  readonly endpoint: Endpoint;
  readonly a: DnsAnswer;
  readonly aaaa: DnsAnswer;
  /** What the TLSA evidence is for each family that was looked at; the first is the one to show for the host. */
  readonly tlsa: readonly TlsaEvidence[];
  readonly addresses: readonly AddressPlan[];
}

/** Everything the judge looks at for one address (or, offline, for one chain). */
export interface Evidence {
  readonly tlsa: TlsaEvidence;
  /** Null: there was no need to connect. */
  readonly probe: ProbeOutcome | null;
  readonly profile: Profile;
  /** Names that the certificate may be for, the TLSA base domain first (RFC 7672 §3.2.2). */
  readonly referenceNames: readonly DomainName[];
  /** Whether names count for usage 3 as well; RFC 7671 §5.1 says they do not. */
  readonly eeNames: boolean;
  /** Roots that usages 0 and 1 may rely on, as DER; no other usage looks at them. */
  readonly trustStore: readonly Uint8Array[];
  /** False: the MX RRset that led here is insecure, so the delivery as a whole is (RFC 7672 §2.2.1). */
  readonly mailExchangerSecure: boolean;
  /** Certificates that the server had before, as DER; absent when nobody knows. They explain records and change no verdict. */
  readonly previous?: readonly Uint8Array[];
  readonly at: Instant;
}
