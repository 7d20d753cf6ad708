/**
 * PostgreSQL (its manual, "Frontend/Backend Protocol", SSL Session Encryption): SSLRequest, then one octet, `S` for yes
 * and `N` for no. Whatever else comes with that octet is refused, as libpq does since CVE-2021-23222.
 * Direct TLS (version 17 and later, `/tls`) wants ALPN, which nothing here offers.
 */
import { OperationalError } from "../../base/errors.ts";
import { malformed, quoteLine } from "./conversation.ts";
import type { Conversation } from "./conversation.ts";
import { notOffered } from "./dialogue.ts";
import type { Dialogue } from "./dialogue.ts";

/** Length 8, then 1234 and 5679 as if they were a version. */
const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);

async function speak(talk: Conversation): Promise<void> {
  talk.send(SSL_REQUEST);
  const answer = await talk.take("an answer", (buffered) => (buffered === "" ? null : 1));
  if (answer === "S") return;
  if (answer === "N") throw notOffered(talk, "the server does not offer TLS: SSLRequest was answered with N");
  if (answer === "E") {
    const message = await readError(talk);
    throw new OperationalError("SERVICE_REFUSED", `${talk.where}: SSLRequest was answered "${quoteLine(message)}"`);
  }
  throw malformed(talk.where, `SSLRequest was answered "${quoteLine(answer)}"`);
}

/** The field M of an ErrorResponse: a length of four octets that counts itself, then fields ended by zero octets. */
async function readError(talk: Conversation): Promise<string> {
  const body = await talk.take("a message", (buffered) => {
    if (buffered.length < 4) return null;
    const octets = [0, 1, 2, 3].map((at) => buffered.charCodeAt(at));
    return Math.max(
      4,
      octets.reduce((value, octet) => value * 256 + octet, 0),
    );
  });
  const fields = body.slice(4).split("\0");
  return fields.find((field) => field.startsWith("M"))?.slice(1) ?? "an error without words";
}

export const POSTGRES: Dialogue = {
  protocol: "postgres",
  speak,
  // The server waits for a start-up packet; a message that ends a session would be none.
  goodbye: "",
};
