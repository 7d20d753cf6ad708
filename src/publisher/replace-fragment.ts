/**
 * Puts a fragment in the place of the old one in a single rename, after it has been looked at: written beside the target
 * with the mode and owner of the file that it replaces, flushed, handed to the check, renamed, the directory flushed.
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { formatHex } from "../base/bytes.ts";
import { OperationalError } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";

/** A name server, which is another user, reads it: records are no secret. */
const NEW_FILE_MODE = 0o644;
const MAX_FILE = 16_777_216;

/** A fragment as it lies on the disk. */
export interface FragmentFile {
  /** Symbolic links followed: a rename over the link would cut it. */
  readonly path: string;
  /** Null: there is no such file. An empty one is a file. */
  readonly text: string | null;
  readonly modifiedMs: number;
}

function systemCode(cause: unknown): string {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
}

function failed(code: FaultCode, what: string, cause: unknown): OperationalError {
  const why = cause instanceof Error ? cause.message.replace(/^[A-Z0-9]+: ([^,]+).*$/, "$1") : String(cause);
  return new OperationalError(code, `${what}: ${why}`, { cause });
}

/** Reads the fragment that is there. Throws `FRAGMENT_UNREADABLE`, `FRAGMENT_FOREIGN` for what is no file. */
export function readFragmentFile(file: string): FragmentFile {
  try {
    const path = realpathSync(file);
    const found = statSync(path);
    if (!found.isFile() || found.size > MAX_FILE) {
      const what = found.isFile() ? "too large for a file of TLSA records" : "no ordinary file";
      throw new OperationalError("FRAGMENT_FOREIGN", `${file} is ${what}`, { retry: "never" });
    }
    return { path, text: readFileSync(path, "utf8"), modifiedMs: found.mtimeMs };
  } catch (cause) {
    if (cause instanceof OperationalError) throw cause;
    if (systemCode(cause) === "ENOENT") return { path: file, text: null, modifiedMs: 0 };
    throw failed("FRAGMENT_UNREADABLE", `cannot read ${file}`, cause);
  }
}

/** A hidden name beside `path`: builders that take every `*.zone` of a folder do not see it. */
function besideName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${formatHex(randomBytes(6))}.tmp`);
}

/** Writes a file beside `path` as it would replace it. Throws `FRAGMENT_UNWRITABLE`; leaves nothing behind then. */
export function writeCandidate(path: string, text: string): string {
  const candidate = besideName(path);
  try {
    const file = openSync(candidate, "wx", NEW_FILE_MODE);
    try {
      const old = statSync(path, { throwIfNoEntry: false });
      const own = fstatSync(file);
      if (old !== undefined && (old.uid !== own.uid || old.gid !== own.gid)) fchownSync(file, old.uid, old.gid);
      fchmodSync(file, old === undefined ? NEW_FILE_MODE : old.mode & 0o777);
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return candidate;
  } catch (cause) {
    rmSync(candidate, { force: true });
    throw failed("FRAGMENT_UNWRITABLE", `cannot write ${path} with the owner and mode it has`, cause);
  }
}

/** Shows the candidate at `path`, for good. Throws `FRAGMENT_UNWRITABLE`. */
export function putInPlace(candidate: string, path: string): void {
  try {
    renameSync(candidate, path);
    flushFolder(dirname(path));
  } catch (cause) {
    rmSync(candidate, { force: true });
    throw failed("FRAGMENT_UNWRITABLE", `cannot replace ${path}`, cause);
  }
}

function flushFolder(folder: string): void {
  const directory = openSync(folder, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/**
 * A note beside the fragment, which outlives a crash. `unfinished`: the commands after the rename have not all succeeded
 * yet. `repeated`: they were run once more because nobody serves the records.
 */
export interface Mark {
  /** When it was set, in milliseconds; null: it is not. */
  readonly since: () => number | null;
  readonly set: (now: Instant) => void;
  readonly clear: () => void;
}

/** Its functions throw `FRAGMENT_UNWRITABLE`. */
export function markBeside(path: string, kind: "unfinished" | "repeated"): Mark {
  const mark = join(dirname(path), `.${basename(path)}.${kind}`);
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch (cause) {
      throw failed("FRAGMENT_UNWRITABLE", `cannot write beside ${path}`, cause);
    }
  };
  return {
    since: () => statSync(mark, { throwIfNoEntry: false })?.mtimeMs ?? null,
    set: (now) => {
      attempt(() => {
        writeFileSync(mark, "");
        utimesSync(mark, now / 1000, now / 1000);
        flushFolder(dirname(mark));
      });
    },
    clear: () => {
      attempt(() => {
        rmSync(mark, { force: true });
      });
    },
  };
}

/** RFC 1035 §5.1; the file name may be quoted, an origin may follow. */
const INCLUDE = /^(\$INCLUDE[ \t]+)("[^"\n]+"|[^\s;]+)(.*)$/gim;

/**
 * A copy of the zone file `parent`, beside it, that includes the candidate where the parent includes the fragment.
 * Throws `FRAGMENT_PARENT` when it does not include it, or cannot be copied.
 */
export function scratchParent(parent: string, file: string, candidate: string): string {
  const scratch = besideName(parent);
  let included = 0;
  const replace = (line: string, lead: string, written: string, rest: string): string => {
    const named = written.replace(/^"(.*)"$/, "$1");
    if (!isSameFile(named, parent, file)) return line;
    included += 1;
    // NSD 4.6.1 takes quotes for a part of the file name: only where there is no other way.
    const quote = /[\s;()"]/.test(candidate) ? '"' : "";
    return `${lead}${quote}${candidate}${quote}${rest}`;
  };
  try {
    const text = readFileSync(parent, "utf8").replace(INCLUDE, replace);
    if (included !== 1) {
      const times = included === 0 ? "does not include" : `includes ${String(included)} times`;
      throw new OperationalError("FRAGMENT_PARENT", `${parent} ${times} ${file}`, { retry: "never" });
    }
    writeFileSync(scratch, text, { flag: "wx", mode: 0o600 });
    chmodSync(scratch, statSync(parent).mode & 0o777);
    return scratch;
  } catch (cause) {
    rmSync(scratch, { force: true });
    if (cause instanceof OperationalError) throw cause;
    throw failed("FRAGMENT_PARENT", `cannot copy ${parent} for the check`, cause);
  }
}

/** Name servers take relative names from folders of their own: the parent's is the best guess, then the bare name. */
function isSameFile(written: string, parent: string, file: string): boolean {
  if (resolve(dirname(parent), written) === resolve(file)) return true;
  return !written.startsWith("/") && basename(written) === basename(file);
}

/** Sets the time of the parent to now. Throws `FRAGMENT_PARENT`. */
export function touch(parent: string, now: Instant): void {
  try {
    utimesSync(parent, now / 1000, now / 1000);
  } catch (cause) {
    throw failed("FRAGMENT_PARENT", `cannot set the time of ${parent}, which tells NSD to look again`, cause);
  }
}
