/** SMTP (RFC 3207) and LMTP (RFC 2033): greeting, EHLO or LHLO, STARTTLS. */
import type { Dialogue, LineRole, Step } from "./dialogue.ts";

/** Multi-line replies repeat the code, with `-` after it on all lines but the last (RFC 5321 §4.2.1). */
function replyRole(line: string, first: string): LineRole {
  if (!/^[2-5]\d\d([ -]|$)/.test(line) || line.slice(0, 3) !== first.slice(0, 3)) return "wrong";
  return line[3] === "-" ? "more" : "last";
}

function answered(code: string): (lines: readonly string[]) => boolean {
  return (lines) => lines.at(-1)?.startsWith(code) ?? false;
}

function steps(hello: "EHLO" | "LHLO"): readonly Step[] {
  return [
    // A server that greets with 4xx or 5xx (RFC 5321 §3.1: 554) says nothing about TLS: a sender tries the next host.
    { name: "the connection", send: null, role: replyRole, accepted: answered("220"), refusal: "SERVICE_REFUSED" },
    {
      name: hello,
      send: `${hello} {client}`,
      role: replyRole,
      accepted: answered("250"),
      offer: /^250[ -]STARTTLS\s*$/i,
      refusal: "SERVICE_REFUSED",
    },
    { name: "STARTTLS", send: "STARTTLS", role: replyRole, accepted: answered("220"), refusal: "STARTTLS_REFUSED" },
  ];
}

export const SMTP: Dialogue = {
  protocol: "smtp",
  steps: steps("EHLO"),
  serverMaySpeakUnasked: false,
  goodbye: "QUIT\r\n",
};

export const LMTP: Dialogue = {
  protocol: "lmtp",
  steps: steps("LHLO"),
  serverMaySpeakUnasked: false,
  goodbye: "QUIT\r\n",
};
