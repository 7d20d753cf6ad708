import type { CodeTable } from "./entry.ts";

/** Where the waits of a rollover and the dates of certificates and signatures do not go together. */
export const DEADLINE_CODES = {
  DEADLINE_UNREACHABLE: {
    title: "a rollover does not fit between the renewal of a certificate and its end",
    hint: 'lower ttl, keep the key at renewals, or publish the next key ahead with next = "prepublish"',
  },
  DEADLINE_MISSED: {
    title: "no renewal is there, and none that came now could be in place before the certificate ends",
    hint: "renew at once with the key that is in use: then no record changes and nothing has to be waited for",
  },
  SIGNATURE_ENDS_EARLY: {
    title: "the DNSSEC signature over the records ends before the wait does",
    hint: "find out why the signer has not renewed it, and sign the zone anew",
  },
} as const satisfies CodeTable;
