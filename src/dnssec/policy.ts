/**
 * What a validator may decide by itself, and how much work one question may cost. The limits answer KeyTrap
 * (CVE-2023-50387), the NSEC3 attack of CVE-2023-50868 and their kin: an answer that needs more than these is bogus with
 * the limit named, never insecure, because a limit must not become a way to switch DNSSEC off.
 */
export interface ValidationPolicy {
  /** Algorithms 5 and 7 and DS digest type 1 count as supported. RFC 9905 lets a site say no; then such zones are insecure. */
  readonly sha1: boolean;
  /**
   * Every algorithm that a zone's DS records announce must have a valid signature. RFC 6840 §5.11 says that validators
   * should accept any one; a site afraid of downgrades may ask for all.
   */
  readonly everyAlgorithm: boolean;
  /** NSEC3 iterations above this make an answer insecure (RFC 9276 §3.2). */
  readonly insecureIterations: number;
  /** NSEC3 iterations above this make it bogus (RFC 9276 §3.2). */
  readonly bogusIterations: number;
  readonly limits: ValidationLimits;
}

export interface ValidationLimits {
  /** Questions to the resolver for one name and type, all links together. */
  readonly questions: number;
  /** Public-key operations for one name and type, all links together. */
  readonly verifications: number;
  /** NSEC3 hashes, each with its iterations, for one name and type. */
  readonly hashes: number;
  /** Signatures looked at for one RRset. */
  readonly signatures: number;
  /** Of these, how many may fail the public-key operation. */
  readonly failures: number;
  /** Keys of one tag and algorithm tried on one signature. */
  readonly keysPerTag: number;
  /** DNSKEY records of one zone. */
  readonly keys: number;
  /** DS records of one delegation. */
  readonly delegationSigners: number;
  /** NSEC or NSEC3 RRsets verified in one message. */
  readonly denials: number;
  /** CNAMEs and DNAMEs followed. */
  readonly aliases: number;
}

/** No official reference for the counts: each is far above what honest zones need and far below what hurts. */
export const DEFAULT_POLICY: ValidationPolicy = {
  sha1: true,
  everyAlgorithm: false,
  insecureIterations: 100,
  bogusIterations: 500,
  limits: {
    questions: 60,
    verifications: 64,
    hashes: 64,
    signatures: 8,
    failures: 4,
    keysPerTag: 4,
    keys: 32,
    delegationSigners: 16,
    denials: 8,
    aliases: 11,
  },
};
