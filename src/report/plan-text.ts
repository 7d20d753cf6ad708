/** `daneward plan`: the timetable of a rollover, and whether it fits into the life of the certificate. */
import { formatDuration, formatInstant, secondsBetween } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { ChainFacts } from "../rollover/chain.ts";
import type { ForecastEntry } from "../rollover/forecast.ts";
import { describeChain, formatDistance, formatTime, painter } from "./words.ts";
import type { Paint } from "./words.ts";

export interface Plan {
  readonly certificate: string;
  readonly at: Instant;
  /** `imagined`: nothing is to be renewed now, the timetable is that of a renewal with a new key at this moment. */
  readonly renewal: "under-way" | "imagined";
  readonly current: ChainFacts | null;
  readonly entries: readonly ForecastEntry[];
}

/** One block a certificate, ending with a newline. */
export function renderPlanText(plan: Plan, options: { readonly color: boolean }): string {
  const paint = painter(options.color);
  const what = plan.renewal === "imagined" ? "if a certificate with a new key came now" : "if every step succeeds";
  const lines = [
    `${paint("bold", plan.certificate)}  ${what}`,
    ...(plan.current === null ? [] : [`  live  ${describeChain(plan.current, plan.at)}`]),
    ...plan.entries.map((entry) => entryLine(entry, plan.at, paint)),
    ...(plan.entries.length === 0 ? ["  nothing is to be done"] : [`  ${verdictLine(plan, paint)}`]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function entryLine(entry: ForecastEntry, at: Instant, paint: Paint): string {
  const event = entry.event === "blocked" ? paint("red", entry.event.padEnd(14)) : entry.event.padEnd(14);
  const distance = formatDistance(entry.at, at).padStart(11);
  const detail = entry.detail.replace(/([0-9a-f]{12})[0-9a-f]{20,}/g, "$1…");
  return `  ${formatTime(entry.at)} ${distance}  ${event} ${detail}`;
}

/** The deploy entry is the one that must come before the end of the current certificate. */
function verdictLine(plan: Plan, paint: Paint): string {
  const last = plan.entries.at(-1);
  if (last?.event === "blocked") return paint("red", "it stops there: a person must act");
  const deploy = plan.entries.find((entry) => entry.event === "deploy");
  if (deploy === undefined || plan.current === null) return "no certificate changes hands";
  const slack = secondsBetween(deploy.at, plan.current.notAfter);
  if (slack <= 0) return paint("red", "too late: the live certificate expires before the new one can be deployed");
  return `${formatDuration(slack)} to spare between the swap and the end of the live certificate`;
}

/** `daneward plan --json`: schema `daneward/plan/1`. */
export function renderPlanJson(plans: readonly Plan[], at: Instant): object {
  return {
    schema: "daneward/plan/1",
    at: formatInstant(at),
    certificates: plans.map((plan) => ({
      name: plan.certificate,
      renewal: plan.renewal,
      ...(plan.current === null ? {} : { notAfter: formatInstant(plan.current.notAfter) }),
      entries: plan.entries.map((entry) => ({ ...entry, at: formatInstant(entry.at) })),
    })),
  };
}
