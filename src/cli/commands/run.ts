/** `daneward run`: the driver as a resident process. It does what `tick` does, every minute and whenever one is due. */
import { OperationalError } from "../../base/errors.ts";
import type { Instant } from "../../base/time.ts";
import { waitingCertificates } from "../../driver/due.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import { endIdly, isNothingDue } from "../idle.ts";
import type { Io } from "../io.ts";
import { loggingIo } from "../journal-log.ts";
import { openOrTell, talkTo, talkToLog, tickCertificates } from "../ticking.ts";

export interface RunOptions extends FileOptions {
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Runs until SIGTERM or SIGINT, then ends with 0. Throws at once for a configuration that cannot be used. */
export async function run(_args: readonly string[], options: RunOptions, io: Io): Promise<ExitCode> {
  // Events are this process's log: a line each, as they happen.
  const talk = (options.quiet === true ? talkTo : talkToLog)(io, { always: false, watched: false });
  (await openOrTell(options, loggingIo(io), talk)).catalogue.close();
  let lastFailure = "";
  const pass = async (): Promise<Instant | null> => {
    try {
      const directory = stateDirectoryOf(options, io);
      if (isNothingDue(directory, options, io)) await endIdly(directory, options, loggingIo(io), { always: false });
      else await tickCertificates([], options, io, talk);
      lastFailure = "";
      return waitingCertificates(directory, new Set(), 0).nextWakeAt;
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      // A tick from cron or by hand may be at work: the next pass comes anyway.
      if (error.code !== "LOCK_HELD" && error.message !== lastFailure) {
        loggingIo(io).err(`daneward: error: ${error.message}\nhint: ${error.hint}\n`);
        lastFailure = error.message;
      }
      return null;
    }
  };
  const { runSchedule } = await import("../../driver/schedule.ts");
  await runSchedule({ clock: io.clock, signal: io.signal, pass });
  return EXIT.done;
}
