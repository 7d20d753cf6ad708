/** `daneward timeline`: the journal, a line an event, oldest first. */
import { formatInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { formatTime, onOneLine, painter, shortenDigests } from "./words.ts";

/** An event of the journal; `detail` holds what was written beside the name. */
export interface TimelineEvent {
  readonly at: Instant;
  readonly certificate: string | null;
  readonly event: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface Timeline {
  readonly events: readonly TimelineEvent[];
  /** Lines of the journal that could not be read. */
  readonly damagedLines: readonly number[];
}

/** The text, ending with a newline; names the certificate in each line when there are several. */
export function renderTimelineText(timeline: Timeline, options: { readonly color: boolean }): string {
  if (timeline.events.length === 0) return "nothing has happened yet\n";
  const paint = painter(options.color);
  const names = new Set(timeline.events.map(({ certificate }) => certificate));
  const width = names.size < 2 ? 0 : Math.max(...[...names].map((name) => (name ?? "").length)) + 2;
  const lines = timeline.events.map(({ at, certificate, event, detail }) => {
    const failed = detail["result"] === "failed";
    const name = width === 0 ? "" : (certificate ?? "").padEnd(width);
    const padded = event.padEnd(16);
    return `${formatTime(at)}  ${name}${failed ? paint("red", padded) : padded} ${describeDetail(detail)}`.trimEnd();
  });
  if (timeline.damagedLines.length > 0) {
    lines.push(`(unreadable lines of the journal: ${timeline.damagedLines.join(", ")})`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** Each event in one line: its sentence first, then what is worth a key. */
function describeDetail(detail: Readonly<Record<string, unknown>>): string {
  const { detail: sentence, result, ...rest } = detail;
  const said = typeof sentence === "string" ? sentence : "";
  const outcome = result === "failed" ? "failed" : "";
  const words = [
    [outcome, said].filter((part) => part !== "").join(": "),
    ...Object.entries(rest).flatMap(([key, value]) => (value === "" ? [] : [`${key}=${shorten(value)}`])),
  ];
  return words
    .filter((word) => word !== "")
    .map((word) => onOneLine(shortenDigests(word)))
    .join(" ");
}

function shorten(value: unknown): string {
  const text = Array.isArray(value) ? value.map(String).join(",") : String(value);
  return shortenDigests(text);
}

/** `daneward timeline --json`: schema `daneward/timeline/1`. */
export function renderTimelineJson(timeline: Timeline): object {
  return {
    schema: "daneward/timeline/1",
    events: timeline.events.map(({ at, certificate, event, detail }) => {
      return { at: formatInstant(at), certificate, event, ...detail };
    }),
    damagedLines: timeline.damagedLines,
  };
}
