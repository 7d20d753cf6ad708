/**
 * What an operator is told before a verb is carried out: what will be done, what it costs, what to type next. Made of
 * saved state and figures alone; it is read at the moment of greatest haste, so each line stands for itself.
 */
import { deinitSentences, emergencySentences, overrideSentences, rollSentences } from "./steer-grave.ts";
import type { Announcement, Prospect, SteerWord } from "./steer-model.ts";
import { holdSentences, resumeSentences, returnSentences } from "./steer-turns.ts";
import { onOneLine, rawRow, row } from "./words.ts";

/** What is said before a verb is carried out. */
export function announce(prospect: Prospect): Announcement {
  const { will, costs, then } = SENTENCES[prospect.verb](prospect);
  const { frozen, verb, certificate, after } = prospect;
  const isStuck = after.phase.phase === "held" && verb !== "hold";
  const held = isStuck ? [`it stays held: nothing of this happens before daneward resume ${certificate}`] : [];
  const stopped = frozen === null ? [] : [`${frozen}; nothing of this happens before daneward thaw`];
  return { will, costs: [...costs, ...held, ...stopped], then };
}

/** The same as text, a row for each sentence, ending with a newline. What is to be typed is never folded. */
export function renderAnnouncement(title: string, { will, costs, then }: Announcement): string {
  const rows = (label: string, sentences: readonly string[]): readonly string[] =>
    sentences.map(onOneLine).map((text) => (text.startsWith("type: ") ? rawRow(label, text) : row(label, text)));
  const lines = [title, ...rows("will", will), ...rows("costs", costs), ...rows("then", then)];
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
