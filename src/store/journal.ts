/**
 * The journal: one JSON object a line, appended and flushed, never rewritten. It tells the story (`timeline`) and
 * stands behind every deletion: only what we are on record for having published is ever withdrawn.
 *
 * A line may be torn by a crash or a full disk. Readers skip and count such lines; the next writer starts on a fresh
 * line, so that one torn line never swallows a whole one. A line is at most a few kilobytes.
 */
import {
  closeSync,
  fchmodSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { assert } from "../base/assert.ts";
import { parseInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { FILE_MODE, readFailure, syncDirectory, systemCode, writeFailure } from "./atomic-file.ts";

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export interface JournalEntry {
  readonly at: Instant;
  /** Null: not about one certificate. */
  readonly certificate: string | null;
  /** What happened, in a word or two: `publish`, `deployed`, `phase`. */
  readonly event: string;
  /** Stands beside the three keys above in the line, so it may use none of their names. */
  readonly detail: Readonly<Record<string, JsonValue>>;
}

export interface Journal {
  /** In the order written. */
  readonly entries: readonly JournalEntry[];
  /** Line numbers, from 1, that are not journal entries. */
  readonly damagedLines: readonly number[];
}

const OWN_KEYS: ReadonlySet<string> = new Set(["at", "certificate", "event"]);

export function journalFile(stateDirectory: string): string {
  return join(stateDirectory, "events.jsonl");
}

/**
 * Appends and flushes: on return the entries survive a power cut. All of them or none; on a full disk the journal is
 * cut back to what it was. Call under the lock. Throws DISK_FULL, PERMISSION_DENIED or STATE_UNWRITABLE.
 */
export function appendJournal(stateDirectory: string, entries: readonly JournalEntry[]): void {
  if (entries.length === 0) return;
  const path = journalFile(stateDirectory);
  try {
    const file = openSync(path, "a+", FILE_MODE);
    try {
      const wasEmpty = append(
        file,
        new TextEncoder().encode(entries.map((entry) => `${formatEntry(entry)}\n`).join("")),
      );
      if (wasEmpty) syncDirectory(stateDirectory);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw writeFailure(path, cause);
  }
}

/** True when these are the first lines: then the file's name may not be on disk either. */
function append(file: number, lines: Uint8Array): boolean {
  const before = fstatSync(file).size;
  if (before === 0) fchmodSync(file, FILE_MODE);
  try {
    if (!endsALine(file, before)) writeSync(file, "\n");
    for (let at = 0; at < lines.length;) at += writeSync(file, lines, at);
    fdatasyncSync(file);
  } catch (cause) {
    ftruncateSync(file, before);
    throw cause;
  }
  return before === 0;
}

function endsALine(file: number, size: number): boolean {
  if (size === 0) return true;
  const last = new Uint8Array(1);
  return readSync(file, last, 0, 1, size - 1) === 1 && last[0] === 0x0a;
}

/** The line of an entry, without its end. */
export function formatEntry(entry: JournalEntry): string {
  const { at, certificate, event, detail } = entry;
  const clash = Object.keys(detail).find((key) => OWN_KEYS.has(key));
  assert(clash === undefined, `a journal entry's detail may not be called "${String(clash)}"`);
  return JSON.stringify({ at: new Date(at).toISOString(), certificate, event, ...detail });
}

/**
 * The journal, or the part about one certificate. Damaged lines are counted, not fatal; no journal is an empty one.
 * Throws PERMISSION_DENIED or FILE_UNREADABLE.
 */
export function readJournal(stateDirectory: string, certificate?: string): Journal {
  const path = journalFile(stateDirectory);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return { entries: [], damagedLines: [] };
    throw readFailure(path, cause);
  }
  const entries: JournalEntry[] = [];
  const damagedLines: number[] = [];
  text.split("\n").forEach((line, index) => {
    if (line === "") return;
    const entry = parseEntry(line);
    if (entry === null) damagedLines.push(index + 1);
    else if (certificate === undefined || entry.certificate === certificate) entries.push(entry);
  });
  return { entries, damagedLines };
}

/** The entry of a line; null when it is none. */
export function parseEntry(line: string): JournalEntry | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return null;
  }
  if (!isJsonObject(parsed)) return null;
  const { at, certificate, event, ...detail } = parsed;
  if (typeof at !== "string" || typeof event !== "string") return null;
  if (certificate !== null && typeof certificate !== "string") return null;
  const time = parseInstant(at);
  return time.ok ? { at: time.value, certificate, event, detail } : null;
}

/** What `JSON.parse` returns is a JsonValue already; only the outermost shape is in question. */
function isJsonObject(value: unknown): value is Readonly<Record<string, JsonValue>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
