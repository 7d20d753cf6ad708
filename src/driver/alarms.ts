/**
 * Which standing failures have been reported and when: cron mails whatever a tick prints, and the same mail every ten
 * minutes is read by nobody. Off a terminal a failure is said when it appears or changes, and once a day while it
 * stands. Losing this file costs one repetition.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { readFailure, replaceFile, systemCode } from "../store/atomic-file.ts";

/** A failure that stands: `key` says what it is, whatever its words are at the moment. */
export interface Alarm {
  readonly certificate: string;
  readonly key: string;
  /** The block that was, or is to be, printed. */
  readonly text: string;
}

interface SaidAlarm extends Alarm {
  readonly saidAt: Instant;
}

const REPEAT_MS = 86_400_000;

function alarmsFile(stateDirectory: string): string {
  return path.join(stateDirectory, "alarms.json");
}

/** Whether any failure stands, as far as the last tick knew. */
export function hasAlarms(stateDirectory: string): boolean {
  return readAlarms(stateDirectory).length > 0;
}

/** What became of the alarms. */
export interface AlarmNews {
  /** New, changed, or silent for a day: to be said and told. */
  readonly due: readonly Alarm[];
  /** They stand, and were said today. */
  readonly standing: readonly Alarm[];
  /** They stood, and do so no more. */
  readonly over: readonly Alarm[];
}

/**
 * Notes which failures stand now. `looked` names the certificates that were just looked at; alarms of others stand as
 * they were, unless they are no longer configured.
 */
export function updateAlarms(
  stateDirectory: string,
  news: {
    readonly alarms: readonly Alarm[];
    readonly looked: ReadonlySet<string>;
    readonly isConfigured: (certificate: string) => boolean;
    readonly now: Instant;
  },
): AlarmNews {
  const before = readAlarms(stateDirectory);
  const unseen = before.filter(({ certificate }) => !news.looked.has(certificate) && news.isConfigured(certificate));
  const known = new Map(before.map((alarm) => [identityOf(alarm), alarm]));
  const due: Alarm[] = [];
  const standing: Alarm[] = [];
  const after = [...unseen, ...news.alarms].map((alarm): SaidAlarm => {
    const earlier = known.get(identityOf(alarm));
    if (earlier !== undefined && Math.abs(news.now - earlier.saidAt) < REPEAT_MS) {
      standing.push(alarm);
      return { ...alarm, saidAt: earlier.saidAt };
    }
    due.push(alarm);
    return { ...alarm, saidAt: news.now };
  });
  const still = new Set(after.map(identityOf));
  if (before.length > 0 || after.length > 0) {
    replaceFile(alarmsFile(stateDirectory), `${JSON.stringify({ version: 1, alarms: after })}\n`);
  }
  return { due, standing, over: before.filter((alarm) => !still.has(identityOf(alarm))) };
}

/** Names of certificates hold no blanks. */
function identityOf({ certificate, key }: Alarm): string {
  return `${certificate} ${key}`;
}

/** The alarms after an idle tick. */
export function repeatAlarms(stateDirectory: string, now: Instant): AlarmNews {
  const before = readAlarms(stateDirectory);
  if (before.every(({ saidAt }) => Math.abs(now - saidAt) < REPEAT_MS)) return { due: [], standing: before, over: [] };
  return updateAlarms(stateDirectory, { alarms: [], looked: new Set(), isConfigured: () => true, now });
}

function readAlarms(stateDirectory: string): readonly SaidAlarm[] {
  const file = alarmsFile(stateDirectory);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === "ENOENT") return [];
    throw readFailure(file, error);
  }
  if (typeof parsed !== "object" || parsed === null || !("alarms" in parsed) || !Array.isArray(parsed.alarms))
    return [];
  return parsed.alarms.flatMap((item: unknown) => {
    const alarm = asAlarm(item);
    return alarm === null ? [] : [alarm];
  });
}

function asAlarm(value: unknown): SaidAlarm | null {
  if (typeof value !== "object" || value === null) return null;
  if (!("certificate" in value && "key" in value && "text" in value && "saidAt" in value)) return null;
  const { certificate, key, text, saidAt } = value;
  if (typeof certificate !== "string" || typeof key !== "string" || typeof text !== "string") return null;
  return typeof saidAt === "number" ? { certificate, key, text, saidAt: instant(saidAt) } : null;
}
