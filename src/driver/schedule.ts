/**
 * The resident driver: a pass every cron minute, and one whenever the next certificate is due in between. It keeps no
 * state of its own, so it may be stopped, killed or run beside a `tick` from cron at any time. Sole importer of
 * node-cron.
 */
import type { Clock, Instant } from "../base/time.ts";
import { isAborted, pause } from "./pause.ts";

/** What runs when. */
export interface Schedule {
  /** Five cron fields; every minute unless told. */
  readonly expression?: string;
  readonly clock: Clock;
  /** Aborted: the pass under way ends at its next safe point, and then so does the schedule. */
  readonly signal: AbortSignal;
  /** One pass; returns when the next certificate is due, null when none waits. Its failures are its own to report. */
  readonly pass: () => Promise<Instant | null>;
}

/** A wake-up that is due at once, again and again, must not become a busy loop. No official reference. */
const SHORTEST_WAIT_MS = 1_000;
/** Timers of Node hold 31 bits of milliseconds; the minute comes first anyway. */
const LONGEST_WAIT_MS = 3_600_000;

/** Runs passes until the signal is aborted. A pass never overlaps another. */
export async function runSchedule(schedule: Schedule): Promise<void> {
  const { clock, signal } = schedule;
  const { schedule: cron } = await import("node-cron");
  let wakeUp = new AbortController();
  const task = cron(schedule.expression ?? "* * * * *", () => {
    wakeUp.abort();
  });
  const stop = (): void => {
    wakeUp.abort();
  };
  signal.addEventListener("abort", stop);
  try {
    while (!isAborted(signal)) {
      wakeUp = new AbortController();
      const next = await schedule.pass();
      if (isAborted(signal)) break;
      const wait = next === null ? LONGEST_WAIT_MS : next - clock();
      await pause(Math.min(Math.max(wait, SHORTEST_WAIT_MS), LONGEST_WAIT_MS), wakeUp.signal);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    await task.destroy();
  }
}
