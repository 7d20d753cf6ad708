/**
 * The DNS parameters registry as far as we speak of it by name. Codes stay numbers everywhere: an unknown one travels
 * and prints as `TYPE65280` (RFC 3597 §5), it is never an error by itself.
 */

/** RR types and query types. */
export const TYPE = {
  A: 1,
  NS: 2,
  MD: 3,
  MF: 4,
  CNAME: 5,
  SOA: 6,
  MB: 7,
  MG: 8,
  MR: 9,
  PTR: 12,
  HINFO: 13,
  MINFO: 14,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  RT: 21,
  SIG: 24,
  PX: 26,
  AAAA: 28,
  NXT: 30,
  SRV: 33,
  NAPTR: 35,
  KX: 36,
  A6: 38,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  SMIMEA: 53,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  CSYNC: 62,
  ZONEMD: 63,
  SVCB: 64,
  HTTPS: 65,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
} as const;

/** Classes; NONE and ANY have meanings of their own in UPDATE (RFC 2136 §2.4, §2.5). */
export const CLASS = { IN: 1, CH: 3, NONE: 254, ANY: 255 } as const;

/** Response codes, with the extended ones of EDNS (RFC 6891 §6.1.3) and the error codes of TSIG (RFC 8945 §3). */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  BADVERS: 16,
  BADCOOKIE: 23,
} as const;

/** TSIG error codes (RFC 8945 §3). 16 is BADVERS when it stands in an OPT record. */
export const TSIG_ERROR = { NOERROR: 0, BADSIG: 16, BADKEY: 17, BADTIME: 18, BADTRUNC: 22 } as const;

/** Kinds of message. */
export const OPCODE = { QUERY: 0, STATUS: 2, NOTIFY: 4, UPDATE: 5 } as const;

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(TYPE).map(([name, code]) => [code, name]));
const TYPE_CODES: ReadonlyMap<string, number> = new Map(Object.entries(TYPE));
const CLASS_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(CLASS).map(([name, code]) => [code, name]));
const RCODE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RCODE).map(([name, code]) => [code, name]));
const TSIG_ERROR_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(TSIG_ERROR).map(([name, code]) => [code, name]),
);

/** `TLSA`, or `TYPE65280` for a type we have no name for (RFC 3597 §5). */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${String(type)}`;
}

/** The code of a mnemonic or of `TYPE65280`, in either case; null for anything else. */
export function typeFromName(text: string): number | null {
  const name = text.trim().toUpperCase();
  const numeric = /^TYPE(\d{1,5})$/.exec(name)?.[1];
  if (numeric === undefined) return TYPE_CODES.get(name) ?? null;
  const code = Number(numeric);
  return code <= 0xffff ? code : null;
}

/** `IN`, or `CLASS32` (RFC 3597 §5). */
export function className(code: number): string {
  return CLASS_NAMES.get(code) ?? `CLASS${String(code)}`;
}

/** `NXDOMAIN`, or `RCODE11`. */
export function rcodeName(rcode: number): string {
  return RCODE_NAMES.get(rcode) ?? `RCODE${String(rcode)}`;
}

/** `BADKEY`, or the ordinary rcode's name: a TSIG error shares the registry. */
export function tsigErrorName(error: number): string {
  return TSIG_ERROR_NAMES.get(error) ?? rcodeName(error);
}

/** DNSSEC algorithm numbers, those out of use among them: they still occur. */
const ALGORITHM_NAMES: Readonly<Record<number, string>> = {
  1: "RSAMD5",
  3: "DSA",
  5: "RSASHA1",
  6: "DSA-NSEC3-SHA1",
  7: "RSASHA1-NSEC3-SHA1",
  8: "RSASHA256",
  10: "RSASHA512",
  12: "ECC-GOST",
  13: "ECDSAP256SHA256",
  14: "ECDSAP384SHA384",
  15: "ED25519",
  16: "ED448",
};

/** DS digest types. */
const DIGEST_NAMES: Readonly<Record<number, string>> = { 1: "SHA-1", 2: "SHA-256", 3: "GOST R 34.11-94", 4: "SHA-384" };

/** Extended DNS errors (RFC 8914 §4), in the spelling of our messages. */
const EXTENDED_ERROR_NAMES: Readonly<Record<number, string>> = {
  0: "other error",
  1: "unsupported DNSKEY algorithm",
  2: "unsupported DS digest type",
  3: "stale answer",
  4: "forged answer",
  5: "DNSSEC indeterminate",
  6: "DNSSEC bogus",
  7: "signature expired",
  8: "signature not yet valid",
  9: "DNSKEY missing",
  10: "RRSIGs missing",
  11: "no zone key bit set",
  12: "NSEC missing",
  13: "cached error",
  14: "not ready",
  15: "blocked",
  16: "censored",
  17: "filtered",
  18: "prohibited",
  19: "stale NXDOMAIN answer",
  20: "not authoritative",
  21: "not supported",
  22: "no reachable authority",
  23: "network error",
  24: "invalid data",
  25: "signature expired before valid",
  27: "unsupported NSEC3 iterations value",
};

/** `ECDSAP256SHA256`, or `algorithm 17`. */
export function algorithmName(algorithm: number): string {
  return ALGORITHM_NAMES[algorithm] ?? `algorithm ${String(algorithm)}`;
}

/** The digest of a DS record: `SHA-256`, or `digest type 5`. */
export function digestTypeName(digestType: number): string {
  return DIGEST_NAMES[digestType] ?? `digest type ${String(digestType)}`;
}

/** `DNSKEY missing`, or `unassigned`. */
export function extendedErrorName(code: number): string {
  return EXTENDED_ERROR_NAMES[code] ?? "unassigned";
}
