/**
 * The catalogue: very many texts in one file, of which single ones are read without the others. The driver keeps the
 * decoded configuration in it, so that a tick with three of 100 000 certificates due reads three. It is derived from the
 * configuration, holds nothing that is not written there, and is only ever used while the stamps of the files it was
 * made from are what they were. Each part has a checksum: what is damaged is {@link CatalogueDamaged}, and made anew.
 *
 * ```
 * header      numbers: how many items, how long each section, checksums
 * identity    what it was made from and by; the reader compares it with what is there now
 * settings    what all items share
 * items       table of (offset, length, checksum), then the texts
 * watched     table of offsets, then for each item the paths whose change means a new certificate, by NUL
 * keys        sorted (hash, position): which items may bear a key; the reader makes sure by looking at them
 * ```
 */
import { closeSync, fstatSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readFailure, replaceFile, systemCode, writeFailure } from "./atomic-file.ts";
import { checksum, textChecksum } from "./checksum.ts";

const MAGIC = 0x44574341;
const FORMAT = 1;
const HEADER_SIZE = 80;
const ITEM_SIZE = 16;
const WATCHED_SIZE = 8;
const KEY_SIZE = 8;

/** One text, the paths to watch for it, and the keys under which it is to be found. */
export interface CatalogueItem {
  readonly text: string;
  readonly watched: readonly string[];
  readonly keys: readonly string[];
}

/** An open catalogue. Every function throws {@link CatalogueDamaged} when what it reads is not what was written. */
export interface Catalogue {
  /** Tells its content from any other. */
  readonly id: string;
  readonly identity: string;
  readonly settings: string;
  readonly count: number;
  readonly text: (position: number) => string;
  /** The paths to watch for the items from one position up to, not including, another. */
  readonly watched: (from: number, to: number) => readonly (readonly string[])[];
  /** Positions of items that may bear a key, in order: all that do, and now and then one that does not. */
  readonly lookUp: (key: string) => readonly number[];
  /** The whole content. */
  readonly octets: () => Uint8Array;
  readonly close: () => void;
}

/** The file is not as it was written; the cure is to make it anew. */
export class CatalogueDamaged extends Error {
  override readonly name = "CatalogueDamaged";
}

export function catalogueFile(stateDirectory: string): string {
  return join(stateDirectory, "configuration.cache");
}

/** Replaces the catalogue, durably. Throws DISK_FULL, PERMISSION_DENIED or STATE_UNWRITABLE. */
export function writeCatalogue(stateDirectory: string, catalogue: Catalogue): void {
  replaceFile(catalogueFile(stateDirectory), catalogue.octets());
}

/** Removes it; no harm where there is none. Throws as {@link writeCatalogue}. */
export function removeCatalogue(stateDirectory: string): void {
  const path = catalogueFile(stateDirectory);
  try {
    rmSync(path, { force: true });
  } catch (cause) {
    throw writeFailure(path, cause);
  }
}

/** The catalogue of the state directory; null: none, or a damaged one. Throws PERMISSION_DENIED or FILE_UNREADABLE. */
export function openCatalogue(stateDirectory: string): Catalogue | null {
  const path = catalogueFile(stateDirectory);
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw readFailure(path, cause);
  }
  const read = (from: number, length: number): Uint8Array => {
    const octets = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      const got = readSync(file, octets, at, length - at, from + at);
      if (got === 0) throw new CatalogueDamaged(`${path} ends early`);
      at += got;
    }
    return octets;
  };
  try {
    const { size } = fstatSync(file);
    return readerOf(read, size, () => {
      closeSync(file);
    });
  } catch (cause) {
    closeSync(file);
    if (cause instanceof CatalogueDamaged) return null;
    throw readFailure(path, cause);
  }
}

/** A catalogue in memory, made of these parts; {@link writeCatalogue} puts it on disk. */
export function createCatalogue(identity: string, settings: string, items: Iterable<CatalogueItem>): Catalogue {
  const octets = encode(identity, settings, items);
  const read = (from: number, length: number): Uint8Array => octets.subarray(from, from + length);
  return readerOf(read, octets.length, () => undefined);
}

// ---- writing ------------------------------------------------------------------------------------------------------

interface Sections {
  readonly count: number;
  readonly identity: number;
  readonly settings: number;
  readonly texts: number;
  readonly watched: number;
  readonly keys: number;
}

/** Where each section begins. */
function layout({
  count,
  identity,
  settings,
  texts,
  watched,
  keys,
}: Sections): Readonly<Record<"settings" | "items" | "texts" | "watchedTable" | "watched" | "keys" | "end", number>> {
  const settingsAt = HEADER_SIZE + identity;
  const items = settingsAt + settings;
  const textsAt = items + count * ITEM_SIZE;
  const watchedTable = textsAt + texts;
  const watchedAt = watchedTable + (count + 1) * WATCHED_SIZE;
  const keysAt = watchedAt + watched;
  return {
    settings: settingsAt,
    items,
    texts: textsAt,
    watchedTable,
    watched: watchedAt,
    keys: keysAt,
    end: keysAt + keys * KEY_SIZE,
  };
}

function encode(identity: string, settings: string, items: Iterable<CatalogueItem>): Uint8Array {
  const encoder = new TextEncoder();
  const texts: Uint8Array[] = [];
  const watched: Uint8Array[] = [];
  const keys: (readonly [hash: number, position: number])[] = [];
  for (const item of items) {
    for (const key of new Set(item.keys)) keys.push([textChecksum(key), texts.length]);
    texts.push(encoder.encode(item.text));
    watched.push(encoder.encode(item.watched.join("\0")));
  }
  keys.sort((left, right) => left[0] - right[0] || left[1] - right[1]);
  const [head, shared] = [encoder.encode(identity), encoder.encode(settings)];
  const sections: Sections = {
    count: texts.length,
    identity: head.length,
    settings: shared.length,
    texts: lengthOf(texts),
    watched: lengthOf(watched),
    keys: keys.length,
  };
  const places = layout(sections);
  const octets = new Uint8Array(places.end);
  const view = new DataView(octets.buffer);
  octets.set(head, HEADER_SIZE);
  octets.set(shared, places.settings);
  let offset = 0;
  for (const [position, text] of texts.entries()) {
    const at = places.items + position * ITEM_SIZE;
    octets.set(text, places.texts + offset);
    view.setFloat64(at, offset);
    view.setUint32(at + 8, text.length);
    view.setUint32(at + 12, checksum(text));
    offset += text.length;
  }
  offset = 0;
  for (const [position, paths] of watched.entries()) {
    octets.set(paths, places.watched + offset);
    offset += paths.length;
    view.setFloat64(places.watchedTable + (position + 1) * WATCHED_SIZE, offset);
  }
  for (const [position, [hash, item]] of keys.entries()) {
    view.setUint32(places.keys + position * KEY_SIZE, hash);
    view.setUint32(places.keys + position * KEY_SIZE + 4, item);
  }
  writeHeader(view, sections, octets);
  return octets;
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((total, part) => total + part.length, 0);
}

const AT = {
  magic: 0,
  format: 4,
  id: 8,
  count: 16,
  identity: 20,
  settings: 24,
  keys: 28,
  texts: 32,
  watched: 40,
  head: 48,
  keySum: 56,
  sum: 60,
} as const;

function writeHeader(view: DataView, sections: Sections, octets: Uint8Array): void {
  const places = layout(sections);
  const head = octets.subarray(HEADER_SIZE, places.items);
  // The table has the checksum of each text: whatever differs between two catalogues differs in one of these two.
  const table = octets.subarray(places.items, places.texts);
  view.setUint32(AT.magic, MAGIC);
  view.setUint32(AT.format, FORMAT);
  for (const [at, seed] of [0x811c9dc5, 0x2a5f13c7].entries()) {
    view.setUint32(AT.id + at * 4, checksum(table, checksum(head, seed)));
  }
  view.setUint32(AT.count, sections.count);
  view.setUint32(AT.identity, sections.identity);
  view.setUint32(AT.settings, sections.settings);
  view.setUint32(AT.keys, sections.keys);
  view.setFloat64(AT.texts, sections.texts);
  view.setFloat64(AT.watched, sections.watched);
  view.setUint32(AT.head, checksum(head));
  view.setUint32(AT.keySum, checksum(octets.subarray(places.keys)));
  view.setUint32(AT.sum, checksum(octets.subarray(0, AT.sum)));
}

// ---- reading ------------------------------------------------------------------------------------------------------

type Read = (from: number, length: number) => Uint8Array;

function readerOf(read: Read, size: number, close: () => void): Catalogue {
  const { sections, id, headSum, keySum } = readHeader(read, size);
  const places = layout(sections);
  const { count } = sections;
  if (places.end !== size) throw new CatalogueDamaged("the catalogue has another length than it says");
  const head = read(HEADER_SIZE, places.items - HEADER_SIZE);
  if (checksum(head) !== headSum) throw new CatalogueDamaged("the head of the catalogue is damaged");
  const decoder = new TextDecoder();
  let keyTable: DataView | null = null;
  const keys = (): DataView => {
    if (keyTable !== null) return keyTable;
    const octets = read(places.keys, sections.keys * KEY_SIZE);
    if (checksum(octets) !== keySum) throw new CatalogueDamaged("the keys of the catalogue are damaged");
    return (keyTable = viewOf(octets));
  };
  const text = (position: number): string => {
    const entry = viewOf(read(places.items + position * ITEM_SIZE, ITEM_SIZE));
    const [offset, length] = [entry.getFloat64(0), entry.getUint32(8)];
    if (!isWithin(offset, length, sections.texts)) throw new CatalogueDamaged("an item lies outside the catalogue");
    const octets = read(places.texts + offset, length);
    if (checksum(octets) !== entry.getUint32(12)) throw new CatalogueDamaged("an item of the catalogue is damaged");
    return decoder.decode(octets);
  };
  const watched = (from: number, to: number): readonly (readonly string[])[] => {
    const table = viewOf(read(places.watchedTable + from * WATCHED_SIZE, (to - from + 1) * WATCHED_SIZE));
    const offsets = Array.from({ length: to - from + 1 }, (_, at) => table.getFloat64(at * WATCHED_SIZE));
    const [start = 0, end = 0] = [offsets[0], offsets.at(-1)];
    if (!isWithin(start, end - start, sections.watched)) throw new CatalogueDamaged("paths lie outside the catalogue");
    const octets = read(places.watched + start, end - start);
    return offsets.slice(1).map((after, at) => {
      const paths = decoder.decode(octets.subarray((offsets[at] ?? 0) - start, after - start));
      return paths === "" ? [] : paths.split("\0");
    });
  };
  return {
    id,
    identity: decoder.decode(head.subarray(0, sections.identity)),
    settings: decoder.decode(head.subarray(sections.identity)),
    count,
    text,
    watched,
    lookUp: (key) => positionsOf(keys(), textChecksum(key)).filter((position) => position < count),
    octets: () => read(0, size),
    close,
  };
}

function readHeader(
  read: Read,
  size: number,
): { readonly sections: Sections; readonly id: string; readonly headSum: number; readonly keySum: number } {
  if (size < HEADER_SIZE) throw new CatalogueDamaged("the catalogue has no header");
  const octets = read(0, HEADER_SIZE);
  const view = viewOf(octets);
  const isOurs = view.getUint32(AT.magic) === MAGIC && view.getUint32(AT.format) === FORMAT;
  if (!isOurs || view.getUint32(AT.sum) !== checksum(octets.subarray(0, AT.sum))) {
    throw new CatalogueDamaged("the header of the catalogue is damaged");
  }
  return {
    sections: {
      count: view.getUint32(AT.count),
      identity: view.getUint32(AT.identity),
      settings: view.getUint32(AT.settings),
      texts: view.getFloat64(AT.texts),
      watched: view.getFloat64(AT.watched),
      keys: view.getUint32(AT.keys),
    },
    id: [0, 4]
      .map((at) =>
        view
          .getUint32(AT.id + at)
          .toString(16)
          .padStart(8, "0"),
      )
      .join(""),
    headSum: view.getUint32(AT.head),
    keySum: view.getUint32(AT.keySum),
  };
}

function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}

function isWithin(offset: number, length: number, size: number): boolean {
  return Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= size;
}

/** All positions with this hash in a table sorted by hash. */
function positionsOf(table: DataView, hash: number): readonly number[] {
  const count = table.byteLength / KEY_SIZE;
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (table.getUint32(middle * KEY_SIZE) < hash) low = middle + 1;
    else high = middle;
  }
  const found: number[] = [];
  for (let at = low; at < count && table.getUint32(at * KEY_SIZE) === hash; at++) {
    found.push(table.getUint32(at * KEY_SIZE + 4));
  }
  return found;
}
