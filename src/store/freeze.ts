/**
 * The stop switch for everything: `<state-dir>/frozen.json` says who stopped it, when and why. While it is there every
 * tick looks, verifies and raises alarms, and does nothing else.
 *
 * It is written without the lock: whoever wants everything to stop must not have to wait for the tick that is to be
 * stopped. What it says belongs into the journal, which is written under the lock alone: until that is done the file
 * says so, and the next holder of the lock makes up for it. A file that cannot be understood still means stop; it is
 * only ever lifted by {@link removeFreeze}.
 */
import { accessSync, constants, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { formatSecond, instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { flushDirectory, readFailure, replaceFile, systemCode, writeFailure } from "./atomic-file.ts";
import { time } from "./format-parts.ts";
import { appendJournal } from "./journal.ts";
import type { JournalEntry } from "./journal.ts";
import { readCount, readFlag, readInstant, readObject, readText } from "./json-reader.ts";
import type { FaultList } from "./json-reader.ts";

/** Everything is stopped. */
export interface Freeze {
  /** Since when; of a file that cannot be understood the time of its last change. */
  readonly at: Instant;
  /** Login name; empty: not known. */
  readonly by: string;
  /** Why, in the operator's words; empty: not said. */
  readonly because: string;
  /** What is wrong with the file; null: nothing. */
  readonly damage: string | null;
}

interface FreezeFile extends Freeze {
  readonly journalled: boolean;
}

const VERSION = 1;

function freezeFile(stateDirectory: string): string {
  return join(stateDirectory, "frozen.json");
}

/** What stopped everything; null: nothing did. A file that cannot be read or understood counts as a stop. Never throws. */
export function readFreeze(stateDirectory: string): Freeze | null {
  const found = readFile(stateDirectory);
  if (found === null) return null;
  const { at, by, because, damage } = found;
  return { at, by, because, damage };
}

/** The same for a person who asks; throws PERMISSION_DENIED where this user may not look, whatever there is to see. */
export function findFreeze(stateDirectory: string): Freeze | null {
  const path = freezeFile(stateDirectory);
  try {
    accessSync(path, constants.R_OK);
  } catch (cause) {
    const failure = readFailure(path, cause);
    if (failure.code === "PERMISSION_DENIED") throw failure;
  }
  return readFreeze(stateDirectory);
}

function readFile(stateDirectory: string): FreezeFile | null {
  const path = freezeFile(stateDirectory);
  try {
    return decode(readFileSync(path, "utf8"), path);
  } catch (cause) {
    const system = systemCode(cause);
    // ENOTDIR: there is not even a directory that the file could be in.
    if (system === "ENOENT" || system === "ENOTDIR") return null;
    return damaged(path, system ?? String(cause));
  }
}

function decode(text: string, path: string): FreezeFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return damaged(path, "it is not JSON");
  }
  const faults: FaultList = [];
  const fields = readObject({ value, path: "$", faults }, ["version", "at", "by", "because", "journalled"]);
  const version = readCount(fields.at("version"));
  const file: FreezeFile = {
    at: readInstant(fields.at("at")),
    by: readText(fields.at("by")),
    because: readText(fields.at("because")),
    damage: null,
    journalled: readFlag(fields.at("journalled")),
  };
  if (faults.length > 0) return damaged(path, faults.slice(0, 3).join("; "));
  return version === VERSION ? file : damaged(path, `it has format ${String(version)}, not ${String(VERSION)}`);
}

/** What cannot be understood is no reason to write to the journal. */
function damaged(path: string, damage: string): FreezeFile {
  return { at: lastChange(path), by: "", because: "", damage, journalled: true };
}

function lastChange(path: string): Instant {
  try {
    return instant(statSync(path).mtimeMs);
  } catch {
    // Whatever keeps the file from being read may keep this from being known.
    return instant(0);
  }
}

/** Why nothing may be done, as every look at a certificate says it: FROZEN or FREEZE_DAMAGED. */
export function freezeFault({ at, by, because, damage }: Freeze): Fault {
  const since = at === 0 ? "" : ` since ${formatSecond(at)}`;
  if (damage !== null) return fault("FREEZE_DAMAGED", `everything counts as frozen${since}: frozen.json: ${damage}`);
  return fault("FROZEN", `everything is frozen${since} by ${by}${because === "" ? "" : `: ${because}`}`);
}

/** Stops everything, durably; no lock is needed. Throws DISK_FULL, PERMISSION_DENIED or STATE_UNWRITABLE. */
export function writeFreeze(stateDirectory: string, freeze: Omit<Freeze, "damage">): void {
  write(stateDirectory, freeze, false);
}

function write(stateDirectory: string, { at, by, because }: Omit<Freeze, "damage">, journalled: boolean): void {
  const content = { version: VERSION, at: time(at), by, because, journalled };
  replaceFile(freezeFile(stateDirectory), `${JSON.stringify(content)}\n`);
}

/**
 * Writes to the journal who stopped everything, once, and returns what was written. Call under the lock. Throws as
 * {@link writeFreeze}.
 */
export function journalFreeze(stateDirectory: string): readonly JournalEntry[] {
  const found = readFile(stateDirectory);
  if (found === null || found.journalled) return [];
  const { at, by, because } = found;
  const entry: JournalEntry = { at, certificate: null, event: "freeze", detail: { by, because } };
  appendJournal(stateDirectory, [entry]);
  write(stateDirectory, found, true);
  return [entry];
}

/** Lets everything go on, durably. Call under the lock. Throws PERMISSION_DENIED or STATE_UNWRITABLE. */
export function removeFreeze(stateDirectory: string): void {
  const path = freezeFile(stateDirectory);
  try {
    rmSync(path, { force: true });
  } catch (cause) {
    throw writeFailure(path, cause);
  }
  flushDirectory(stateDirectory);
}
