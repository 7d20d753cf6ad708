/**
 * What is told to others of a tick: notices, as `[notify]` says, and signs of life to a healthchecks server and a
 * Prometheus textfile.
 */
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { VERSION } from "../base/build.ts";
import { OperationalError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import { CONFIGURATION, updateAlarms } from "../driver/alarms.ts";
import type { AlarmNews } from "../driver/alarms.ts";
import { ping } from "../driver/notify/channels.ts";
import {
  noticeOfAlarm,
  noticeOfEvent,
  noticeOfRecovery,
  noticesOfPassing,
  rolloverOf,
} from "../driver/notify/notice.ts";
import type { Notice } from "../driver/notify/notice.ts";
import { attempt, forgetKept, tell } from "../driver/notify/notify.ts";
import { forgetSigns, isSignDue, missingSigns, noteSign } from "../driver/notify/signs.ts";
import { lastGoodRegister, openRegister } from "../driver/register.ts";
import type { Register } from "../driver/register.ts";
import { renderEvent } from "../report/event-text.ts";
import { renderStatusPrometheus } from "../report/status-prometheus.ts";
import { CatalogueDamaged } from "../store/catalogue.ts";
import type { JournalEntry } from "../store/journal.ts";
import { loadState } from "../store/store.ts";
import { statusReport } from "./driver-files.ts";
import { mainFileOf, stateDirectoryOf } from "./file-options.ts";
import type { FileOptions } from "./file-options.ts";
import type { Io } from "./io.ts";

/** What came of a tick. */
export interface TickNews {
  readonly alarms: AlarmNews;
  readonly events: readonly JournalEntry[];
  /** The sign that work had begun, if one was given; whether it arrived does not matter: that of the end will show. */
  readonly begun?: Promise<unknown> | null;
}

type Told = Pick<Register, "configuration" | "count">;

/**
 * Work begins: a healthchecks server is told when a sign is due, and hears the end in any case, so that work which hangs
 * is seen too. Nobody waits for the answer; null: nothing was sent.
 */
export function tellOfWork({ configuration }: Told, directory: string, io: Io): Promise<unknown> | null {
  const healthchecks = configuration.notify?.healthchecks ?? null;
  if (healthchecks === null || !isSignDue(directory, io.clock(), true)) return null;
  return attempt("healthchecks", () => ping(healthchecks, "start", ""));
}

/** After a tick that had something to do. What cannot be told is said on standard error. */
export async function tellOfTick(register: Told, news: TickNews, directory: string, io: Io): Promise<void> {
  const { notify } = register.configuration;
  const problems: string[] = [];
  if (notify === null) forgetKept(directory);
  else {
    const now = io.clock();
    problems.push(
      ...(await tell(noticesOf(news, now), notify, {
        stateDirectory: directory,
        sender: { host: hostname(), path: io.env["PATH"] },
        now,
        rolloverOf: (certificate) => rolloverIn(directory, certificate),
        always: io.errIsTerminal,
      })),
    );
  }
  problems.push(...(await giveSigns(register, news, directory, io)));
  for (const problem of problems) io.err(`daneward: warning: ${problem}\n`);
}

/** In the order in which it happened; how things stand is known at the end. */
function noticesOf({ alarms, events }: TickNews, now: Instant): readonly Notice[] {
  const done = [
    ...noticesOfPassing(events, alarms, renderEvent),
    ...events.flatMap((entry) => noticeOfEvent(entry, renderEvent) ?? []),
  ];
  return [
    ...done.toSorted((left, right) => left.at - right.at),
    ...alarms.over.map((alarm) => noticeOfRecovery(alarm, now)),
    ...alarms.due.map((alarm) => noticeOfAlarm(alarm, now)),
  ];
}

function rolloverIn(directory: string, certificate: string): string | null {
  try {
    const saved = loadState(directory, certificate);
    return saved === null ? null : rolloverOf(saved.state.phase);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    // That is what is told then: without knowing to which rollover it belongs.
    return null;
  }
}

/** After a tick that had nothing to do: failures that stand are told once a day, and signs of life are given. */
export async function tellWhenIdle(alarms: AlarmNews, directory: string, options: FileOptions, io: Io): Promise<void> {
  const register = await openRegister(directory, mainFileOf(options, io));
  try {
    await tellOfTick(register, { alarms, events: [] }, directory, io);
  } finally {
    register.catalogue.close();
  }
}

/**
 * The configuration cannot be used, so that no tick goes on: told as `[notify]` was when it last could, once and then
 * daily. The tick after it was mended tells that it is over. What goes wrong here is a warning.
 */
export async function tellOfConfiguration(
  { code, message, hint }: OperationalError,
  options: FileOptions,
  io: Io,
): Promise<void> {
  const directory = stateDirectoryOf(options, io);
  try {
    const register = lastGoodRegister(directory, mainFileOf(options, io));
    if (register === null) return;
    try {
      const [first = "", ...more] = message.split("\n");
      const lines = [
        `daneward: configuration: ${first} [${code}]`,
        ...more.map((line) => `  ${line}`),
        "  safe:  records and files stay as they are",
        "  but:   no rollover goes on, and nothing is looked at, before it is mended",
        `  do:    ${hint}`,
        "  see:   daneward check-config",
      ];
      const alarm = { certificate: CONFIGURATION, key: code, text: lines.map((line) => `${line}\n`).join("") };
      const looked = new Set([CONFIGURATION]);
      const now = io.clock();
      const alarms = updateAlarms(directory, { alarms: [alarm], looked, isConfigured: () => true, now });
      await tellOfTick(register, { alarms, events: [] }, directory, io);
    } finally {
      register.catalogue.close();
    }
  } catch (error) {
    if (!(error instanceof OperationalError || error instanceof CatalogueDamaged)) throw error;
    io.err(`daneward: warning: ${error.message}\n`);
  }
}

/** At once when something has just happened, else now and then. */
async function giveSigns(register: Told, news: TickNews, directory: string, io: Io): Promise<readonly string[]> {
  const { notify, prometheusTextfile: textfile } = register.configuration;
  const healthchecks = notify?.healthchecks ?? null;
  if (healthchecks === null && textfile === null) {
    forgetSigns(directory);
    return [];
  }
  const { alarms, events, begun = null } = news;
  const isNews = alarms.due.length + alarms.over.length + events.length > 0;
  if (!isNews && begun === null && !isSignDue(directory, io.clock(), true)) return [];
  const standing = [...alarms.due, ...alarms.standing];
  const text = standing.length === 0 ? "all is well\n" : standing.map((alarm) => alarm.text).join("\n");
  const how = standing.length === 0 ? "well" : "fail";
  // A sign of the end that came before that of the beginning would say that work goes on.
  await begun;
  const given = [
    {
      name: "healthchecks",
      problem: healthchecks === null ? null : await attempt("healthchecks", () => ping(healthchecks, how, text)),
    },
    {
      name: "prometheus_textfile",
      problem: textfile === null ? null : await writeMetrics(textfile, register, standing.length, directory, io),
    },
  ];
  const before = io.errIsTerminal ? [] : missingSigns(directory);
  const missing = given.filter(({ problem }) => problem !== null);
  noteSign(
    directory,
    missing.map(({ name }) => name),
  );
  return missing.flatMap(({ name, problem }) => (problem === null || before.includes(name) ? [] : [problem]));
}

/** With more certificates than this their states are not read for every sign; `daneward check --json` has them all. */
const MANY = 1_000;

async function writeMetrics(
  file: string,
  { configuration, count }: Told,
  alarms: number,
  directory: string,
  io: Io,
): Promise<string | null> {
  const { lastSuccess, writeTextfile } = await import("../driver/notify/textfile.ts");
  const now = io.clock();
  const report = count > MANY ? null : statusReport(directory, configuration.certificates, now);
  const lastSuccessAt = alarms === 0 ? now : lastSuccess(file);
  try {
    writeTextfile(file, renderStatusPrometheus(report, { version: VERSION, lastRunAt: now, lastSuccessAt, alarms }));
    return null;
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    const folder = path.dirname(file);
    const hint = existsSync(folder) ? "" : `; make the folder: install -d -m 0755 ${folder}`;
    return `prometheus_textfile: ${error.message}${hint}`;
  }
}
