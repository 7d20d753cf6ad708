/**
 * Signs of life: a ping of a healthchecks server, metrics in a file. They are given now and then however little there is
 * to do, so an idle tick must know whether one is due without reading the configuration: the time stamp of a file in
 * the state directory says when the last was given, and without that file nobody waits for any. In it stands what could
 * not be given, so that this is said once and not every five minutes.
 */
import { readFileSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import type { Instant } from "../../base/time.ts";
import { replaceHint, systemCode } from "../../store/atomic-file.ts";

/** Often enough for an alert after half an hour, seldom enough not to be a nuisance. No official reference. */
const EVERY_MS = 300_000;

function signFile(stateDirectory: string): string {
  return path.join(stateDirectory, "sign-of-life");
}

/** Whether a sign is due; without a file only when one is known to be `expected`. */
export function isSignDue(stateDirectory: string, now: Instant, expected = false): boolean {
  const file = statSync(signFile(stateDirectory), { throwIfNoEntry: false });
  return file === undefined ? expected : Math.abs(now - file.mtimeMs) >= EVERY_MS;
}

/** Signs were given, but for those with these names. Throws what writing throws. */
export function noteSign(stateDirectory: string, missing: readonly string[]): void {
  replaceHint(signFile(stateDirectory), missing.map((name) => `${name}\n`).join(""));
}

/** Names of the signs that could not be given the last time. */
export function missingSigns(stateDirectory: string): readonly string[] {
  try {
    return readFileSync(signFile(stateDirectory), "utf8").split("\n");
  } catch (error) {
    if (systemCode(error) === null) throw error;
    // At worst something is said again.
    return [];
  }
}

/** Nobody expects a sign any more. */
export function forgetSigns(stateDirectory: string): void {
  try {
    rmSync(signFile(stateDirectory));
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
