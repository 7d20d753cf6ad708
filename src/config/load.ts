/** Reading the configuration: the main file, then `conf.d/*.toml` beside it in the order of their names. */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fault, OperationalError } from "../base/errors.ts";
import { MOST_CONFIGURATION, readBoundedFile } from "./bounded-file.ts";
import { decodeConfiguration } from "./decode.ts";
import { expandImports } from "./import-map.ts";
import { pathKey } from "./locate.ts";
import type { KeyPath } from "./locate.ts";
import { formatProblem } from "./problem.ts";
import type { Place, Problem } from "./problem.ts";
import type { Configuration } from "./schema.ts";
import type { TomlDocument } from "./toml.ts";

/** What was read and everything that is wrong or doubtful with it, in the order of the files. */
export interface Reading {
  /** Null when there is any fault. */
  readonly configuration: Configuration | null;
  readonly files: readonly string[];
  readonly problems: readonly Problem[];
  /** Where a key stands, or else the nearest table around it; null when none of the files mentions it. */
  readonly locate: (path: KeyPath) => Place | null;
}

/** Told of each file and folder just before it is read. */
export type BeforeRead = (path: string) => void;

/**
 * Reads and checks everything; faults are in the result. Throws CONFIG_MISSING when the main file is not there,
 * CONFIG_INVALID when it is no file, and PERMISSION_DENIED or FILE_UNREADABLE when a file cannot be read.
 */
export async function readConfiguration(mainFile: string, beforeRead: BeforeRead = () => undefined): Promise<Reading> {
  const { readToml } = await import("./toml.ts");
  const folder = join(dirname(mainFile), "conf.d");
  beforeRead(folder);
  const files: string[] = [];
  const problems: Problem[] = [];
  const documents: TomlDocument[] = [];
  for (const file of [mainFile, ...filesOf(folder)]) {
    beforeRead(file);
    const octets = readOctets(file, file === mainFile);
    if ("problem" in octets) {
      problems.push(octets.problem);
      continue;
    }
    files.push(file);
    const document = await readToml(octets.read, file);
    if (document.ok) documents.push(document.value);
    else problems.push(document.fault);
  }
  // With a file that cannot be parsed, the others' references would look broken: its faults come first.
  const locate = locatorOf(documents);
  if (problems.length > 0) return { configuration: null, files, problems, locate };
  const imported = expandImports(documents, problems, beforeRead);
  const all = [...files, ...imported.map(({ file }) => file)];
  const configuration = decodeConfiguration([...documents, ...imported], [...all, folder], problems);
  const faulty = problems.some((problem) => problem.severity === "fault");
  return {
    configuration: faulty ? null : configuration,
    files: all,
    problems: inOrder(problems, all),
    locate: locatorOf([...documents, ...imported]),
  };
}

function locatorOf(documents: readonly TomlDocument[]): Reading["locate"] {
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      for (const { file, positions } of documents) {
        const position = positions.get(pathKey(path.slice(0, length)));
        if (position !== undefined) return { file, ...position };
      }
    }
    return null;
  };
}

/** The configuration, or an OperationalError that names every fault: CONFIG_INVALID and as {@link readConfiguration}. */
export async function loadConfiguration(mainFile: string, beforeRead?: BeforeRead): Promise<Configuration> {
  const { configuration, problems } = await readConfiguration(mainFile, beforeRead);
  if (configuration !== null) return configuration;
  const faults = problems.filter((problem) => problem.severity === "fault");
  const [first] = faults;
  if (faults.length === 1 && first !== undefined) {
    throw OperationalError.of({ code: first.code, message: formatProblem(first), hint: first.hint });
  }
  const lines = faults.map((problem) => `\n  ${formatProblem(problem)}`).join("");
  const message = `the configuration has ${String(faults.length)} faults:${lines}`;
  throw OperationalError.of(fault("CONFIG_INVALID", message, "daneward check-config says for each what to do"));
}

function filesOf(folder: string): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    if (isSystemError(cause) && (cause.code === "ENOENT" || cause.code === "ENOTDIR")) return [];
    throw readFailure(folder, cause);
  }
  const chosen = names.filter((name) => name.endsWith(".toml") && !name.startsWith("."));
  return chosen.sort().map((name) => join(folder, name));
}

/** What is wrong with a file that is there, and no file that can be read, in words; null: something else. */
function oddity(code: string, message: string): string | null {
  switch (code) {
    case "ENOENT":
    case "ELOOP":
      return "is a link that leads nowhere";
    case "EISDIR":
      return "is a directory";
    case "ENOTSUP":
    case "EFBIG":
      return message.replace(/^it /, "");
    default:
      return null;
  }
}

/** Beside the main file one odd file is a fault among others; the main file is all there is. */
function readOctets(file: string, isMain: boolean): { readonly read: Uint8Array } | { readonly problem: Problem } {
  try {
    return { read: readBoundedFile(file, MOST_CONFIGURATION) };
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    if (isMain && (cause.code === "ENOENT" || cause.code === "ENOTDIR")) {
      throw OperationalError.of(fault("CONFIG_MISSING", `no configuration file ${file}`));
    }
    const odd = oddity(cause.code, cause.message);
    if (odd === null) throw readFailure(file, cause);
    const hint = isMain
      ? "name the file with --config, for example /etc/daneward/daneward.toml"
      : "move it away: every name that ends in .toml in conf.d is read";
    const found = fault("CONFIG_INVALID", `${file} ${odd}`, hint);
    if (isMain) throw OperationalError.of(found);
    return { problem: { ...found, severity: "fault", place: null } };
  }
}

function readFailure(path: string, cause: unknown): OperationalError {
  const denied = isSystemError(cause) && (cause.code === "EACCES" || cause.code === "EPERM");
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OperationalError(denied ? "PERMISSION_DENIED" : "FILE_UNREADABLE", `cannot read ${path}: ${reason}`, {
    cause,
    retry: "never",
  });
}

function isSystemError(cause: unknown): cause is Error & { readonly code: string } {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string";
}

/** In the order of the files, and within each from top to bottom. */
export function inOrder(problems: readonly Problem[], files: readonly string[]): readonly Problem[] {
  const rank = (problem: Problem): readonly number[] => {
    const { place } = problem;
    return place === null ? [files.length, 0, 0] : [files.indexOf(place.file), place.line, place.column];
  };
  return [...problems].sort((left, right) => {
    const other = rank(right);
    return rank(left).reduce((order, value, index) => (order === 0 ? value - (other[index] ?? 0) : order), 0);
  });
}
