/** One rollover as a line of dots for a terminal: what is done is solid, what is to come is open and dotted. */
import { formatInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { Milestone, MilestoneKind } from "./milestones.ts";
import type { Paint } from "./words.ts";

export interface DrawOptions {
  readonly at: Instant;
  readonly paint: Paint;
  /** Box-drawing characters; else ASCII. */
  readonly unicode: boolean;
}

const LABELS: Readonly<Record<MilestoneKind, string>> = {
  noticed: "renewed",
  published: "published",
  everywhere: "everywhere",
  swapped: "swap",
  proven: "proven",
  withdrawn: "withdraw",
};

/** Twelve columns for each of six milestones, and a margin of two: 74 at most, without the last one's padding. */
const LEAST_WIDTH = 8;

/** Three lines of at most 80 columns: words, the line, times in UTC. Empty without milestones. */
export function drawMilestones(milestones: readonly Milestone[], options: DrawOptions): readonly string[] {
  if (milestones.length === 0) return [];
  const { at, paint, unicode } = options;
  const [done, open, solid, dotted] = unicode ? ["●", "○", "─", "┄"] : ["*", "o", "-", "."];
  const columns = milestones.map((milestone) => {
    const time = milestone.at === null ? "" : shortTime(milestone.at, at);
    const label = LABELS[milestone.kind];
    return { milestone, label, time, width: Math.max(LEAST_WIDTH, label.length + 1, time.length + 1) };
  });
  const rail = columns.map(({ milestone, width }, index) => {
    const dot = milestone.done ? paint("green", done) : paint("dim", open);
    const following = columns[index + 1]?.milestone;
    if (following === undefined) return dot;
    const length = width - 1;
    const passed = Math.round(length * passedShare(milestone, following, at));
    const track = passed === 0 ? "" : paint("green", solid.repeat(passed));
    return dot + track + (passed === length ? "" : paint("dim", dotted.repeat(length - passed)));
  });
  const line = (texts: readonly string[]): string =>
    `  ${texts.map((text, index) => text.padEnd(columns[index]?.width ?? 0)).join("")}`.trimEnd();
  return [line(columns.map(({ label }) => label)), `  ${rail.join("")}`, line(columns.map(({ time }) => time))];
}

/** How much of the way from one milestone to the next is behind us, from 0 to 1; not quite 1 while the next is open. */
function passedShare(from: Milestone, to: Milestone, now: Instant): number {
  if (to.done) return 1;
  if (!from.done || from.at === null || to.at === null || to.at <= from.at) return 0;
  return Math.min(0.9, Math.max(0, (now - from.at) / (to.at - from.at)));
}

/** `14:01` today, `11-23 14:01` on another day. */
function shortTime(time: Instant, now: Instant): string {
  const text = formatInstant(time);
  const clock = text.slice(11, 16);
  return text.slice(0, 10) === formatInstant(now).slice(0, 10) ? clock : `${text.slice(5, 10)} ${clock}`;
}
