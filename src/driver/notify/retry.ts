/**
 * When what could not be told is tried again. Light on purpose: an idle tick asks this, and where nothing is kept one
 * stat(2) is all that it costs; the time of the next try is the time stamp of the file that keeps the notices.
 */
import { statSync } from "node:fs";
import path from "node:path";
import { addSeconds, seconds } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";

/** A minute after the first failure, twice as long after each further one, and an hour at most. No official reference. */
const FIRST_S = 60;
const LONGEST_S = 3_600;

/** The file that keeps notices which could not be told. */
export function outboxFile(stateDirectory: string): string {
  return path.join(stateDirectory, "outbox.json");
}

/** When to try again after so many failures in a row. */
export function retryTime(failures: number, now: Instant): Instant {
  return addSeconds(now, seconds(Math.min(FIRST_S * 2 ** Math.max(0, failures - 1), LONGEST_S)));
}

/** Whether that time has come; also when it is further off than it ever is set: then the clock was set back. */
export function isReached(tryAt: number, now: Instant): boolean {
  return now >= tryAt || tryAt - now > LONGEST_S * 1000;
}

/** Whether a notice is kept that is to be tried again now. */
export function isRetryDue(stateDirectory: string, now: Instant): boolean {
  const file = statSync(outboxFile(stateDirectory), { throwIfNoEntry: false });
  return file !== undefined && isReached(Math.floor(file.mtimeMs), now);
}
