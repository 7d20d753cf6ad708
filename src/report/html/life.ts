/** The life of the live certificate as a bar: how much is used, when the renewal is expected, and when it is too late. */
import { formatDuration, secondsBetween } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import type { ChainFacts } from "../../rollover/chain.ts";
import type { Standing } from "../../rollover/deadlines.ts";
import { formatDistance, formatTime } from "../words.ts";
import { markup, percent } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { moment } from "./signs.ts";

const BAR_Y = 20;

interface Mark {
  readonly at: Instant;
  readonly shape: Markup;
  readonly words: string;
}

/** Null when its dates make no span. */
export function lifeFigure(id: string, current: ChainFacts, standing: Standing | null, at: Instant): Markup | null {
  const { notBefore, notAfter } = current;
  if (notAfter <= notBefore) return null;
  const shareOf = (time: Instant): number => Math.min(1, Math.max(0, (time - notBefore) / (notAfter - notBefore)));
  const marks = marksOf(current, standing, at);
  const used = shareOf(at);
  const whole = formatDuration(secondsBetween(notBefore, notAfter));
  const title =
    at >= notAfter
      ? `the certificate ended ${formatDistance(notAfter, at)}`
      : `${String(Math.round(used * 100))} % of the certificate's ${whole} are over`;
  const now = used < 0.05 ? "" : used > 0.95 ? " end" : " mid";
  return markup`<figure><figcaption>Life of the live certificate</figcaption>
<svg class="wide" width="100%" height="54" role="img" aria-labelledby="${id}-title ${id}-desc">
<title id="${id}-title">${title}</title>
<desc id="${id}-desc">${marks.map(({ words, at: when }) => `${words} ${formatTime(when)}, ${formatDistance(when, at)}. `).join("")}</desc>
<rect class="bar-idle" x="0" width="100%" y="${BAR_Y}" height="12" rx="6"/>
<rect class="bar-run" x="0" width="${percent(Math.max(used, 0.01))}" y="${BAR_Y}" height="12" rx="6"/>
<line class="nowline" x1="${percent(used)}" x2="${percent(used)}" y1="14" y2="40"/><text class="nowtext${now}" x="${percent(used)}" y="10">now</text>
${marks.map((mark) => markup`<svg x="${percent(shareOf(mark.at))}" y="${BAR_Y + 22}" overflow="visible">${mark.shape}</svg>`)}
</svg>
<ul class="key">${marks.map((mark) => markup`<li><svg viewBox="-7 -7 14 14" aria-hidden="true" focusable="false">${mark.shape}</svg>${mark.words} ${moment(mark.at, at)}</li>`)}</ul></figure>`;
}

function marksOf(current: ChainFacts, standing: Standing | null, at: Instant): readonly Mark[] {
  const renewal = standing !== null && "renewal" in standing ? standing.renewal : null;
  const latest = standing !== null && "latestStart" in standing ? standing.latestStart : null;
  return [
    ...(renewal === null || renewal < at
      ? []
      : [{ at: renewal, shape: markup`<circle class="mark renewal" r="4.5"/>`, words: "renewal expected" }]),
    ...(latest === null
      ? []
      : [
          {
            at: latest,
            shape: markup`<rect class="mark date" x="-4" y="-4" width="8" height="8"/>`,
            words: "last call for a renewal with a new key",
          },
        ]),
    {
      at: current.notAfter,
      shape: markup`<path class="mark last" d="M0-5L5 4H-5z"/>`,
      words: current.notAfter <= at ? "ended" : "ends",
    },
  ];
}
