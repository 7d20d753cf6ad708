/**
 * How TLS starts on a port, by the names that command lines and configurations use. The ports are those of the IANA
 * registry (RFC 6335) whose protocol is beyond doubt.
 */

/** `tls`: at once; the others: after a few words in the clear, in the way of that protocol. */
export type ServiceProtocol =
  | "tls"
  | "smtp"
  | "lmtp"
  | "imap"
  | "pop3"
  | "sieve"
  | "xmpp-client"
  | "xmpp-server"
  | "ldap"
  | "ftp"
  | "nntp"
  | "postgres"
  | "mysql";

/** All of them, `tls` first. */
export const SERVICE_PROTOCOLS: readonly ServiceProtocol[] = [
  "tls",
  "smtp",
  "lmtp",
  "imap",
  "pop3",
  "sieve",
  "xmpp-client",
  "xmpp-server",
  "ldap",
  "ftp",
  "nntp",
  "postgres",
  "mysql",
];

/** 587 is RFC 6409, 465, 993 and 995 RFC 8314 §7, 563 RFC 8143, 5223 and 5270 direct TLS as XEP-0368 has it. */
const BY_PORT: Readonly<Record<number, ServiceProtocol>> = {
  21: "ftp",
  24: "lmtp",
  25: "smtp",
  110: "pop3",
  119: "nntp",
  143: "imap",
  389: "ldap",
  433: "nntp",
  443: "tls",
  465: "tls",
  563: "tls",
  587: "smtp",
  636: "tls",
  853: "tls",
  990: "tls",
  993: "tls",
  995: "tls",
  3306: "mysql",
  4190: "sieve",
  5222: "xmpp-client",
  5223: "tls",
  5269: "xmpp-server",
  5270: "tls",
  5432: "postgres",
};

/** Whether clients say at once which domain they want, which need not be the name of the host (RFC 6120 §4.7.2). */
export function asksForDomain(protocol: ServiceProtocol): boolean {
  return protocol === "xmpp-client" || protocol === "xmpp-server";
}

/** The protocol that a port speaks unless something else is said; null: that cannot be told from the port. */
export function protocolOfPort(port: number): ServiceProtocol | null {
  return BY_PORT[port] ?? null;
}
