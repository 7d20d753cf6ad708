/** Files that hold secrets: read whole, and refused when strangers could read or change them. */
import { statSync } from "node:fs";
import { fault, OperationalError } from "../base/errors.ts";
import { readBoundedFile } from "./bounded-file.ts";

const MAX_FILE = 1_048_576;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "this user may not read it",
  EPERM: "this user may not read it",
  EISDIR: "it is a directory",
};

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: "check the path; nothing was sent",
  ENOTDIR: "check the path; nothing was sent",
  EISDIR: "name the file in it; nothing was sent",
};

function unreadable(file: string, error: unknown): OperationalError {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  const other = error instanceof Error ? error.message : String(error);
  const hint = HINTS[code];
  return new OperationalError("KEY_FILE_UNREADABLE", `the key file ${file} cannot be read: ${REASONS[code] ?? other}`, {
    retry: "never",
    cause: error,
    ...(hint === undefined ? {} : { hint }),
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
  if (status.isDirectory()) throw unreadable(file, Object.assign(new Error("a directory"), { code: "EISDIR" }));
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
    bytes = readBoundedFile(file, MAX_FILE);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EFBIG")) throw unreadable(file, error);
    throw OperationalError.of(
      fault("KEY_FILE_FORMAT", `${file}: more than ${String(MAX_FILE)} octets are too many for a key file`),
    );
  }
  return new TextDecoder().decode(bytes);
}
