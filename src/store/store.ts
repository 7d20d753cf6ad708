/**
 * What daneward remembers between two ticks, under one state directory (0700):
 *
 * ```
 * certificates/NAME.json   the rollover state of one certificate: a closed, versioned format, replaced atomically
 * due.index                which certificate is due when; can always be made again from the files above
 * configuration.cache      the decoded configuration, to be read certificate by certificate; made anew when that changes
 * events.jsonl             the journal: what was decided, tried and seen, one line each
 * spool/                   notes left by hooks: "there may be a new certificate"
 * lock                     held by the one process that may write all this (but for the spool)
 * ```
 *
 * The order that makes a crash harmless: save the state with the intent, journal, act, save the outcome, journal. What is
 * to be journalled is part of the state until it is in the journal, so that neither is ever without the other; while an
 * action is under way that is a line that says it was cut short, for nobody else could say it. A file that
 * cannot be read is an error, never an empty state: starting from nothing would forget which records are ours. No key,
 * TSIG secret or token is ever written into these; next keys have a folder of their own beside them (`driver/vault.ts`).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../base/assert.ts";
import { OperationalError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { Refusal, RolloverState } from "../rollover/state.ts";
import {
  ensureDirectory,
  flushDirectory,
  namesIn,
  readFailure,
  replaceFile,
  sweepTemporaries,
  systemCode,
} from "./atomic-file.ts";
import { decodeState, encodeState } from "./format.ts";
import { appendJournal, formatEntry, readJournal } from "./journal.ts";
import type { JournalEntry } from "./journal.ts";
import { spoolDirectory } from "./spool.ts";

/** The content of one certificate's state file. */
export interface SavedState {
  readonly certificate: string;
  readonly savedAt: Instant;
  readonly state: RolloverState;
  /** When the next step is due; null: nothing to wait for. */
  readonly wakeAt: Instant | null;
  /** Why the last step went no further: what `status` shows without looking at the world again. */
  readonly refusals: readonly SavedRefusal[];
  /** What led to this state and may not be in the journal yet: `saveWithJournal` was cut short. */
  readonly unjournalled: readonly JournalEntry[];
}

/** A refusal and since when it has stood. */
export interface SavedRefusal extends Refusal {
  readonly since: Instant;
}

/** Names of certificates are file names here: no separators, no leading dot, at most 100 characters. */
function isCertificateName(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(text);
}

/** Makes the state directory and its parts where missing, and sweeps leftovers of killed processes. Call under the lock. */
export function prepareStateDirectory(stateDirectory: string, now: Instant): void {
  for (const directory of [stateDirectory, certificatesDirectory(stateDirectory), spoolDirectory(stateDirectory)]) {
    ensureDirectory(directory);
    sweepTemporaries(directory, now);
  }
  // Whoever made these folders may have been killed before they were on disk.
  flushDirectory(stateDirectory);
}

/**
 * The saved state of one certificate; null when it was never saved. Throws STATE_DAMAGED, STATE_NEWER,
 * PERMISSION_DENIED or FILE_UNREADABLE.
 */
export function loadState(stateDirectory: string, certificate: string): SavedState | null {
  const path = stateFile(stateDirectory, certificate);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw readFailure(path, cause);
  }
  const decoded = decodeState(text);
  if (!decoded.ok) {
    const { code, message, hint } = decoded.fault;
    const wayOut = code === "STATE_DAMAGED" ? wayOutOf(certificate) : hint;
    throw new OperationalError(code, `${path}: ${message}`, { hint: wayOut, retry: "never" });
  }
  if (decoded.value.certificate !== certificate) {
    const message = `${path}: holds the state of "${decoded.value.certificate}"`;
    throw new OperationalError("STATE_DAMAGED", message, { hint: wayOutOf(certificate), retry: "never" });
  }
  return decoded.value;
}

/** Nothing was touched, and nothing will be: what is safe comes before what to type. */
function wayOutOf(certificate: string): string {
  return (
    `what is published and deployed stays as it is, and no record is withdrawn; put the file back from a backup, or type ` +
    `daneward adopt ${certificate} to make it anew from DNS, the servers and the deployed files (it is moved aside)`
  );
}

/** Saves atomically and durably: on return it survives a power cut. Throws DISK_FULL, PERMISSION_DENIED or STATE_UNWRITABLE. */
export function saveState(stateDirectory: string, saved: SavedState): void {
  replaceFile(stateFile(stateDirectory, saved.certificate), encodeState(saved));
}

/**
 * Saves a state and journals what led to it, both or, cut short anywhere, both after {@link completeJournal}. `otherwise`
 * stands in the file for what is to be said if nothing is saved after this: it is journalled only then. Call under the
 * lock. Throws as {@link saveState}.
 */
export function saveWithJournal(
  stateDirectory: string,
  state: Omit<SavedState, "unjournalled">,
  entries: readonly JournalEntry[],
  otherwise: readonly JournalEntry[] = [],
): SavedState {
  if (entries.length > 0) {
    saveState(stateDirectory, { ...state, unjournalled: [...entries, ...otherwise] });
    appendJournal(stateDirectory, entries);
  }
  saveState(stateDirectory, { ...state, unjournalled: otherwise });
  return { ...state, unjournalled: [] };
}

/**
 * Writes to the journal what a killed process could not, and returns it. Whole lines that are there already are not
 * written again. Call under the lock, before anything new is saved. Throws as {@link saveState} and {@link loadState}.
 */
export function completeJournal(stateDirectory: string, certificate: string): readonly JournalEntry[] {
  const saved = loadState(stateDirectory, certificate);
  if (saved === null || saved.unjournalled.length === 0) return [];
  const there = new Set(readJournal(stateDirectory, certificate).entries.map(formatEntry));
  const missing = saved.unjournalled.filter((entry) => !there.has(formatEntry(entry)));
  appendJournal(stateDirectory, missing);
  saveState(stateDirectory, { ...saved, unjournalled: [] });
  return missing;
}

/** Names of the certificates that have a state file, sorted. */
export function listStates(stateDirectory: string): readonly string[] {
  return namesIn(certificatesDirectory(stateDirectory))
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .filter(isCertificateName);
}

/** Path of a certificate's state file, for messages. */
export function stateFile(stateDirectory: string, certificate: string): string {
  assert(isCertificateName(certificate), `"${certificate}" is not a certificate name`);
  return join(certificatesDirectory(stateDirectory), `${certificate}.json`);
}

function certificatesDirectory(stateDirectory: string): string {
  return join(stateDirectory, "certificates");
}
