import type { CodeTable } from "./entry.ts";

/** Certificate, key and TLSA faults. */
export const PKI_CODES = {
  CERT_MALFORMED: { title: "not a certificate", hint: "give a PEM or DER certificate, chain, key or CSR" },
  CERT_NOT_DER: { title: "the certificate is BER, not DER", hint: "RFC 6698 §2.1.2 hashes DER: have it issued again" },
  CERT_DAMAGED: {
    title: "a PEM block is damaged",
    hint: "nothing in the file was used; copy the whole file again, or have the certificate issued again",
  },
  CERT_NONE: {
    title: "no certificate, key or CSR in the file",
    hint: "give a PEM or DER certificate, chain, key or CSR",
  },
  CERT_UNSUPPORTED: {
    title: "a kind of file that cannot be used here",
    hint: "give a PEM or DER certificate, chain, key or CSR",
  },
  CERT_NO_ISSUER: {
    title: "the chain holds no issuer certificate",
    hint: "usages 0 and 2 name the issuer: give the full chain (fullchain.pem), leaf and issuers in one file",
  },
  CERT_AMBIGUOUS: {
    title: "several certificates could be the leaf",
    hint: "put each server certificate with its issuers into a file of its own",
  },
  CERT_PATH: {
    title: "no path from the leaf to the trust anchor",
    hint: "send the issuer certificates in the handshake, or publish the record of the issuer that is really used",
  },
  CERT_SIGNATURE: {
    title: "a signature on the path does not verify",
    hint: "the chain holds the wrong issuer certificate, or was altered: install the chain that came with the certificate",
  },
  CERT_EXPIRED: {
    title: "a certificate on the path is expired or not yet valid",
    hint: "renew it, or correct the clock",
  },
  CERT_CONSTRAINT: {
    title: "a certificate on the path may not do what it does there",
    hint: "have the chain issued by a CA certificate that is allowed to issue server certificates for this name",
  },
  KEY_ENCRYPTED: {
    title: "the private key is encrypted",
    hint: "give the certificate or the public key instead (openssl pkey -in FILE -pubout)",
  },
  KEY_MALFORMED: { title: "the key cannot be read", hint: "give a PEM or DER private or public key" },
  KEY_MISMATCH: {
    title: "the private key does not fit the certificate",
    hint: "check which key belongs to the certificate",
  },
  KEY_HAS_NO_CERTIFICATE: {
    title: "a key or a request is not a certificate",
    hint: 'use selector 1 with usage 1 or 3 (--params "3 1 1"), or give the certificate',
  },
  TLSA_PARAMETERS: {
    title: "not TLSA parameters",
    hint: 'write certificate usage (0-3), selector (0-1) and matching type (0-2), for example "3 1 1"',
  },
} as const satisfies CodeTable;
