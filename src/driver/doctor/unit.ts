/**
 * systemd units as systemd puts them together: the unit's file from the first folder that has one, then every drop-in of
 * every folder in the order of their names, of one name only the first (systemd.unit(5)). What the sandbox of a unit lets
 * its processes see and write is made out of that (systemd.exec(5)), as far as paths and capabilities go.
 *
 * Not done: templates, RootDirectory= and its kin, and units that generators make.
 */
import path from "node:path";
import type { Tree } from "../setup/tree.ts";

/** In systemd's order of precedence. */
const UNIT_FOLDERS = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
] as const;

/** One assignment of a unit's file. */
export interface Setting {
  readonly section: string;
  readonly key: string;
  readonly value: string;
}

/** A unit with its drop-ins. */
export interface Unit {
  readonly name: string;
  readonly file: string;
  /** In the order in which they take effect. */
  readonly dropIns: readonly string[];
  /** All assignments, in the order in which they take effect. */
  readonly settings: readonly Setting[];
}

/** Where the file of a masked unit leads. */
export const MASK = "/dev/null";

/** The file of a unit; {@link MASK}: it leads there; null: there is none. */
export function unitFile(tree: Tree, name: string): string | null {
  for (const folder of UNIT_FOLDERS) {
    const file = `${folder}/${name}`;
    if (tree.real(file) === MASK) return MASK;
    if (tree.has(file)) return file;
  }
  return null;
}

/** A unit as systemd would read it. Null: there is none, or it is masked. */
export function readUnit(tree: Tree, name: string): Unit | null {
  const file = unitFile(tree, name);
  const text = file === null || file === MASK ? null : tree.text(file);
  if (file === null || text === null) return null;
  const dropIns = dropInsOf(tree, name);
  const texts = [text, ...dropIns.map((one) => tree.text(one) ?? "")];
  return { name, file, dropIns, settings: texts.flatMap(parseUnit) };
}

/** `daneward-run.service` also takes those of `daneward-.service.d`, and every service those of `service.d`. */
function dropInsOf(tree: Tree, name: string): readonly string[] {
  const suffix = path.posix.extname(name);
  const labels = name.slice(0, -suffix.length).split("-");
  const stems = labels.slice(0, -1).map((_label, at) => `${labels.slice(0, at + 1).join("-")}-${suffix}`);
  const folders = [name, ...stems.reverse(), suffix.slice(1)].map((one) => `${one}.d`);
  const found = new Map<string, string>();
  for (const folder of folders.flatMap((one) => UNIT_FOLDERS.map((place) => `${place}/${one}`))) {
    for (const file of tree.names(folder)) {
      if (file.endsWith(".conf") && !found.has(file)) found.set(file, `${folder}/${file}`);
    }
  }
  return [...found.keys()].sort().flatMap((file) => {
    const where = found.get(file) ?? "";
    return tree.real(where) === MASK ? [] : [where];
  });
}

/** The assignments of one file: a backslash at the end goes on with the next line, comments in between are left out. */
export function parseUnit(text: string): readonly Setting[] {
  const settings: Setting[] = [];
  let section = "";
  let open = "";
  for (const raw of text.split(/\r?\n/)) {
    if (/^\s*[#;]/.test(raw)) continue;
    if (raw.endsWith("\\")) {
      open += `${raw.slice(0, -1)} `;
      continue;
    }
    const line = (open + raw).trim();
    open = "";
    const [, header] = /^\[(.*)\]$/.exec(line) ?? [];
    if (header !== undefined) section = header;
    const at = line.indexOf("=");
    if (header !== undefined || at < 1) continue;
    settings.push({ section, key: line.slice(0, at).trim(), value: line.slice(at + 1).trim() });
  }
  return settings;
}

/** The last value of a key of [Service]; null: it is not set, or was reset. */
export function lastOf({ settings }: Pick<Unit, "settings">, key: string): string | null {
  const value = settings.findLast((one) => one.section === "Service" && one.key === key)?.value ?? "";
  return value === "" ? null : value;
}

/** The words of every assignment to a list of [Service]; an empty one forgets those before it. */
export function wordsOf({ settings }: Pick<Unit, "settings">, ...keys: readonly string[]): readonly string[] {
  let words: readonly string[] = [];
  for (const { section, key, value } of settings) {
    if (section === "Service" && keys.includes(key)) words = value === "" ? [] : [...words, ...splitWords(value)];
  }
  return words;
}

function splitWords(value: string): readonly string[] {
  return [...value.matchAll(/"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|(\S+)/g)].map((found) => {
    const [word = ""] = found.slice(1).filter((one: string | undefined) => one !== undefined);
    return specified(word.replace(/\\(.)/g, "$1"));
  });
}

/** Specifiers that stand for the same folder in every unit of the system manager. */
const SPECIFIERS: Readonly<Record<string, string>> = {
  "%S": "/var/lib",
  "%C": "/var/cache",
  "%L": "/var/log",
  "%t": "/run",
  "%E": "/etc",
  "%T": "/tmp",
  "%V": "/var/tmp",
  "%h": "/root",
  "%%": "%",
};

function specified(word: string): string {
  return word.replace(/%./g, (one) => SPECIFIERS[one] ?? one);
}

/** What a process of the unit may do with a path. `private`: it sees an empty folder of its own there. */
export type Access = "writable" | "read-only" | "hidden" | "private";

/** The sandbox of a unit, as far as paths and capabilities go. */
export interface Sandbox {
  readonly access: (file: string) => Access;
  readonly has: (capability: string) => boolean;
  /** Folders that must be there before the unit can start. */
  readonly required: readonly string[];
}

interface Rule {
  readonly at: string;
  readonly access: Access;
}

/** The most restrictive first: so are two rules for one path settled. */
const ORDER: readonly Access[] = ["hidden", "private", "read-only", "writable"];

/** `real`: a path without links, which systemd follows before it mounts anything. */
export function sandboxOf(unit: Pick<Unit, "settings">, real: (file: string) => string): Sandbox {
  const listed = (access: Access, ...keys: readonly string[]): readonly Rule[] =>
    wordsOf(unit, ...keys).map((word) => ({ at: real(plain(word)), access }));
  const rules = [
    ...protection(unit),
    ...listed("writable", "ReadWritePaths", "ReadWriteDirectories"),
    ...listed("read-only", "ReadOnlyPaths", "ReadOnlyDirectories"),
    ...listed("hidden", "InaccessiblePaths", "InaccessibleDirectories"),
    ...wordsOf(unit, "TemporaryFileSystem").map((word): Rule => ({
      at: word.split(":")[0] ?? word,
      access: "private",
    })),
    ...ownFolders(unit),
  ];
  return {
    access: (file) => accessBy(rules, file),
    has: capabilitiesOf(unit),
    required: ["ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths"].flatMap((key) =>
      wordsOf(unit, key)
        .filter((word) => !/^\+?-/.test(word))
        .map(plain),
    ),
  };
}

/** Without the marks for "may be missing" and "below RootDirectory". */
function plain(word: string): string {
  const file = word.replace(/^[-+]+/, "").replace(/\/+$/, "");
  return file === "" ? "/" : file;
}

function isOn(value: string | null): boolean {
  return value !== null && /^(?:yes|true|on|1)$/i.test(value);
}

function protection(unit: Pick<Unit, "settings">): readonly Rule[] {
  const system = lastOf(unit, "ProtectSystem");
  const home = lastOf(unit, "ProtectHome");
  const temporary = lastOf(unit, "PrivateTmp");
  const rule =
    (access: Access) =>
    (at: string): Rule => ({ at, access });
  const homes = ["/home", "/root", "/run/user"];
  const programs = ["/usr", "/boot", "/efi"];
  return [
    ...(system === "strict" ? [rule("read-only")("/"), ...["/dev", "/proc", "/sys"].map(rule("writable"))] : []),
    ...(system === "full" ? [...programs, "/etc"].map(rule("read-only")) : []),
    ...(isOn(system) ? programs.map(rule("read-only")) : []),
    ...(home === "read-only" ? homes.map(rule("read-only")) : []),
    ...(isOn(home) || home === "tmpfs" ? homes.map(rule("hidden")) : []),
    ...(isOn(temporary) || temporary === "disconnected" ? ["/tmp", "/var/tmp"].map(rule("private")) : []),
  ];
}

function ownFolders(unit: Pick<Unit, "settings">): readonly Rule[] {
  const kinds = [
    ["StateDirectory", "/var/lib"],
    ["CacheDirectory", "/var/cache"],
    ["LogsDirectory", "/var/log"],
    ["RuntimeDirectory", "/run"],
  ] as const;
  return kinds.flatMap(([key, root]) =>
    wordsOf(unit, key).map((word): Rule => ({ at: `${root}/${word.split(":")[0] ?? word}`, access: "writable" })),
  );
}

/** The rule for the longest path decides; but nothing within what is hidden can be seen again. */
function accessBy(rules: readonly Rule[], file: string): Access {
  const over = rules.filter(({ at }) => at === "/" || file === at || file.startsWith(`${at}/`));
  if (over.some(({ access }) => access === "hidden")) return "hidden";
  const length = Math.max(0, ...over.map(({ at }) => at.length));
  const deciding = over.filter(({ at }) => at.length === length);
  return ORDER.find((access) => deciding.some((one) => one.access === access)) ?? "writable";
}

/** CapabilityBoundingSet=: the first list says what there is, `~` takes away, further lists add or take away. */
function capabilitiesOf({ settings }: Pick<Unit, "settings">): (capability: string) => boolean {
  let isAll = true;
  let isFirst = true;
  let exceptions: ReadonlySet<string> = new Set();
  for (const { section, key, value } of settings) {
    if (section !== "Service" || key !== "CapabilityBoundingSet") continue;
    const takesAway = value.startsWith("~");
    const names = splitWords(takesAway ? value.slice(1) : value);
    if (names.length === 0) {
      // "" leaves nothing, "~" everything.
      [isAll, isFirst, exceptions] = [takesAway, false, new Set()];
      continue;
    }
    if (isFirst) [isAll, isFirst] = [takesAway, false];
    const kept = [...exceptions].filter((one) => !names.includes(one));
    exceptions = new Set(isAll === takesAway ? [...exceptions, ...names] : kept);
  }
  return (capability) => exceptions.has(capability) !== isAll;
}
