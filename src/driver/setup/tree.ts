/**
 * Looking at a system's files below a root folder. The root is that of the system itself, of a chroot or of a fixture: paths
 * and links that begin with a slash begin there. Nothing is written and nothing is run.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import path from "node:path";

/** Files and folders by their paths as the system's own programs name them. */
export interface Tree {
  /** Text of a file; null when there is none, or it may not be read (then it is in {@link denied}). */
  readonly text: (file: string) => string | null;
  /** Names in a folder, sorted; none when there is no such folder. */
  readonly names: (folder: string) => readonly string[];
  readonly has: (file: string) => boolean;
  /** The path without links, as the system sees it; the path itself when a link leads nowhere. */
  readonly real: (file: string) => string;
  /** Where it is on this machine. */
  readonly place: (file: string) => string;
  /** What may not be read by this user, in the order in which that was found. */
  readonly denied: () => readonly string[];
  /** Path of the program that looks, where that belongs to the system that is looked at; null: it does not. */
  readonly launcher: string | null;
}

/** What this process was started as. */
export interface OwnProgram {
  /** Path of the launcher, as it was called. */
  readonly launcher: string;
  /** Folders in which a shell finds programs, separated by colons. */
  readonly searchPath: string;
}

/** A configuration that is longer is none. */
const LARGEST = 4_000_000;
/** As in Linux: more links than these are a circle. */
const MOST_LINKS = 40;

/** Opens nothing yet. `own` counts below `/` alone: another root has another daneward. */
export function openTree(root: string, own: OwnProgram | null = null): Tree {
  const denied = new Set<string>();
  const place = (file: string): string => path.join(root, realIn(root, file));
  const attempt = <T>(file: string, work: (place: string) => T): T | null => {
    try {
      return work(place(file));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : "";
      if (code === "EACCES" || code === "EPERM") denied.add(file);
      return null;
    }
  };
  return {
    text: (file) =>
      attempt(file, (where) => {
        const stat = statSync(where);
        return stat.isFile() && stat.size <= LARGEST ? readFileSync(where, "utf8") : null;
      }),
    names: (folder) => attempt(folder, (where) => readdirSync(where).sort()) ?? [],
    has: (file) => attempt(file, (where) => statSync(where)) !== null,
    real: (file) => realIn(root, file),
    place,
    denied: () => [...denied],
    launcher: own === null || root !== "/" ? null : launcherOf(own),
  };
}

/** The name in a folder of the search path that leads to this very program, else the program itself. */
export function launcherOf({ launcher, searchPath }: OwnProgram): string | null {
  const real = realIn("/", launcher);
  if (!/(?:^|\/)daneward(?:\.m?js)?$/.test(launcher)) return null;
  const named = searchPath
    .split(":")
    .filter((folder) => folder.startsWith("/"))
    .map((folder) => path.posix.join(folder, "daneward"));
  return named.find((file) => realIn("/", file) === real) ?? launcher;
}

/** How hooks and cron are to call daneward there: by its full path, which they do not search. */
export function programIn(tree: Tree): string {
  if (tree.launcher !== null) return tree.launcher;
  const packaged = "/usr/bin/daneward";
  const local = "/usr/local/bin/daneward";
  return tree.has(packaged) && !tree.has(local) ? packaged : local;
}

/** Where the JSON Schema of configurations is there: with the program, as npm puts it, or as the Debian package does. */
export function schemaIn(tree: Tree): string | null {
  const programs = path.posix.dirname(tree.real(programIn(tree)));
  const places = [
    "/usr/share/daneward/daneward.schema.json",
    path.posix.join(programs, "../dist/share/schema/daneward.schema.json"),
  ];
  return places.find(tree.has) ?? null;
}

/** realpath(3) below a root, which no link leads out of. */
function realIn(root: string, file: string): string {
  let left = file.split("/").filter((part) => part !== "");
  let done: readonly string[] = [];
  for (let links = 0; left.length > 0;) {
    const [part = "", ...rest] = left;
    left = rest;
    if (part === ".") continue;
    if (part === "..") {
      done = done.slice(0, -1);
      continue;
    }
    const here = [...done, part];
    const target = links < MOST_LINKS ? linkAt(path.join(root, ...here)) : null;
    if (target === null) {
      done = here;
      continue;
    }
    links++;
    left = [...target.split("/").filter((one) => one !== ""), ...left];
    if (target.startsWith("/")) done = [];
  }
  return `/${done.join("/")}`;
}

function linkAt(place: string): string | null {
  try {
    return lstatSync(place).isSymbolicLink() ? readlinkSync(place) : null;
  } catch {
    // Not there, or not to be seen: whoever opens it finds that out.
    return null;
  }
}
