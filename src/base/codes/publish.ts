import type { CodeTable } from "./entry.ts";

/** Publishing faults: TSIG, UPDATE, read-back. */
export const PUBLISH_CODES = {
  TSIG_BADTIME: { title: "the clocks of client and server differ too much", hint: "check NTP on both machines" },
  TSIG_BADSIG: { title: "the TSIG signature does not verify", hint: "compare the secret on both sides" },
  TSIG_BADKEY: { title: "the server does not know the TSIG key", hint: "compare key name and algorithm on both sides" },
} as const satisfies CodeTable;
