/**
 * Files that are either the old one or the new one, never half of each, whatever the moment of a crash.
 *
 * Written beside the target, flushed, renamed over it, and the directory flushed: only then is the change on disk. The
 * calls are synchronous on purpose: state is written one small file at a time between two steps that depend on it, and
 * asynchronous file access over many small files costs several times as much.
 */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { OperationalError } from "../base/errors.ts";
import type { Retry } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import { freshName } from "./fresh-name.ts";

/** Only the owner reads and writes: state names hosts and certificates, and its neighbours may hold keys. */
export const FILE_MODE = 0o600;
const PUBLIC_MODE = 0o644;
const DIRECTORY_MODE = 0o700;

/**
 * Replaces the file at `path`, mode 0600 whatever the umask. On failure the old file is untouched and nothing is left
 * behind. Throws DISK_FULL, PERMISSION_DENIED or STATE_UNWRITABLE.
 */
export function replaceFile(path: string, content: string | Uint8Array): void {
  replace(path, content, true);
}

/** The same for what may be lost in a power cut (a hint): never a torn file, but nothing is flushed. Throws as {@link replaceFile}. */
export function replaceHint(path: string, content: string): void {
  replace(path, content, false);
}

/** A hint that every user may read. Throws as {@link replaceFile}. */
export function replacePublicHint(path: string, content: string): void {
  replace(path, content, false, PUBLIC_MODE);
}

function replace(path: string, content: string | Uint8Array, durable: boolean, mode = FILE_MODE): void {
  const temporary = temporaryBeside(path);
  try {
    writeNewFile(temporary, content, durable, mode);
    renameSync(temporary, path);
    if (durable) syncDirectory(dirname(path));
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw writeFailure(path, cause);
  }
}

/** A fresh name in the same directory, so that a rename or a link never crosses a file system. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${freshName()}.tmp`);
}

/** Creates `path`, which must not exist, and flushes it if it has to last. Throws the system's own errors. */
export function writeNewFile(path: string, content: string | Uint8Array, durable = true, mode = FILE_MODE): void {
  const file = openSync(path, "wx", mode);
  try {
    fchmodSync(file, mode);
    writeFileSync(file, content);
    if (durable) fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Flushes a directory, so that a name made or renamed in it survives a power cut. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/**
 * Creates a directory (and its parents) with mode 0700, durably: a folder lost in a power cut takes all along that was
 * flushed in it. One that exists is left as it is. Throws as {@link replaceFile}.
 */
export function ensureDirectory(path: string): void {
  try {
    // The umask can only take bits away from 0700, and the usual ones take none of these.
    const made = makeDirectories(path, DIRECTORY_MODE);
    for (const folder of made) syncDirectory(dirname(folder));
  } catch (cause) {
    throw writeFailure(path, cause);
  }
}

/**
 * Makes a directory and those above it that are missing; returns what was made, the innermost first. Each is tried
 * once: `mkdirSync(…, { recursive: true })` of Node never ends where a folder is there and takes no new one but says
 * ENOENT, as in `/proc`. Throws the system's own errors.
 */
export function makeDirectories(path: string, mode: number): readonly string[] {
  const missing: string[] = [];
  let place = path;
  for (;;) {
    const found = statSync(place, { throwIfNoEntry: false });
    if (found !== undefined && !found.isDirectory()) throw notADirectory(place === path ? "it" : place, place);
    if (found !== undefined || dirname(place) === place) break;
    missing.push(place);
    place = dirname(place);
  }
  for (const folder of missing.toReversed()) {
    try {
      mkdirSync(folder, { mode });
    } catch (cause) {
      // Another process was faster; a link that leads nowhere is no directory, though.
      if (systemCode(cause) !== "EEXIST" || statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
        throw cause;
      }
    }
  }
  return missing;
}

function notADirectory(what: string, path: string): Error {
  return Object.assign(new Error(`ENOTDIR: ${what} is not a directory`), { code: "ENOTDIR", path });
}

/** The same with failures that say what they mean for the operator. Throws as {@link replaceFile}. */
export function flushDirectory(path: string): void {
  try {
    syncDirectory(path);
  } catch (cause) {
    throw writeFailure(path, cause);
  }
}

/** An hour: no write of ours takes that long. */
const LEFTOVER_AGE_MS = 3_600_000;

/**
 * Removes temporary files that a killed process left in `directory`, once they are an hour old: a hook writes to the
 * spool without holding the lock, so a young one may still be in use.
 */
export function sweepTemporaries(directory: string, now: Instant): void {
  for (const name of namesIn(directory)) {
    if (!name.startsWith(".") || !name.endsWith(".tmp")) continue;
    const path = join(directory, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found !== undefined && now - found.mtimeMs > LEFTOVER_AGE_MS) rmSync(path, { force: true });
  }
}

/** The names in a directory, sorted; empty when there is no such directory. Throws as {@link readFailure}. */
export function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return [];
    throw readFailure(directory, cause);
  }
}

/** The system's name of an error (`ENOENT`), or null for anything else that was thrown. */
export function systemCode(cause: unknown): string | null {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : null;
}

/** Waiting changes nothing about these: somebody named the wrong place, or has to change it. */
const LASTING: ReadonlySet<string> = new Set([
  "ENOTDIR",
  "ENOENT",
  "EEXIST",
  "EISDIR",
  "ELOOP",
  "ENAMETOOLONG",
  "EROFS",
]);

const HINTS: Readonly<Record<string, string>> = {
  ENOTDIR:
    "a file stands where a directory should be: name another place, such as with --state-dir, or move the file away",
  ENOENT: "no directory can be made there: name another place, such as with --state-dir",
  EROFS: "mount the file system read-write, under systemd name the folder in ReadWritePaths=, or name another place",
};

interface FailureOptions {
  readonly cause: unknown;
  readonly retry: Retry;
  readonly hint?: string;
}

function failureOptions(system: string | null, cause: unknown): FailureOptions {
  const hint = HINTS[system ?? ""];
  return { cause, retry: LASTING.has(system ?? "") ? "never" : "later", ...(hint === undefined ? {} : { hint }) };
}

/** What a failed write means for the operator. */
export function writeFailure(path: string, cause: unknown): OperationalError {
  const system = systemCode(cause);
  const message = `cannot write ${path}: ${reasonOf(cause)}`;
  if (system === "EACCES" || system === "EPERM") {
    return new OperationalError("PERMISSION_DENIED", message, { cause, retry: "never" });
  }
  const options = failureOptions(system, cause);
  if (system === "EROFS") return new OperationalError("PERMISSION_DENIED", message, options);
  const isFull = system === "ENOSPC" || system === "EDQUOT";
  return new OperationalError(isFull ? "DISK_FULL" : "STATE_UNWRITABLE", message, options);
}

/** What a failed read means for the operator. */
export function readFailure(path: string, cause: unknown): OperationalError {
  const system = systemCode(cause);
  const message = `cannot read ${path}: ${reasonOf(cause)}`;
  if (system === "EACCES" || system === "EPERM") {
    const hint = "run it as root (sudo), or as the user that daneward runs as: the state holds private matters";
    return new OperationalError("PERMISSION_DENIED", message, { cause, retry: "never", hint });
  }
  const code = system === "ENOENT" ? "FILE_NOT_FOUND" : "FILE_UNREADABLE";
  const options = failureOptions(system, cause);
  return new OperationalError(code, message, system === "ENOTDIR" ? options : { cause, retry: options.retry });
}

/** `no space left on device` out of Node's `ENOSPC: no space left on device, write`. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return /^[A-Z0-9]+: ([^,]+)/.exec(cause.message)?.[1] ?? cause.message;
}
