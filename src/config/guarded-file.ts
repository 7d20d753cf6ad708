/** Files that hold secrets: read whole, and refused when strangers could read or change them. */
import { readFileSync, statSync } from "node:fs";
import { fault, OperationalError } from "../base/errors.ts";

const MAX_FILE = 1_048_576;

function unreadable(file: string, error: unknown): OperationalError {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
  const why: Readonly<Record<string, string>> = {
    ENOENT: "there is no such file",
    EACCES: "this user may not read it",
    EISDIR: "it is a directory",
  };
  return new OperationalError("KEY_FILE_UNREADABLE", `the key file ${file} cannot be read: ${why[code] ?? code}`, {
    retry: "never",
    cause: error,
  });
}

/** The groups of this process. */
export function ownGroups(): readonly number[] {
  return [...(process.getgroups?.() ?? []), ...(process.getegid === undefined ? [] : [process.getegid()])];
}

/** Refuses a file that users outside `groups` can read or write: `KEY_FILE_EXPOSED`, `KEY_FILE_UNREADABLE`. */
export function checkMode(file: string, groups: readonly number[]): void {
  let status;
  try {
    status = statSync(file);
  } catch (error) {
    throw unreadable(file, error);
  }
  const mode = (status.mode & 0o7777).toString(8).padStart(4, "0");
  const byOthers = (status.mode & 0o006) !== 0;
  const byStrangers = (status.mode & 0o060) !== 0 && !groups.includes(status.gid);
  if (!byOthers && !byStrangers) return;
  const who = byOthers ? "every user" : `group ${String(status.gid)}, which daneward does not run in,`;
  throw new OperationalError(
    "KEY_FILE_EXPOSED",
    `the key file ${file} has mode ${mode}: ${who} can read or change it`,
    {
      retry: "never",
    },
  );
}

/** The text of a file that only we may read. Throws as {@link checkMode}, and `KEY_FILE_FORMAT` when it is too large. */
export function readGuarded(file: string, groups: readonly number[]): string {
  checkMode(file, groups);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw unreadable(file, error);
  }
  if (bytes.length <= MAX_FILE) return new TextDecoder().decode(bytes);
  throw OperationalError.of(
    fault("KEY_FILE_FORMAT", `${file}: ${String(bytes.length)} octets are too many for a key file`),
  );
}
