/** Tables of one or several TOML files, read key by key; what is wrong with them is collected, never thrown. */
import { fault } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import { formatPath, pathKey } from "./locate.ts";
import type { KeyPath } from "./locate.ts";
import { suggestion } from "./nearest.ts";
import { hintForUnknownKey } from "./other-names.ts";
import { formatPlace } from "./problem.ts";
import type { Place, Problem } from "./problem.ts";
import type { TomlDocument } from "./toml.ts";

/** One value of a file, not yet judged. */
export interface Item {
  readonly value: unknown;
  readonly path: KeyPath;
  readonly document: TomlDocument;
}

export type Table = ReadonlyMap<string, Item>;

/** Takes what decoders find; shared by one whole reading. */
export type Problems = Problem[];

/** A decoder returns null after it has noted at least one fault. */
export type Decode<T> = (item: Item, problems: Problems) => T | null;

export function placeOf(item: Item): Place {
  const { document, path } = item;
  // A key whose spelling the locator could not follow is placed at the table it stands in.
  for (let length = path.length; length > 0; length--) {
    const position = document.positions.get(pathKey(path.slice(0, length)));
    if (position !== undefined) return { file: document.file, ...position };
  }
  return { file: document.file, line: 1, column: 1 };
}

/** Notes a fault and returns null, the value of what could not be read. */
export function refuse(problems: Problems, item: Item, message: string, hint?: string): null {
  return refuseAs("CONFIG_INVALID", problems, item, message, hint);
}

export function refuseAs(code: FaultCode, problems: Problems, item: Item, message: string, hint?: string): null {
  const text = `${formatPath(item.path)}: ${message}`;
  problems.push({ ...fault(code, text, hint), severity: "fault", place: placeOf(item) });
  return null;
}

export function warn(problems: Problems, item: Item, message: string, hint?: string): void {
  const text = `${formatPath(item.path)}: ${message}`;
  problems.push({ ...fault("CONFIG_ADVICE", text, hint), severity: "warning", place: placeOf(item) });
}

/** What kind of value it is, in TOML's words. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (value instanceof Date) return "a date";
  if (typeof value === "object") return "a table";
  if (typeof value === "string") return "a string";
  return typeof value === "boolean" ? "true or false" : "a number";
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The keys of a table. */
export const readTable: Decode<Table> = (item, problems) => {
  if (!isTable(item.value)) return refuse(problems, item, `must be a table, not ${kindOf(item.value)}`);
  const { document, path } = item;
  return new Map(Object.entries(item.value).map(([key, value]) => [key, { value, path: [...path, key], document }]));
};

/** Several tables as one. A key in two of them is a fault, named at the second with the place of the first. */
export function mergeTables(tables: readonly Table[], problems: Problems): Table {
  const merged = new Map<string, Item>();
  for (const table of tables) {
    for (const [key, item] of table) {
      const earlier = merged.get(key);
      if (earlier === undefined) merged.set(key, item);
      else refuse(problems, item, `set a second time; the first is at ${formatPlace(placeOf(earlier))}`);
    }
  }
  return merged;
}

/** Notes every key that is not known, with what it is called, where it belongs, or the nearest that is known. */
export function refuseUnknownKeys(table: Table, known: readonly string[], problems: Problems): void {
  for (const [key, item] of table) {
    if (known.includes(key)) continue;
    const meant = hintForUnknownKey(key, known);
    const near = meant === null ? suggestion(key, known) : "";
    const hint = meant ?? (near === "" ? `known keys here: ${known.join(", ")}` : undefined);
    refuseAs("CONFIG_UNKNOWN_KEY", problems, item, `unknown key${near}`, hint);
  }
}

/** The value of an optional key: `fallback` when absent; also when faulty, which is noted. */
export function optional<T, D>(table: Table, key: string, decode: Decode<T>, fallback: D, problems: Problems): T | D {
  const item = table.get(key);
  return item === undefined ? fallback : (decode(item, problems) ?? fallback);
}

/** The value of a key that must be there; null when absent or faulty, which is noted at `owner`. */
export function required<T>(owner: Item, table: Table, key: string, decode: Decode<T>, problems: Problems): T | null {
  const item = table.get(key);
  if (item === undefined) return refuse(problems, owner, `"${key}" is missing`, `add ${key} = …`);
  return decode(item, problems);
}

/** An array whose elements all decode. */
export function listOf<T>(decode: Decode<T>): Decode<readonly T[]> {
  return (item, problems) => {
    if (!Array.isArray(item.value)) return refuse(problems, item, `must be an array, not ${kindOf(item.value)}`);
    const values: readonly unknown[] = item.value;
    const decoded: T[] = [];
    values.forEach((value, index) => {
      const one = decode({ value, path: [...item.path, index], document: item.document }, problems);
      if (one !== null) decoded.push(one);
    });
    return decoded.length === values.length ? decoded : null;
  };
}
