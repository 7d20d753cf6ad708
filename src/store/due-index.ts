/**
 * The due-index answers "is anything to be done?" for any number of certificates out of one small file: for each, in the
 * order of the catalogue, when it is due and a hash of its source's stamp: 24 octets, no parsing. The header says when the
 * first of them is due. An idle tick reads that and the entries of the sources that it looks at, and opens no state file
 * and no configuration.
 *
 * A tick changes entries in place, each with a checksum of its own, so that a tick with three certificates due writes
 * three entries. An entry that was torn, zeroed or never written is due: whatever is wrong with the file only means that
 * more is looked at than had to be, and nothing depends on it. An entry says that a certificate may sleep only after the
 * state that says so is on disk; that it is to be looked at is flushed before anything is done about it.
 *
 * Sources are found changed by stat(2) alone. Up to a thousand are looked at in each tick; of more, so many that each has
 * its turn within an hour ({@link DueIndex.turn}): where the last turn ended is noted in the file.
 *
 * Wake-ups are times of the system clock. The file says what time the last tick with work to do had: by a clock that was
 * set back behind that, everything is due, and not an hour later.
 */
import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { readFailure, replaceFile, systemCode, writeFailure } from "./atomic-file.ts";
import { twoChecksums } from "./checksum.ts";

const MAGIC = 0x44574455;
/** Versions 1 and 2 were JSON. */
const FORMAT = 3;
const HEADER_SIZE = 64;
const ENTRY_SIZE = 24;

/** Sources looked at in every tick, however often it comes; about as long as a twentieth of the start of Node. */
const SOURCES_AT_LEAST = 1_000;
/** Within this time every source has been looked at, hook or no hook. */
const ROUND_MS = 3_600_000;

/** When a certificate is to be looked at, and how its source was when it last was. */
export interface DueEntry {
  /** Place in the catalogue. */
  readonly position: number;
  /** Null: nothing to wait for. */
  readonly wakeAt: Instant | null;
  /** {@link stampFiles} of the source as it was before the look; null: it is to be looked at anyway. */
  readonly stamp: string | null;
}

/** Sources whose turn it is: those from one position up to, not including, another. */
export interface SourceTurn {
  readonly from: number;
  readonly to: number;
}

/** Wall time may jitter; by more than this it was set back. */
const JITTER_MS = 2_000;

/** The index as it was read. */
export interface DueIndex {
  /** Of the catalogue it belongs to. */
  readonly id: string;
  readonly count: number;
  /** When the first one is due, in milliseconds, Infinity for never; null: not known since the last change. */
  readonly earliest: number | null;
  /** Positions that are due, in order. */
  readonly due: (now: Instant) => readonly number[];
  /** When a certificate is due; null: it waits for nothing. One with a damaged entry has been due since 1970. */
  readonly wakeAt: (position: number) => Instant | null;
  readonly isUnchanged: (position: number, stamp: string) => boolean;
  /** Reads the entries of these sources together; without it all are read when one is asked for. */
  readonly load: (turn: SourceTurn) => void;
  /** The sources to look at now; one or two ranges. */
  readonly turn: (now: Instant) => readonly SourceTurn[];
  /** The entry as it stands, for a place in another index; null: damaged. */
  readonly entry: (position: number, place: number) => Uint8Array | null;
}

export function dueIndexFile(stateDirectory: string): string {
  return join(stateDirectory, "due.index");
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
    // A missing file is the usual thing for some of the paths: an exception costs more than the call.
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) return "ENOENT";
    const { dev, ino, size, mtimeNs, ctimeNs } = found;
    return `${String(dev)}.${String(ino)}.${String(size)}.${String(mtimeNs)}.${String(ctimeNs)}`;
  } catch (cause) {
    return systemCode(cause) ?? "unknown";
  }
}

/** The index; null when there is none or it is of no use. Throws PERMISSION_DENIED or FILE_UNREADABLE. */
export function readDueIndex(stateDirectory: string): DueIndex | null {
  const path = dueIndexFile(stateDirectory);
  const head = readPart(path, 0, HEADER_SIZE);
  if (head === null || head.size < HEADER_SIZE) return null;
  return indexIn(numbersIn(head.octets), head.size, (place, length) => {
    return numbersIn(readPart(path, place, length)?.octets ?? new Uint8Array(length));
  });
}

interface FilePart {
  /** Zeros where the file has ended. */
  readonly octets: Uint8Array;
  /** Of the whole file. */
  readonly size: number;
}

function readPart(path: string, place: number, length: number): FilePart | null {
  try {
    const file = openSync(path, "r");
    try {
      const octets = new Uint8Array(length);
      for (let at = 0, got = -1; at < length && got !== 0; at += got) {
        got = readSync(file, octets, at, length - at, place + at);
      }
      return { octets, size: fstatSync(file).size };
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw readFailure(path, cause);
  }
}

/** The earliest wake-up of all certificates; null when none waits. */
export function nextWake({ count, earliest, wakeAt }: DueIndex): Instant | null {
  let soonest = Infinity;
  if (earliest !== null) soonest = earliest;
  else for (let position = 0; position < count; position++) soonest = Math.min(soonest, wakeAt(position) ?? Infinity);
  return soonest === Infinity ? null : instant(soonest);
}

/**
 * Makes the index of a catalogue anew, durably: an entry that is given is taken over, any other is due. Throws
 * DISK_FULL, PERMISSION_DENIED or STATE_UNWRITABLE.
 */
export function createDueIndex(
  stateDirectory: string,
  { id, count }: { readonly id: string; readonly count: number },
  known: (position: number) => Uint8Array | null = () => null,
): void {
  const octets = new Uint8Array(HEADER_SIZE + count * ENTRY_SIZE);
  const { words } = numbersIn(octets);
  words.set([MAGIC, FORMAT, Number.parseInt(id.slice(0, 8), 16), Number.parseInt(id.slice(8), 16), count]);
  words[5] = sumOf(words, 2, 3);
  for (let position = 0; position < count; position++) {
    const entry = known(position);
    if (entry?.length === ENTRY_SIZE) octets.set(entry, placeOf(position));
  }
  replaceFile(dueIndexFile(stateDirectory), octets);
}

/**
 * Changes entries of the index in place; `durable`: they survive a power cut. Call under the lock. Throws as
 * {@link createDueIndex}.
 */
export function updateDueIndex(stateDirectory: string, entries: readonly DueEntry[], durable: boolean): void {
  if (entries.length === 0) return;
  writeInPlace(stateDirectory, durable, (write) => {
    // What the header said of all of them is so no longer.
    write(new Uint8Array(EARLIEST_SIZE), EARLIEST_AT);
    for (const { position, wakeAt, stamp } of entries) {
      const octets = new Uint8Array(ENTRY_SIZE);
      const { words, times } = numbersIn(octets);
      times[0] = wakeAt ?? Infinity;
      words.set(twoChecksums(stamp ?? ""), 2);
      seal(words, position);
      write(octets, placeOf(position));
    }
  });
}

/** Notes when the first one is due, as {@link nextWake} found it. Call under the lock. Throws as {@link createDueIndex}. */
export function noteEarliest(stateDirectory: string, wakeAt: Instant | null): void {
  const octets = new Uint8Array(EARLIEST_SIZE);
  const { words, times } = numbersIn(octets);
  times[0] = wakeAt ?? Infinity;
  words[2] = sumOf(words, 0, 2);
  writeInPlace(stateDirectory, false, (write) => {
    write(octets, EARLIEST_AT);
  });
}

/** Notes the time of a tick that has looked at all that was due. Call under the lock. Throws as {@link createDueIndex}. */
export function noteTime(stateDirectory: string, now: Instant): void {
  const octets = new Uint8Array(8);
  const { words } = numbersIn(octets);
  words[0] = Math.floor(now / 1000);
  words[1] = sumOf(words, 0, 1);
  writeInPlace(stateDirectory, false, (write) => {
    write(octets, TIME_AT);
  });
}

/**
 * Notes that all sources whose turn it was were looked at, if others have theirs another time. No lock is needed. Throws
 * as {@link createDueIndex}.
 */
export function endTurn(stateDirectory: string, { count, turn }: DueIndex, now: Instant): void {
  if (count <= SOURCES_AT_LEAST) return;
  const octets = new Uint8Array(16);
  const { words, times } = numbersIn(octets);
  times[0] = now;
  words[2] = turn(now).at(-1)?.to ?? 0;
  words[3] = sumOf(words, 0, 3);
  writeInPlace(stateDirectory, false, (write) => {
    write(octets, TURN_AT);
  });
}

type WriteAt = (octets: Uint8Array, place: number) => void;

function writeInPlace(stateDirectory: string, durable: boolean, work: (write: WriteAt) => void): void {
  const path = dueIndexFile(stateDirectory);
  try {
    const file = openSync(path, "r+");
    try {
      work((octets, place) => void writeSync(file, octets, 0, octets.length, place));
      if (durable) fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw writeFailure(path, cause);
  }
}

const TURN_AT = 24;
const TIME_AT = 40;
const EARLIEST_AT = 48;
const EARLIEST_SIZE = 16;

function placeOf(position: number): number {
  return HEADER_SIZE + position * ENTRY_SIZE;
}

/** The same octets as numbers, in the order of this machine's: the file is made anew where it is of no use. */
interface Numbers {
  readonly octets: Uint8Array;
  readonly words: Uint32Array;
  readonly times: Float64Array;
}

function numbersIn(given: Uint8Array): Numbers {
  const octets = given.byteOffset % 8 === 0 ? given : Uint8Array.from(given);
  const { buffer, byteOffset, length } = octets;
  return {
    octets,
    words: new Uint32Array(buffer, byteOffset, length / 4),
    times: new Float64Array(buffer, byteOffset, length / 8),
  };
}

/** The word at a place in the file. */
function wordAt(words: Uint32Array, place: number): number {
  return words[place / 4] ?? 0;
}

/** Entries from one position up to, not including, another. */
interface Entries extends Numbers {
  readonly from: number;
  readonly to: number;
}

function indexIn(header: Numbers, size: number, read: (place: number, length: number) => Numbers): DueIndex | null {
  const { words, times } = header;
  const count = wordAt(words, 16);
  const isOurs = words[0] === MAGIC && words[1] === FORMAT && words[5] === sumOf(words, 2, 3);
  if (!isOurs || size !== placeOf(count)) return null;
  const isTimed = wordAt(words, TIME_AT + 4) === sumOf(words, TIME_AT / 4, 1);
  const lastTime = isTimed ? wordAt(words, TIME_AT) * 1000 : 0;
  const isFirstKnown = wordAt(words, EARLIEST_AT + 8) === sumOf(words, EARLIEST_AT / 4, 2);
  const earliest = isFirstKnown ? (times[EARLIEST_AT / 8] ?? 0) : null;
  let known: Entries | null = null;
  const load = ({ from, to }: SourceTurn): Entries => {
    return (known = { from, to, ...read(placeOf(from), (to - from) * ENTRY_SIZE) });
  };
  const entriesWith = (position: number): Entries =>
    known !== null && position >= known.from && position < known.to ? known : load({ from: 0, to: count });
  return {
    id: [8, 12].map((place) => wordAt(words, place).toString(16).padStart(8, "0")).join(""),
    count,
    earliest,
    due: (now) => {
      const isSetBack = lastTime > now + JITTER_MS;
      if (earliest !== null && earliest > now && !isSetBack) return [];
      const found: number[] = [];
      const all = load({ from: 0, to: count });
      for (let position = 0; position < count; position++) {
        // No number is due too, as it would be if anything had written one.
        if (isSetBack || !(wakeAtIn(all, position) > now)) found.push(position);
      }
      return found;
    },
    wakeAt: (position) => {
      const milliseconds = wakeAtIn(entriesWith(position), position);
      return milliseconds === Infinity ? null : instant(milliseconds);
    },
    isUnchanged: (position, stamp) => {
      const [first, second] = twoChecksums(stamp);
      const entries = entriesWith(position);
      const place = placeIn(entries, position) + 8;
      return wordAt(entries.words, place) === first && wordAt(entries.words, place + 4) === second;
    },
    load,
    turn: (now) => turnOf(header, count, now),
    entry: (position, place) => {
      const entries = entriesWith(position);
      if (!isSound(entries, position)) return null;
      const taken = entries.octets.slice(placeIn(entries, position), placeIn(entries, position + 1));
      seal(numbersIn(taken).words, place);
      return taken;
    },
  };
}

function placeIn({ from }: Entries, position: number): number {
  return (position - from) * ENTRY_SIZE;
}

function isSound(entries: Entries, position: number): boolean {
  const { words } = entries;
  const at = placeIn(entries, position) / 4;
  return words[at + 4] === position && words[at + 5] === sumOf(words, at, 5);
}

/** Milliseconds; what is damaged has been due since 1970. */
function wakeAtIn(entries: Entries, position: number): number {
  return isSound(entries, position) ? (entries.times[placeIn(entries, position) / 8] ?? 0) : 0;
}

function turnOf({ words, times }: Numbers, count: number, now: Instant): readonly SourceTurn[] {
  const isKnown = wordAt(words, TURN_AT + 12) === sumOf(words, TURN_AT / 4, 3);
  const start = isKnown ? wordAt(words, TURN_AT + 8) % Math.max(1, count) : 0;
  const passed = isKnown ? Math.max(0, now - (times[TURN_AT / 8] ?? 0)) : ROUND_MS;
  const size = Math.min(count, Math.max(SOURCES_AT_LEAST, Math.ceil((count * passed) / ROUND_MS)));
  const end = start + size;
  if (end <= count) return [{ from: start, to: end }];
  return [
    { from: start, to: count },
    { from: 0, to: end - count },
  ];
}

/** An entry is good for one place. */
function seal(entry: Uint32Array, position: number): void {
  entry[4] = position;
  entry[5] = sumOf(entry, 0, 5);
}

/** Checksum of so many words; never that of zeros. */
function sumOf(words: Uint32Array, from: number, length: number): number {
  let sum = 0x9e3779b9;
  for (let at = from; at < from + length; at++) {
    sum = Math.imul(sum ^ (words[at] ?? 0), 0x85ebca6b);
    sum ^= sum >>> 15;
  }
  return sum >>> 0;
}
