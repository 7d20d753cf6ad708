/**
 * The deployment store: `<link> -> .versions/<name of link>/<time>-<spki8>/`, all beside the link.
 *
 * Servers read through the link; one `rename` of it changes key and chain together, while an ACME client changes its
 * four links one by one. A version is written under a temporary name, synced to disk, read back and compared, and only
 * then renamed into place: what bears a version's name is complete. A version is never edited. A name that does not fit
 * the pattern is not ours and is never touched, nor is anything followed that leads out of the deploy root.
 */
import { closeSync, constants, fchmodSync, fchownSync, fsyncSync, lstatSync, mkdirSync, openSync } from "node:fs";
import { readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, unlinkSync, writeSync } from "node:fs";
import type { Stats } from "node:fs";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { concatBytes, formatHex } from "../base/bytes.ts";
import { OperationalError } from "../base/errors.ts";
import { formatInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { syncDirectory, systemCode } from "../store/atomic-file.ts";

/** Where one certificate is deployed. */
export interface DeployTarget {
  /** Absolute path of the link that servers read through. */
  readonly link: string;
  /** Group that may read keys (mode 0640); null: none (0600). */
  readonly keyGroupId: number | null;
}

/** The files of one version, by name; keys and combined files are the secret ones. */
export interface VersionFiles {
  readonly "fullchain.pem": Uint8Array;
  readonly "privkey.pem": Uint8Array;
  readonly "cert.pem": Uint8Array;
  readonly "chain.pem": Uint8Array;
}

/** One complete version on disk. */
export interface Version {
  readonly name: string;
  readonly directory: string;
}

const VERSION_NAME = /^\d{8}T\d{6}Z-[0-9a-f]{8}(-\d+)?$/;
const TEMPORARY = /^\.tmp-[0-9a-f]{16}$/;
const SECRET_FILES = new Set(["privkey.pem", "combined.pem"]);
/** Traversable, not listable: servers open files by name as their own users. */
const DIRECTORY_MODE = 0o711;

function versionsRoot(target: DeployTarget): string {
  return path.join(path.dirname(target.link), ".versions");
}

function versionsDirectory(target: DeployTarget): string {
  return path.join(versionsRoot(target), path.basename(target.link));
}

function statOf(file: string): Stats | null {
  return lstatSync(file, { throwIfNoEntry: false }) ?? null;
}

/** Refuses a directory that somebody else could swap under us: a link, not ours or root's, or writable by others. */
function requireOwnDirectory(directory: string): void {
  const stat = statOf(directory);
  if (stat === null) return;
  const unsafe = (why: string): OperationalError =>
    new OperationalError("DEPLOY_UNSAFE", `${directory} ${why}`, { retry: "never" });
  if (stat.isSymbolicLink()) throw unsafe("is a link and could lead out of the deploy root");
  if (!stat.isDirectory()) throw unsafe("is not a directory");
  const user = process.geteuid?.() ?? stat.uid;
  if (stat.uid !== user && stat.uid !== 0) throw unsafe("belongs to another user");
  if ((stat.mode & 0o022) !== 0) throw unsafe("is writable by its group or by everybody");
}

/** The deploy root and what is missing above it, for servers to pass through. */
function makeRoot(root: string): void {
  const missing: string[] = [];
  for (let at = root; statOf(at) === null && at !== path.dirname(at); at = path.dirname(at)) missing.unshift(at);
  for (const directory of missing) {
    makeDirectory(directory);
    syncDirectory(path.dirname(directory));
  }
}

/** With its mode from the start: nobody would mend that of a directory whose maker was killed before setting it. */
function makeDirectory(directory: string): void {
  if (statOf(directory) !== null) return;
  const before = process.umask(0o777 & ~DIRECTORY_MODE);
  try {
    mkdirSync(directory, DIRECTORY_MODE);
  } finally {
    process.umask(before);
  }
}

/** A secret file has its final mode and group before its first octet is written. */
function writeFile(file: string, content: Uint8Array, mode: number, group: number | null): void {
  const handle = openSync(
    file,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    if (group !== null) fchownSync(handle, -1, group);
    fchmodSync(handle, mode);
    let written = 0;
    while (written < content.length) written += writeSync(handle, content, written);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Creates and checks the directories of the store. */
function prepare(target: DeployTarget): string {
  const root = path.dirname(target.link);
  makeRoot(root);
  const directory = versionsDirectory(target);
  for (const own of [versionsRoot(target), directory]) {
    requireOwnDirectory(own);
    makeDirectory(own);
    // Always: whoever made it may have been killed before it was on disk, and the link would lead nowhere.
    syncDirectory(path.dirname(own));
  }
  return directory;
}

/** `20261122T150500Z-9a590dfa`: sorts by time, and names the key for people. */
function freshName(directory: string, spkiSha256: string, now: Instant): string {
  const time = formatInstant(now)
    .replace(/\.\d+Z$/, "Z")
    .replace(/[-:]/g, "");
  const base = `${time}-${spkiSha256.slice(0, 8)}`;
  for (let count = 1; ; count++) {
    const name = count === 1 ? base : `${base}-${String(count)}`;
    if (statOf(path.join(directory, name)) === null) return name;
  }
}

/**
 * Writes a new version without showing it to any server. `check` is called on the temporary directory once all is on
 * disk, and may throw: then nothing is left behind. Throws DEPLOY_WRITE_FAILED, DISK_FULL, DEPLOY_UNSAFE.
 */
export function writeVersion(
  target: DeployTarget,
  files: VersionFiles,
  naming: { readonly spkiSha256: string; readonly now: Instant },
  check: (directory: string) => void,
): Version {
  return explained(target, () => {
    const directory = prepare(target);
    const temporary = temporaryIn(directory);
    makeDirectory(temporary);
    try {
      // Key first: the order in which Postfix (smtpd_tls_chain_files) and HAProxy want one file.
      const combined = concatBytes(files["privkey.pem"], files["fullchain.pem"]);
      for (const [name, content] of Object.entries({ ...files, "combined.pem": combined })) {
        const secret = SECRET_FILES.has(name);
        const mode = secret ? (target.keyGroupId === null ? 0o600 : 0o640) : 0o644;
        writeFile(path.join(temporary, name), content, mode, secret ? target.keyGroupId : null);
      }
      syncDirectory(temporary);
      check(temporary);
      const name = freshName(directory, naming.spkiSha256, naming.now);
      renameSync(temporary, path.join(directory, name));
      syncDirectory(directory);
      return { name, directory: path.join(directory, name) };
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      throw error;
    }
  });
}

/** All complete versions, oldest first. */
export function listVersions(target: DeployTarget): readonly Version[] {
  return explained(target, () => {
    const directory = versionsDirectory(target);
    for (const own of [versionsRoot(target), directory]) requireOwnDirectory(own);
    if (statOf(directory) === null) return [];
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && VERSION_NAME.test(entry.name))
      .map((entry) => ({ name: entry.name, directory: path.join(directory, entry.name) }))
      .sort((left, right) => (left.name < right.name ? -1 : 1));
  });
}

/** The version the link points to; null when there is no link yet. Throws DEPLOY_BLOCKED when it is not our link. */
export function linkedVersion(target: DeployTarget): Version | null {
  const stat = statOf(target.link);
  if (stat === null) return null;
  if (!stat.isSymbolicLink()) {
    throw new OperationalError(
      "DEPLOY_BLOCKED",
      `${target.link} is a ${stat.isDirectory() ? "directory" : "file"}, not a link of ours`,
      { retry: "never" },
    );
  }
  const found = readlinkSync(target.link);
  const name = path.basename(found);
  if (!VERSION_NAME.test(name) || found !== relativeTarget(target, name)) {
    throw new OperationalError("DEPLOY_BLOCKED", `${target.link} is a link to ${found}, not one of ours`, {
      retry: "never",
    });
  }
  return { name, directory: path.join(versionsDirectory(target), name) };
}

function relativeTarget(target: DeployTarget, name: string): string {
  return path.join(".versions", path.basename(target.link), name);
}

/** Makes the link point to `version`, by one rename, and syncs. Nothing happens when it does already. */
export function flipLink(target: DeployTarget, version: Version): void {
  explained(target, () => {
    if (linkedVersion(target)?.name === version.name) return;
    const temporary = temporaryIn(path.dirname(target.link));
    symlinkSync(relativeTarget(target, version.name), temporary);
    try {
      renameSync(temporary, target.link);
    } catch (error) {
      unlinkSync(temporary);
      throw error;
    }
    syncDirectory(path.dirname(target.link));
  });
}

/**
 * Removes old versions: all but the linked one, the last two, and those that `keep` names; and what a crash left half
 * written. Returns the names removed.
 */
export function pruneVersions(target: DeployTarget, keep: ReadonlySet<string>): readonly string[] {
  return explained(target, () => {
    const versions = listVersions(target);
    const linked = linkedVersion(target)?.name;
    const lastTwo = new Set(versions.slice(-2).map((version) => version.name));
    const obsolete = versions.filter(
      (version) => version.name !== linked && !lastTwo.has(version.name) && !keep.has(version.name),
    );
    if (obsolete.length > 0) {
      // A version's name goes before its files do: what bears one is complete at any moment.
      for (const version of obsolete) renameSync(version.directory, temporaryIn(versionsDirectory(target)));
      syncDirectory(versionsDirectory(target));
    }
    for (const litter of litterOf(target)) rmSync(litter, { recursive: true });
    return obsolete.map((version) => version.name);
  });
}

/** Unfinished versions of this target, and links to its versions that were not renamed into place. */
function litterOf(target: DeployTarget): readonly string[] {
  const directory = versionsDirectory(target);
  const root = path.dirname(target.link);
  const unfinished = temporariesIn(directory);
  const links = temporariesIn(root).filter(
    (file) =>
      statOf(file)?.isSymbolicLink() === true &&
      path.dirname(readlinkSync(file)) === path.dirname(relativeTarget(target, "version")),
  );
  return [...unfinished, ...links];
}

function temporariesIn(directory: string): readonly string[] {
  if (statOf(directory) === null) return [];
  return readdirSync(directory)
    .filter((name) => TEMPORARY.test(name))
    .map((name) => path.join(directory, name));
}

function temporaryIn(directory: string): string {
  return path.join(directory, `.tmp-${formatHex(randomBytes(8))}`);
}

/** Turns errors of system calls into ours, naming the link they are about. */
function explained<T>(target: DeployTarget, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const system = systemCode(error);
    if (system === null || error instanceof OperationalError) throw error;
    const what = `cannot manage the files behind ${target.link}: ${error instanceof Error ? error.message : system}`;
    if (system === "ENOSPC" || system === "EDQUOT") throw new OperationalError("DISK_FULL", what, { cause: error });
    throw new OperationalError("DEPLOY_WRITE_FAILED", what, { cause: error });
  }
}
