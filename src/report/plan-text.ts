/** `daneward plan`: the timetable of a rollover, and whether it fits into the life of the certificate. */
import { addSeconds, formatDuration, formatInstant, seconds, secondsBetween } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import type { ChainFacts, ChainId } from "../rollover/chain.ts";
import type { Standing } from "../rollover/deadlines.ts";
import type { ForecastEntry } from "../rollover/forecast.ts";
import { renderStanding } from "./status-json.ts";
import {
  describeChain,
  fold,
  formatDistance,
  formatMoment,
  formatTime,
  painter,
  plainTimes,
  row,
  shortenDigests,
} from "./words.ts";
import type { Paint } from "./words.ts";

export interface Plan {
  readonly certificate: string;
  readonly at: Instant;
  /** `imagined`: nothing is to be renewed now, the timetable is that of a renewal with a new key when it is to be expected. */
  readonly renewal: "under-way" | "imagined";
  /** When the client will probably renew what is live; null: nothing is live. */
  readonly expectedRenewal: Instant | null;
  readonly current: ChainFacts | null;
  /** The chain that the rollover replaces, or the one to come will; null or absent: none. */
  readonly replaced?: ChainId | null;
  /** What is to be deployed; null: nothing is there yet. */
  readonly next: ChainFacts | null;
  readonly ttl: {
    readonly configured: Seconds;
    /** The largest that a name server serves; null: no RRset is served. */
    readonly served: Seconds | null;
  };
  /** How long new records age once every name server serves them. */
  readonly wait: Seconds;
  readonly standing: Standing | null;
  readonly entries: readonly ForecastEntry[];
}

export interface PlanTextOptions {
  readonly color: boolean;
  /** Minutes by which local time is ahead of UTC then; absent: times are in UTC. */
  readonly offsetAt?: (at: Instant) => number;
}

/** One block a certificate, ending with a newline. */
export function renderPlanText(plan: Plan, options: PlanTextOptions): string {
  const paint = painter(options.color);
  const offsetAt = options.offsetAt ?? ((): number => 0);
  const { at, current, next } = plan;
  const rows = timetable(plan);
  const timeWidth = Math.max(0, ...rows.map((entry) => formatLocal(entry.at, offsetAt(entry.at)).length));
  const lines = [
    `${paint("bold", plan.certificate)}  ${titleOf(plan)}`,
    ...(current === null ? [] : [row("live", describeChain(current, at))]),
    ...(next === null ? [] : [row("next", describeChain(next, at))]),
    row("ttl", ttlWords(plan)),
    ...rows.flatMap((entry, index) => entryLines(entry, rows[index - 1], { at, offsetAt, paint, timeWidth })),
    ...(plan.entries.length === 0 ? ["  nothing is to be done"] : []),
    ...verdictLines(plan).map(({ style, words }) =>
      fold(paint(style, words), 78)
        .map((line) => `  ${line}`)
        .join("\n"),
    ),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function titleOf({ renewal, expectedRenewal, at }: Plan): string {
  if (renewal === "under-way") return "if every step succeeds";
  return expectedRenewal !== null && expectedRenewal > at
    ? "the next renewal, with a new key, when it is to be expected"
    : "if a certificate with a new key came now";
}

function ttlWords({ ttl, wait }: Plan): string {
  const served = ttl.served === null ? "none served yet" : `${formatDuration(ttl.served)} served`;
  return `${served}, ${formatDuration(ttl.configured)} configured; new records age ${formatDuration(wait)} once every name server has them`;
}

/** What the certificates' own dates add to the forecast. */
function timetable({ entries, renewal, expectedRenewal, current, at }: Plan): readonly ForecastEntry[] {
  const phase = "stable";
  const dates: readonly ForecastEntry[] = [
    ...(renewal === "imagined" && expectedRenewal !== null && expectedRenewal > at
      ? [
          {
            at: expectedRenewal,
            phase,
            event: "renewal",
            detail: "by the ACME client, probably: at two thirds of the life",
          } as const,
        ]
      : []),
    ...(current === null || entries.length === 0
      ? []
      : [{ at: current.notAfter, phase, event: "expiry", detail: "of the certificate that is live now" } as const]),
  ];
  // Sorted by time; what happens at one time stays in its order, dates first.
  return [...dates, ...entries].sort((left, right) => left.at - right.at);
}

interface Layout {
  readonly at: Instant;
  readonly offsetAt: (at: Instant) => number;
  readonly paint: Paint;
  readonly timeWidth: number;
}

/** `in 59d 23h` */
const DISTANCE_WIDTH = 11;

function entryLines(entry: ForecastEntry, before: ForecastEntry | undefined, layout: Layout): readonly string[] {
  const { at, offsetAt, paint, timeWidth } = layout;
  const textColumn = 2 + timeWidth + DISTANCE_WIDTH + 3;
  const time = formatLocal(entry.at, offsetAt(entry.at));
  // What happens together stands together.
  const same = before !== undefined && formatTime(before.at) === formatTime(entry.at);
  const when = same ? "" : `${time.padEnd(timeWidth)} ${formatDistance(entry.at, at).padStart(DISTANCE_WIDTH)}`;
  const event = entry.event === "blocked" ? paint("red", entry.event) : paint("bold", entry.event);
  if (entry.event === "blocked") {
    return [
      `  ${when.padEnd(textColumn - 2)}${event}`,
      ...entry.detail.split("; ").map((reason) => row("", shortenDigests(reason))),
    ];
  }
  const text = plainTimes(shortenDigests(entry.detail === "" ? event : `${event}  ${entry.detail}`));
  return fold(text, 78 - textColumn).map((line, index) => {
    return `  ${(index === 0 ? when : "").padEnd(textColumn - 2)}${index === 0 ? "" : "  "}${line}`;
  });
}

/** `2026-11-22 14:10:00+01:00`; with an offset of 0 the same as `formatTime`. */
function formatLocal(at: Instant, offset: number): string {
  if (offset === 0) return formatTime(at);
  const shifted = formatInstant(shift(at, offset)).slice(0, 19).replace("T", " ");
  const minutes = Math.abs(offset);
  const two = (count: number): string => String(Math.floor(count)).padStart(2, "0");
  return `${shifted}${offset < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

function shift(at: Instant, minutes: number): Instant {
  return addSeconds(at, seconds(minutes * 60));
}

interface Verdict {
  readonly style: "green" | "yellow" | "red";
  readonly words: string;
}

/** The deploy entry is the one that must come before the end of the current certificate. */
function verdictLines(plan: Plan): readonly Verdict[] {
  const { standing, entries, current, at } = plan;
  const verdict = verdictOf(entries, current);
  if (standing === null) return verdict;
  if (standing.kind === "infeasible") {
    const words = `too late for a renewal with a new key: it had to be there by ${formatMoment(standing.latestStart, at)}; one with the key that is in use needs no wait`;
    return [...verdict, { style: "red", words }];
  }
  if (standing.kind === "in-time") {
    const words = `a renewal with a new key must be there by ${formatMoment(standing.latestStart, at)}`;
    return [...verdict, { style: "green", words }];
  }
  return verdict;
}

function verdictOf(entries: readonly ForecastEntry[], current: ChainFacts | null): readonly Verdict[] {
  if (entries.length === 0) return [];
  if (entries.at(-1)?.event === "blocked") {
    return [{ style: "red", words: "it stops there until that is lifted; daneward explain CODE says how" }];
  }
  const deploy = entries.find((entry) => entry.event === "deploy");
  if (deploy === undefined || current === null) return [{ style: "green", words: "no certificate changes hands" }];
  const slack = secondsBetween(deploy.at, current.notAfter);
  if (slack <= 0) {
    return [{ style: "red", words: "too late: the live certificate expires before the new one can be deployed" }];
  }
  const words = `${formatDuration(slack)} to spare between the swap and the end of the live certificate`;
  return [{ style: "green", words }];
}

/** `daneward plan --json`: schema `daneward/plan/1`. */
export function renderPlanJson(plans: readonly Plan[], at: Instant): object {
  return {
    schema: "daneward/plan/1",
    at: formatInstant(at),
    certificates: plans.map((plan) => ({
      name: plan.certificate,
      renewal: plan.renewal,
      ...(plan.expectedRenewal === null ? {} : { expectedRenewal: formatInstant(plan.expectedRenewal) }),
      ...(plan.current === null ? {} : { notAfter: formatInstant(plan.current.notAfter) }),
      ...(plan.next === null ? {} : { next: { id: plan.next.id, notAfter: formatInstant(plan.next.notAfter) } }),
      ttl: { configured: plan.ttl.configured, ...(plan.ttl.served === null ? {} : { served: plan.ttl.served }) },
      wait: plan.wait,
      ...(plan.standing === null ? {} : { deadline: renderStanding(plan.standing) }),
      entries: plan.entries.map((entry) => ({ ...entry, at: formatInstant(entry.at) })),
    })),
  };
}
