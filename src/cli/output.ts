/**
 * Writing straight to a standard descriptor: setting up `process.stdout` costs more than many a command's work. A pipe
 * that does not block takes the stream after all.
 *
 * A reader that goes away (`daneward … | head`) ends nothing: what is under way is done and has its own exit code, and
 * whatever else would be written is dropped. What cannot be written at all (a full disk) is a failure for standard
 * output, which was asked for, and none for standard error, because there is no place left to say it.
 */
import { writeSync } from "node:fs";
import type { Writable } from "node:stream";

/** Standard output took no more. Commands do not catch it; `call-verb.ts` puts it into words. */
export class OutputFailure extends Error {
  override readonly name = "OutputFailure";
}

export interface Output {
  /** Throws {@link OutputFailure}, on standard output alone and once: whatever comes later is dropped. */
  readonly write: (text: string) => void;
  /** Calls `listener` when nobody reads any more, at once if that is so already. */
  readonly whenGone: (listener: () => void) => void;
}

/** EIO: the terminal was hung up. */
const NOBODY_READS: ReadonlySet<string> = new Set(["EPIPE", "ECONNRESET", "EIO"]);

/** `take`: writes as much as it can and returns how much that was; the system's own unless told. */
export function openOutput(
  descriptor: 1 | 2,
  take: (octets: Uint8Array) => number = (octets) => writeSync(descriptor, octets),
  openStream: () => Writable = () => (descriptor === 1 ? process.stdout : process.stderr),
): Output {
  let state: "open" | "closed" | "gone" = "open";
  let stream: Writable | null = null;
  const listeners: (() => void)[] = [];
  /** Returns whether that is all there is to it. */
  const end = (code: string): boolean => {
    const isGone = NOBODY_READS.has(code);
    if (state === "open") {
      state = isGone ? "gone" : "closed";
      if (isGone) for (const listener of listeners) listener();
    }
    // EBADF: closed by the caller (`>&-`), who wished what is written to be lost.
    return isGone || code === "EBADF";
  };
  const writeOn = (octets: Uint8Array): void => {
    if (stream === null) {
      stream = openStream();
      stream.on("error", (error) => {
        end(codeOf(error));
      });
    }
    stream.write(octets);
  };
  return {
    write: (text) => {
      if (state !== "open") return;
      let octets: Uint8Array = Buffer.from(text);
      try {
        while (stream === null && octets.length > 0) octets = octets.subarray(take(octets));
      } catch (error) {
        const code = codeOf(error);
        if (code !== "EAGAIN") {
          if (end(code) || descriptor === 2) return;
          throw new OutputFailure(`cannot write to standard output: ${reasonOf(error)}`, { cause: error });
        }
        writeOn(octets);
        return;
      }
      if (octets.length > 0) writeOn(octets);
    },
    whenGone: (listener) => {
      if (state === "gone") listener();
      else listeners.push(listener);
    },
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** `no space left on device` out of Node's `ENOSPC: no space left on device, write`. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return /^[A-Z0-9]+: ([^,]+)/.exec(error.message)?.[1] ?? error.message;
}

/** Ellipsis, section sign, arrow, multiplication sign, dash. */
const IN_ASCII: Readonly<Record<string, string>> = {
  "\u2026": "...",
  "\u00a7": "section ",
  "\u2192": "->",
  "\u00d7": "x",
  "\u2014": "-",
};

/** The few characters beyond ASCII that texts are written with, for a locale that has no more than ASCII. */
export function inAscii(text: string): string {
  return text.replace(/[\u2026\u00a7\u2192\u00d7\u2014]/g, (character) => IN_ASCII[character] ?? character);
}

/** Whether the environment names a locale, and one that is not UTF-8 (`C`, `de_DE.ISO-8859-1`). Without a word UTF-8 is taken for granted. */
export function isNarrowLocale(env: Readonly<Record<string, string | undefined>>): boolean {
  const named = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find((one) => one !== undefined && one !== "");
  return named !== undefined && !/utf-?8/i.test(named);
}
