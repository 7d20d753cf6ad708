/** The time to the next steps, to the second, for a person who watches. */
import type { Instant } from "../base/time.ts";
import { concernOf } from "./model.ts";
import type { StatusReport } from "./model.ts";
import { nextStep } from "./status-next.ts";

export interface Countdown {
  readonly certificate: string;
  readonly what: string;
  readonly at: Instant;
  /** When the wait for it began. */
  readonly since: Instant;
}

/** The steps that come by themselves and have a date, the nearest first; renewals by the client are no wait. */
export function countdowns({ certificates }: StatusReport): readonly Countdown[] {
  return certificates
    .flatMap((report): readonly Countdown[] => {
      if (report.outcome !== "known" || concernOf(report.status) === "well") return [];
      const { by, what, at } = nextStep(report.name, report.status);
      if (by !== "daneward" || at === null) return [];
      return [{ certificate: report.name, what, at, since: report.status.phaseSince }];
    })
    .sort((left, right) => left.at - right.at);
}

/** `1d 02:03:04`, `02:03:04`, `03:04`; `due` when it is there. */
export function clockText(at: Instant, now: Instant): string {
  const left = Math.ceil((at - now) / 1000);
  if (left <= 0) return "due";
  const two = (count: number): string => String(Math.floor(count)).padStart(2, "0");
  const days = Math.floor(left / 86_400);
  const hours = Math.floor((left % 86_400) / 3600);
  const rest = `${two((left % 3600) / 60)}:${two(left % 60)}`;
  if (days > 0) return `${String(days)}d ${two(hours)}:${rest}`;
  return hours > 0 ? `${two(hours)}:${rest}` : rest;
}
