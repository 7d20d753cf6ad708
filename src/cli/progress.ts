/** One line on a terminal that says how far a long run is, rewritten in place. Off a terminal it says nothing. */
import { formatDuration, seconds } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { Io } from "./io.ts";

export interface Progress {
  /** What is done so far; drawn a few times a second at most. */
  readonly report: (done: number, failures: number) => void;
  /** Takes the line away, so that something else can be printed; the next report draws it again. */
  readonly hide: () => void;
}

/** Milliseconds between two drawings. */
const PACE = 200;

const SILENT: Progress = { report: () => undefined, hide: () => undefined };

/** `wanted`: somebody is looking. `total` null: nobody knows yet how much there is. */
export function startProgress(wanted: boolean, total: number | null, io: Pick<Io, "err" | "clock" | "env">): Progress {
  if (!wanted || io.env["TERM"] === "dumb") return SILENT;
  const started = io.clock();
  let drawn: Instant | null = null;
  let shown = false;
  return {
    report: (done, failures) => {
      const now = io.clock();
      if (shown && drawn !== null && now - drawn < PACE) return;
      drawn = now;
      shown = true;
      io.err(`\r\u001b[K${describe(done, failures, total, now - started)}`);
    },
    hide: () => {
      if (shown) io.err("\r\u001b[K");
      shown = false;
    },
  };
}

/** `1200 of 10000, 812/s, 3 failures, 11s left`. */
function describe(done: number, failures: number, total: number | null, milliseconds: number): string {
  const rate = milliseconds > 0 ? (done * 1000) / milliseconds : 0;
  const parts = [total === null ? String(done) : `${String(done)} of ${String(total)}`];
  if (rate > 0) parts.push(`${rate < 10 ? rate.toFixed(1) : String(Math.round(rate))}/s`);
  if (failures > 0) parts.push(`${String(failures)} ${failures === 1 ? "failure" : "failures"}`);
  if (total !== null && rate > 0 && done < total) parts.push(`${formatDuration(seconds((total - done) / rate))} left`);
  return parts.join(", ");
}
