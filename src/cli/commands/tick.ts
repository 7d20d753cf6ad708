/** `daneward tick`: one pass of the driver, for cron or a timer. With nothing due it ends before anything else is loaded. */
import { hasAlarms, repeatAlarms } from "../../driver/alarms.ts";
import { isIdle } from "../../driver/due.ts";
import { isSignDue } from "../../driver/notify/signs.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { mainFileOf, stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import type { Io } from "../io.ts";

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
  if (!asked && isIdle(directory, mainFileOf(options, io), io.clock())) return endIdly(directory, options, io);
  const { previewCertificates, renderEvent, tickCertificates } = await import("../ticking.ts");
  if (options.dryRun === true) return previewCertificates(args, options, io);
  const watched = isWatched(options, io);
  return tickCertificates(args, options, io, {
    // Somebody is looking, or asked for a look.
    always: watched || io.errIsTerminal || args.length > 0 || options.force === true,
    onEvent: watched
      ? (entry) => {
          io.err(renderEvent(entry));
        }
      : () => undefined,
    watched,
  });
}

/** Whether a person reads along. */
function isWatched(options: TickOptions, io: Io): boolean {
  return options.verbose === true || (io.errIsTerminal && options.quiet !== true);
}

/** A standing failure is still one, although there is nothing to do about it now. */
async function endIdly(directory: string, options: TickOptions, io: Io): Promise<ExitCode> {
  const watched = isWatched(options, io);
  const failed = hasAlarms(directory);
  const alarms = failed ? repeatAlarms(directory, io.clock()) : { due: [], standing: [], over: [] };
  for (const { text } of watched || io.errIsTerminal ? [...alarms.standing, ...alarms.due] : alarms.due) io.err(text);
  if (alarms.due.length > 0 || isSignDue(directory, io.clock())) {
    const { tellWhenIdle } = await import("../telling.ts");
    await tellWhenIdle(alarms, directory, options, io);
  }
  if (watched) {
    const { notDueLines } = await import("../not-due.ts");
    io.err(notDueLines(directory, new Set(), io.clock()));
  }
  return failed ? EXIT.failed : EXIT.done;
}
