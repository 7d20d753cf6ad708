/** What the terminal can show. */
import type { Io } from "../io.ts";

export interface Style {
  readonly unicode: boolean;
  readonly color: boolean;
  readonly columns: number;
  /** Whether lines can be drawn over: a terminal that understands cursor movement. */
  readonly live: boolean;
}

/** Box-drawing only where the locale says UTF-8 and the terminal is no bare console; redrawing only on a terminal. */
export function styleOf(io: Io): Style {
  const locale = io.env["LC_ALL"] ?? io.env["LC_CTYPE"] ?? io.env["LANG"] ?? "";
  const dumb = io.env["TERM"] === "dumb";
  return {
    unicode: /utf-?8/i.test(locale) && !dumb && io.env["TERM"] !== "linux",
    color: io.color && !dumb,
    columns: Math.max(40, io.columns),
    live: io.outIsTerminal && !dumb,
  };
}

const CODES = { bold: "1", dim: "2", red: "31", green: "32", yellow: "33", cyan: "36" } as const;

export type Paint = keyof typeof CODES;

/** The text in a colour, or as it is where colours are off. */
export function paint(style: Style, how: Paint, text: string): string {
  return style.color ? `\u001b[${CODES[how]}m${text}\u001b[0m` : text;
}

/** How many columns the text takes: escape sequences take none. All our characters are one UTF-16 unit and one column wide. */
export function widthOf(text: string): number {
  return text.replaceAll(ESCAPE, "").length;
}

const ESCAPE = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** Cuts a line to the terminal's width, so that a redraw never meets a wrapped line; a line that is cut loses its colours. */
export function fit(style: Style, line: string): string {
  if (widthOf(line) <= style.columns - 1) return line;
  return line.replaceAll(ESCAPE, "").slice(0, style.columns - 2) + (style.unicode ? "…" : ">");
}
