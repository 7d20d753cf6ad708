/** Looking at files without opening them. */
import { accessSync, constants, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** Whether this user may do that with the path; false for whatever reason. */
export function isAllowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    // Whatever the reason, the answer is no.
    return false;
  }
}

/** The path itself, or the nearest folder above it that is there. */
export function nearestExisting(path: string): string {
  let place = path;
  while (!isAllowed(place, constants.F_OK) && dirname(place) !== place) place = dirname(place);
  return place;
}

/** Whether there is such a program: at that path, or by that name in one of the folders of `searchPath`. */
export function isProgram(program: string, searchPath: string): boolean {
  const candidates = program.includes("/") ? [program] : searchPath.split(":").map((folder) => join(folder, program));
  return candidates.some((path) => isAllowed(path, constants.X_OK) && statSync(path).isFile());
}
