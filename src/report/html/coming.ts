/** What comes next over all certificates: a strip from now to a year ahead, and the same as a table. */
import { seconds, formatDuration } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import type { UpcomingKind, UpcomingStep } from "../upcoming.ts";
import { formatDistance, formatTime } from "../words.ts";
import { anchorOf, markup, percent } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { cell, heads, moment } from "./signs.ts";

/** A table longer than this is not read. */
const ROWS = 60;
const HOUR = 3600;
/** Hours, days and weeks side by side: the strip is logarithmic. */
const TICKS: readonly number[] = [HOUR, 6 * HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR, 90 * 24 * HOUR];
const SPAN = 365 * 24 * HOUR;
const BINS = 32;
const HIGHEST = 5;

const STYLES: Readonly<Record<UpcomingKind, "step" | "renewal" | "date" | "last">> = {
  publish: "step",
  swap: "step",
  withdraw: "step",
  renewal: "renewal",
  deadline: "date",
  end: "last",
};

const SECTION_WORDS = "Times are reckoned: each comes if everything before it goes well.";

/** Strip and table; a sentence when nothing is to come. */
export function comingSection(steps: readonly UpcomingStep[], at: Instant, linked: ReadonlySet<string>): Markup {
  if (steps.length === 0) return markup`<p class="card">Nothing has a date yet.</p>`;
  const shown = steps.slice(0, ROWS);
  const left = steps.length - shown.length;
  return markup`<div class="card">
${strip(steps, at)}
<ul class="key" aria-label="signs of the strip">
<li>${keySign("step")}step of daneward</li><li>${keySign("renewal")}renewal by the ACME client</li><li>${keySign("date")}last call for a renewal</li><li>${keySign("last")}end of a certificate</li>
</ul>
<table class="stack"><caption>${SECTION_WORDS}${left === 0 ? "" : ` The first ${String(ROWS)} of ${String(steps.length)}.`}</caption>
${heads(["When", "Certificate", "What", "By"])}
<tbody>${shown.map((step) => markup`<tr>${cell("When", moment(step.at, at))}${cell("Certificate", nameOf(step.certificate, linked))}${cell("What", step.what)}${cell("By", step.by)}</tr>`)}</tbody></table></div>`;
}

/** A link where the page has more of it. */
export function nameOf(certificate: string, linked: ReadonlySet<string>): Markup {
  return linked.has(certificate)
    ? markup`<a href="#${anchorOf("cert", certificate)}"><bdi>${certificate}</bdi></a>`
    : markup`<bdi>${certificate}</bdi>`;
}

function shareOf(distance: number): number {
  const share = Math.log10(1 + Math.max(0, distance) / HOUR) / Math.log10(1 + SPAN / HOUR);
  return 0.02 + 0.96 * Math.min(1, share);
}

/** Marks of one place stand on each other; many are counted. */
function strip(steps: readonly UpcomingStep[], at: Instant): Markup {
  const bins = new Map<number, UpcomingStep[]>();
  for (const step of steps) {
    const bin = Math.round(shareOf((step.at - at) / 1000) * BINS);
    const known = bins.get(bin);
    if (known === undefined) bins.set(bin, [step]);
    else known.push(step);
  }
  const base = 30 + 14 * Math.min(HIGHEST, Math.max(...[...bins.values()].map((each) => each.length)));
  const [next] = steps;
  const title = `what comes: ${String(steps.length)} dates`;
  return markup`<figure><figcaption>From now to a year ahead; hours, days and weeks side by side.</figcaption>
<svg class="wide" width="100%" height="${base + 26}" role="img" aria-labelledby="strip-title strip-desc">
<title id="strip-title">${title}</title>
<desc id="strip-desc">${next === undefined ? "" : `next: ${next.certificate}, ${next.what}, ${formatTime(next.at)}, ${formatDistance(next.at, at)}. `}The table below has them all.</desc>
<line class="tick" x1="0" x2="100%" y1="${base}" y2="${base}"/>
${[0, ...TICKS].map((tick) => tickMarkup(tick, base))}
${[...bins].flatMap(([bin, each]) => pile(bin / BINS, each, base))}
</svg></figure>`;
}

function tickMarkup(tick: number, base: number): Markup {
  const x = percent(shareOf(tick));
  const label = tick === 0 ? "now" : formatDuration(seconds(tick));
  const style = tick === 0 ? "nowtext" : "quiet mid";
  return markup`<line class="${tick === 0 ? "nowline" : "tick"}" x1="${x}" x2="${x}" y1="${base - 6}" y2="${base + 6}"/><text class="${style}" x="${x}" y="${base + 20}">${label}</text>`;
}

function pile(share: number, steps: readonly UpcomingStep[], base: number): readonly Markup[] {
  const shown = steps.slice(0, steps.length > HIGHEST ? HIGHEST - 1 : HIGHEST);
  const x = percent(share);
  const more = steps.length - shown.length;
  return [
    ...shown.map((step, index) => mark(STYLES[step.kind], x, base - 12 - index * 14)),
    ...(more === 0
      ? []
      : [markup`<text class="quiet mid" x="${x}" y="${base - 8 - shown.length * 14}">+${String(more)}</text>`]),
  ];
}

/** A disc, a ring, a square, a triangle. Shapes stand in a box of their own, since their corners cannot be shares. */
function mark(style: "step" | "renewal" | "date" | "last", x: string, y: number): Markup {
  return markup`<svg x="${x}" y="${y}" overflow="visible">${shape(style)}</svg>`;
}

function shape(style: "step" | "renewal" | "date" | "last"): Markup {
  switch (style) {
    case "step":
      return markup`<circle class="mark step" r="4.5"/>`;
    case "renewal":
      return markup`<circle class="mark renewal" r="4.5"/>`;
    case "date":
      return markup`<rect class="mark date" x="-4" y="-4" width="8" height="8"/>`;
    case "last":
      return markup`<path class="mark last" d="M0-5L5 4H-5z"/>`;
  }
}

function keySign(style: "step" | "renewal" | "date" | "last"): Markup {
  return markup`<svg viewBox="-7 -7 14 14" aria-hidden="true" focusable="false">${shape(style)}</svg>`;
}
