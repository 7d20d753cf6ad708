import { existsSync } from "node:fs";
import { resolve } from "node:path";

/**
 * The folder of third-party test data, or null when it is absent: the suite then skips and says so. In CI an absent
 * folder is an error, so that a skip can never pass for a success there.
 */
export function vectorsFolder(): string | null {
  const folder = resolve(process.env["DANEWARD_VECTORS"] ?? "../shared/vectors");
  if (existsSync(folder)) return folder;
  if (process.env["CI"] !== undefined && process.env["CI"] !== "") {
    throw new Error(`the test vectors are compulsory in CI, but ${folder} does not exist; set DANEWARD_VECTORS`);
  }
  return null;
}

/** Title of a suite that needs the vectors: names the folder that is missing when they are. */
export function vectorsTitle(title: string): string {
  const folder = resolve(process.env["DANEWARD_VECTORS"] ?? "../shared/vectors");
  return existsSync(folder) ? title : `${title} (skipped: no test vectors in ${folder})`;
}
