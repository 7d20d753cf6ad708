/** Dialogues of lines: a command, a reply of one or more lines. Most protocols of the Internet start TLS this way. */
import { OperationalError } from "../../base/errors.ts";
import type { FaultCode } from "../../base/errors.ts";
import { malformed, quoteLine, takeLine } from "./conversation.ts";
import type { Conversation } from "./conversation.ts";
import { notOffered, refuseUnasked } from "./dialogue.ts";
import type { Dialogue } from "./dialogue.ts";

/** Most lines accepted in one reply. */
export const MAX_REPLY_LINES = 128;

/** What a line means for the reply it belongs to. */
export type LineRole = "more" | "last" | "wrong";

/** One exchange: what we send (null: the server speaks first) and what must come back. */
export interface Step {
  /** What this step is called in messages. */
  readonly name: string;
  /** A line without its ending; `{client}` becomes our address literal. Null: just listen. */
  readonly send: string | null;
  /** Says for each line whether the reply goes on; `first` is the first line of this reply. */
  readonly role: (line: string, first: string) => LineRole;
  /** Whether the complete reply means yes. */
  readonly accepted: (lines: readonly string[]) => boolean;
  /** A yes must also contain such a line: the capability to start TLS. */
  readonly offer?: RegExp;
  /** A no whose last line fits means that the server has no TLS to start. */
  readonly absence?: RegExp;
  /** The code of any other no; null: a no is as good as a yes without an offer. */
  readonly refusal: FaultCode | null;
  /** Takes one line; only where lines are not the whole truth. */
  readonly read?: (talk: Conversation) => Promise<string>;
}

export interface LineProtocol {
  readonly protocol: string;
  readonly steps: readonly Step[];
  /** Whether the protocol lets a server send lines that nobody asked for (IMAP does, RFC 9051 §5.2). */
  readonly serverMaySpeakUnasked: boolean;
  readonly goodbye: string;
}

/** The dialogue that follows these steps. */
export function lineDialogue({ protocol, steps, serverMaySpeakUnasked, goodbye }: LineProtocol): Dialogue {
  const speak = async (talk: Conversation): Promise<void> => {
    for (const [index, step] of steps.entries()) {
      if (step.send !== null) talk.send(`${step.send.replace("{client}", talk.client)}\r\n`);
      checkReply(step, await readReply(talk, step), talk);
      const opensTls = index === steps.length - 1;
      if (opensTls || !serverMaySpeakUnasked) refuseUnasked(talk, `the reply to ${step.name}`);
    }
  };
  return { protocol, speak, goodbye };
}

function checkReply(step: Step, lines: readonly string[], talk: Conversation): void {
  const { offer, absence, refusal } = step;
  if (!step.accepted(lines)) {
    const last = lines.at(-1) ?? "";
    const said = `${step.name} was answered "${quoteLine(last)}"`;
    if (absence?.test(last) === true) throw notOffered(talk, `the server does not offer STARTTLS: ${said}`);
    if (refusal !== null) throw new OperationalError(refusal, `${talk.where}: ${said}`);
    return;
  }
  if (offer && !lines.some((line) => offer.test(line))) throw notOffered(talk);
}

async function readReply(talk: Conversation, step: Step): Promise<readonly string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await (step.read ?? takeLine)(talk);
    const role = step.role(line, lines[0] ?? line);
    if (role === "wrong") throw malformed(talk.where, `${step.name} was answered "${quoteLine(line)}"`);
    lines.push(line);
    if (role === "last") return lines;
    if (lines.length === MAX_REPLY_LINES) {
      throw malformed(talk.where, `the reply to ${step.name} has more than ${String(MAX_REPLY_LINES)} lines`);
    }
  }
}

/**
 * Replies that begin with a code of three digits, `-` behind it on all lines but the last (RFC 5321 §4.2.1). Lines in
 * between repeat the code.
 */
export function codedRole(line: string, first: string): LineRole {
  if (!/^[1-5]\d\d([ -]|$)/.test(line) || line.slice(0, 3) !== first.slice(0, 3)) return "wrong";
  return line[3] === "-" ? "more" : "last";
}

/** Whether the last line begins with this code. */
export function answered(code: string): (lines: readonly string[]) => boolean {
  return (lines) => lines.at(-1)?.startsWith(code) ?? false;
}
