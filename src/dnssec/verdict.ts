/**
 * The security status of a DNS answer (RFC 4035 §4.3). `bogus` and `indeterminate` carry no data that anybody could
 * use by mistake; `insecure` data is usable as ordinary DNS, never as DANE (RFC 6698 §4.1).
 */
export type SecurityStatus = "secure" | "insecure" | "bogus" | "indeterminate";
