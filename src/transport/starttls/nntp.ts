/** NNTP (RFC 4642): greeting, CAPABILITIES (RFC 3977 §5.2), STARTTLS. */
import { answered, lineDialogue } from "./lines.ts";
import type { LineRole } from "./lines.ts";

const STATUS = /^[1-5]\d\d( |$)/;

function singleLine(line: string): LineRole {
  return STATUS.test(line) ? "last" : "wrong";
}

/** 101 goes on to a line with a single dot; a no is one line. */
function capabilityLines(line: string, first: string): LineRole {
  if (!STATUS.test(first)) return "wrong";
  return line === "." || !first.startsWith("101") ? "last" : "more";
}

export const NNTP = lineDialogue({
  protocol: "nntp",
  steps: [
    {
      name: "the connection",
      send: null,
      role: singleLine,
      // 200: posting is allowed, 201: it is not. Both are a welcome.
      accepted: (lines) => /^20[01]/.test(lines[0] ?? ""),
      refusal: "SERVICE_REFUSED",
    },
    {
      name: "CAPABILITIES",
      send: "CAPABILITIES",
      role: capabilityLines,
      accepted: (lines) => lines[0]?.startsWith("101") ?? false,
      // RFC 4642 §2.1: a server that can start TLS says so here.
      offer: /^STARTTLS\s*$/i,
      absence: /^50\d/,
      refusal: "SERVICE_REFUSED",
    },
    {
      name: "STARTTLS",
      send: "STARTTLS",
      role: singleLine,
      accepted: answered("382"),
      refusal: "STARTTLS_REFUSED",
    },
  ],
  serverMaySpeakUnasked: false,
  goodbye: "QUIT\r\n",
});
