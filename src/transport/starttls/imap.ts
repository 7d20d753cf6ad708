/** IMAP (RFC 9051 §6.2.1): greeting, CAPABILITY, STARTTLS. */
import { lineDialogue } from "./lines.ts";
import type { LineRole } from "./lines.ts";

/** Untagged lines go on; the line with our tag ends the reply. */
function taggedRole(tag: string): (line: string) => LineRole {
  return (line) => (line.startsWith("* ") ? "more" : line.startsWith(`${tag} `) ? "last" : "wrong");
}

function completed(tag: string): (lines: readonly string[]) => boolean {
  const ok = new RegExp(`^${tag} OK( |$)`, "i");
  return (lines) => ok.test(lines.at(-1) ?? "");
}

export const IMAP = lineDialogue({
  protocol: "imap",
  steps: [
    {
      name: "the connection",
      send: null,
      role: (line) => (line.startsWith("* ") ? "last" : "wrong"),
      // PREAUTH: already authenticated, STARTTLS is no longer possible (RFC 9051 §7.1.4).
      accepted: (lines) => /^\* OK( |$)/i.test(lines[0] ?? ""),
      refusal: "SERVICE_REFUSED",
    },
    {
      name: "CAPABILITY",
      send: "d1 CAPABILITY",
      role: taggedRole("d1"),
      accepted: completed("d1"),
      offer: /^\* CAPABILITY( .*)? STARTTLS( |$)/i,
      refusal: "SERVICE_REFUSED",
    },
    {
      name: "STARTTLS",
      send: "d2 STARTTLS",
      role: taggedRole("d2"),
      accepted: completed("d2"),
      refusal: "STARTTLS_REFUSED",
    },
  ],
  serverMaySpeakUnasked: true,
  goodbye: "d3 LOGOUT\r\n",
});
