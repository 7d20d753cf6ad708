/** `daneward tick`: one pass of the driver, for cron or a timer. With nothing due it ends before anything else is loaded. */
import type { Alarm } from "../../driver/alarms.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import { endIdly, isNothingDue } from "../idle.ts";
import type { Io } from "../io.ts";
import { loggingIo } from "../journal-log.ts";

export interface TickOptions extends FileOptions {
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Ends with 0, 1 while a failure stands, 75 when another daneward is at work or the tick was interrupted. */
export async function run(args: readonly string[], options: TickOptions, io: Io): Promise<ExitCode> {
  const directory = stateDirectoryOf(options, io);
  const asked = args.length > 0 || options.force === true || options.dryRun === true || options.json === true;
  if (!asked && isNothingDue(directory, options, io)) return endQuietly(directory, options, io);
  const { previewCertificates, talkTo, talkToLog, tickCertificates } = await import("../ticking.ts");
  if (options.dryRun === true) return previewCertificates(args, options, io);
  const watched = isWatched(options, io);
  // Somebody is looking, or asked for a look.
  const always = watched || io.errIsTerminal || args.length > 0 || options.force === true;
  const isLogged = io.errIsJournal === true && options.quiet !== true;
  const talk = (isLogged ? talkToLog : talkTo)(io, { always, watched });
  return tickCertificates(args, options, io, { ...talk, ...sayingWhatStands(loggingIo(io), io.errIsJournal) });
}

/** The whole text is said once a day; `systemctl status` shows the last lines, which must not leave out why it failed. */
function sayingWhatStands(io: Io, isJournal = false): { readonly onStanding?: (alarm: Alarm) => void } {
  if (!isJournal) return {};
  return {
    onStanding: ({ certificate, key }) => {
      const who = certificate === "" ? "" : `${certificate}: `;
      io.err(`daneward: ${who}${key.split(" ").join(", ")} still stands; daneward status says more\n`);
    },
  };
}

/** Whether a person reads along. */
function isWatched(options: TickOptions, io: Io): boolean {
  return options.verbose === true || (io.errIsTerminal && options.quiet !== true);
}

async function endQuietly(directory: string, options: TickOptions, plainIo: Io): Promise<ExitCode> {
  const io = loggingIo(plainIo);
  const watched = isWatched(options, io);
  const always = watched || io.errIsTerminal;
  const isWell = await endIdly(directory, options, io, { always, ...sayingWhatStands(io, plainIo.errIsJournal) });
  if (watched) {
    const { notDueLines } = await import("../not-due.ts");
    io.err(notDueLines(directory, new Set(), io.clock()));
  }
  return isWell ? EXIT.done : EXIT.failed;
}
