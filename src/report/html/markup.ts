/**
 * Markup by tagged templates: every value is text and is escaped, unless it is markup already. There is no other way in,
 * so that a hostile subject of a certificate or line of the journal stays text.
 */

/** Markup, made by {@link markup} alone. */
export interface Markup {
  readonly markup: string;
}

export type Content = string | number | Markup | readonly (string | Markup)[] | null;

/** A piece of HTML or SVG; values in it may stand in text and between the quotation marks of attributes. */
export function markup(pieces: TemplateStringsArray, ...values: readonly Content[]): Markup {
  const [first = "", ...rest] = pieces;
  return { markup: rest.reduce((text, piece, index) => text + rendered(values[index] ?? null) + piece, first) };
}

function rendered(value: Content): string {
  if (value === null) return "";
  if (typeof value === "string") return escaped(value);
  if (typeof value === "number") return String(value);
  return "markup" in value ? value.markup : value.map(rendered).join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Control characters and marks that turn the direction of what follows play tricks on readers: they show as U+FFFD. */
const TRICKS = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

function escaped(text: string): string {
  return text
    .replace(/[\t\r\n]+/g, " ")
    .replace(TRICKS, "\ufffd")
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

/** Numbers of SVG coordinates: two digits are finer than any screen. */
export function percent(share: number): string {
  return `${String(Math.round(share * 10_000) / 100)}%`;
}

/** A name as a value of `id` and of links to it. */
export function anchorOf(prefix: string, name: string): string {
  return `${prefix}-${name.replace(/[^A-Za-z0-9._-]/g, "_")}`;
}
