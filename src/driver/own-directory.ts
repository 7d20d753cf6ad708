/**
 * Directories that nobody else can swap under us.
 *
 * Node has no openat(2), renameat(2) or unlinkat(2), and no RESOLVE_NO_SYMLINKS: each call names a whole path, which
 * the kernel walks anew, and whoever may rename a directory of that path can put a link in its place between two calls.
 * O_NOFOLLOW minds the last step alone. So the whole path is looked at beforehand: every directory of it must belong to
 * this user or root, and nobody else may write it (one with the sticky bit, as /tmp, will do: there only owners
 * rename). Then nobody but root and this user can swap anything. That these two do it, by a second process or by hand,
 * is noticed by device and inode right before anything is renamed or removed; between that look and the call itself
 * nothing can be noticed.
 */
import { lstatSync, readlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import path from "node:path";
import { OperationalError } from "../base/errors.ts";

/** Which directory a path led to. */
export interface Identity {
  readonly directory: string;
  readonly device: number;
  readonly inode: number;
}

/** What stands at a path itself, links not followed; null: nothing. */
export function statOf(file: string): Stats | null {
  return lstatSync(file, { throwIfNoEntry: false }) ?? null;
}

/** DEPLOY_UNSAFE about a path. */
export function unsafe(file: string, why: string): OperationalError {
  return new OperationalError("DEPLOY_UNSAFE", `${file} ${why}`, { retry: "never" });
}

/** Refuses a directory that is a link, or that is not ours alone. One that is not there is fine. Throws DEPLOY_UNSAFE. */
export function requireOwnDirectory(directory: string): void {
  const stat = statOf(directory);
  if (stat === null) return;
  if (stat.isSymbolicLink()) throw unsafe(directory, "is a link and could lead out of the deploy root");
  if (!stat.isDirectory()) throw unsafe(directory, "is not a directory");
  requireOurs(directory, stat);
  if ((stat.mode & 0o022) !== 0) throw unsafe(directory, "is writable by its group or by everybody");
}

/** The directory that stands at a path now. Throws DEPLOY_UNSAFE when it is none. */
export function identify(directory: string): Identity {
  const stat = statOf(directory);
  if (stat?.isDirectory() !== true) throw unsafe(directory, "is not a directory");
  return { directory, device: stat.dev, inode: stat.ino };
}

/** Whether a path still leads to the very directory that was identified. */
export function isSame({ directory, device, inode }: Identity): boolean {
  const stat = statOf(directory);
  return stat !== null && stat.isDirectory() && stat.dev === device && stat.ino === inode;
}

/** Throws DEPLOY_UNSAFE when another directory, a link or nothing has taken the place of one of them. */
export function requireSame(identities: readonly Identity[]): void {
  for (const identity of identities) {
    if (!isSame(identity)) throw unsafe(identity.directory, "was replaced while it was in use");
  }
}

/** Like the kernel's own limit (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * Walks a path from the top, links included, and refuses it when somebody else could change where it leads. What is not
 * there yet cannot be judged. Returns the path without links. Throws DEPLOY_UNSAFE.
 */
export function requireSafePath(directory: string): string {
  const steps = directory.split(path.sep);
  let at: string = path.sep;
  let links = 0;
  for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
    if (step === "" || step === ".") continue;
    // Of a path without links, which `at` is.
    const next = path.join(at, step);
    const stat = statOf(next);
    if (stat === null) return path.join(next, ...steps);
    if (stat.isSymbolicLink()) {
      links += 1;
      if (links > MAX_LINKS) throw unsafe(directory, "leads through too many links");
      requireOurs(next, stat);
      const target = readlinkSync(next);
      if (path.isAbsolute(target)) at = path.sep;
      steps.unshift(...target.split(path.sep));
      continue;
    }
    if (stat.isDirectory()) requireUnshared(next, stat);
    at = next;
  }
  return at;
}

function requireOurs(file: string, stat: Stats): void {
  const user = process.geteuid?.() ?? stat.uid;
  if (stat.uid !== user && stat.uid !== 0) throw unsafe(file, "belongs to another user");
}

/** Above the store, directories of our own group will do: where each user has a group, its umask is often 002. */
function requireUnshared(directory: string, stat: Stats): void {
  requireOurs(directory, stat);
  if ((stat.mode & 0o1000) !== 0) return;
  if ((stat.mode & 0o002) !== 0) throw unsafe(directory, "is writable by everybody");
  const isOurGroup = stat.gid === 0 || stat.gid === (process.getegid?.() ?? stat.gid);
  if ((stat.mode & 0o020) !== 0 && !isOurGroup) throw unsafe(directory, "is writable by another group");
}
