/** One TOML file: values by smol-toml (the only file that names it, loaded when needed), positions by our own locator. */
import { fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { locateKeys } from "./locate.ts";
import type { Positions } from "./locate.ts";
import type { Problem } from "./problem.ts";

export interface TomlDocument {
  readonly file: string;
  readonly root: Readonly<Record<string, unknown>>;
  readonly positions: Positions;
}

/** No configuration of ours nests deeper than four; the library's recursion is bounded well before the stack is. */
const MAX_DEPTH = 20;

/** Reads TOML 1.0 in UTF-8. Fault: CONFIG_SYNTAX at line and column. */
export async function readToml(bytes: Uint8Array, file: string): Promise<Result<TomlDocument, Problem>> {
  let text: string;
  try {
    // A byte order mark is dropped by the decoder.
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return syntaxFault("is not UTF-8 text", file, 1, 1);
  }
  const { parse, TomlError } = await import("smol-toml");
  try {
    const root = parse(text, { maxDepth: MAX_DEPTH });
    let positions: Positions | null = null;
    return success({
      file,
      root,
      // Found when first asked for: a tick over very many certificates with nothing to say about them never does.
      get positions() {
        return (positions ??= locateKeys(text));
      },
    });
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const [first = ""] = cause.message.split("\n");
    const message = first.replace(/^Invalid TOML document: /, "");
    const { line, column } = cause;
    return isUnclosed(message, text, line, column)
      ? syntaxFault("the closing quote is missing", file, line, column, "close the text before the end of the line")
      : syntaxFault(message, file, line, column);
  }
}

/** The library speaks of the end of the line as of any control character. */
function isUnclosed(message: string, text: string, line: number, column: number): boolean {
  if (message === "unfinished string") return true;
  const here = text.split("\n")[line - 1]?.slice(column - 1);
  return message.startsWith("control characters") && (here === "" || here === "\r");
}

function syntaxFault(
  message: string,
  file: string,
  line: number,
  column: number,
  hint?: string,
): Result<never, Problem> {
  return failure({ ...fault("CONFIG_SYNTAX", message, hint), severity: "fault", place: { file, line, column } });
}
