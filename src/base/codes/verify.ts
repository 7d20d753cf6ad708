import type { CodeTable } from "./entry.ts";

/** Verification faults. */
export const VERIFY_CODES = {
  TLS_FAILED: { title: "the TLS handshake failed", hint: "look at the log of the server" },
  STARTTLS_REFUSED: { title: "the server does not offer STARTTLS", hint: "check the TLS settings of the server" },
} as const satisfies CodeTable;
