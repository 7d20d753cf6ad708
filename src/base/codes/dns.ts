import type { CodeTable } from "./entry.ts";

/** DNS message, name and transport faults. */
export const DNS_CODES = {
  DNS_NAME_INVALID: { title: "not a domain name", hint: "labels are 1 to 63 octets, a name at most 255" },
  TLSA_TEXT_INVALID: {
    title: "not a TLSA record",
    hint: "write usage, selector, matching type and data: 3 1 1 0123abcd…",
  },
  TSIG_ALGORITHM_UNAVAILABLE: {
    title: "this system forbids the hash of a TSIG key",
    hint: "make a new key with tsig-keygen -a hmac-sha256 NAME",
  },
  DNS_MESSAGE_MALFORMED: { title: "a malformed DNS message", hint: "the server or a middlebox sent damaged data" },
  DNS_TIMEOUT: {
    title: "a name server did not answer in time",
    hint: "check that it runs and that the network lets DNS through",
  },
  DNS_UNREACHABLE: { title: "a name server cannot be reached", hint: "check its address, port and the firewall" },
  DNS_CONNECTION_LOST: {
    title: "a name server closed the connection before it had answered",
    hint: "look at the log of that server: limits on TCP clients, access lists, a crash",
  },
  DNS_INTERRUPTED: { title: "a DNS exchange was given up on request", hint: "start it again" },
  DNS_RCODE: { title: "a name server answered with an error", hint: "look at the log of that server" },
  DNS_ALIAS_LOOP: {
    title: "the aliases (CNAME) of a name lead nowhere",
    hint: "mend the CNAME records; at most 11 may follow each other",
  },
  DNS_ALIAS_DIFFERS: {
    title: "a name server shows another alias (CNAME) than the resolver",
    hint: "wait until all name servers agree; check NOTIFY and zone transfer to that server",
  },
  RESOLVER_ADDRESS_INVALID: {
    title: "not the address of a resolver",
    hint: "write 192.0.2.1, 192.0.2.1:5353, [2001:db8::1]:5353 or tls://192.0.2.1#dns.example",
  },
  RESOLVER_TLS_FAILED: {
    title: "no trusted TLS connection to a resolver came about",
    hint: "check the name behind # in tls://IP#NAME, that the resolver speaks DNS over TLS, and this host's clock; clear text is never used instead",
  },
  RESOLVER_NOT_RECURSIVE: {
    title: "the server is no recursive resolver for this host",
    hint: "name a recursive resolver that serves this host",
  },
  RESOLVER_NOT_LOOPBACK: {
    title: "the AD bit of a resolver that is not on this host is not believed",
    hint: "run a validating resolver such as unbound on 127.0.0.1, and name that",
  },
  NS_ADDRESS_UNKNOWN: {
    title: "a name server has no known address",
    hint: "mend its A and AAAA records, or the delegation",
  },
} as const satisfies CodeTable;
