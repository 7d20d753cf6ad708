/** `daneward timeline`: what has happened, out of the journal. */
import { renderTimelineJson, renderTimelineText } from "../../report/timeline-text.ts";
import { readJournal } from "../../store/journal.ts";
import { stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";

export interface TimelineOptions extends FileOptions {
  readonly json?: boolean;
}

/** Needs no configuration: the journal also speaks of certificates that are configured no more. */
export function run(args: readonly string[], options: TimelineOptions, io: Io): Promise<ExitCode> {
  const { entries, damagedLines } = readJournal(stateDirectoryOf(options, io), args[0]);
  const timeline = { events: entries, damagedLines };
  if (options.json === true) io.out(`${JSON.stringify(renderTimelineJson(timeline), null, 2)}\n`);
  else io.out(renderTimelineText(timeline, io));
  return Promise.resolve(EXIT.done);
}
