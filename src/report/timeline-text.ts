/** `daneward timeline`: the journal, a line an event, oldest first, with the time between them and what each phase took. */
import { formatDuration, formatInstant, seconds } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import { displayName, parseName } from "../dns/name.ts";
import { doneWords, isFailure } from "./event-text.ts";
import { formatTime, onOneLine, painter, plainTimes, shortenDigests } from "./words.ts";

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

export interface TimelineTextOptions {
  readonly color: boolean;
  /** The present, for what is not over; absent: that is left out. */
  readonly at?: Instant;
}

/** A phase of a rollover as far as the journal tells it. */
type Phase = "announcing" | "aging" | "deploying" | "confirming" | "withdrawing" | "held" | "stable";

interface TimedEvent extends TimelineEvent {
  /** Since the event before it of the same certificate; null: it is the first. */
  readonly gap: Seconds | null;
  /** The phase that this event ended. */
  readonly ended: { readonly phase: Phase; readonly took: Seconds } | null;
}

interface Course {
  readonly last: Instant;
  readonly phase: Phase | null;
  readonly since: Instant;
}

/** Which phase begins with an event that the core or the driver writes. */
const BEGINS: Readonly<Record<string, Phase>> = {
  enrolling: "deploying",
  announcing: "announcing",
  superseded: "announcing",
  regressed: "announcing",
  "deploy-refused": "announcing",
  "seen-everywhere": "aging",
  deploying: "deploying",
  tidying: "confirming",
  "deployed-changed": "confirming",
  withdrawing: "withdrawing",
  held: "held",
  confirmed: "stable",
  settled: "stable",
  withdrawn: "stable",
  "given-up": "stable",
  renewed: "stable",
};

const PHASES: ReadonlySet<string> = new Set<Phase>([
  "announcing",
  "aging",
  "deploying",
  "confirming",
  "withdrawing",
  "held",
  "stable",
]);

function isPhase(text: unknown): text is Phase {
  return typeof text === "string" && PHASES.has(text);
}

/** The phase that begins with an event; null: it goes on. What operators do says so itself. */
function phaseBegun({ event, detail }: TimelineEvent): Phase | null {
  if (event === "deploy") return detail["result"] === "failed" ? null : "confirming";
  const { to } = detail;
  return isPhase(to) ? to : (BEGINS[event] ?? null);
}

/** Rounded down: what follows within one second follows at once. */
function wholeSeconds(from: Instant, to: Instant): Seconds {
  return seconds(Math.floor((to - from) / 1000));
}

interface Timed {
  readonly events: readonly TimedEvent[];
  readonly courses: ReadonlyMap<string | null, Course>;
}

function timed(events: readonly TimelineEvent[]): Timed {
  const courses = new Map<string | null, Course>();
  const told = events.map((event): TimedEvent => {
    const before = courses.get(event.certificate);
    const begun = phaseBegun(event);
    const ends = begun !== null && before !== undefined && before.phase !== begun;
    courses.set(event.certificate, {
      last: event.at,
      phase: begun ?? before?.phase ?? null,
      since: begun === null || begun === before?.phase ? (before?.since ?? event.at) : event.at,
    });
    return {
      ...event,
      gap: before === undefined ? null : wholeSeconds(before.last, event.at),
      // Being at rest is no work that could have taken long.
      ended:
        ends && before.phase !== null && before.phase !== "stable"
          ? { phase: before.phase, took: wholeSeconds(before.since, event.at) }
          : null,
    };
  });
  return { events: told, courses };
}

/** `+1d 3h`, right-aligned. */
const GAP_WIDTH = 8;

/** The text, ending with a newline; names the certificate in each line when there are several. */
export function renderTimelineText(timeline: Timeline, options: TimelineTextOptions): string {
  if (timeline.events.length === 0) return "nothing has happened yet\n";
  const paint = painter(options.color);
  const { events, courses } = timed(timeline.events);
  const names = new Set(events.map(({ certificate }) => certificate));
  const width = names.size < 2 ? 0 : Math.max(...[...names].map((name) => (name ?? "").length)) + 2;
  const lines = events.map(({ at, certificate, event, detail, gap, ended }) => {
    const failed = isFailure({ event, detail });
    const name = width === 0 ? "" : (certificate ?? "").padEnd(width);
    const padded = event.padEnd(16);
    const shown = gap === null || gap === 0 ? "" : gap < 0 ? "(back)" : `+${formatDuration(gap)}`;
    const took = ended === null ? "" : paint("dim", ` (${ended.phase} took ${formatDuration(ended.took)})`);
    const head = `${formatTime(at)} ${shown.padStart(GAP_WIDTH)}  ${name}${failed ? paint("red", padded) : padded}`;
    return `${head} ${describeDetail(event, detail)}`.trimEnd() + took;
  });
  const { at } = options;
  if (at !== undefined) lines.push(...unfinished(courses, at, width));
  if (timeline.damagedLines.length > 0) {
    lines.push(`(unreadable lines of the journal: ${timeline.damagedLines.join(", ")})`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** What has begun and not ended, a line each. */
function unfinished(courses: Timed["courses"], at: Instant, width: number): readonly string[] {
  return [...courses].flatMap(([certificate, { last, phase, since }]) => {
    if (certificate === null || phase === null || phase === "stable" || at < last) return [];
    const gap = `+${formatDuration(wholeSeconds(last, at))}`.padStart(GAP_WIDTH);
    const name = width === 0 ? "" : certificate.padEnd(width);
    return [
      `${formatTime(at)} ${gap}  ${name}${"(now)".padEnd(16)} ${phase} for ${formatDuration(wholeSeconds(since, at))}`,
    ];
  });
}

/** Each event in one line: its sentence first, with the code if it has one, then what is worth a key. */
function describeDetail(event: string, detail: Readonly<Record<string, unknown>>): string {
  const { detail: sentence, result, code, ...rest } = detail;
  const change = event === "publish" || event === "withdraw" ? describeChange(rest) : null;
  const done = change === null && result !== "failed" ? doneWords(event, detail) : null;
  const said = [result === "failed" ? "failed" : "", typeof sentence === "string" ? sentence : ""];
  const words = [
    said.filter((part) => part !== "").join(": "),
    typeof code === "string" ? `[${code}]` : "",
    change?.words ?? done ?? "",
    ...Object.entries(change?.rest ?? rest).flatMap(([key, value]) =>
      value === "" || UNTOLD[event]?.includes(key) === true ? [] : [`${key}=${shorten(value)}`],
    ),
  ];
  return words
    .filter((word) => word !== "")
    .map((word) => onOneLine(plainTimes(shortenDigests(word))))
    .join(" ");
}

/** What stands in the words already, or is for programs. */
const UNTOLD: Readonly<Record<string, readonly string[]>> = {
  store: ["chain"],
  deploy: ["chain"],
  prune: ["versions"],
  confirmed: ["to"],
};

const TOLD: ReadonlySet<string> = new Set(["owner", "records", "zone", "ttl"]);

/** `3 1 1 9a590dfa1b2c… at _25._tcp.mx.example.org`: zone and TTL are for programs. */
function describeChange(detail: Readonly<Record<string, unknown>>): {
  readonly words: string;
  readonly rest: Readonly<Record<string, unknown>>;
} | null {
  const { owner, records } = detail;
  if (typeof owner !== "string" || !Array.isArray(records)) return null;
  const name = parseName(owner);
  const rest = Object.fromEntries(Object.entries(detail).filter(([key]) => !TOLD.has(key)));
  return { words: `${records.map(String).join(", ")} at ${name.ok ? displayName(name.value) : owner}`, rest };
}

function shorten(value: unknown): string {
  const text = Array.isArray(value) ? value.map(String).join(",") : String(value);
  return shortenDigests(text);
}

/** `daneward timeline --json`: schema `daneward/timeline/1`. `gap` and `took` in seconds. */
export function renderTimelineJson(timeline: Timeline): object {
  return {
    schema: "daneward/timeline/1",
    events: timed(timeline.events).events.map(({ at, certificate, event, detail, gap, ended }) => {
      return {
        at: formatInstant(at),
        certificate,
        event,
        ...(gap === null ? {} : { gap }),
        ...(ended === null ? {} : { endedPhase: ended.phase, took: ended.took }),
        ...detail,
      };
    }),
    damagedLines: timeline.damagedLines,
  };
}
