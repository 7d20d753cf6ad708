/** Shapes that the configuration files of several programs share. Pure; takes any text. */

/** `key = value` lines as an INI file has them; a section changes the prefix of its keys to `section.`. First one wins. */
export function iniValues(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let section = "";
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    if (line === "" || /^[#;]/.test(line)) continue;
    const header = /^\[+\s*([^\]]*?)\s*\]+$/.exec(line);
    if (header !== null) {
      section = `${header[1] ?? ""}.`;
      continue;
    }
    const at = line.indexOf("=");
    if (at < 1) continue;
    const key = `${section}${line.slice(0, at).trim()}`;
    if (!values.has(key)) values.set(key, unquote(line.slice(at + 1).trim()));
  }
  return values;
}

/** Assignments of a shell file that say what they mean by themselves: `NAME=value`, quoted or not. The last one wins. */
export function shellValues(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const raw of text.split(/\r?\n/)) {
    const parts = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(raw);
    const [, key, value] = parts ?? [];
    if (key === undefined || value === undefined) continue;
    const own = unquote(value.replace(/\s+#.*$/, "").trim());
    values.set(
      key,
      own.replace(/\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)/g, (whole, braced?: string, bare?: string) => {
        return values.get(braced ?? bare ?? "") ?? whole;
      }),
    );
  }
  return values;
}

/** What stands between a pair of quotes; other text as it is. */
export function unquote(text: string): string {
  const isQuoted = /^"[^"]*"$|^'[^']*'$/.test(text);
  return isQuoted ? text.slice(1, -1) : text;
}

/** A word with the line it stands on, from 1. */
export interface PlacedWord {
  readonly word: string;
  readonly line: number;
}

/** Words, quoted strings and `{ } ;` as nginx reads them; comments are left out. */
export function bracedWords(text: string): readonly PlacedWord[] {
  const words: PlacedWord[] = [];
  const pattern =
    /(\n)|[ \t\r\f\v]+|#[^\n]*|"((?:\\[\s\S]|[^"\\])*)"|'((?:\\[\s\S]|[^'\\])*)'|([{};])|([^\s{};"']+)|["']/g;
  let line = 1;
  for (const found of text.matchAll(pattern)) {
    const [word] = found.slice(2).filter(isThere);
    if (word !== undefined) words.push({ word, line });
    line += found[0].split("\n").length - 1;
  }
  return words;
}

/** `*` and `?` of a shell pattern within one folder's names. */
export function matchesGlob(pattern: string, name: string): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]");
  return (!name.startsWith(".") || pattern.startsWith(".")) && new RegExp(`^${expression}$`).test(name);
}

/** Groups of a pattern that took no part in the match are not there, whatever the type says. */
function isThere(group: string | undefined): group is string {
  return group !== undefined;
}
