/** What `daneward tick` says of certificates that it left alone, when somebody is looking. */
import type { Instant } from "../base/time.ts";
import { formatDistance } from "../report/words.ts";
import { readDueIndex } from "../store/due-index.ts";

/** A line for each certificate of the index but those that were looked at. */
export function notDueLines(stateDirectory: string, looked: ReadonlySet<string>, now: Instant): string {
  const entries = readDueIndex(stateDirectory)?.entries ?? [];
  return entries
    .filter(({ certificate }) => !looked.has(certificate))
    .map(({ certificate, wakeAt }) => {
      const next = wakeAt === null ? "nothing is waited for" : `next look ${formatDistance(wakeAt, now)}`;
      return `${certificate}: not due, ${next} (daneward tick --force looks now)\n`;
    })
    .join("");
}
