/**
 * ManageSieve (RFC 5804): the server begins with its capabilities and OK, then STARTTLS. A string may come as a
 * literal, `{n}` at the end of a line and n octets behind it (RFC 5804 §4); the parts are put together as one line.
 */
import { malformed, takeLine } from "./conversation.ts";
import type { Conversation } from "./conversation.ts";
import { lineDialogue } from "./lines.ts";
import type { LineRole } from "./lines.ts";

/** Literals accepted in one line. */
const MAX_LITERALS = 8;

async function takeLogicalLine(talk: Conversation): Promise<string> {
  let line = await takeLine(talk);
  for (let count = 0; ; count += 1) {
    const literal = /\{(\d{1,5})\+?\}$/.exec(line);
    if (literal === null) return line;
    if (count === MAX_LITERALS) throw malformed(talk.where, `a line has more than ${String(MAX_LITERALS)} literals`);
    const octets = await talk.take("a string", () => Number(literal[1]));
    line = `${line}${octets}${await takeLine(talk)}`;
  }
}

const RESPONSE = /^(OK|NO|BYE)( |$)/i;

/** Capabilities are strings, the response that ends them is not. */
function capabilityRole(line: string): LineRole {
  if (RESPONSE.test(line)) return "last";
  return /^("[^"]*"|\{\d+\+?\})/.test(line) ? "more" : "wrong";
}

function isOk(lines: readonly string[]): boolean {
  return /^OK( |$)/i.test(lines.at(-1) ?? "");
}

export const SIEVE = lineDialogue({
  protocol: "sieve",
  steps: [
    {
      name: "the connection",
      send: null,
      read: takeLogicalLine,
      role: capabilityRole,
      accepted: isOk,
      // RFC 5804 §1.7: the capability is there only while TLS can still be started.
      offer: /^"STARTTLS"\s*$/i,
      refusal: "SERVICE_REFUSED",
    },
    {
      name: "STARTTLS",
      send: "STARTTLS",
      read: takeLogicalLine,
      role: (line) => (RESPONSE.test(line) ? "last" : "wrong"),
      accepted: isOk,
      refusal: "STARTTLS_REFUSED",
    },
  ],
  serverMaySpeakUnasked: false,
  goodbye: "LOGOUT\r\n",
});
