/** A pass of the driver with nothing to do. Light on purpose: an idle tick loads this and is over. */
import { hasAlarms, isConfigurationBroken, repeatAlarms } from "../driver/alarms.ts";
import type { Alarm } from "../driver/alarms.ts";
import { isIdle } from "../driver/due.ts";
import { isRetryDue } from "../driver/notify/retry.ts";
import { isSignDue } from "../driver/notify/signs.ts";
import { mainFileOf } from "./file-options.ts";
import type { FileOptions } from "./file-options.ts";
import type { Io } from "./io.ts";

/** Whether a pass may end at once; that the configuration is good again is something to do. Throws as isIdle. */
export function isNothingDue(directory: string, options: FileOptions, io: Io): boolean {
  return isIdle(directory, mainFileOf(options, io), io.clock()) && !isConfigurationBroken(directory);
}

/**
 * Repeats failures that have stood for a day, or all when `always`, tells what could not be told before, and gives signs
 * of life. False: a failure stands; it is still one, although there is nothing to do about it now.
 */
export async function endIdly(
  directory: string,
  options: FileOptions,
  io: Io,
  talk: { readonly always: boolean; readonly onStanding?: (alarm: Alarm) => void },
): Promise<boolean> {
  const failed = hasAlarms(directory);
  const alarms = failed ? repeatAlarms(directory, io.clock()) : { due: [], standing: [], over: [] };
  for (const { text } of talk.always ? [...alarms.standing, ...alarms.due] : alarms.due) io.err(text);
  for (const alarm of talk.always ? [] : alarms.standing) talk.onStanding?.(alarm);
  const now = io.clock();
  if (alarms.due.length > 0 || isSignDue(directory, now) || isRetryDue(directory, now)) {
    const { tellWhenIdle } = await import("./telling.ts");
    await tellWhenIdle(alarms, directory, options, io);
  }
  return !failed;
}
