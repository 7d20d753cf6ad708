/**
 * A list of targets, read as it is needed: one a line, `#` begins a comment, blank lines mean nothing. Nothing is kept,
 * so that a list of any length takes no more memory than its longest line, which is bounded too.
 */

import { OperationalError } from "../base/errors.ts";

/** What stands on one line that means something. */
export interface TargetLine {
  /** Counted from 1. */
  readonly line: number;
  /** Without comment and white space around it. */
  readonly text: string;
}

/** No target is longer than a name of 255 octets with its escapes, a port and a protocol. */
const MAX_LINE = 2048;
/** A comment may be as long as it likes; what goes on longer than this is no list, but a device or another file. */
const LONGEST_LINE = 16_777_216;

/**
 * The meaningful lines of a UTF-8 text that comes in pieces. A line that is too long is cut, and so no target. Throws
 * FILE_UNREADABLE, naming `list`, when there is no end to it.
 */
export async function* readTargetLines(
  chunks: AsyncIterable<unknown>,
  list: string,
): AsyncGenerator<TargetLine, void, undefined> {
  const decoder = new TextDecoder();
  let line = 0;
  let rest = "";
  let length = 0;
  for await (const chunk of chunks) {
    const text = chunk instanceof Uint8Array ? decoder.decode(chunk, { stream: true }) : String(chunk);
    const lines = text.split("\n");
    const last = lines.pop() ?? "";
    if (lines.length > 0) length = 0;
    length += last.length;
    if (length > LONGEST_LINE) throw endless(list, line + lines.length + 1);
    for (const part of lines) {
      line += 1;
      const meaning = meaningOf(rest + part);
      rest = "";
      if (meaning !== "") yield { line, text: meaning };
    }
    rest = (rest + last).slice(0, MAX_LINE);
  }
  const meaning = meaningOf(rest + decoder.decode());
  if (meaning !== "") yield { line: line + 1, text: meaning };
}

function endless(list: string, line: number): OperationalError {
  const message = `${list}: line ${String(line)} is longer than ${String(LONGEST_LINE)} characters`;
  return new OperationalError("FILE_UNREADABLE", message, {
    retry: "never",
    hint: "give a text with one target a line",
  });
}

/** A `#` inside a word is none of ours: it may belong to a URL. */
function meaningOf(line: string): string {
  return line
    .slice(0, MAX_LINE)
    .replace(/(^|\s)#.*$/s, "")
    .trim();
}
