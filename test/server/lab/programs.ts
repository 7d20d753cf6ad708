/**
 * The suites of this folder drive real programs. A missing one skips the suite and is named in its title; with
 * `DANEWARD_TEST_SERVERS=required` it is an error, so that in CI a skip cannot pass for a success.
 */
import { accessSync, constants } from "node:fs";
import { describe } from "vitest";

/** Where servers live: a user's PATH often lacks the sbin directories. */
export const PATH = [
  ...(process.env["PATH"] ?? "").split(":"),
  "/usr/sbin",
  "/sbin",
  "/usr/local/sbin",
  "/usr/bin",
  "/bin",
  // Where Debian keeps what INN and PostgreSQL do not want typed.
  "/usr/lib/news/bin",
  "/usr/lib/postgresql/15/bin",
]
  .filter((folder, index, all) => folder !== "" && all.indexOf(folder) === index)
  .join(":");

/** Absolute path of a program, or null when it is not installed. */
export function findProgram(name: string): string | null {
  for (const folder of PATH.split(":")) {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return `${folder}/${name}`;
    } catch {
      // not in this folder
    }
  }
  return null;
}

/** Absolute path of a program that the suite declared as needed. */
export function program(name: string): string {
  const path = findProgram(name);
  if (path === null) throw new Error(`${name} is not installed`);
  return path;
}

/** A suite that needs these programs; `root` stands for running as root. */
export function serverSuite(title: string, needs: readonly string[], body: () => void): void {
  const missing = needs.filter((need) => (need === "root" ? process.getuid?.() !== 0 : findProgram(need) === null));
  const reason = missing.map((need) => (need === "root" ? "not run as root" : `${need} is not installed`)).join(", ");
  if (missing.length > 0 && process.env["DANEWARD_TEST_SERVERS"] === "required") {
    throw new Error(`the server suites are compulsory here (DANEWARD_TEST_SERVERS=required), but ${reason}`);
  }
  describe.skipIf(missing.length > 0)(missing.length > 0 ? `${title} (skipped: ${reason})` : title, body);
}
