/**
 * The due-index answers "is anything to be done?" for any number of certificates out of one file, so that an idle tick
 * opens no state file and no configuration: it compares wake-up times with the clock, and one `stat` stamp per source
 * with the one noted. Nothing depends on it: a missing, damaged or outdated index only means that every certificate is
 * looked at, and the index is written anew from what is found.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { earliest } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { readFailure, replaceFile, systemCode } from "./atomic-file.ts";

/** Version 1 had times as texts; they took longer to read than all the rest. */
const VERSION = 2;

export interface DueEntry {
  readonly certificate: string;
  /** When the next step is due; null: nothing to wait for. */
  readonly wakeAt: Instant | null;
  /** Files and folders whose change means a new certificate. */
  readonly paths: readonly string[];
  /** {@link stampFiles} of `paths` when the certificate was last looked at; empty: unknown, so it must be looked at. */
  readonly stamp: string;
}

export interface DueIndex {
  /** {@link stampFiles} of the configuration the index was made from. */
  readonly configuration: string;
  /** Files and folders that the configuration was read from. */
  readonly configurationPaths: readonly string[];
  /** Earliest first; those with nothing to wait for last. */
  readonly entries: readonly DueEntry[];
}

export function dueIndexFile(stateDirectory: string): string {
  return join(stateDirectory, "due.json");
}

/**
 * What tells one version of files from another without opening them: inode, size, and modification and change time in
 * nanoseconds of what each path leads to. A missing file has a stamp too, so that its appearance is a change.
 */
export function stampFiles(paths: readonly string[]): string {
  return paths.map(stampFile).join(" ");
}

function stampFile(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${String(dev)}.${String(ino)}.${String(size)}.${String(mtimeNs)}.${String(ctimeNs)}`;
  } catch (cause) {
    return systemCode(cause) ?? "unknown";
  }
}

/** Names of the certificates to look at now: their time has come, or their source is not the one noted. */
export function dueNow(index: DueIndex, now: Instant): readonly string[] {
  return index.entries
    .filter(({ wakeAt, paths, stamp }) => (wakeAt !== null && wakeAt <= now) || stamp !== stampFiles(paths))
    .map((entry) => entry.certificate);
}

/** Whether the configuration is still the one that the index was made from. */
export function isCurrent(index: DueIndex): boolean {
  return index.configuration === stampFiles(index.configurationPaths);
}

/** The earliest wake-up of all certificates; null when none waits. */
export function nextWake(index: DueIndex): Instant | null {
  return index.entries.reduce<Instant | null>((soonest, { wakeAt }) => earliest(soonest, wakeAt), null);
}

/** Writes the index, ordered. Throws DISK_FULL, PERMISSION_DENIED or STATE_UNWRITABLE. */
export function writeDueIndex(stateDirectory: string, index: DueIndex): void {
  const { configuration, configurationPaths } = index;
  const entries = [...index.entries].sort(byTime);
  const content = JSON.stringify({ version: VERSION, configuration, configurationPaths, entries });
  replaceFile(dueIndexFile(stateDirectory), `${content}\n`);
}

/** The index; null when there is none or it is of no use. Throws PERMISSION_DENIED or FILE_UNREADABLE. */
export function readDueIndex(stateDirectory: string): DueIndex | null {
  const path = dueIndexFile(stateDirectory);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw readFailure(path, cause);
  }
  try {
    return asIndex(JSON.parse(text));
  } catch {
    return null;
  }
}

function byTime(left: DueEntry, right: DueEntry): number {
  const difference = (left.wakeAt ?? Infinity) - (right.wakeAt ?? Infinity);
  if (difference < 0 || difference > 0) return difference;
  return left.certificate < right.certificate ? -1 : left.certificate > right.certificate ? 1 : 0;
}

function asIndex(value: unknown): DueIndex | null {
  if (typeof value !== "object" || value === null) return null;
  if (!("version" in value) || value.version !== VERSION) return null;
  if (!("configuration" in value && "configurationPaths" in value && "entries" in value)) return null;
  const { configuration, configurationPaths, entries } = value;
  if (typeof configuration !== "string" || !isTextList(configurationPaths) || !Array.isArray(entries)) return null;
  const items: readonly unknown[] = entries;
  return items.every(isEntry) ? { configuration, configurationPaths, entries: items } : null;
}

/** Checked in place: a copy of each of very many entries would cost as much as reading them. */
function isEntry(value: unknown): value is DueEntry {
  if (typeof value !== "object" || value === null) return false;
  if (!("certificate" in value && "wakeAt" in value && "paths" in value && "stamp" in value)) return false;
  const { certificate, wakeAt, paths, stamp } = value;
  if (typeof certificate !== "string" || typeof stamp !== "string" || !isTextList(paths)) return false;
  return wakeAt === null || (typeof wakeAt === "number" && Number.isSafeInteger(wakeAt));
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
