/** `daneward timeline`: what has happened, out of the journal. */
import { suggestion } from "../../config/nearest.ts";
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
  const directory = stateDirectoryOf(options, io);
  const [name] = args;
  const { entries, damagedLines } = readJournal(directory, name);
  const timeline = { events: entries, damagedLines };
  if (options.json === true) io.out(`${JSON.stringify(renderTimelineJson(timeline), null, 2)}\n`);
  else if (name !== undefined && entries.length === 0) io.out(nothingAbout(directory, name));
  else io.out(renderTimelineText(timeline, { color: io.color, at: io.clock() }));
  return Promise.resolve(EXIT.done);
}

/** The journal may speak of others, one of which may be meant. */
function nothingAbout(directory: string, name: string): string {
  const names = readJournal(directory).entries.flatMap(({ certificate }) => certificate ?? []);
  return `nothing has happened yet to "${name}"${suggestion(name, new Set(names))}\n`;
}
