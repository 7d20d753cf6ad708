/** Signs and small pieces that every part of the page uses. A sign differs in its shape, never in its colour alone. */
import type { Instant } from "../../base/time.ts";
import type { Concern } from "../model.ts";
import { formatDistance, formatTime } from "../words.ts";
import { markup } from "./markup.ts";
import type { Content, Markup } from "./markup.ts";

/** How bad something is: `none` says nothing about it. */
export type Grade = "ok" | "wait" | "bad" | "none";

const SHAPES: Readonly<Record<Grade, Markup>> = {
  ok: markup`<circle cx="8" cy="8" r="7" fill="none" stroke="currentColor" stroke-width="1.8"/><path d="M4.6 8.3l2.3 2.3 4.5-4.9" fill="none" stroke="currentColor" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round"/>`,
  wait: markup`<circle cx="8" cy="8" r="7" fill="none" stroke="currentColor" stroke-width="1.8"/><path d="M8 4.2V8l2.7 1.9" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/>`,
  bad: markup`<path d="M8 1.6l6.9 12.5H1.1z" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linejoin="round"/><path d="M8 6.2v3.6M8 12v.1" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/>`,
  none: markup`<circle cx="8" cy="8" r="7" fill="none" stroke="currentColor" stroke-width="1.8" stroke-dasharray="2.2 2.2"/>`,
};

/** The sign alone; words beside it say the same. */
export function sign(grade: Grade): Markup {
  return markup`<svg class="ico ${grade}" viewBox="0 0 16 16" aria-hidden="true" focusable="false">${SHAPES[grade]}</svg>`;
}

/** A sign and its words in a rounded box. */
export function pill(grade: Grade, words: string): Markup {
  return markup`<span class="pill ${grade}">${sign(grade)}${words}</span>`;
}

export const GRADES: Readonly<Record<Concern, Grade>> = { well: "ok", waiting: "wait", attention: "bad" };

/** A time for people and programs, and how far off it was when the page was made. */
export function moment(time: Instant, at: Instant): Markup {
  return markup`${stamp(time)} <span class="muted nowrap">(${formatDistance(time, at)})</span>`;
}

/** A time alone. */
export function stamp(time: Instant): Markup {
  return markup`<time class="nowrap" datetime="${formatTime(time).replace(" ", "T")}">${formatTime(time)}</time>`;
}

/** A cell that says on narrow screens, where rows become blocks, which column it was. */
export function cell(label: string, content: Content): Markup {
  return markup`<td data-label="${label}"><div>${content}</div></td>`;
}

export function heads(labels: readonly string[]): Markup {
  return markup`<thead><tr>${labels.map((label) => markup`<th scope="col">${label}</th>`)}</tr></thead>`;
}
