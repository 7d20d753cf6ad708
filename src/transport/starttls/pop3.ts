/** POP3 (RFC 2595 §4): greeting, CAPA (RFC 2449), STLS. */
import { lineDialogue } from "./lines.ts";
import type { LineRole } from "./lines.ts";

function isOk(lines: readonly string[]): boolean {
  return /^\+OK( |$)/i.test(lines[0] ?? "");
}

function singleLine(line: string): LineRole {
  return /^(\+OK|-ERR)( |$)/i.test(line) ? "last" : "wrong";
}

/** A positive reply goes on to a line with a single dot (RFC 1939 §3). */
function multiLine(line: string, first: string): LineRole {
  if (!/^(\+OK|-ERR)( |$)/i.test(first)) return "wrong";
  return line === "." || /^-ERR/i.test(first) ? "last" : "more";
}

export const POP3 = lineDialogue({
  protocol: "pop3",
  steps: [
    { name: "the connection", send: null, role: singleLine, accepted: isOk, refusal: "SERVICE_REFUSED" },
    // A server without CAPA cannot announce STLS: RFC 2595 §4 requires the capability.
    {
      name: "CAPA",
      send: "CAPA",
      role: multiLine,
      accepted: isOk,
      offer: /^STLS\s*$/i,
      absence: /^-ERR/i,
      refusal: "STARTTLS_REFUSED",
    },
    { name: "STLS", send: "STLS", role: singleLine, accepted: isOk, refusal: "STARTTLS_REFUSED" },
  ],
  serverMaySpeakUnasked: false,
  goodbye: "QUIT\r\n",
});
