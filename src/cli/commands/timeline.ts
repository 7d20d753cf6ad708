/** `daneward timeline`: what has happened, out of the journal. */
import { OperationalError } from "../../base/errors.ts";
import { refuseName } from "../../driver/due.ts";
import { renderTimelineJson, renderTimelineText } from "../../report/timeline-text.ts";
import { readJournal } from "../../store/journal.ts";
import { configurationOf } from "../driver-files.ts";
import { stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";

export interface TimelineOptions extends FileOptions {
  readonly json?: boolean;
}

/**
 * Needs no configuration: the journal also speaks of certificates that are configured no more. Ends with 0; throws
 * CERTIFICATE_UNKNOWN for a name that neither knows.
 */
export async function run(args: readonly string[], options: TimelineOptions, io: Io): Promise<ExitCode> {
  const directory = stateDirectoryOf(options, io);
  const [name] = args;
  const { entries, damagedLines } = readJournal(directory, name);
  if (name !== undefined && entries.length === 0) await refuseUnknown(name, directory, options, io);
  const timeline = { events: entries, damagedLines };
  if (options.json === true) io.out(`${JSON.stringify(renderTimelineJson(timeline), null, 2)}\n`);
  else if (name !== undefined && entries.length === 0) io.out(`nothing has happened yet to "${name}"\n`);
  else io.out(renderTimelineText(timeline, { color: io.color, at: io.clock() }));
  return EXIT.done;
}

/** Nothing has happened to it: either nothing has, or it is a slip for one that is configured or on record. */
async function refuseUnknown(name: string, directory: string, options: FileOptions, io: Io): Promise<void> {
  const configured = await configuredNames(options, io);
  if (configured?.includes(name) === true) return;
  const recorded = readJournal(directory).entries.flatMap(({ certificate }) => certificate ?? []);
  refuseName(name, [...new Set([...(configured ?? []), ...recorded])]);
}

/** Null: there is no configuration that could be read. */
async function configuredNames(options: FileOptions, io: Io): Promise<readonly string[] | null> {
  try {
    return (await configurationOf(options, io)).certificates.map((certificate) => certificate.name);
  } catch (error) {
    if (error instanceof OperationalError) return null;
    throw error;
  }
}
