/**
 * STARTTLS: a few lines of plain text, then TLS on the same connection. Each protocol is a {@link Dialogue}, data
 * that the one runner here follows; nothing of the plain-text part is believed afterwards.
 *
 * The plain-text part is spoken with whoever answers, so it is bounded (length of a line, lines of a reply; the time
 * is the caller's deadline) and strict: a reply must have the shape and the code that its protocol asks for, and
 * nothing may follow the reply that opens TLS. Octets after it would be read as if they had come through TLS, the
 * "STARTTLS command injection" of 2011 and 2021 seen from the client's side; RFC 3207 §4.2 and RFC 2595 §4 have the
 * client forget what it learned before TLS. We refuse the connection.
 *
 * A dialogue never logs in and never sends anything but what stands in its steps.
 */
import type { Socket } from "node:net";
import { OperationalError } from "../../base/errors.ts";
import type { FaultCode } from "../../base/errors.ts";

/** Longest line accepted, in octets: RFC 5321 §4.5.3.1.5 allows 512, IMAP capability lines are longer. */
export const MAX_LINE_OCTETS = 4096;
/** Most lines accepted in one reply. */
export const MAX_REPLY_LINES = 128;

/** What a line means for the reply it belongs to. */
export type LineRole = "more" | "last" | "wrong";

/** One exchange: what we send (null: the server speaks first) and what must come back. */
export interface Step {
  /** What this step is called in messages. */
  readonly name: string;
  /** A line without its ending; `{client}` becomes our address literal (RFC 5321 §4.1.3). Null: just listen. */
  readonly send: string | null;
  /** Says for each line whether the reply goes on; `first` is the first line of this reply. */
  readonly role: (line: string, first: string) => LineRole;
  /** Whether the complete reply means yes. */
  readonly accepted: (lines: readonly string[]) => boolean;
  /** A yes must also contain such a line: the capability to start TLS. */
  readonly offer?: RegExp;
  /** The code of a no. */
  readonly refusal: FaultCode;
}

/** The plain-text part of a protocol before TLS. */
export interface Dialogue {
  readonly protocol: string;
  readonly steps: readonly Step[];
  /** Whether the protocol lets a server send lines that nobody asked for (IMAP does, RFC 9051 §5.2). */
  readonly serverMaySpeakUnasked: boolean;
  /** The polite last line, sent inside TLS. */
  readonly goodbye: string;
}

/** Reads bounded lines from a socket; {@link release} hands the socket on without losing an octet. */
interface LineReader {
  readonly next: () => Promise<string>;
  /** Octets received and not yet read. */
  readonly waiting: () => number;
  readonly release: () => void;
}

/**
 * Follows `dialogue` on a connected socket up to the reply after which TLS starts.
 * Throws STARTTLS_REFUSED, STARTTLS_MALFORMED, STARTTLS_INJECTION, SERVICE_REFUSED, or what destroyed the socket.
 */
export async function runDialogue(socket: Socket, dialogue: Dialogue, where: string): Promise<void> {
  const reader = readLines(socket, where);
  try {
    for (const [index, step] of dialogue.steps.entries()) {
      if (step.send !== null) socket.write(`${step.send.replace("{client}", clientLiteral(socket))}\r\n`);
      checkReply(step, await readReply(reader, step, where), where);
      const opensTls = index === dialogue.steps.length - 1;
      if (reader.waiting() > 0 && (opensTls || !dialogue.serverMaySpeakUnasked)) {
        throw new OperationalError(
          "STARTTLS_INJECTION",
          `${where}: ${String(reader.waiting())} octets followed the reply to ${step.name} unasked`,
        );
      }
    }
  } finally {
    reader.release();
  }
}

function checkReply(step: Step, lines: readonly string[], where: string): void {
  if (!step.accepted(lines)) {
    throw new OperationalError(step.refusal, `${where}: ${step.name} was answered "${quoteLine(lines.at(-1) ?? "")}"`);
  }
  const { offer } = step;
  if (offer && !lines.some((line) => offer.test(line))) {
    throw new OperationalError("STARTTLS_REFUSED", `${where}: the server does not offer STARTTLS`);
  }
}

async function readReply(reader: LineReader, step: Step, where: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await reader.next();
    const role = step.role(line, lines[0] ?? line);
    if (role === "wrong") {
      throw new OperationalError("STARTTLS_MALFORMED", `${where}: ${step.name} was answered "${quoteLine(line)}"`);
    }
    lines.push(line);
    if (role === "last") return lines;
    if (lines.length === MAX_REPLY_LINES) {
      throw new OperationalError(
        "STARTTLS_MALFORMED",
        `${where}: the reply to ${step.name} has more than ${String(MAX_REPLY_LINES)} lines`,
      );
    }
  }
}

function readLines(socket: Socket, where: string): LineReader {
  let buffer = "";
  let ended: Error | null = null;
  let wake: (() => void) | null = null;
  const signal = (): void => {
    wake?.();
    wake = null;
  };
  const onData = (chunk: Uint8Array): void => {
    // One character per octet: these protocols are ASCII, and nothing else is compared or kept.
    buffer += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1");
    // Enough for the longest line: wait until it was read before taking more.
    if (buffer.length > MAX_LINE_OCTETS) socket.pause();
    signal();
  };
  const onEnd = (cause?: unknown): void => {
    ended ??=
      cause instanceof Error
        ? cause
        : new OperationalError("SERVICE_REFUSED", `${where}: the server closed the connection`);
    signal();
  };
  socket.on("data", onData).on("error", onEnd).on("end", onEnd).on("close", onEnd);
  return {
    waiting: () => buffer.length,
    release: () => {
      socket.pause();
      socket.off("data", onData).off("error", onEnd).off("end", onEnd).off("close", onEnd);
    },
    next: async () => {
      for (;;) {
        const at = buffer.indexOf("\n");
        if (at > MAX_LINE_OCTETS || (at === -1 && buffer.length > MAX_LINE_OCTETS)) {
          throw new OperationalError(
            "STARTTLS_MALFORMED",
            `${where}: the server sent a line of more than ${String(MAX_LINE_OCTETS)} octets`,
          );
        }
        if (at >= 0) {
          const line = buffer.slice(0, at).replace(/\r$/, "");
          buffer = buffer.slice(at + 1);
          return line;
        }
        if (ended !== null) throw ended;
        socket.resume();
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/** Our own address as an address literal: always true, needs no configuration, and every server must accept it. */
function clientLiteral(socket: Socket): string {
  const address = socket.localAddress ?? "127.0.0.1";
  return address.includes(":") ? `[IPv6:${address.replace(/%.*$/, "")}]` : `[${address}]`;
}

/** A line of the server for a message of ours: printable ASCII only, and short. */
export function quoteLine(line: string): string {
  const printable = line.replace(/[^\x20-\x7e]/g, "?");
  return printable.length > 160 ? `${printable.slice(0, 160)}…` : printable;
}
