import type { CodeTable } from "./entry.ts";

/** Why an answer is not secure, or could not be judged (RFC 4035 §4.3, §5). */
export const DNSSEC_CODES = {
  DNSSEC_UNSIGNED_DELEGATION: {
    title: "a zone above the name is delegated without a DS record",
    hint: "publish the zone's DS record at its parent (through the registrar); DANE needs every zone from the root signed",
  },
  DNSSEC_OPT_OUT: {
    title: "the name lies in an opted-out span of NSEC3, where unsigned delegations need no proof",
    hint: "sign the zone without opt-out; denials in an opted-out span are never secure (RFC 5155 §9.2)",
  },
  DNSSEC_ALGORITHM_UNSUPPORTED: {
    title: "a zone is signed only with algorithms that are not supported",
    hint: "sign the zone with algorithm 13 (ECDSAP256SHA256) or 8 (RSASHA256)",
  },
  DNSSEC_DIGEST_UNSUPPORTED: {
    title: "the DS records of a zone have only digest types that are not supported",
    hint: "publish a DS record with digest type 2 (SHA-256)",
  },
  DNSSEC_NSEC3_ITERATIONS: {
    title: "a zone's NSEC3 iterations are above what is accepted",
    hint: "set the zone's NSEC3 iterations to 0 (RFC 9276 §3.1)",
  },
  DNSSEC_SIGNATURE_INVALID: {
    title: "a signature does not verify",
    hint: "the data or the signature was altered, or the zone was signed with another key: sign the zone anew and compare all name servers",
  },
  DNSSEC_SIGNATURE_EXPIRED: {
    title: "a signature has expired",
    hint: "find out why the signer stopped renewing signatures, and sign the zone anew; check this host's clock",
  },
  DNSSEC_SIGNATURE_NOT_YET_VALID: {
    title: "a signature is not valid yet",
    hint: "check the clock of the signer and of this host",
  },
  DNSSEC_SIGNATURE_MISSING: {
    title: "records of a signed zone have no signature",
    hint: "look for a server that serves an unsigned copy, or a resolver or middlebox that strips RRSIG records",
  },
  DNSSEC_KEY_MISSING: {
    title: "no DNSKEY matches the DS record or the signature",
    hint: "compare the parent's DS records with the zone's DNSKEYs: after a key rollover or a move the DS must be replaced at the registrar",
  },
  DNSSEC_KEY_UNUSABLE: {
    title: "a DNSKEY cannot be used",
    hint: "the key must have the zone key bit, protocol 3, a length that fits its algorithm, and must not be revoked",
  },
  DNSSEC_DENIAL_MISSING: {
    title: "a negative answer comes without proof",
    hint: "look for a server that serves an unsigned or damaged copy, or a resolver that strips NSEC and NSEC3 records",
  },
  DNSSEC_DENIAL_INVALID: {
    title: "the proof of a negative answer does not prove it",
    hint: "compare what each name server of the zone answers; sign the zone anew",
  },
  DNSSEC_ANSWER_CONTRADICTORY: {
    title: "an answer contradicts itself",
    hint: "ask another resolver; if it says the same, ask the zone's name servers one by one",
  },
  DNSSEC_LIMIT: {
    title: "an answer costs more work to validate than is allowed",
    hint: "the zone's data look like an attack on validators, or carry far too many keys or signatures",
  },
  DNSSEC_NO_ANCHOR: {
    title: "no trust anchor stands above the name",
    hint: "add the root's anchor, or one for this zone, to the trust anchor file",
  },
  DNSSEC_ANCHOR_UNSUPPORTED: {
    title: "the trust anchor uses an algorithm or a digest that is not supported",
    hint: "configure a trust anchor with algorithm 8 or 13 and digest type 2",
  },
  DNSSEC_CLOCK: {
    title: "this host's clock cannot be right",
    hint: "set the clock; signatures cannot be judged without it",
  },
  DNSSEC_RESOLVER_STRIPS: {
    title: "the resolver passes no DNSSEC records on",
    hint: "use a resolver that answers DO=1 CD=1 with RRSIG records: unbound, knot-resolver or BIND on this host",
  },
  TRUST_ANCHOR_INVALID: {
    title: "not a trust anchor",
    hint: "write DS or DNSKEY records, BIND's trust-anchors, Unbound's trust-anchor lines, or IANA's root-anchors.xml",
  },
} as const satisfies CodeTable;
