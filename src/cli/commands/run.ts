/** `daneward run`: the driver as a resident process. It does what `tick` does, every minute and whenever one is due. */
import { OperationalError } from "../../base/errors.ts";
import type { Instant } from "../../base/time.ts";
import { isIdle, waitingCertificates } from "../../driver/due.ts";
import { openRegister } from "../../driver/register.ts";
import { renderTimelineText } from "../../report/timeline-text.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { mainFileOf, stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import type { Io } from "../io.ts";
import { tickCertificates } from "../ticking.ts";

export interface RunOptions extends FileOptions {
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

const NO_COLOR = { color: false } as const;

/** Runs until SIGTERM or SIGINT, then ends with 0. Throws at once for a configuration that cannot be used. */
export async function run(_args: readonly string[], options: RunOptions, io: Io): Promise<ExitCode> {
  (await openRegister(stateDirectoryOf(options, io), mainFileOf(options, io))).catalogue.close();
  // Under systemd a prefix tells the journal how grave a line is: sd-daemon(3).
  const logIo = io.env["JOURNAL_STREAM"] === undefined ? io : { ...io, err: withPriority(io.err) };
  let lastFailure = "";
  const pass = async (): Promise<Instant | null> => {
    try {
      const directory = stateDirectoryOf(options, io);
      if (!isIdle(directory, mainFileOf(options, io), io.clock())) {
        // Events are this process's log: a line each, as they happen.
        await tickCertificates([], options, logIo, {
          always: false,
          onEvent: (entry) => {
            if (options.quiet !== true) logIo.err(renderTimelineText({ events: [entry], damagedLines: [] }, NO_COLOR));
          },
          watched: false,
        });
      }
      lastFailure = "";
      return waitingCertificates(directory, new Set(), 0).nextWakeAt;
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      // A tick from cron or by hand may be at work: the next pass comes anyway.
      if (error.code !== "LOCK_HELD" && error.message !== lastFailure) {
        logIo.err(`daneward: error: ${error.message}\nhint: ${error.hint}\n`);
        lastFailure = error.message;
      }
      return null;
    }
  };
  const { runSchedule } = await import("../../driver/schedule.ts");
  await runSchedule({ clock: io.clock, signal: io.signal, pass });
  return EXIT.done;
}

/** Events are notices (5); what a person must see begins with the program's name and is an error (3). */
function withPriority(write: (text: string) => void): (text: string) => void {
  return (text) => {
    const priority = text.startsWith("daneward: ") ? "<3>" : "<5>";
    write(text.replace(/^(?=.)/gm, priority));
  };
}
