/**
 * FTP (RFC 4217): greeting, FEAT (RFC 2389), AUTH TLS. Only the control connection is looked at. A server that knows
 * FEAT must list AUTH TLS there; one that does not know it is asked all the same.
 */
import { answered, lineDialogue } from "./lines.ts";
import type { LineRole } from "./lines.ts";

/** `123-` opens a reply that goes on to a line `123 `; what stands between is free text (RFC 959 §4.2). */
function ftpRole(line: string, first: string): LineRole {
  if (!/^[1-6]\d\d([ -]|$)/.test(first)) return "wrong";
  return first[3] !== "-" || line.startsWith(`${first.slice(0, 3)} `) ? "last" : "more";
}

export const FTP = lineDialogue({
  protocol: "ftp",
  steps: [
    { name: "the connection", send: null, role: ftpRole, accepted: answered("220"), refusal: "SERVICE_REFUSED" },
    {
      name: "FEAT",
      send: "FEAT",
      role: ftpRole,
      accepted: answered("211"),
      // One mechanism a line, or several with semicolons.
      offer: /^(?:211-)?\s*AUTH\s+(?:[^;]+;)*TLS(?:-C)?(?:;.*|\s*)$/i,
      refusal: null,
    },
    {
      name: "AUTH TLS",
      send: "AUTH TLS",
      role: ftpRole,
      accepted: answered("234"),
      // Not known, not implemented, not for this parameter; 530 is what servers say that want a login instead.
      absence: /^(?:50[0-4]|530)/,
      refusal: "STARTTLS_REFUSED",
    },
  ],
  serverMaySpeakUnasked: false,
  goodbye: "QUIT\r\n",
});
