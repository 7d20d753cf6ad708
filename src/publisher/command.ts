/** The operator's commands as publishers see them: words in, an ending and some output back. The driver runs them. */
import { formatDuration, seconds } from "../base/time.ts";

export type CommandEnding =
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "signal"; readonly signal: string }
  | { readonly kind: "timeout" }
  | { readonly kind: "not-started"; readonly code: string; readonly message: string };

export interface CommandResult {
  readonly ending: CommandEnding;
  /** The beginning of what it printed on standard output. */
  readonly stdout: string;
  /** The end of what it printed anywhere, for a person. */
  readonly said: string;
}

export interface CommandOptions {
  /** Milliseconds after which the process group is killed. */
  readonly timeoutMs: number;
  /** `/` unless told. */
  readonly cwd?: string;
  /** Standard input; nothing unless told. */
  readonly input?: string;
  /** Beside `PATH` and `LANG`, which are all that it gets otherwise. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program without a shell in an environment of its own. Never rejects: how it went is the result. */
export type RunCommand = (argv: readonly string[], options: CommandOptions) => Promise<CommandResult>;

const SHOWN_LINES = 3;
const SHOWN_LETTERS = 600;

/** What went wrong, with the last lines of output; null when the command ended with 0. */
export function describeFailure(
  argv: readonly string[],
  { ending, said }: CommandResult,
  timeoutMs: number,
): string | null {
  const command = `"${argv.join(" ")}"`;
  switch (ending.kind) {
    case "exit":
      return ending.code === 0 ? null : `${command} ended with exit code ${String(ending.code)}${lastLines(said)}`;
    case "signal":
      return `${command} was ended by ${ending.signal}${lastLines(said)}`;
    case "timeout": {
      const limit = formatDuration(seconds(Math.ceil(timeoutMs / 1000)));
      return `${command} was still running after ${limit} and was ended${lastLines(said)}`;
    }
    case "not-started":
      if (ending.code === "ENOENT") return `${command} could not be started: there is no such program`;
      if (ending.code === "EACCES") return `${command} could not be started: not executable for this user`;
      return `${command} could not be started: ${ending.message}`;
  }
}

/** The last lines for a message, without control characters that could play with a terminal. */
function lastLines(output: string): string {
  const lines = output
    .split(/\r?\n/)
    .map((line) => line.replace(/\p{Cc}/gu, " ").trim())
    .filter((line) => line !== "");
  return lines.length === 0 ? "" : `; it said: ${lines.slice(-SHOWN_LINES).join(" / ").slice(-SHOWN_LETTERS)}`;
}

/** Puts values in the place of `{name}` within the words; each word stays one word, whatever the value holds. */
export function fillPlaceholders(argv: readonly string[], values: Readonly<Record<string, string>>): readonly string[] {
  return argv.map((word) => word.replace(/\{([a-z_]+)\}/g, (written, name: string) => values[name] ?? written));
}
