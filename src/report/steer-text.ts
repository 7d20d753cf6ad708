/**
 * What an operator is told before a verb is carried out: what will be done, what it costs, what to type next. Made of
 * saved state and figures alone; it is read at the moment of greatest haste, so each line stands for itself.
 */
import { deinitSentences, emergencySentences, overrideSentences, rollSentences } from "./steer-grave.ts";
import type { Announcement, Prospect, SteerWord } from "./steer-model.ts";
import { holdSentences, resumeSentences, returnSentences } from "./steer-turns.ts";
import { onOneLine } from "./words.ts";

/** What is said before a verb is carried out. */
export function announce(prospect: Prospect): Announcement {
  const { will, costs, then } = SENTENCES[prospect.verb](prospect);
  const { frozen } = prospect;
  const stopped = frozen === null ? [] : [`${frozen}; nothing of this happens before daneward thaw`];
  return { will, costs: [...costs, ...stopped], then };
}

/** The same as text: a line each, ending with a newline. */
export function renderAnnouncement(certificate: string, verb: string, { will, costs, then }: Announcement): string {
  const rows = (label: string, lines: readonly string[]): readonly string[] =>
    lines.map((line, at) => `  ${(at === 0 ? label : "").padEnd(8)}${onOneLine(line)}`);
  const lines = [`${certificate}: ${verb}`, ...rows("will", will), ...rows("costs", costs), ...rows("then", then)];
  return lines.map((line) => `${line}\n`).join("");
}

const SENTENCES: Readonly<Record<SteerWord, (prospect: Prospect) => Announcement>> = {
  hold: holdSentences,
  resume: resumeSentences,
  abort: returnSentences,
  rollback: returnSentences,
  override: overrideSentences,
  roll: rollSentences,
  emergency: emergencySentences,
  deinit: deinitSentences,
};
