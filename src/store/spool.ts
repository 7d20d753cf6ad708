/**
 * The spool: notes that hooks leave for the next tick. A note is a hint, nothing more: the tick looks at every source
 * by itself, and a lost note only costs time. Hooks write here without the lock, each a file of its own under a fresh
 * name, so that any number of them may run at once, beside a tick.
 */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { formatInstant, parseInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { ensureDirectory, namesIn, readFailure, replaceHint, systemCode, writeFailure } from "./atomic-file.ts";
import { freshName } from "./fresh-name.ts";

/** What a hook was told by its ACME client. */
export interface SpoolNote {
  /** The hook's name: `certbot`. */
  readonly client: string;
  readonly at: Instant;
  /** Where the renewed certificate is: certbot's lineage folder. */
  readonly source: string;
  readonly domains: readonly string[];
}

export interface SpoolContent {
  readonly notes: readonly { readonly file: string; readonly note: SpoolNote }[];
  /** Paths of files that are not notes: reported and removed by the tick, never fatal. */
  readonly damaged: readonly string[];
}

export function spoolDirectory(stateDirectory: string): string {
  return join(stateDirectory, "spool");
}

/** Leaves a note, atomically and under a fresh name. Throws DISK_FULL, PERMISSION_DENIED or STATE_UNWRITABLE. */
export function writeSpool(stateDirectory: string, note: SpoolNote): string {
  const directory = spoolDirectory(stateDirectory);
  ensureDirectory(directory);
  const path = join(directory, `${String(note.at)}-${freshName()}.json`);
  const { client, at, source, domains } = note;
  replaceHint(path, `${JSON.stringify({ version: 1, client, at: formatInstant(at), source, domains })}\n`);
  return path;
}

/** Every note, oldest first. Throws PERMISSION_DENIED or FILE_UNREADABLE. */
export function readSpool(stateDirectory: string): SpoolContent {
  const directory = spoolDirectory(stateDirectory);
  const notes: { file: string; note: SpoolNote }[] = [];
  const damaged: string[] = [];
  for (const name of namesIn(directory)) {
    if (name.startsWith(".") || !name.endsWith(".json")) continue;
    const file = join(directory, name);
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (cause) {
      if (systemCode(cause) === "ENOENT") continue;
      throw readFailure(file, cause);
    }
    const note = parseNote(text);
    if (note === null) damaged.push(file);
    else notes.push({ file, note });
  }
  return { notes, damaged };
}

/** Removes notes that were dealt with; those already gone do not matter. */
export function removeSpool(files: readonly string[]): void {
  for (const file of files) {
    try {
      rmSync(file, { force: true });
    } catch (cause) {
      throw writeFailure(file, cause);
    }
  }
}

function parseNote(text: string): SpoolNote | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof parsed !== "object" || parsed === null) return null;
  if (!("version" in parsed) || parsed.version !== 1) return null;
  if (!("client" in parsed && "at" in parsed && "source" in parsed && "domains" in parsed)) return null;
  const { client, at, source, domains } = parsed;
  if (typeof client !== "string" || typeof at !== "string" || typeof source !== "string") return null;
  if (!Array.isArray(domains)) return null;
  const names = domains.filter((name) => typeof name === "string");
  const time = parseInstant(at);
  return time.ok ? { client, at: time.value, source, domains: names } : null;
}
