/**
 * Where in a TOML text each key stands. The TOML library gives values without positions; this walks the same text once
 * more, following only its structure (headers, keys, brackets, strings, comments). It is run on texts that the library
 * accepted, but holds on any: every turn moves forward or ends, and what it does not understand gets no position.
 */

interface Position {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

export type KeyPath = readonly (string | number)[];

/** Positions by {@link pathKey}: of a key, or of an element for an index. */
export type Positions = ReadonlyMap<string, Position>;

export function pathKey(path: KeyPath): string {
  return JSON.stringify(path);
}

/** `certificate.mx.services[1]`, quoting what TOML would quote. */
export function formatPath(path: KeyPath): string {
  return path
    .map((part, index) => {
      if (typeof part === "number") return `[${String(part)}]`;
      return (index === 0 ? "" : ".") + (/^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part));
    })
    .join("");
}

interface Scanner {
  readonly text: string;
  at: number;
  readonly lineStarts: readonly number[];
  readonly found: Map<string, Position>;
  /** Number of elements so far of each array of tables. */
  readonly arrays: Map<string, number>;
}

/** The position of every key and array element of a TOML text. */
export function locateKeys(text: string): Positions {
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  const scanner: Scanner = { text, at: 0, lineStarts, found: new Map(), arrays: new Map() };
  let table: KeyPath = [];
  for (;;) {
    skipBlank(scanner, true);
    if (scanner.at >= text.length) return scanner.found;
    const before = scanner.at;
    if (text[scanner.at] === "[") table = readHeader(scanner);
    else readPair(scanner, table);
    if (scanner.at === before) scanner.at++;
  }
}

function mark(scanner: Scanner, path: KeyPath, at: number): void {
  const key = pathKey(path);
  if (scanner.found.has(key)) return;
  let low = 0;
  let high = scanner.lineStarts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((scanner.lineStarts[middle] ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  scanner.found.set(key, { line: low + 1, column: at - (scanner.lineStarts[low] ?? 0) + 1 });
}

/** `[a.b]` or `[[a.b]]`; returns the path of the table that follows. */
function readHeader(scanner: Scanner): KeyPath {
  const isArray = scanner.text.startsWith("[[", scanner.at);
  scanner.at += isArray ? 2 : 1;
  const parts = readDottedKey(scanner);
  const path: (string | number)[] = [];
  parts.forEach(({ word, at }, index) => {
    path.push(word);
    mark(scanner, path, at);
    const key = pathKey(path);
    const count = scanner.arrays.get(key);
    if (isArray && index === parts.length - 1) {
      scanner.arrays.set(key, (count ?? 0) + 1);
      path.push(count ?? 0);
      mark(scanner, path, at);
    } else if (count !== undefined) {
      path.push(count - 1);
    }
  });
  if (scanner.text.startsWith(isArray ? "]]" : "]", scanner.at)) scanner.at += isArray ? 2 : 1;
  return path;
}

function readPair(scanner: Scanner, table: KeyPath): void {
  let path = table;
  for (const { word, at } of readDottedKey(scanner)) {
    path = [...path, word];
    mark(scanner, path, at);
  }
  if (scanner.text[scanner.at] !== "=") return;
  scanner.at++;
  readValue(scanner, path);
}

function readDottedKey(scanner: Scanner): readonly { readonly word: string; readonly at: number }[] {
  const parts: { word: string; at: number }[] = [];
  for (;;) {
    skipBlank(scanner, false);
    const at = scanner.at;
    const quote = scanner.text[at];
    if (quote === '"' || quote === "'") {
      parts.push({ word: readString(scanner), at });
    } else {
      const bare = /[A-Za-z0-9_-]*/y;
      bare.lastIndex = at;
      const word = bare.exec(scanner.text)?.[0] ?? "";
      if (word === "") return parts;
      scanner.at += word.length;
      parts.push({ word, at });
    }
    skipBlank(scanner, false);
    if (scanner.text[scanner.at] !== ".") return parts;
    scanner.at++;
  }
}

function readValue(scanner: Scanner, path: KeyPath): void {
  skipBlank(scanner, false);
  const first = scanner.text[scanner.at];
  if (first === '"' || first === "'") {
    readString(scanner);
  } else if (first === "[") {
    readItems(scanner, "]", (index) => {
      mark(scanner, [...path, index], scanner.at);
      readValue(scanner, [...path, index]);
    });
  } else if (first === "{") {
    readItems(scanner, "}", () => {
      readPair(scanner, path);
    });
  } else {
    const bare = /[^,\]}#\n]*/y;
    bare.lastIndex = scanner.at;
    scanner.at += bare.exec(scanner.text)?.[0].length ?? 0;
  }
}

/** What stands between an opening bracket and `close`, separated by commas. */
function readItems(scanner: Scanner, close: string, readItem: (index: number) => void): void {
  scanner.at++;
  for (let index = 0; ; index++) {
    skipBlank(scanner, true);
    if (scanner.at >= scanner.text.length) return;
    if (scanner.text[scanner.at] === close) {
      scanner.at++;
      return;
    }
    const before = scanner.at;
    readItem(index);
    skipBlank(scanner, true);
    if (scanner.text[scanner.at] === ",") scanner.at++;
    else if (scanner.at === before) scanner.at++;
  }
}

/** The content of a string of any of the four kinds, escapes undone as far as keys need it. */
function readString(scanner: Scanner): string {
  const quote = scanner.text[scanner.at] ?? "";
  const long = quote.repeat(3);
  const fence = scanner.text.startsWith(long, scanner.at) ? long : quote;
  const start = scanner.at + fence.length;
  let at = start;
  while (at < scanner.text.length && !scanner.text.startsWith(fence, at)) {
    at += quote === '"' && scanner.text[at] === "\\" ? 2 : 1;
  }
  // Up to two quotes may stand right before the closing three.
  while (fence.length === 3 && scanner.text[at + 3] === quote) at++;
  scanner.at = Math.min(scanner.text.length, at + fence.length);
  const content = scanner.text.slice(start, at);
  return quote === "'" ? content : unescape(content);
}

function unescape(content: string): string {
  try {
    const parsed: unknown = JSON.parse(`"${content}"`);
    return typeof parsed === "string" ? parsed : content;
  } catch {
    // An escape that JSON does not know (\e, \U): the key gets no position, its value is still read by the library.
    return content;
  }
}

function skipBlank(scanner: Scanner, lines: boolean): void {
  const blank = lines ? /(?:[ \t\r\n]|#[^\n]*)*/y : /[ \t]*/y;
  blank.lastIndex = scanner.at;
  scanner.at += blank.exec(scanner.text)?.[0].length ?? 0;
}
