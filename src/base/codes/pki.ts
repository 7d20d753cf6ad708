import type { CodeTable } from "./entry.ts";

/** Certificate and key file faults. */
export const PKI_CODES = {
  CERT_MALFORMED: { title: "not a certificate", hint: "give a PEM or DER certificate, chain, key or CSR" },
  CERT_NOT_DER: { title: "the certificate is BER, not DER", hint: "RFC 6698 §2.1.2 hashes DER: have it issued again" },
  KEY_MISMATCH: { title: "the private key does not fit the certificate", hint: "check which key belongs to the certificate" },
} as const satisfies CodeTable;
