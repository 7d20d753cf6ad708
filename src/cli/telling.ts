/**
 * What is told to others after a tick: notices, as `[notify]` says, and signs of life to a healthchecks server and a
 * Prometheus textfile.
 */
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { VERSION } from "../base/build.ts";
import { OperationalError } from "../base/errors.ts";
import { CONFIGURATION, updateAlarms } from "../driver/alarms.ts";
import type { AlarmNews } from "../driver/alarms.ts";
import { ping } from "../driver/notify/channels.ts";
import type { Sender } from "../driver/notify/channels.ts";
import { noticeOfAlarm, noticeOfEvent, noticeOfRecovery, noticesOfPassing } from "../driver/notify/notice.ts";
import { attempt, tell } from "../driver/notify/notify.ts";
import { forgetSigns, isSignDue, noteSign } from "../driver/notify/signs.ts";
import { lastGoodRegister, openRegister } from "../driver/register.ts";
import type { Register } from "../driver/register.ts";
import { renderEvent } from "../report/event-text.ts";
import { renderStatusPrometheus } from "../report/status-prometheus.ts";
import { CatalogueDamaged } from "../store/catalogue.ts";
import type { JournalEntry } from "../store/journal.ts";
import { statusReport } from "./driver-files.ts";
import { mainFileOf, stateDirectoryOf } from "./file-options.ts";
import type { FileOptions } from "./file-options.ts";
import type { Io } from "./io.ts";

/** What came of a tick. */
export interface TickNews {
  readonly alarms: AlarmNews;
  readonly events: readonly JournalEntry[];
}

type Told = Pick<Register, "configuration" | "count">;

/** After a tick that had something to do. What cannot be told is said on standard error. */
export async function tellOfTick(register: Told, news: TickNews, directory: string, io: Io): Promise<void> {
  const { notify } = register.configuration;
  const problems: string[] = [];
  if (notify !== null) {
    const now = io.clock();
    const notices = [
      ...news.alarms.due.map((alarm) => noticeOfAlarm(alarm, now)),
      ...news.alarms.over.map((alarm) => noticeOfRecovery(alarm, now)),
      ...noticesOfPassing(news.events, news.alarms, renderEvent),
      ...news.events.flatMap((entry) => noticeOfEvent(entry, renderEvent) ?? []),
    ];
    problems.push(...(await tell(notices, notify, senderOf(io))));
  }
  problems.push(...(await giveSigns(register, news, directory, io)));
  for (const problem of problems) io.err(`daneward: warning: ${problem}\n`);
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

function senderOf(io: Io): Sender {
  return { host: hostname(), path: io.env["PATH"] };
}

/** At once when something has just happened, else now and then. */
async function giveSigns(register: Told, news: TickNews, directory: string, io: Io): Promise<readonly string[]> {
  const { notify, prometheusTextfile: textfile } = register.configuration;
  const healthchecks = notify?.healthchecks ?? null;
  if (healthchecks === null && textfile === null) {
    forgetSigns(directory);
    return [];
  }
  const { alarms, events } = news;
  const isNews = alarms.due.length + alarms.over.length + events.length > 0;
  if (!isNews && !isSignDue(directory, io.clock(), true)) return [];
  const standing = [...alarms.due, ...alarms.standing];
  const text = standing.length === 0 ? "all is well\n" : standing.map((alarm) => alarm.text).join("\n");
  const problems = [
    healthchecks === null ? null : await attempt("healthchecks", () => ping(healthchecks, standing.length === 0, text)),
    textfile === null ? null : await writeMetrics(textfile, register, standing.length, directory, io),
  ].filter((problem) => problem !== null);
  noteSign(directory);
  return problems;
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
