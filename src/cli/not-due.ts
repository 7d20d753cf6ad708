/** What `daneward tick` says of certificates that it left alone, when somebody is looking. */
import type { Instant } from "../base/time.ts";
import { waitingCertificates } from "../driver/due.ts";
import { formatDistance } from "../report/words.ts";

/** More lines than this are read by nobody. */
const LINES = 20;

/** A line for each certificate of the index but those that were looked at; one for all when they are many. */
export function notDueLines(stateDirectory: string, looked: ReadonlySet<string>, now: Instant): string {
  const { listed, others, nextWakeAt } = waitingCertificates(stateDirectory, looked, LINES);
  const when = (wakeAt: Instant | null): string => {
    if (wakeAt === null) return "not due, nothing is waited for";
    return wakeAt <= now ? "due" : `not due, next look ${formatDistance(wakeAt, now)}`;
  };
  const lines = listed.map(({ certificate, wakeAt }) => {
    return `${certificate}: ${when(wakeAt)} (daneward tick --force looks now)\n`;
  });
  if (others > 0) lines.push(`${String(others)} other certificates: ${when(nextWakeAt)}\n`);
  return lines.join("");
}
