/**
 * One lock for the state directory: whoever holds it may write there, and nobody else.
 *
 * Node has no flock(2), so the lock is a file that says who holds it. It appears whole, by link(2) from a finished
 * temporary file, and only where there is none: two processes can never both succeed. Its holder may die without
 * removing it; then it is *stale*, which is decided by process id, start time and boot, never by age: a tick that
 * waits for a slow name server is not dead.
 *
 * Taking over a stale lock has a classic race: two processes see it stale, the first replaces it, the second removes
 * what is by now a living lock. Here each instance of the lock carries a random token, and whoever wants to replace
 * the instance T must first hold the lock `lock.T`, of which the same rules hold, and then see T still in place. T's
 * file changes only by its holder, who is dead, or under `lock.T`: so what was seen stays true until the rename.
 *
 * Not covered: a state directory shared between hosts. Processes of another container on the same host are never
 * taken for dead, because their process ids mean nothing here.
 */
import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, readlinkSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { formatHex } from "../base/bytes.ts";
import { OperationalError } from "../base/errors.ts";
import { formatInstant, instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { namesIn, readFailure, systemCode, temporaryBeside, writeFailure, writeNewFile } from "./atomic-file.ts";

export interface Lock {
  /** Gives the lock up. Harmless when called again, or when the file is no longer ours. */
  readonly release: () => void;
}

interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly since: Instant;
  /** Start of the process in clock ticks since boot, where the system tells it: a process id alone is used again. */
  readonly started: string | null;
  readonly boot: string | null;
  /** Name space that the process id belongs to. */
  readonly space: string | null;
}

/** A lock whose holder cannot be read was torn by a power cut: its writer is gone. */
const UNREADABLE = "unreadable";

/** Longest chain of processes that died while taking over from each other: a bound on recursion, not on bad luck. */
const MOST_TAKEOVERS = 100;

export function lockFile(stateDirectory: string): string {
  return join(stateDirectory, "lock");
}

/**
 * Takes the lock or throws LOCK_HELD, naming the holder's process id and since when; never waits. The state directory
 * must exist. Also released when the process exits. Throws DISK_FULL, PERMISSION_DENIED or STATE_UNWRITABLE.
 */
export function acquireLock(stateDirectory: string, now: Instant): Lock {
  return acquireLockFile(lockFile(stateDirectory), now);
}

/** The same for any file that processes share; `path` is the lock's own. */
export function acquireLockFile(path: string, now: Instant): Lock {
  return acquire(path, now, MOST_TAKEOVERS);
}

/** Runs `work` under the lock and releases it however `work` ends. */
export async function withLock<T>(stateDirectory: string, now: Instant, work: () => Promise<T>): Promise<T> {
  const lock = acquireLock(stateDirectory, now);
  try {
    sweepRights(lockFile(stateDirectory));
    return await work();
  } finally {
    lock.release();
  }
}

function acquire(path: string, now: Instant, takeoversLeft: number): Lock {
  const mine = describeSelf(now);
  const temporary = temporaryBeside(path);
  try {
    writeNewFile(temporary, JSON.stringify(mine));
    // Each turn ends the loop or saw another process take or release the lock; those cannot go on for ever unseen.
    for (let turn = 0; turn < 100; turn++) {
      if (linkIfAbsent(temporary, path)) return lockOf(path, mine.token);
      const holder = readHolder(path);
      if (holder === null) continue;
      if (holder !== UNREADABLE && isAlive(holder)) throw held(path, holder);
      if (takeoversLeft === 0) break;
      if (replaceStale({ path, temporary, stale: tokenOf(holder), now, takeoversLeft }))
        return lockOf(path, mine.token);
    }
    throw new OperationalError("LOCK_HELD", `the lock ${path} keeps changing hands`);
  } catch (cause) {
    if (cause instanceof OperationalError) throw cause;
    throw writeFailure(path, cause);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Puts `temporary` in the place of the lock instance `stale`; false when that is no longer there. */
function replaceStale(takeover: {
  readonly path: string;
  readonly temporary: string;
  readonly stale: string;
  readonly now: Instant;
  readonly takeoversLeft: number;
}): boolean {
  const right = acquire(rightTo(takeover.path, takeover.stale), takeover.now, takeover.takeoversLeft - 1);
  try {
    const holder = readHolder(takeover.path);
    if (holder === null || tokenOf(holder) !== takeover.stale) return false;
    renameSync(takeover.temporary, takeover.path);
    return true;
  } finally {
    right.release();
  }
}

/**
 * The lock that gives the right to replace the instance `token` of the lock at `path`. Tokens are unique, so the name
 * need not say which lock it was: it stays short, however many takers died in turn.
 */
function rightTo(path: string, token: string): string {
  return token === UNREADABLE ? `${path}.${token}` : join(dirname(path), `lock.${token}`);
}

/**
 * Removes what takers left that were killed. A token is never used again: once no lock bears it, the right to replace
 * it is worth nothing, and a taker that holds it finds so by itself.
 */
function sweepRights(path: string): void {
  const directory = dirname(path);
  const rights = namesIn(directory).filter((name) => /^lock\.[0-9a-f]{16}$/.test(name));
  const tokens = new Set(
    [basename(path), ...rights].map((name) => {
      const holder = readHolder(join(directory, name));
      return holder === null ? null : tokenOf(holder);
    }),
  );
  for (const name of rights) {
    if (!tokens.has(name.slice("lock.".length))) rmSync(join(directory, name), { force: true });
  }
}

function linkIfAbsent(temporary: string, path: string): boolean {
  try {
    linkSync(temporary, path);
    return true;
  } catch (cause) {
    if (systemCode(cause) === "EEXIST") return false;
    throw cause;
  }
}

function lockOf(path: string, token: string): Lock {
  const release = (): void => {
    process.removeListener("exit", release);
    const holder = readHolder(path);
    if (holder !== null && tokenOf(holder) === token) rmSync(path, { force: true });
  };
  process.once("exit", release);
  return { release };
}

function held(path: string, holder: Holder): OperationalError {
  const elsewhere = holder.space !== null && holder.space !== processSpace() && !rebooted(holder);
  const where = elsewhere ? " of another container" : "";
  return new OperationalError(
    "LOCK_HELD",
    `the lock ${path} is held by process ${String(holder.pid)}${where} since ${formatInstant(holder.since)}`,
    elsewhere ? { hint: `when that container is gone, remove ${path}` } : {},
  );
}

function tokenOf(holder: Holder | typeof UNREADABLE): string {
  return holder === UNREADABLE ? UNREADABLE : holder.token;
}

/** Who holds the lock; null when nobody does any more. */
function readHolder(path: string): Holder | typeof UNREADABLE | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw readFailure(path, cause);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return UNREADABLE;
  }
  return isHolder(parsed) ? { ...parsed, since: instant(parsed.since) } : UNREADABLE;
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== "object" || value === null) return false;
  if (!("token" in value && "pid" in value && "since" in value)) return false;
  if (!("started" in value && "boot" in value && "space" in value)) return false;
  const { token, pid, since, started, boot, space } = value;
  if (typeof token !== "string" || !/^[0-9a-f]{16}$/.test(token)) return false;
  // A process id of 0 or less would address a process group.
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return false;
  if (typeof since !== "number" || !Number.isSafeInteger(since) || Math.abs(since) > 8.64e15) return false;
  return [started, boot, space].every((mark) => mark === null || typeof mark === "string");
}

function isAlive(holder: Holder): boolean {
  if (rebooted(holder)) return false;
  if (holder.space !== null && holder.space !== processSpace()) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (cause) {
    // EPERM: it is there, but belongs to somebody else.
    if (systemCode(cause) !== "EPERM") return false;
  }
  const found = lookAt(holder.pid);
  if (found === null) return true;
  return !found.ended && (holder.started === null || found.started === holder.started);
}

function rebooted(holder: Holder): boolean {
  const boot = bootId();
  return holder.boot !== null && boot !== null && holder.boot !== boot;
}

function describeSelf(now: Instant): Holder {
  return {
    token: formatHex(randomBytes(8)),
    pid: process.pid,
    since: now,
    started: lookAt(process.pid)?.started ?? null,
    boot: bootId(),
    space: processSpace(),
  };
}

/**
 * Fields 3 and 22 of proc_pid_stat(5), counted after the command name, which may itself hold blanks and brackets. A
 * process that was killed but not yet waited for still has its id; null where the system tells nothing.
 */
function lookAt(pid: number): { readonly ended: boolean; readonly started: string | null } | null {
  const stat = readQuietly(`/proc/${String(pid)}/stat`);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { ended: fields[0] === "Z" || fields[0] === "X", started: fields[19] ?? null };
}

function bootId(): string | null {
  return readQuietly("/proc/sys/kernel/random/boot_id")?.trim() ?? null;
}

function processSpace(): string | null {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    // Not Linux, or /proc is hidden: process ids are then compared as they are.
    return null;
  }
}

/** Null where the system has no such file: then liveness rests on the process id alone. */
function readQuietly(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
