/**
 * The plain-text part of a connection, as octets with bounds. The other side is whoever answers, so each unit (a line,
 * a message, a tag) has a greatest length, and so has everything together; the time is the caller's deadline.
 * Text is held with one character for each octet: what is compared and kept is ASCII.
 */
import type { Socket } from "node:net";
import { textOfOctets } from "../../base/bytes.ts";
import { OperationalError } from "../../base/errors.ts";

/** Longest line, message or tag accepted, in octets: RFC 5321 §4.5.3.1.5 allows 512, IMAP capability lines are longer. */
export const MAX_UNIT_OCTETS = 4096;
/** Most octets accepted before TLS, in everything the server says. */
export const MAX_TOTAL_OCTETS = 65_536;

/** Says how many octets the unit at the start of `buffered` has; null when that cannot be seen yet. */
export type Measure = (buffered: string) => number | null;

/** One connection before TLS. All failures are thrown as OperationalError. */
export interface Conversation {
  /** `address:port`, the start of every message. */
  readonly where: string;
  /** Our own address as an address literal (RFC 5321 §4.1.3): always true, and needs no configuration. */
  readonly client: string;
  readonly send: (data: string | Uint8Array) => void;
  /** Takes one unit, called `unit` ("a line") in messages. STARTTLS_MALFORMED, SERVICE_REFUSED. */
  readonly take: (unit: string, measure: Measure) => Promise<string>;
  /** Octets received and not yet taken. */
  readonly waiting: () => number;
}

/** Opens the conversation; `release` hands the socket on, paused, without losing an octet. */
export function openConversation(
  socket: Socket,
  where: string,
): { readonly talk: Conversation; readonly release: () => void } {
  let buffer = "";
  let total = 0;
  let ended: Error | null = null;
  let wake: (() => void) | null = null;
  const signal = (): void => {
    wake?.();
    wake = null;
  };
  const onData = (chunk: Uint8Array): void => {
    total += chunk.byteLength;
    buffer += textOfOctets(chunk);
    // Enough for the longest unit: wait until it was read before taking more.
    if (buffer.length > MAX_UNIT_OCTETS) socket.pause();
    signal();
  };
  const onEnd = (cause?: unknown): void => {
    ended ??=
      cause instanceof Error
        ? cause
        : new OperationalError("SERVICE_REFUSED", `${where}: the server closed the connection`);
    signal();
  };
  const take = async (unit: string, measure: Measure): Promise<string> => {
    for (;;) {
      const length = measure(buffer);
      if (length === null ? buffer.length > MAX_UNIT_OCTETS : length > MAX_UNIT_OCTETS) {
        throw malformed(where, `the server sent ${unit} of more than ${String(MAX_UNIT_OCTETS)} octets`);
      }
      if (total > MAX_TOTAL_OCTETS) {
        throw malformed(where, `the server said more than ${String(MAX_TOTAL_OCTETS)} octets before TLS`);
      }
      if (length !== null && length <= buffer.length) {
        const taken = buffer.slice(0, length);
        buffer = buffer.slice(length);
        return taken;
      }
      if (ended !== null) throw ended;
      socket.resume();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  socket.on("data", onData).on("error", onEnd).on("end", onEnd).on("close", onEnd);
  const talk: Conversation = {
    where,
    client: addressLiteral(socket.localAddress ?? "127.0.0.1"),
    send: (data) => void socket.write(data),
    take,
    waiting: () => buffer.length + socket.readableLength,
  };
  const release = (): void => {
    socket.pause();
    socket.off("data", onData).off("error", onEnd).off("end", onEnd).off("close", onEnd);
  };
  return { talk, release };
}

/** The server broke its protocol. */
export function malformed(where: string, what: string): OperationalError {
  return new OperationalError("STARTTLS_MALFORMED", `${where}: ${what}`);
}

/** One line without its ending, which may be a bare line feed. */
export async function takeLine({ take }: Pick<Conversation, "take">): Promise<string> {
  const line = await take("a line", (buffered) => {
    const end = buffered.indexOf("\n");
    return end < 0 ? null : end + 1;
  });
  return line.replace(/\r?\n$/, "");
}

/** The octets behind a text of one character for each. */
export function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function addressLiteral(address: string): string {
  return address.includes(":") ? `[IPv6:${address.replace(/%.*$/, "")}]` : `[${address}]`;
}

/** What the server said, for a message of ours: printable ASCII only, and short. */
export function quoteLine(line: string): string {
  const printable = line.replace(/[^\x20-\x7e]/g, "?");
  return printable.length > 160 ? `${printable.slice(0, 160)}…` : printable;
}
