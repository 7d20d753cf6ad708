/**
 * Reading a closed JSON format by hand: every key is asked for by name and type, and whatever is missing, of another
 * type, or left over is noted with its JSON path. Nothing throws: a reader hands out a stand-in of the right type and
 * notes the fault, and the caller throws all stand-ins away when there is any fault.
 */
import { instant, seconds } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";

/** Faults found so far, each `$.path: what is wrong`. */
export type FaultList = string[];

/** One JSON value at a path, not yet judged. */
export interface JsonPlace {
  readonly value: unknown;
  readonly path: string;
  readonly faults: FaultList;
}

/** An object whose keys are all known. */
export interface JsonFields {
  readonly path: string;
  readonly at: (key: string) => JsonPlace;
}

function note(place: JsonPlace, expected: string): void {
  place.faults.push(`${place.path}: expected ${expected}, found ${describe(place.value)}`);
}

/** An object with exactly these keys. */
export function readObject(place: JsonPlace, keys: readonly string[]): JsonFields {
  const found = new Map<string, unknown>(isObject(place.value) ? Object.entries(place.value) : []);
  if (isObject(place.value)) {
    for (const key of keys) if (!found.has(key)) place.faults.push(`${place.path}: the key "${key}" is missing`);
    for (const key of found.keys()) {
      if (!keys.includes(key)) place.faults.push(`${place.path}: unknown key ${JSON.stringify(key)}`);
    }
  } else {
    note(place, "an object");
  }
  return {
    path: place.path,
    at: (key) => ({ value: found.get(key), path: `${place.path}.${key}`, faults: found.has(key) ? place.faults : [] }),
  };
}

/** The value of one key without asking about the others: what tells the variants of a union apart. */
export function peek(place: JsonPlace, key: string): JsonPlace {
  const entries = new Map<string, unknown>(isObject(place.value) ? Object.entries(place.value) : []);
  const value = entries.get(key);
  return { value, path: `${place.path}.${key}`, faults: place.faults };
}

export function readList<T>(place: JsonPlace, read: (item: JsonPlace) => T): readonly T[] {
  if (!Array.isArray(place.value)) {
    note(place, "a list");
    return [];
  }
  const items: readonly unknown[] = place.value;
  return items.map((value, index) => read({ value, path: `${place.path}[${String(index)}]`, faults: place.faults }));
}

export function readNullable<T>(place: JsonPlace, read: (place: JsonPlace) => T): T | null {
  return place.value === null ? null : read(place);
}

export function readText(place: JsonPlace): string {
  if (typeof place.value === "string") return place.value;
  note(place, "a text");
  return "";
}

/** A text that `accept` turns into something; null from it means that the text is not allowed. */
export function readAs<T>(place: JsonPlace, expected: string, accept: (text: string) => T | null, standIn: T): T {
  const accepted = typeof place.value === "string" ? accept(place.value) : null;
  if (accepted !== null) return accepted;
  note(place, expected);
  return standIn;
}

export function readFlag(place: JsonPlace): boolean {
  if (typeof place.value === "boolean") return place.value;
  note(place, "true or false");
  return false;
}

/** A whole number, zero or more. */
export function readCount(place: JsonPlace): number {
  const { value } = place;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  note(place, "a whole number");
  return 0;
}

export function readSeconds(place: JsonPlace): Seconds {
  return seconds(readCount(place));
}

export function readInstant(place: JsonPlace): Instant {
  return readAs(place, "a time such as 2026-11-22T13:10:00.000Z", parseInstantStrictly, instant(0));
}

/** The one form in which instants are stored; null for any other. */
function parseInstantStrictly(text: string): Instant | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text)) return null;
  const milliseconds = Date.parse(text);
  // Date.parse takes 31 June for 1 July: only a text that comes out the same is a time.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString() !== text) return null;
  return instant(milliseconds);
}

export function readOneOf<const T extends string>(place: JsonPlace, allowed: readonly [T, ...T[]]): T {
  const found = allowed.find((word) => word === place.value);
  if (found !== undefined) return found;
  note(place, `one of ${allowed.join(", ")}`);
  return allowed[0];
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (isObject(value)) return "an object";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
