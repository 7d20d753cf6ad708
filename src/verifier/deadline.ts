/**
 * One target's time: what is still under way when it is up is given up. Questions are left alone then (others may wait
 * for the same answer) and probes are given no more time than is left, so that a target in time costs one timer.
 */
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import type { ProbeOutcome } from "./endpoint.ts";

export interface Deadline {
  /** Settles as `work` does, unless time is up first: then it rejects with TARGET_DEADLINE. */
  readonly race: <T>(work: Promise<T>) => Promise<T>;
  /** Probes with `milliseconds` or what is left of them. A probe that was cut short is cancelled, and judged as such. */
  readonly probe: (
    milliseconds: number,
    open: (milliseconds: number) => Promise<ProbeOutcome>,
  ) => Promise<ProbeOutcome>;
  /** To be called when the work is done: frees the timer. */
  readonly stop: () => void;
}

const NONE: Deadline = {
  race: (work) => work,
  probe: (milliseconds, open) => open(milliseconds),
  stop: () => undefined,
};

/** Starts the clock of one target; null milliseconds: there is no end. */
export function startDeadline(milliseconds: number | null): Deadline {
  if (milliseconds === null) return NONE;
  const ends = performance.now() + milliseconds;
  const late = (): Fault => fault("TARGET_DEADLINE", `not finished within ${String(milliseconds / 1000)} s`);
  const waiting = new Set<(reason: OperationalError) => void>();
  const timer = setTimeout(() => {
    for (const giveUp of waiting) giveUp(OperationalError.of(late()));
  }, milliseconds);
  return {
    race: (work) => {
      if (performance.now() >= ends) return Promise.reject(OperationalError.of(late()));
      return new Promise((resolve, reject) => {
        waiting.add(reject);
        work.then(resolve, reject).finally(() => waiting.delete(reject));
      });
    },
    probe: async (own, open) => {
      const rest = Math.ceil(ends - performance.now());
      if (rest <= 0) return cancelled(late());
      if (rest >= own) return open(own);
      const outcome = await open(rest);
      // A server that was given less than its time is not known to be at fault.
      const cut = outcome.outcome === "failed" && /_TIMEOUT$/.test(outcome.fault.code);
      return cut ? cancelled(late()) : outcome;
    },
    stop: () => {
      clearTimeout(timer);
    },
  };
}

function cancelled(late: Fault): ProbeOutcome {
  return { outcome: "failed", fault: { ...late, code: "PROBE_CANCELLED" } };
}
