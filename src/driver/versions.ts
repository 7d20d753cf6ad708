/**
 * The deployment store: `<link> -> .versions/<name of link>/<time>-<spki8>/`, all beside the link.
 *
 * Servers read through the link; one `rename` of it changes key and chain together, while an ACME client changes its
 * four links one by one. A version is written under a temporary name, synced to disk, read back and compared, and only
 * then renamed into place: what bears a version's name is complete. A version is never edited. A name that does not fit
 * the pattern is not ours and is never touched, nor is anything followed that leads out of the deploy root; what keeps
 * others from changing that between two steps is in `own-directory.ts`.
 *
 * `.previous`, beside the versions, names the one that was shown before the present one, since the youngest versions
 * need not be the last that were shown: a certificate may be superseded before it ever was, and clocks are set back.
 */
import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { formatHex } from "../base/bytes.ts";
import { OperationalError } from "../base/errors.ts";
import { formatInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { syncDirectory, systemCode } from "../store/atomic-file.ts";
import {
  identify,
  isSame,
  requireOwnDirectory,
  requireSafePath,
  requireSame,
  statOf,
  unsafe,
} from "./own-directory.ts";
import type { Identity } from "./own-directory.ts";
import { settleKeyFiles, writeVersionFiles } from "./version-files.ts";
import type { VersionFiles } from "./version-files.ts";

/** Where one certificate is deployed. */
export interface DeployTarget {
  /** Absolute path of the link that servers read through. */
  readonly link: string;
  /** Group that may read keys (mode 0640); null: none (0600). */
  readonly keyGroupId: number | null;
}

/** One complete version on disk. */
export interface Version {
  readonly name: string;
  readonly directory: string;
}

const VERSION_NAME = /^\d{8}T\d{6}Z-[0-9a-f]{8}(-\d+)?$/;
const TIME_LENGTH = "20261122T150500Z".length;
const STORE = ".versions";
const PREVIOUS = ".previous";
const TEMPORARY = /^\.tmp-[0-9a-f]{16}$/;
/** Traversable, not listable: servers open files by name as their own users. */
const DIRECTORY_MODE = 0o711;

function versionsRoot(target: DeployTarget): string {
  return path.join(path.dirname(target.link), STORE);
}

function versionsDirectory(target: DeployTarget): string {
  return path.join(versionsRoot(target), path.basename(target.link));
}

function previousLink(target: DeployTarget): string {
  return path.join(versionsDirectory(target), PREVIOUS);
}

/** Refuses places from which the store could lead elsewhere, or into another certificate's store. */
function requireSafePlace(target: DeployTarget): void {
  const name = path.basename(target.link);
  if (name === "" || name === STORE || TEMPORARY.test(name)) throw unsafe(target.link, "cannot be the name of a link");
  const root = path.dirname(target.link);
  if (requireSafePath(root).split(path.sep).includes(STORE)) throw unsafe(root, `lies within a ${STORE} folder`);
  for (const own of [versionsRoot(target), versionsDirectory(target)]) requireOwnDirectory(own);
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

/** Creates and checks the directories of the store. Returns what must stay as it is while a version is written. */
function prepare(target: DeployTarget): readonly Identity[] {
  requireSafePlace(target);
  const root = path.dirname(target.link);
  makeRoot(root);
  for (const own of [versionsRoot(target), versionsDirectory(target)]) {
    makeDirectory(own);
    // Always: whoever made it may have been killed before it was on disk, and the link would lead nowhere.
    syncDirectory(path.dirname(own));
  }
  return identitiesOf(target);
}

function identitiesOf(target: DeployTarget): readonly Identity[] {
  const root = requireSafePath(path.dirname(target.link));
  return [root, versionsRoot(target), versionsDirectory(target)].map(identify);
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
    const place = prepare(target);
    const directory = versionsDirectory(target);
    const temporary = temporaryIn(directory);
    makeDirectory(temporary);
    const unfinished = [...place, identify(temporary)];
    try {
      writeVersionFiles(temporary, files, target.keyGroupId);
      syncDirectory(temporary);
      check(temporary);
      requireSame(unfinished);
      const name = freshName(directory, naming.spkiSha256, naming.now);
      renameSync(temporary, path.join(directory, name));
      syncDirectory(directory);
      return { name, directory: path.join(directory, name) };
    } catch (error) {
      // Where a path leads elsewhere by now, what is there is not ours to remove.
      if (unfinished.every(isSame)) rmSync(temporary, { recursive: true, force: true });
      throw error;
    }
  });
}

/**
 * Gives the keys of a version the group and mode that the target asks for now: `key_group` may have changed since it
 * was written. Throws as {@link writeVersion}.
 */
export function settleKeys(target: DeployTarget, version: Version): void {
  explained(target, () => {
    requireSafePlace(target);
    settleKeyFiles(version.directory, target.keyGroupId);
  });
}

/** All complete versions, oldest first. */
export function listVersions(target: DeployTarget): readonly Version[] {
  return explained(target, () => {
    requireSafePlace(target);
    const directory = versionsDirectory(target);
    if (statOf(directory) === null) return [];
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && VERSION_NAME.test(entry.name))
      .map((entry) => ({ name: entry.name, directory: path.join(directory, entry.name) }))
      .sort(inOrder);
  });
}

/** By time, and by count within a second. */
function inOrder({ name: left }: Version, { name: right }: Version): number {
  const [leftTime, rightTime] = [left.slice(0, TIME_LENGTH), right.slice(0, TIME_LENGTH)];
  if (leftTime !== rightTime) return leftTime < rightTime ? -1 : 1;
  return countOf(left) - countOf(right);
}

function countOf(name: string): number {
  return Number(name.split("-")[2] ?? 1);
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
  return path.join(STORE, path.basename(target.link), name);
}

/**
 * Makes the link point to `version`, in one step, and syncs. Nothing happens when it does already. Throws
 * DEPLOY_BLOCKED, DEPLOY_UNSAFE, DEPLOY_WRITE_FAILED, DISK_FULL.
 */
export function flipLink(target: DeployTarget, version: Version): void {
  explained(target, () => {
    requireSafePlace(target);
    const linked = linkedVersion(target);
    if (linked?.name === version.name) return;
    const place = identitiesOf(target);
    // The rename that gave the version its name may have been the last act of a process that was killed.
    syncDirectory(versionsDirectory(target));
    const leadsTo = relativeTarget(target, version.name);
    if (linked === null) {
      requireSame(place);
      // Not by a rename: what may have come to stand there in the meantime is not replaced.
      symlinkSync(leadsTo, target.link);
      syncDirectory(path.dirname(target.link));
      return;
    }
    const isStillOurs = (): void => {
      requireSame(place);
      linkedVersion(target);
    };
    replaceLink(previousLink(target), linked.name, isStillOurs);
    replaceLink(target.link, leadsTo, isStillOurs);
  });
}

/** Makes or replaces a link in one step, and syncs. `check` is called right before. */
function replaceLink(link: string, leadsTo: string, check: () => void): void {
  const temporary = temporaryIn(path.dirname(link));
  symlinkSync(leadsTo, temporary);
  try {
    check();
    renameSync(temporary, link);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
  syncDirectory(path.dirname(link));
}

/** The version that was shown before the present one; null: not known. */
function previousVersion(target: DeployTarget): string | null {
  const link = previousLink(target);
  return statOf(link)?.isSymbolicLink() === true ? readlinkSync(link) : null;
}

/**
 * Removes old versions: all but the linked one, the one that was shown before it, the last two, and those that `keep`
 * names; and what a crash left half written. Returns the names removed.
 */
export function pruneVersions(target: DeployTarget, keep: ReadonlySet<string>): readonly string[] {
  return explained(target, () => {
    const versions = listVersions(target);
    if (statOf(versionsDirectory(target)) === null) return [];
    const place = identitiesOf(target);
    const shown = [linkedVersion(target)?.name, previousVersion(target)];
    const lastTwo = versions.slice(-2).map((version) => version.name);
    const kept = new Set([...shown, ...lastTwo, ...keep]);
    const obsolete = versions.filter((version) => !kept.has(version.name));
    if (obsolete.length > 0) {
      // A version's name goes before its files do: what bears one is complete at any moment.
      for (const version of obsolete) {
        requireSame(place);
        renameSync(version.directory, temporaryIn(versionsDirectory(target)));
      }
      syncDirectory(versionsDirectory(target));
    }
    for (const litter of litterOf(target)) {
      requireSame(place);
      rmSync(litter, { recursive: true });
    }
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
    if (system === "EROFS") {
      const hint = `mount it writable; under systemd, add ReadWritePaths=${path.dirname(target.link)} to the unit`;
      throw new OperationalError("DEPLOY_WRITE_FAILED", what, { hint, cause: error });
    }
    throw new OperationalError("DEPLOY_WRITE_FAILED", what, { cause: error });
  }
}
