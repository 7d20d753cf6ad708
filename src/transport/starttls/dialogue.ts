/**
 * STARTTLS: a few words in the clear, then TLS on the same connection. Each protocol is a {@link Dialogue} in a file of
 * its own; most are data for the runner in `lines.ts`, the others speak for themselves. Nothing that was said in the
 * clear is believed afterwards, and no dialogue logs in.
 *
 * The part in the clear is spoken with whoever answers, so it is bounded (`conversation.ts`) and strict: a reply must
 * have the shape and the code that its protocol asks for; where the protocol announces that TLS can be started, it must
 * be announced; and nothing may follow the reply that opens TLS. Octets after it would be read as if they had come
 * through TLS, the "STARTTLS command injection" of 2011 (CVE-2011-0411) and 2021 seen from the client's side; RFC 3207
 * §4.2 and RFC 2595 §4 have the client forget what it learned before TLS. We refuse the connection.
 *
 * Three ways of not getting as far as TLS have codes of their own: the server turns us away before TLS is mentioned
 * (SERVICE_REFUSED), it does not offer TLS (STARTTLS_NOT_OFFERED), it offers TLS and then refuses (STARTTLS_REFUSED).
 */
import type { Socket } from "node:net";
import { OperationalError } from "../../base/errors.ts";
import { openConversation } from "./conversation.ts";
import type { Conversation } from "./conversation.ts";

/** The part of a protocol that is in the clear. */
export interface Dialogue {
  readonly protocol: string;
  /** Speaks up to and including the reply after which TLS starts; throws OperationalError. */
  readonly speak: (talk: Conversation) => Promise<void>;
  /** The polite last words, sent inside TLS; empty where the protocol has none at that point. */
  readonly goodbye: string;
}

/**
 * Speaks `dialogue` on a connected socket up to the reply after which TLS starts. Throws SERVICE_REFUSED,
 * STARTTLS_NOT_OFFERED, STARTTLS_REFUSED, STARTTLS_MALFORMED, STARTTLS_INJECTION, or what destroyed the socket.
 */
export async function runDialogue(socket: Socket, dialogue: Dialogue, where: string): Promise<void> {
  const { talk, release } = openConversation(socket, where);
  try {
    await dialogue.speak(talk);
    refuseUnasked(talk, "the reply after which TLS starts");
  } finally {
    release();
  }
}

/** Throws STARTTLS_INJECTION when more has been received than was asked for. */
export function refuseUnasked(talk: Conversation, after: string): void {
  const waiting = talk.waiting();
  if (waiting === 0) return;
  throw new OperationalError(
    "STARTTLS_INJECTION",
    `${talk.where}: ${String(waiting)} octets followed ${after} unasked`,
  );
}

/** The server has no TLS to start. */
export function notOffered({ where }: Conversation, why = "the server does not offer STARTTLS"): OperationalError {
  return new OperationalError("STARTTLS_NOT_OFFERED", `${where}: ${why}`);
}
