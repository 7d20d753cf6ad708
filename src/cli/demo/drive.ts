/** Runs the real driver over and over, as cron would but every second, until the rollover has come where it should. */
import type { Clock, Instant } from "../../base/time.ts";
import { OperationalError } from "../../base/errors.ts";
import { createLiveWorld } from "../../driver/live-world.ts";
import { REREAD } from "../../driver/chain-files.ts";
import { pause } from "../../driver/pause.ts";
import { RELOAD_TIMEOUT_MS } from "../../driver/reload.ts";
import { tick } from "../../driver/tick.ts";
import type { TickReport } from "../../driver/tick.ts";
import type { JournalEntry } from "../../store/journal.ts";
import type { SavedState } from "../../store/store.ts";
import type { Stage } from "./stage.ts";

export interface DriveOptions {
  readonly stage: Stage;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly path: string | undefined;
  /** Told after each tick. */
  readonly onState: (saved: SavedState) => void;
  /** Told of each line of the journal as it is written. */
  readonly onEvent: (entry: JournalEntry) => void;
  /** Whether this state is where the drive ends. */
  readonly isThere: (saved: SavedState) => boolean;
  /** Give up then. */
  readonly deadline: Instant;
}

/** True when it got there; false when time ran out or the user interrupted. Throws when a tick fails altogether. */
export async function drive(options: DriveOptions): Promise<boolean> {
  const { clock, signal, deadline } = options;
  while (!signal.aborted && clock() < deadline) {
    const report = await oneTick(options);
    const [unit] = report.units;
    if (unit?.outcome === "failed") throw unit.error;
    if (unit?.outcome === "looked") {
      options.onState(unit.saved);
      if (options.isThere(unit.saved)) return true;
    }
    const wait = (report.nextWakeAt ?? clock()) - clock();
    await pause(Math.min(1000, Math.max(50, wait)), signal);
  }
  return false;
}

async function oneTick(options: DriveOptions): Promise<TickReport> {
  const { stage, clock, signal } = options;
  if (stage.configuration.certificates.length !== 1) {
    throw new OperationalError("INTERNAL_BUG", "the demo's configuration holds one certificate");
  }
  return tick({
    configuration: stage.configuration,
    stateDirectory: stage.stateDirectory,
    clock,
    signal,
    makeWorld: createLiveWorld,
    reload: { path: options.path, timeoutMs: RELOAD_TIMEOUT_MS },
    reread: REREAD,
    // Every wait is left to the loop above, so that the picture moves.
    lingerMs: 0,
    onEvent: options.onEvent,
    named: [],
    force: false,
  });
}
