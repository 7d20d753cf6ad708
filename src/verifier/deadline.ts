/** One target's time: what is still under way when it is up is given up. */
import { setMaxListeners } from "node:events";
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";

export interface Deadline {
  /** Aborted when time is up, or when the signal from outside is. */
  readonly signal: AbortSignal;
  /** Settles as `work` does, unless time is up first: then it rejects with TARGET_DEADLINE. */
  readonly race: <T>(work: Promise<T>) => Promise<T>;
  /** Why everything was given up; null as long as there is time. */
  readonly lateness: () => Fault | null;
  /** To be called when the work is done: frees the timer, and lets go of the signal from outside. */
  readonly stop: () => void;
}

/**
 * Starts the clock of one target; null milliseconds: there is no end. (`AbortSignal.any` would keep an entry for each
 * target in the signal that lives as long as the process.)
 */
export function startDeadline(milliseconds: number | null, outside?: AbortSignal): Deadline {
  const controller = new AbortController();
  // Every probe of the target listens to it, however many addresses it has.
  setMaxListeners(0, controller.signal);
  const waiting = new Set<(reason: OperationalError) => void>();
  let late: Fault | null = null;
  const onAbort = (): void => {
    controller.abort();
  };
  outside?.addEventListener("abort", onAbort, { once: true });
  if (outside?.aborted === true) onAbort();
  const onTime = (spent: number): void => {
    late = fault("TARGET_DEADLINE", `not finished within ${String(spent / 1000)} s`);
    controller.abort();
    for (const giveUp of waiting) giveUp(OperationalError.of(late));
  };
  const timer = milliseconds === null ? undefined : setTimeout(onTime, milliseconds, milliseconds);
  return {
    signal: controller.signal,
    race: (work) => {
      if (late !== null) return Promise.reject(OperationalError.of(late));
      return new Promise((resolve, reject) => {
        waiting.add(reject);
        work.then(resolve, reject).finally(() => waiting.delete(reject));
      });
    },
    lateness: () => late,
    stop: () => {
      clearTimeout(timer);
      outside?.removeEventListener("abort", onAbort);
    },
  };
}
