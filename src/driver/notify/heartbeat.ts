/**
 * When the dead man's switch was last pressed: the time stamp of an empty file in the state directory. A tick that finds
 * no such file has nobody to tell; one that finds an old one presses again. So an idle tick pays one look at a file.
 */
import { rmSync, statSync } from "node:fs";
import path from "node:path";
import { instant } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import { replaceFile, systemCode } from "../../store/atomic-file.ts";

/** Often enough for a server that expects a sign every half hour, seldom enough not to be a nuisance. No official reference. */
const EVERY_MS = 600_000;

function heartbeatFile(stateDirectory: string): string {
  return path.join(stateDirectory, "heartbeat");
}

/** Whether a sign is due; without a file only when one is known to be `expected`. */
export function isHeartbeatDue(stateDirectory: string, now: Instant, expected = false): boolean {
  const file = statSync(heartbeatFile(stateDirectory), { throwIfNoEntry: false });
  if (file === undefined) return expected;
  return Math.abs(now - instant(Math.trunc(file.mtimeMs))) >= EVERY_MS;
}

/** A sign was given. Throws what writing throws. */
export function noteHeartbeat(stateDirectory: string): void {
  replaceFile(heartbeatFile(stateDirectory), "");
}

/** Nobody expects a sign any more. */
export function forgetHeartbeat(stateDirectory: string): void {
  try {
    rmSync(heartbeatFile(stateDirectory));
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
