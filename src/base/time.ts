/**
 * Time is a parameter. An {@link Instant} is integer milliseconds since the Unix epoch (UTC), a {@link Seconds} an
 * integer count of seconds (TTLs, waits). The wall clock is read in `cli/main.ts` alone and handed down as a
 * {@link Clock}.
 */
import { failure, success } from "./result.ts";
import type { Result } from "./result.ts";

declare const instantBrand: unique symbol;
declare const secondsBrand: unique symbol;

/** Integer milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number & { readonly [instantBrand]: true };
/** Integer seconds. */
export type Seconds = number & { readonly [secondsBrand]: true };
/** Tells the present instant. */
export type Clock = () => Instant;

export function instant(milliseconds: number): Instant {
  return Math.round(milliseconds) as Instant;
}

export function seconds(count: number): Seconds {
  return Math.round(count) as Seconds;
}

export function addSeconds(at: Instant, duration: Seconds): Instant {
  return instant(at + duration * 1000);
}

/** Whole seconds from `from` to `to`, rounded up; negative when `to` is earlier. */
export function secondsBetween(from: Instant, to: Instant): Seconds {
  return seconds(Math.ceil((to - from) / 1000));
}

export function earliest(...instants: readonly (Instant | null | undefined)[]): Instant | null {
  const known = instants.filter((at) => at !== null && at !== undefined);
  return known.length === 0 ? null : instant(Math.min(...known));
}

/** RFC 3339 in UTC; milliseconds only when there are any: `2026-11-22T13:10:00Z`. */
export function formatInstant(at: Instant): string {
  return new Date(at).toISOString().replace(".000Z", "Z");
}

/** The same without milliseconds, for people. */
export function formatSecond(at: Instant): string {
  return formatInstant(instant(Math.floor(at / 1000) * 1000));
}

/** RFC 3339 date and time, or a plain date (midnight UTC), or Unix seconds as `@1790000000`. */
export function parseInstant(text: string): Result<Instant, string> {
  const unix = /^@(\d{1,11})$/.exec(text);
  if (unix) return success(instant(Number(unix[1]) * 1000));
  const shape = /^\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d))?$/;
  const milliseconds = shape.test(text) ? Date.parse(text.replace(" ", "T").toUpperCase()) : Number.NaN;
  if (Number.isNaN(milliseconds)) {
    return failure(`"${text}" is not a time; write 2026-11-22T13:10:00Z, 2026-11-22 or @1790000000`);
  }
  return success(instant(milliseconds));
}

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const;

/** `90s`, `1h`, `1h30m`, `2d`, `1w`, or a bare count of seconds (`3600`), as BIND and TOML users write them. */
export function parseDuration(text: string): Result<Seconds, string> {
  const trimmed = text.trim().toLowerCase();
  if (/^\d{1,10}$/.test(trimmed)) return success(seconds(Number(trimmed)));
  if (!/^(\d{1,9}[smhdw])+$/.test(trimmed)) {
    return failure(`"${text}" is not a duration; write 90s, 1h, 1h30m, 2d or 1w`);
  }
  let total = 0;
  for (const [, count, unit] of trimmed.matchAll(/(\d+)([smhdw])/g)) {
    total += Number(count) * UNITS[unit as keyof typeof UNITS];
  }
  return success(seconds(total));
}

/** The two largest units that say it: `45s`, `1h 30m`, `2d 3h`. */
export function formatDuration(duration: Seconds): string {
  const sign = duration < 0 ? "-" : "";
  let rest = Math.abs(duration);
  const parts: string[] = [];
  for (const [unit, size] of [
    ["d", UNITS.d],
    ["h", UNITS.h],
    ["m", UNITS.m],
    ["s", UNITS.s],
  ] as const) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${String(count)}${unit}`);
  }
  return parts.length === 0 ? "0s" : sign + parts.slice(0, 2).join(" ");
}
