import type { CodeTable } from "./entry.ts";

/** DNS message, name and transport faults. */
export const DNS_CODES = {
  DNS_NAME_INVALID: { title: "not a domain name", hint: "labels are 1 to 63 octets, a name at most 255" },
  TLSA_TEXT_INVALID: {
    title: "not a TLSA record",
    hint: "write usage, selector, matching type and data: 3 1 1 0123abcd…",
  },
  DNS_MESSAGE_MALFORMED: { title: "a malformed DNS message", hint: "the server or a middlebox sent damaged data" },
  DNS_TIMEOUT: {
    title: "a name server did not answer in time",
    hint: "check that it runs and that the network lets DNS through",
  },
  DNS_UNREACHABLE: { title: "a name server cannot be reached", hint: "check its address, port and the firewall" },
  DNS_RCODE: { title: "a name server answered with an error", hint: "look at the log of that server" },
} as const satisfies CodeTable;
