/** The system that `adopt` and `doctor` look at. */
import { statSync } from "node:fs";
import path from "node:path";
import { fault, OperationalError } from "../base/errors.ts";
import { searchPath } from "../driver/command.ts";
import type { OwnProgram } from "../driver/setup/tree.ts";
import type { Io } from "./io.ts";

/** The folder that `--root` names, `/` without it. Throws USAGE where there is none. */
export function rootFolder(root: string | undefined, io: Io): string {
  const folder = path.resolve(io.cwd, root ?? "/");
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return folder;
  const what = `--root: there is no folder ${folder}`;
  throw OperationalError.of(fault("USAGE", what, "name the folder that a whole system is below"));
}

/** What this process was started as; null: nobody knows. */
export function ownProgram(io: Io): OwnProgram | null {
  const [, launcher] = process.argv;
  return launcher === undefined ? null : { launcher, searchPath: searchPath(io.env["PATH"]) };
}
