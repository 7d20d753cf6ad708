import type { CodeTable } from "./entry.ts";

/** Verification faults: reaching a server, STARTTLS, TLS, and what a DANE client makes of the chain. */
export const VERIFY_CODES = {
  CONNECT_FAILED: {
    title: "a server cannot be reached",
    hint: "check that the service runs, its address, and the firewall",
  },
  CONNECT_TIMEOUT: {
    title: "a server did not answer in time",
    hint: "check the firewall, and that outbound connections to this port are allowed from here; --timeout allows more time",
  },
  SERVICE_REFUSED: {
    title: "a server turned us away before TLS was mentioned",
    hint: "it may be overloaded or block this client's address; look at its log",
  },
  STARTTLS_NOT_OFFERED: {
    title: "the server does not offer to start TLS",
    hint: "give the service a certificate and enable STARTTLS; a middlebox may also have removed the offer",
  },
  STARTTLS_REFUSED: {
    title: "the server refuses to start TLS, although it may have offered it",
    hint: "check the TLS settings and the log of the server",
  },
  STARTTLS_MALFORMED: {
    title: "the server broke the protocol before STARTTLS",
    hint: "check that the port really speaks this protocol; HOST:PORT/PROTOCOL names another one",
  },
  STARTTLS_INJECTION: {
    title: "octets arrived before they were asked for, outside of TLS",
    hint: "somebody may be injecting plain text into the connection; check middleboxes and update the server",
  },
  TLS_FAILED: { title: "the TLS handshake failed", hint: "look at the log of the server" },
  TLS_TIMEOUT: { title: "the TLS handshake did not finish in time", hint: "check that the port really speaks TLS" },
  PROTOCOL_UNKNOWN: {
    title: "the port does not tell what the server speaks, and it is not TLS at once",
    hint: "name the protocol: HOST:PORT/smtp, or --starttls smtp",
  },
  TLSA_MISMATCH: {
    title: "no TLSA record matches the chain that the server sent",
    hint: "publish the record of the chain that is served, or have the server send the chain that is published",
  },
  NAME_MISMATCH: {
    title: "the certificate is not for this host",
    hint: "have a certificate issued that names the TLSA base domain, or publish 3 1 1, which needs no name",
  },
  TLS_NO_CERTIFICATE: { title: "the server sent no certificate", hint: "give the service a certificate" },
  TARGET_DEADLINE: {
    title: "a target was not finished within its time",
    hint: "--deadline allows more; a slow resolver or a host with many addresses may need it",
  },
  PROBE_CANCELLED: { title: "a probe was cancelled", hint: "start it again" },
} as const satisfies CodeTable;
