/** `daneward tick`: one pass of the driver, for cron or a timer. With nothing due it ends before anything else is loaded. */
import { hasAlarms, repeatAlarms } from "../../driver/alarms.ts";
import { isIdle } from "../../driver/due.ts";
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
  const { previewCertificates, tickCertificates } = await import("../ticking.ts");
  return options.dryRun === true ? previewCertificates(args, options, io) : tickCertificates(args, options, io);
}

/** A standing failure is still one, although there is nothing to do about it now. */
function endIdly(directory: string, options: TickOptions, io: Io): ExitCode {
  if (!hasAlarms(directory)) {
    if (io.errIsTerminal && options.quiet !== true) io.err("nothing is due\n");
    return EXIT.done;
  }
  for (const alarm of repeatAlarms(directory, io.clock(), io.errIsTerminal)) io.err(alarm.text);
  return EXIT.failed;
}
