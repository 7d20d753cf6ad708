/** Asks a person whether to go on. */
import { createInterface } from "node:readline";
import type { Io } from "./io.ts";

/** Whether there is a person who can answer: standard input and standard error are terminals. */
export function canAsk({ stdin, errIsTerminal }: Io): boolean {
  return errIsTerminal && "isTTY" in stdin && stdin.isTTY === true;
}

/** Whether the answer was yes; no answer, an interrupt and anything else are a no. */
export async function confirm(question: string, io: Io): Promise<boolean> {
  io.err(`${question} [y/N] `);
  const lines = createInterface({ input: io.stdin, signal: io.signal });
  try {
    return await new Promise<boolean>((done) => {
      lines.once("line", (line) => {
        done(/^y(es)?$/i.test(line.trim()));
      });
      lines.once("close", () => {
        done(false);
      });
    });
  } finally {
    lines.close();
  }
}
