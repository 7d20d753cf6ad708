/** Runs the driver for a command and says what came of it: silent on success off a terminal, one block for each failure. */
import { CATALOGUE, OperationalError } from "../base/errors.ts";
import { formatInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { updateAlarms } from "../driver/alarms.ts";
import type { Alarm, AlarmNews, EndedAlarm } from "../driver/alarms.ts";
import { REREAD } from "../driver/chain-files.ts";
import { createLiveWorld } from "../driver/live-world.ts";
import { loadRegister, openRegister } from "../driver/register.ts";
import type { Register } from "../driver/register.ts";
import { RELOAD_TIMEOUT_MS } from "../driver/reload.ts";
import { previewTick, tick } from "../driver/tick.ts";
import type { TickInput, TickReport, UnitReport } from "../driver/tick.ts";
import { failureBlock, troubleOf } from "../report/trouble-text.ts";
import { isFailure, renderEvent } from "../report/event-text.ts";
import { formatDistance, formatTime, plainTimes, shortenDigests } from "../report/words.ts";
import type { JournalEntry } from "../store/journal.ts";
import { renderPreviews } from "../report/preview-text.ts";
import { loggingIo, withPriority } from "./journal-log.ts";
import { notDueLines } from "./not-due.ts";
import { overLine } from "../driver/notify/notice.ts";
import { statusOf } from "./driver-files.ts";
import { EXIT } from "./exit.ts";
import type { ExitCode } from "./exit.ts";
import { mainFileOf, stateDirectoryOf } from "./file-options.ts";
import type { FileOptions } from "./file-options.ts";
import type { TickOptions } from "./commands/tick.ts";
import type { Io } from "./io.ts";

/** Long enough for the rounds of a confirmation at the default interval, short enough for a cron minute. */
const LINGER_MS = 15_000;

/** How much a tick says beside what it must. */
export interface Talk {
  /** Failures are said however often they were said before. */
  readonly always: boolean;
  readonly onEvent: (entry: JournalEntry) => void;
  /** Told of failures that stand no more. */
  readonly onOver?: (alarm: EndedAlarm) => void;
  /** Of failures that were said today and stand on. */
  readonly onStanding?: (alarm: Alarm) => void;
  /** A person reads along: waits are announced, and there is a line for each certificate at the end. */
  readonly watched: boolean;
}

/** What happens is said to a person in lines, and to nobody else. */
export function talkTo(io: Io, { always, watched }: Pick<Talk, "always" | "watched">): Talk {
  return {
    always,
    watched,
    onEvent: (entry) => {
      if (watched) io.err(renderEvent(entry));
    },
  };
}

/**
 * What happens is logged, a line each: to the journal of systemd, which notes the time itself, with how grave it is, else
 * with the time.
 */
export function talkToLog(io: Io, { always, watched }: Pick<Talk, "always" | "watched">): Talk {
  const isJournal = io.errIsJournal === true;
  const write = (line: string, isBad: boolean, at: Instant): void => {
    io.err(isJournal ? withPriority(line, isBad ? 3 : 5) : `${formatTime(at)} ${line}`);
  };
  return {
    always,
    watched,
    onEvent: (entry) => {
      write(renderEvent(entry), isFailure(entry), entry.at);
    },
    onOver: (alarm) => {
      write(`${overLine(alarm)}\n`, false, io.clock());
    },
  };
}

/** One tick with everything around it, on standard error as {@link loggingIo} has it. Throws what `tick` throws. */
export async function tickCertificates(
  names: readonly string[],
  options: TickOptions,
  plainIo: Io,
  talk: Talk,
): Promise<ExitCode> {
  const io = loggingIo(plainIo);
  const register = await openOrTell(options, io, talk);
  try {
    return await tickOver(register, names, options, io, talk);
  } finally {
    register.catalogue.close();
  }
}

/** Nobody may be there who reads what a tick by timer says of a broken configuration. Throws as openRegister. */
export async function openOrTell(options: FileOptions, io: Io, talk: Pick<Talk, "always">): Promise<Register> {
  try {
    return await openRegister(stateDirectoryOf(options, io), mainFileOf(options, io));
  } catch (error) {
    // Whoever looks on sees it, and may be at work on that very file.
    if (error instanceof OperationalError && !talk.always) {
      const { tellOfConfiguration } = await import("./telling.ts");
      await tellOfConfiguration(error, options, io);
    }
    throw error;
  }
}

async function tickOver(
  register: Register,
  names: readonly string[],
  options: TickOptions,
  io: Io,
  talk: Talk,
): Promise<ExitCode> {
  const { tellOfTick, tellOfWork } = await import("./telling.ts");
  const directory = stateDirectoryOf(options, io);
  const events: JournalEntry[] = [];
  let begun: Promise<unknown> | null = null;
  const report = await tick({
    ...inputOf(register, names, options, io),
    // Called under the lock, and only when there is work.
    makeWorld: (...parts) => {
      begun = tellOfWork(register, directory, io);
      return createLiveWorld(...parts);
    },
    onEvent: (entry) => {
      events.push(entry);
      talk.onEvent(entry);
    },
    onLinger: (certificate, until) => {
      if (talk.watched) io.err(`${certificate}: looking again ${formatDistance(until, io.clock())}\n`);
    },
  });
  const blocks = troubleBlocks(report, io);
  const alarms = updateAlarms(directory, {
    alarms: blocks,
    looked: new Set(
      report.units.filter(({ outcome }) => outcome !== "skipped").map(({ certificate }) => certificate.name),
    ),
    isConfigured: (name) => report.register.find(name) !== null,
    now: io.clock(),
  });
  if (options.json === true) io.out(`${JSON.stringify(asJson(report))}\n`);
  sayAlarms(alarms, io, talk);
  await tellOfTick(report.register, { alarms, events, begun }, directory, io);
  if (talk.watched) {
    const looked = new Set(report.units.map(({ certificate }) => certificate.name));
    const others = names.length > 0 ? "" : notDueLines(directory, looked, io.clock());
    io.err(`${summary(report, io)}${others}`);
  }
  if (blocks.length > 0) return EXIT.failed;
  return report.units.some(({ outcome }) => outcome === "skipped") ? EXIT.temporary : EXIT.done;
}

function sayAlarms(alarms: AlarmNews, io: Io, talk: Talk): void {
  for (const { text } of talk.always ? [...alarms.standing, ...alarms.due] : alarms.due) io.err(text);
  for (const alarm of talk.always ? [] : alarms.standing) talk.onStanding?.(alarm);
  for (const alarm of alarms.over) talk.onOver?.(alarm);
}

/** `tick --dry-run`: the actions of the next step of every certificate that is due. */
export async function previewCertificates(names: readonly string[], options: TickOptions, io: Io): Promise<ExitCode> {
  const register = await loadRegister(mainFileOf(options, io));
  const previews = await previewTick(inputOf(register, names, options, io));
  if (options.json === true) {
    const certificates = previews.map(({ certificate, step }) => {
      return { name: certificate.name, phase: step.state.phase.phase, actions: step.actions, refusals: step.refusals };
    });
    io.out(`${JSON.stringify({ schema: "daneward/tick-preview/1", certificates })}\n`);
    return EXIT.done;
  }
  const texts = previews.map(({ certificate, step }) => ({
    certificate: certificate.name,
    phase: step.state.phase.phase,
    actions: step.actions,
    refusals: step.refusals,
    chains: step.state.chains,
    deploy: certificate.deploy,
  }));
  io.out(renderPreviews(texts, io.clock()));
  return EXIT.done;
}

function inputOf(register: Register, names: readonly string[], options: TickOptions, io: Io): TickInput {
  return {
    configuration: register.configuration,
    register,
    stateDirectory: stateDirectoryOf(options, io),
    clock: io.clock,
    signal: io.signal,
    makeWorld: createLiveWorld,
    reload: { path: io.env["PATH"], timeoutMs: RELOAD_TIMEOUT_MS },
    reread: REREAD,
    lingerMs: LINGER_MS,
    onEvent: () => undefined,
    named: names,
    force: options.force === true,
  };
}

function troubleBlocks(report: TickReport, io: Io): readonly Alarm[] {
  return report.units.flatMap((unit) => {
    const block = blockOf(unit, io);
    return block === null ? [] : [{ ...block, text: plainTimes(block.text) }];
  });
}

function blockOf(unit: UnitReport, io: Io): Alarm | null {
  const { name } = unit.certificate;
  switch (unit.outcome) {
    case "looked":
      return troubleOf(name, statusOf(unit.certificate, unit.saved, null), io.clock(), (code) => CATALOGUE[code].hint);
    case "failed":
      return { ...failureBlock(name, unit.error), isBlind: true };
    case "skipped":
      return null;
  }
}

function summary(report: TickReport, io: Io): string {
  const lines = report.units.map((unit) => {
    const { name } = unit.certificate;
    if (unit.outcome !== "looked") return `${name}: ${unit.outcome === "failed" ? "failed" : "interrupted"}`;
    const { state, wakeAt, refusals } = unit.saved;
    const why = refusals[0] === undefined ? "" : `, ${plainTimes(shortenDigests(refusals[0].detail))}`;
    const next = wakeAt === null ? "" : `; next look ${formatDistance(wakeAt, io.clock())}`;
    return `${name}: ${state.phase.phase}${why}${next}`;
  });
  return lines.map((line) => `${line}\n`).join("");
}

function asJson(report: TickReport): object {
  return {
    schema: "daneward/tick/1",
    certificates: report.units.map((unit) => {
      const { name } = unit.certificate;
      if (unit.outcome === "skipped") return { name, outcome: unit.outcome };
      if (unit.outcome === "failed") {
        const { code, message, hint } = unit.error;
        return { name, outcome: unit.outcome, code, message, hint };
      }
      const { state, wakeAt } = unit.saved;
      const wake = wakeAt === null ? {} : { wakeAt: formatInstant(wakeAt) };
      return { name, outcome: unit.outcome, phase: state.phase.phase, ...wake };
    }),
    ...(report.nextWakeAt === null ? {} : { nextWakeAt: formatInstant(report.nextWakeAt) }),
  };
}
