import type { CodeTable } from "./entry.ts";

/** Publishing over the HTTP APIs of name servers and DNS providers. */
export const PROVIDER_CODES = {
  PROVIDER_URL_INVALID: {
    title: "the address of a provider's API cannot be used",
    hint: "write https://HOST[:PORT]; http:// only for a server on this host",
  },
  PROVIDER_TOKEN_INVALID: {
    title: "a file does not hold an API key or token",
    hint: "put the key or token into the file, alone on one line",
  },
  PROVIDER_UNREACHABLE: {
    title: "the provider's API cannot be reached",
    hint: "check the address, the network, and that the API is switched on; nothing was sent",
  },
  PROVIDER_CONNECTION_LOST: {
    title: "the connection to the provider's API broke",
    hint: "try again: adding twice and removing twice do no harm",
  },
  PROVIDER_TIMEOUT: {
    title: "the provider's API did not answer in time",
    hint: "try again later, or raise timeout",
  },
  PROVIDER_TLS: {
    title: "the certificate of the provider's API cannot be verified; nothing was sent",
    hint: "check the address; for a certificate authority of your own set NODE_EXTRA_CA_CERTS to its file",
  },
  PROVIDER_REDIRECT: {
    title: "the provider's API answered with a redirect, which is not followed",
    hint: "give the address that the API itself has: a key or token is sent to no other",
  },
  PROVIDER_REPLY_TOO_LARGE: {
    title: "a reply of the provider's API is too large",
    hint: "check that the address is the API's",
  },
  PROVIDER_REPLY_MALFORMED: {
    title: "a reply of the provider's API is not understood",
    hint: "check that the address is the API's; if it is, report what it answers",
  },
  PROVIDER_UNAUTHORIZED: {
    title: "the provider does not accept the API key or token",
    hint: "compare the key or token in the file with the provider's; it may have expired",
  },
  PROVIDER_FORBIDDEN: {
    title: "the API key or token may not do this",
    hint: "give the token the right to edit the DNS records of this zone, from this address",
  },
  PROVIDER_ZONE_UNKNOWN: {
    title: "the provider does not hold the zone, or hides it from this key or token",
    hint: "check zone, server_id or zone_id, and which zones the token may see",
  },
  PROVIDER_ZONE_AMBIGUOUS: {
    title: "the provider holds several zones of that name",
    hint: "name one of them: zone_id in the configuration",
  },
  PROVIDER_ZONE_MISMATCH: {
    title: "the zone_id belongs to another zone",
    hint: "correct zone_id, or leave it out: the zone is then found by its name",
  },
  PROVIDER_ZONE_NOT_PRIMARY: {
    title: "the provider serves the zone as a copy of another server's, or not at all",
    hint: "publish where the zone is edited",
  },
  PROVIDER_PROXIED: {
    title: "the host is behind the provider's proxy, which presents another certificate",
    hint: 'set the address records of the host to "DNS only", or do not publish TLSA records for it',
  },
  PROVIDER_TTL: {
    title: "the provider does not serve this TTL",
    hint: "choose a ttl within the provider's limits",
  },
  PROVIDER_TTL_RAISED: {
    title: "the provider's smallest TTL is larger than the one asked for, and is used instead",
    hint: "set ttl to the provider's minimum, so that plans show the real waits; or ask the provider for a lower one",
  },
  PROVIDER_INVALID: {
    title: "the provider calls the change invalid",
    hint: "the provider's words say why; nothing was changed",
  },
  PROVIDER_RATE_LIMITED: {
    title: "the provider wants fewer requests",
    hint: "nothing to do: it is tried again when the provider allows",
  },
  PROVIDER_FAILED: {
    title: "the provider's API failed",
    hint: "try again later; look at the provider's status page or the server's log",
  },
  PROVIDER_RACE: {
    title: "another change came between reading and replacing an RRset, and may have been overwritten",
    hint: "look whether records of other writers are missing; for several writers use PowerDNS 4.9.12, 5.0.2 or later, or dynamic update",
  },
  PROVIDER_SERIAL_STUCK: {
    title: "changes over the API do not raise the serial of the zone",
    hint: "pdnsutil set-meta ZONE SOA-EDIT-API DEFAULT; until then secondaries do not notice changes",
  },
} as const satisfies CodeTable;
