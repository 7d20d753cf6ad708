/** SMTP (RFC 3207) and LMTP (RFC 2033): greeting, EHLO or LHLO, STARTTLS. */
import { answered, codedRole, lineDialogue } from "./lines.ts";
import type { Step } from "./lines.ts";

function steps(hello: "EHLO" | "LHLO"): readonly Step[] {
  return [
    // A server that greets with 4xx or 5xx (RFC 5321 §3.1: 554) says nothing about TLS: a sender tries the next host.
    { name: "the connection", send: null, role: codedRole, accepted: answered("220"), refusal: "SERVICE_REFUSED" },
    {
      name: hello,
      send: `${hello} {client}`,
      role: codedRole,
      accepted: answered("250"),
      offer: /^250[ -]STARTTLS\s*$/i,
      refusal: "SERVICE_REFUSED",
    },
    { name: "STARTTLS", send: "STARTTLS", role: codedRole, accepted: answered("220"), refusal: "STARTTLS_REFUSED" },
  ];
}

const common = { serverMaySpeakUnasked: false, goodbye: "QUIT\r\n" };

export const SMTP = lineDialogue({ protocol: "smtp", steps: steps("EHLO"), ...common });

export const LMTP = lineDialogue({ protocol: "lmtp", steps: steps("LHLO"), ...common });
