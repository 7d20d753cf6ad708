/** The clear part of a connection without a connection: the server's words are there from the start, then it hangs up. */
import { OperationalError } from "../../src/base/errors.ts";
import type { Conversation } from "../../src/transport/starttls/conversation.ts";

export interface FakeConversation {
  readonly talk: Conversation;
  /** What was sent, one character for each octet. */
  readonly sent: readonly string[];
}

export function fakeConversation(said: string): FakeConversation {
  const sent: string[] = [];
  let buffer = said;
  const talk: Conversation = {
    where: "fake:1",
    client: "[127.0.0.1]",
    send: (data) => void sent.push(typeof data === "string" ? data : String.fromCharCode(...data)),
    take: (_unit, measure) => {
      return new Promise((resolve, reject) => {
        const length = measure(buffer);
        if (length === null || length > buffer.length) {
          reject(new OperationalError("SERVICE_REFUSED", "fake:1: the server closed the connection"));
          return;
        }
        resolve(buffer.slice(0, length));
        buffer = buffer.slice(length);
      });
    },
    waiting: () => buffer.length,
  };
  return { talk, sent };
}
