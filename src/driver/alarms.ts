/**
 * Which standing failures have been reported and when: cron mails whatever a tick prints, and the same mail every ten
 * minutes is read by nobody. Off a terminal a failure is said when it appears or changes, and once a day while it
 * stands. Losing this file costs one repetition.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { earliest, instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { readFailure, replaceFile, systemCode } from "../store/atomic-file.ts";

/** A failure that stands: `key` says what it is, whatever its words are at the moment: codes, with blanks between. */
export interface Alarm {
  readonly certificate: string;
  readonly key: string;
  /** The block that was, or is to be, printed. */
  readonly text: string;
  /** The certificate could not be looked at: what stood before is not known to be over. */
  readonly isBlind?: boolean;
}

/** Codes that stood and do so no more; `text` is the block of which they were part. */
export interface EndedAlarm extends Alarm {
  /** Codes of the same certificate that stand on. */
  readonly standing: readonly string[];
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

/** Stands in the place of a certificate for the configuration as a whole; no certificate can be called so. */
export const CONFIGURATION = "(configuration)";

/** Whether the configuration could not be read when last it was needed. */
export function isConfigurationBroken(stateDirectory: string): boolean {
  return readAlarms(stateDirectory).some(({ certificate }) => certificate === CONFIGURATION);
}

/** What became of the alarms. */
export interface AlarmNews {
  /** New, changed, or silent for a day: to be said and told. */
  readonly due: readonly Alarm[];
  /** They stand, and were said today. */
  readonly standing: readonly Alarm[];
  /** They stood, and do so no more. */
  readonly over: readonly EndedAlarm[];
}

/**
 * Notes which failures stand now. `looked` names the certificates that were just looked at; alarms of others stand as
 * they were, unless they are no longer configured. Code by code: of an alarm that only lost some, the rest is no news.
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
  const blind = new Set(news.alarms.filter(({ isBlind }) => isBlind === true).map(({ certificate }) => certificate));
  const unseen = before.filter(({ certificate, isBlind }) => {
    const wasSeen = blind.has(certificate) ? isBlind === true : news.looked.has(certificate);
    return !wasSeen && news.isConfigured(certificate);
  });
  const due: Alarm[] = [];
  const standing: Alarm[] = [];
  const after = [...unseen, ...news.alarms].map((alarm): SaidAlarm => {
    const saidAt = saidBefore(alarm, before);
    if (saidAt !== null && Math.abs(news.now - saidAt) < REPEAT_MS) {
      standing.push(alarm);
      return { ...alarm, saidAt };
    }
    due.push(alarm);
    return { ...alarm, saidAt: news.now };
  });
  if (before.length > 0 || after.length > 0) {
    replaceFile(alarmsFile(stateDirectory), `${JSON.stringify({ version: 1, alarms: after })}\n`);
  }
  return { due, standing, over: before.flatMap((alarm) => endedOf(alarm, after)) };
}

/** When an alarm with these codes was last said; null: one of them never was. */
function saidBefore(alarm: Alarm, before: readonly SaidAlarm[]): Instant | null {
  const said = codesOf(alarm).map(
    (code) => before.find((known) => known.certificate === alarm.certificate && codesOf(known).includes(code))?.saidAt,
  );
  return said.includes(undefined) ? null : earliest(...said);
}

function endedOf(alarm: Alarm, after: readonly Alarm[]): readonly EndedAlarm[] {
  const standing = after.filter(({ certificate }) => certificate === alarm.certificate).flatMap(codesOf);
  const ended = codesOf(alarm).filter((code) => !standing.includes(code));
  if (ended.length === 0) return [];
  return [{ certificate: alarm.certificate, key: ended.join(" "), text: alarm.text, standing }];
}

/** The codes of an alarm. */
export function codesOf({ key }: Pick<Alarm, "key">): readonly string[] {
  return key.split(" ");
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
  if (typeof saidAt !== "number") return null;
  const isBlind = "isBlind" in value && value.isBlind === true;
  return { certificate, key, text, saidAt: instant(saidAt), ...(isBlind ? { isBlind } : {}) };
}
