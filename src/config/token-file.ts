/** API keys and tokens: one a file, alone on one line, under the same rules as TSIG keys. */
import { OperationalError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { ownGroups, readGuarded } from "./guarded-file.ts";

export interface ReadTokenOptions {
  /** Groups whose members may read the file; those of this process unless told. */
  readonly groups?: readonly number[];
}

const LONGEST = 4096;

/**
 * Reads a token; white space around it does not count. Throws `KEY_FILE_UNREADABLE`, `KEY_FILE_EXPOSED`, and
 * `PROVIDER_TOKEN_INVALID` in words that do not repeat what stands in the file.
 */
export function readTokenFile(file: string, options: ReadTokenOptions = {}): Secret {
  const text = readGuarded(file, options.groups ?? ownGroups()).trim();
  const flaw = flawOf(text);
  if (flaw === null) return new Secret(new TextEncoder().encode(text));
  throw new OperationalError("PROVIDER_TOKEN_INVALID", `${file}: ${flaw}`, { retry: "never" });
}

function flawOf(text: string): string | null {
  if (text === "") return "nothing stands in it";
  if (text.length > LONGEST) return "what stands in it is too long for a key or token";
  if (/[\r\n]/.test(text)) return "more than one line stands in it";
  if (/^["'].*["']$/.test(text)) return "quotation marks stand around the key or token";
  if (/^[\w.-]+\s*=/.test(text)) return "an assignment (NAME = …) stands in it, not the key or token alone";
  return /^[\x21-\x7e]+$/.test(text) ? null : "spaces or characters other than ASCII stand in it";
}
