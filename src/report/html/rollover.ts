/**
 * One rollover drawn: its milestones on a line, and under it which records are in DNS and what the servers present, so
 * that one sees at a glance that the one always covers the other. Positions are shares of the width and texts keep
 * their size, so that it is read on a phone as on a desk. Distances grow with the time between two milestones, but
 * slower: minutes and weeks stand side by side.
 */
import type { Instant } from "../../base/time.ts";
import type { Milestone, MilestoneKind } from "../milestones.ts";
import { formatDistance, formatTime, shortRecord } from "../words.ts";
import { markup, percent } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { moment } from "./signs.ts";

export interface RolloverFigure {
  /** Tells its parts from those of other figures. */
  readonly id: string;
  readonly title: string;
  readonly at: Instant;
  readonly milestones: readonly Milestone[];
  /** Records that go; null: there were none. */
  readonly before: readonly string[] | null;
  /** Records that come; null: nobody can know them yet. */
  readonly after: readonly string[] | null;
}

const WORDS: Readonly<Record<MilestoneKind, { readonly done: string; readonly planned: string }>> = {
  noticed: { done: "renewal noticed", planned: "renewal expected" },
  published: { done: "new records published", planned: "new records are published" },
  everywhere: { done: "on every name server", planned: "seen on every name server" },
  swapped: { done: "files swapped, services reloaded", planned: "files are swapped, services reloaded" },
  proven: { done: "proven on every address", planned: "proven on every address" },
  withdrawn: { done: "old records withdrawn", planned: "old records are withdrawn" },
};

/** Room at both ends, as a share of the width. */
const MARGIN = 0.035;
/** A gap counts from one to this many times the smallest. */
const LARGEST_GAP = 3.5;

interface Axis {
  readonly of: (kind: MilestoneKind) => number | null;
  readonly dots: readonly { readonly milestone: Milestone; readonly x: number }[];
  /** Null: everything is over. */
  readonly now: number | null;
}

function axisOf(milestones: readonly Milestone[], at: Instant): Axis {
  const past = milestones.filter(({ done }) => done);
  const known = milestones.filter((one) => !one.done && one.at !== null).sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
  const open = milestones.filter((one) => !one.done && one.at === null);
  const isOver = known.length + open.length === 0;
  const now = { milestone: null, at } as const;
  const stops = [
    ...past.map((milestone) => ({ milestone, at: milestone.at })),
    ...(isOver ? [] : [now]),
    ...[...known, ...open].map((milestone) => ({ milestone, at: milestone.at })),
  ];
  let reached = 0;
  const places = stops.map((stop, index) => {
    const before = stops[index - 1];
    if (before !== undefined) reached += gapOf(before.at, stop.at);
    return { ...stop, reached };
  });
  const whole = Math.max(1, reached);
  const shareOf = (place: number): number => MARGIN + (1 - 2 * MARGIN) * (place / whole);
  const dots = places.flatMap(({ milestone, reached: place }) =>
    milestone === null ? [] : [{ milestone, x: shareOf(place) }],
  );
  return {
    dots,
    of: (kind) => dots.find(({ milestone }) => milestone.kind === kind)?.x ?? null,
    now: isOver ? null : shareOf(places.find(({ milestone }) => milestone === null)?.reached ?? 0),
  };
}

function gapOf(from: Instant | null, to: Instant | null): number {
  if (from === null || to === null || to <= from) return 1;
  return Math.min(LARGEST_GAP, 1 + Math.log10(1 + (to - from) / 60_000) * 0.6);
}

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly style: string;
}

interface Lane {
  readonly label: string;
  readonly pieces: readonly Piece[];
}

function lanesOf({ before, after }: RolloverFigure, axis: Axis): readonly Lane[] {
  const [published, everywhere, swapped, withdrawn] = (
    ["published", "everywhere", "swapped", "withdrawn"] as const
  ).map(axis.of);
  const swap = swapped ?? 1;
  const isKept = before !== null && after !== null && before.join() === after.join();
  const old: readonly Lane[] =
    before === null
      ? []
      : [
          {
            label: `${isKept ? "in DNS, kept" : "in DNS, old"}: ${recordWords(before)}`,
            pieces: [{ from: 0, to: isKept ? 1 : (withdrawn ?? 1), style: "bar-old" }],
          },
        ];
  const seen = everywhere ?? swap;
  const fresh: readonly Lane[] =
    isKept || published === null || published === undefined
      ? []
      : [
          {
            label: `in DNS, new: ${after === null ? "the record of the renewed key" : recordWords(after)}`,
            pieces: [
              { from: published, to: Math.max(published, seen), style: "bar-new bar-soon" },
              { from: Math.max(published, seen), to: 1, style: "bar-new" },
            ],
          },
        ];
  const presented: Lane = {
    label: before === null ? "servers present: the new certificate from the swap on" : "servers present: old, then new",
    pieces: [
      { from: 0, to: swap, style: before === null ? "bar-idle" : "bar-old" },
      ...(swapped === null || swapped === undefined ? [] : [{ from: swapped, to: 1, style: "bar-new" }]),
    ],
  };
  return [...old, ...fresh, presented];
}

function recordWords(records: readonly string[]): string {
  const shown = records.slice(0, 2).map(shortRecord).join(" + ");
  return records.length > 2 ? `${shown} and ${String(records.length - 2)} more` : shown;
}

const RAIL_Y = 32;
const LANES_Y = 62;
const LANE_HEIGHT = 40;
const BAR_HEIGHT = 14;

/** The figure with its list of milestones, which says the same in words. */
export function rolloverFigure(figure: RolloverFigure): Markup {
  const { id, title, at, milestones } = figure;
  const axis = axisOf(milestones, at);
  const lanes = lanesOf(figure, axis);
  const height = LANES_Y + lanes.length * LANE_HEIGHT;
  return markup`<figure class="rollover">
<figcaption>${title}</figcaption>
<svg class="wide" width="100%" height="${height}" role="img" aria-labelledby="${id}-title ${id}-desc">
<title id="${id}-title">${title}</title>
<desc id="${id}-desc">${axis.dots.map(({ milestone }, index) => `${String(index + 1)}: ${sentenceOf(milestone, at)}. `).join("")}</desc>
${railOf(axis)}${lanes.flatMap((lane, index) => barsOf(lane, LANES_Y + index * LANE_HEIGHT, axis.now))}${nowMarkup(axis.now, height)}
${lanes.map(({ label }, index) => markup`<text x="0" y="${LANES_Y + 10 + index * LANE_HEIGHT}" class="quiet lane">${label}</text>`)}
${axis.dots.map(({ milestone, x }, index) => dotMarkup(milestone, x, index + 1))}
</svg>
<ol class="steps">${axis.dots.map(({ milestone }, index) => stepMarkup(milestone, index + 1, at))}</ol>
</figure>`;
}

function railOf({ dots, now }: Axis): Markup {
  const [first, last] = [dots[0]?.x ?? MARGIN, dots.at(-1)?.x ?? 1 - MARGIN];
  const edge = now ?? last;
  const line = (from: number, to: number, style: string): Markup =>
    markup`<line class="rail ${style}" x1="${percent(from)}" x2="${percent(to)}" y1="${RAIL_Y}" y2="${RAIL_Y}"/>`;
  return markup`${edge > first ? line(first, edge, "past") : null}${last > edge ? line(edge, last, "todo") : null}`;
}

function barsOf({ pieces }: Lane, y: number, now: number | null): readonly Markup[] {
  const edge = now ?? 1;
  return pieces.flatMap(({ from, to, style }) => {
    const past = rect(from, Math.min(to, edge), y + 16, style);
    const planned = rect(Math.max(from, edge), to, y + 16, `${style} bar-plan`);
    return [past, planned].filter((one) => one !== null);
  });
}

function rect(from: number, to: number, y: number, style: string): Markup | null {
  if (to - from < 0.0005) return null;
  return markup`<rect class="${style}" x="${percent(from)}" width="${percent(to - from)}" y="${y}" height="${BAR_HEIGHT}" rx="3"/>`;
}

/** The word stands where it is not cut off. */
function nowMarkup(now: number | null, height: number): Markup | null {
  if (now === null) return null;
  const side = now < 0.08 ? "" : now > 0.92 ? " end" : " mid";
  return markup`<line class="nowline" x1="${percent(now)}" x2="${percent(now)}" y1="14" y2="${height - 6}"/><text class="nowtext${side}" x="${percent(now)}" y="10">now</text>`;
}

function dotMarkup({ done }: Milestone, x: number, number: number): Markup {
  const style = done ? " past" : "";
  return markup`<circle class="dot${style}" cx="${percent(x)}" cy="${RAIL_Y}" r="9"/><text class="num${style}" x="${percent(x)}" y="${RAIL_Y + 4}">${number}</text>`;
}

function stepMarkup(milestone: Milestone, number: number, at: Instant): Markup {
  const { kind, done, at: when } = milestone;
  const time = when === null ? markup`<span class="muted">when what is named above is over</span>` : moment(when, at);
  const words = WORDS[kind];
  return markup`<li class="${done ? "past" : "todo"}"><span class="n" aria-hidden="true">${number}</span><div>${done ? words.done : markup`${words.planned} <span class="tag">planned</span>`}<br>${time}</div></li>`;
}

function sentenceOf({ kind, done, at: when }: Milestone, at: Instant): string {
  const time = when === null ? "time not known" : `${formatTime(when)}, ${formatDistance(when, at)}`;
  return done ? `${WORDS[kind].done}, ${time}` : `planned: ${WORDS[kind].planned}, ${time}`;
}
