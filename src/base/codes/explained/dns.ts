import type { ExplanationTable } from "./explanation.ts";

const WAITS = "the rollover waits with the old certificate live; verify says unknown (3), never that all is well";

/** Name servers, resolvers and validation. */
export const DNS_EXPLANATIONS = {
  DNS_TIMEOUT: {
    why: "every address of every name server is asked itself, over UDP and, where an answer is cut off, over TCP. Silence is no answer: the server may serve something else to others",
    lifts: "the server answers this host: it runs, and firewalls let port 53 through by UDP and TCP",
    meanwhile: WAITS,
    type: ["daneward propagation OWNER"],
  },
  DNS_UNREACHABLE: {
    why: "the network says that there is no way to the address. An IPv6 address without IPv6 on this host looks like that",
    lifts: "a route to the address, or an exclude_ns entry where the address is of no account",
    meanwhile: WAITS,
    type: ["daneward propagation OWNER"],
  },
  DNS_CONNECTION_LOST: {
    why: "the server took the connection and closed it: limits on TCP clients, an access list, a crash",
    lifts: "its log says which",
    meanwhile: WAITS,
  },
  DNS_RCODE: {
    why: "SERVFAIL or REFUSED say nothing about the RRset: neither that it is there nor that it is not",
    lifts: "the server serves the zone to this host",
    meanwhile: WAITS,
    type: ["daneward propagation OWNER"],
  },
  DNS_MESSAGE_MALFORMED: {
    why: "an answer that breaks the format is not used in part: what is left out could be what matters",
    lifts: "a server, or a box on the way, that sends whole answers",
    meanwhile: WAITS,
  },
  DNS_ALIAS_LOOP: {
    why: "an alias leads to itself, or more than 11 follow each other: resolvers give up as well",
    lifts: "mend the CNAME records",
    meanwhile: WAITS,
    type: ["daneward resolve OWNER TLSA"],
  },
  DNS_ALIAS_DIFFERS: {
    why: "name servers disagree about where the alias leads, so that caches hold RRsets of two names",
    lifts: "all of them serve the same zone; the waits begin after that",
    meanwhile: WAITS,
    type: ["daneward propagation OWNER"],
  },
  NS_ADDRESS_UNKNOWN: {
    why: "a server that others can find by other means may still answer them; one without address cannot be asked",
    lifts: "its A and AAAA records, glue at the parent, or its name out of the delegation",
    meanwhile: WAITS,
    type: ["daneward propagation OWNER"],
  },
  RESOLVER_NOT_LOOPBACK: {
    why: "the AD bit is not protected on the way: whoever is on it could set it",
    lifts: 'a validating resolver on this host, or trust = "local", which validates here',
    meanwhile: "nothing is asked",
    type: ["daneward check-config"],
  },
  RESOLVER_TLS_FAILED: {
    why: "tls://IP#NAME was configured so that nobody on the way reads or changes the answers; clear text is never used instead",
    lifts: "the name behind # is in the resolver's certificate, and this clock is right",
    meanwhile: WAITS,
  },
  RESOLVER_NOT_RECURSIVE: {
    why: "an authoritative server, or one with an access list, does not look names up for this host",
    lifts: "name a recursive resolver",
    meanwhile: WAITS,
    type: ["daneward resolve example.org SOA"],
  },
  DNSSEC_UNSIGNED_DELEGATION: {
    why: "without a DS record at the parent the zone counts as unsigned (RFC 4035 §5.2), and DANE does not apply (RFC 7672 §2.2)",
    lifts:
      "the DS record at the parent, as a rule through the registrar; then as long as the parent's negative answer is cached",
    meanwhile: "senders do not use DANE for it: mail flows, unprotected. Records may stand there already",
    type: ["daneward resolve OWNER TLSA"],
  },
  DNSSEC_SIGNATURE_EXPIRED: {
    why: "a signature is good between two dates (RFC 4035 §5.3.1). After the second one validating resolvers answer SERVFAIL, and senders that check DANE defer mail (RFC 7672 §2.1.2)",
    lifts: "the zone is signed again, and every server has the new copy",
    meanwhile: "mail is deferred by those senders, whatever the certificate is. daneward changes nothing",
    type: ["daneward resolve OWNER TLSA", "daneward propagation OWNER"],
  },
  DNSSEC_KEY_MISSING: {
    why: "the chain of trust goes from the DS record at the parent to a DNSKEY of the zone (RFC 4035 §5.2); none fits. A key rollover without the registrar is the usual cause",
    lifts: "the DS record of a key that signs the zone's DNSKEY set",
    meanwhile: "the whole zone is bogus: mail is deferred, whatever the certificate is",
    type: ["daneward resolve OWNER TLSA"],
  },
} as const satisfies ExplanationTable;
