/**
 * Tells people: every notice that they chose by every way that they configured, in the order in which things happened.
 * Ways do not wait for each other. What a way does not take is kept and tried again at later ticks; what goes wrong is
 * returned, never thrown: a tick has done its work when this begins.
 *
 * A way that fails is down for what comes behind, so that nobody reads that something is over before that it was. But a
 * notice that fails again and again while others might go through (a program that trips over one event) lets them pass.
 */
import { OperationalError } from "../../base/errors.ts";
import type { Instant } from "../../base/time.ts";
import type { NotifyConfig } from "../../config/notify.ts";
import { acquireLockFile } from "../../store/lock.ts";
import type { Lock } from "../../store/lock.ts";
import { pause } from "../pause.ts";
import { channelsOf } from "./channels.ts";
import type { Channel, Sender } from "./channels.ts";
import type { Notice } from "./notice.ts";
import { addTo, gravest, readOutbox, writeOutbox } from "./outbox.ts";
import type { Outbox, Trouble, Waiting } from "./outbox.ts";
import { isReached, isRetryDue, outboxFile, retryTime } from "./retry.ts";

/** More notices than this in one tick come as so many, the gravest, and a last one that counts the rest. */
const MOST = 20;

/** What telling needs beside the notices. */
export interface Telling {
  readonly stateDirectory: string;
  readonly sender: Sender;
  readonly now: Instant;
  /** The rollover that a certificate is in. */
  readonly rolloverOf: (certificate: string) => string | null;
  /** Somebody looks on: what does not work is said each time. */
  readonly always: boolean;
}

/** What is to be said of what could not be told, by which way; empty: all went well, or that it does not was said today. */
export async function tell(
  notices: readonly Notice[],
  config: NotifyConfig,
  telling: Telling,
): Promise<readonly string[]> {
  const { stateDirectory, now, rolloverOf } = telling;
  const chosen = bounded(notices.filter(({ event }) => config.on.includes(event))).map((notice) => {
    return { ...notice, rollover: notice.certificate === null ? null : rolloverOf(notice.certificate) };
  });
  if (chosen.length === 0 && !isRetryDue(stateDirectory, now)) return [];
  const lock = await takeLock(stateDirectory, now, chosen.length > 0 ? LONGEST_WAIT_MS : 0);
  // Another process is at it, or nothing can be written down: what is new is told all the same.
  if (!lock.ok) return chosen.length === 0 ? [] : [...lock.problems, ...(await tellOnce(chosen, config, telling))];
  try {
    return await tellUnderLock(chosen, config, telling);
  } finally {
    lock.value.release();
  }
}

/** Nothing is to be told any more, nor what was kept. */
export function forgetKept(stateDirectory: string): void {
  writeOutbox(stateDirectory, { waiting: [], troubles: new Map() });
}

/** Null, or what went wrong. */
export async function attempt(name: string, send: () => Promise<void>): Promise<string | null> {
  try {
    await send();
    return null;
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return `[notify] ${name}: ${error.message}`;
  }
}

const POLL_MS = 200;
const LONGEST_WAIT_MS = 30_000;

type Locking =
  { readonly ok: true; readonly value: Lock } | { readonly ok: false; readonly problems: readonly string[] };

/** Of two processes that send what is kept, both would. */
async function takeLock(stateDirectory: string, now: Instant, waitMs: number): Promise<Locking> {
  for (let waited = 0; ; waited += POLL_MS) {
    try {
      return { ok: true, value: acquireLockFile(`${outboxFile(stateDirectory)}.lock`, now) };
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      if (error.code !== "LOCK_HELD") return { ok: false, problems: [`[notify] ${error.message}`] };
      if (waited >= waitMs) return { ok: false, problems: [] };
    }
    await pause(POLL_MS);
  }
}

/** As good as it goes without a file. */
async function tellOnce(
  notices: readonly Notice[],
  config: NotifyConfig,
  { sender }: Telling,
): Promise<readonly string[]> {
  const rounds = await Promise.all(
    channelsOf(config, sender).map((channel) => {
      return sendAll(
        channel,
        notices.map((notice) => ({ way: channel.name, notice, failures: 0 })),
      );
    }),
  );
  return rounds.flatMap(({ problem }) => problem ?? []);
}

async function tellUnderLock(
  notices: readonly Notice[],
  config: NotifyConfig,
  telling: Telling,
): Promise<readonly string[]> {
  const { stateDirectory, now, sender, always } = telling;
  const problems: string[] = [];
  const channels = channelsOf(config, sender);
  const names = channels.map(({ name }) => name);
  const kept = readKept(stateDirectory, problems);
  const wanted = { ...kept, waiting: kept.waiting.filter(({ notice }) => config.on.includes(notice.event)) };
  const { outbox, dropped } = addTo(wanted, notices, names, now);
  for (const [way, count] of dropped) {
    problems.push(`[notify] ${way}: ${countOf(count)} given up, for they are too old or too many`);
  }
  const tried = channels.filter(({ name }) => {
    return notices.length > 0 || isReached(outbox.troubles.get(name)?.tryAt ?? now, now);
  });
  const before = tried.filter(({ name }) => outbox.waiting.some(({ way }) => way === name));
  // Should this process end before it knows better, it has failed, and nobody was told.
  const planned = new Map(before.map(({ name }) => [name, troubleAfter(outbox.troubles.get(name), now)]));
  keep(stateDirectory, { ...outbox, troubles: new Map([...outbox.troubles, ...planned]) }, problems);
  const rounds = await Promise.all(
    before.map((channel) => {
      return sendAll(
        channel,
        outbox.waiting.filter(({ way }) => way === channel.name),
      );
    }),
  );
  const troubles = new Map(outbox.troubles);
  for (const round of rounds) {
    const known = outbox.troubles.get(round.way);
    troubles.delete(round.way);
    if (round.problem === null) continue;
    const saidAt = known?.saidAt ?? null;
    const isSaid = saidAt !== null && Math.abs(now - saidAt) < REPEAT_MS;
    if (!isSaid || always) problems.push(`${round.problem}; ${countOf(round.left.length)} kept, to be tried again`);
    const after = troubleAfter(known, now, round.hasSent ? 0 : undefined);
    troubles.set(round.way, isSaid ? after : { ...after, saidAt: now });
  }
  const untried = outbox.waiting.filter(({ way }) => rounds.every((round) => round.way !== way));
  keep(stateDirectory, { waiting: [...untried, ...rounds.flatMap(({ left }) => left)], troubles }, problems);
  return [...new Set(problems)];
}

const REPEAT_MS = 86_400_000;

function troubleAfter(known: Trouble | undefined, now: Instant, before = known?.failures ?? 0): Trouble {
  return { failures: before + 1, tryAt: retryTime(before + 1, now), saidAt: known?.saidAt ?? null };
}

function countOf(count: number): string {
  return count === 1 ? "1 notice is" : `${String(count)} notices are`;
}

function readKept(stateDirectory: string, problems: string[]): Outbox {
  try {
    return readOutbox(stateDirectory);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    problems.push(`[notify] ${error.message}`);
    return { waiting: [], troubles: new Map() };
  }
}

/** What cannot be written down is sent all the same. */
function keep(stateDirectory: string, outbox: Outbox, problems: string[]): void {
  try {
    writeOutbox(stateDirectory, outbox);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    problems.push(`[notify] ${error.message}`);
  }
}

/** How a way took what there was for it. */
interface Round {
  readonly way: string;
  readonly left: readonly Waiting[];
  readonly hasSent: boolean;
  readonly problem: string | null;
}

/** A quarter of an hour: so long a notice that is not taken holds up those behind it. */
const PATIENCE = 5;
/** Each may take ten seconds. */
const MOST_FAILURES = 3;

async function sendAll({ name, send }: Channel, queue: readonly Waiting[]): Promise<Round> {
  const left: Waiting[] = [];
  let problem: string | null = null;
  let failures = 0;
  let isDown = false;
  for (const waiting of queue) {
    const failure = isDown ? null : await attempt(name, () => send(waiting.notice));
    if (failure !== null) {
      failures += 1;
      isDown = waiting.failures < PATIENCE || failures >= MOST_FAILURES;
      problem ??= failure;
      left.push({ ...waiting, failures: waiting.failures + 1 });
    } else if (isDown) left.push(waiting);
  }
  return { way: name, left, hasSent: left.length < queue.length, problem };
}

function bounded(notices: readonly Notice[]): readonly Notice[] {
  const told = gravest(notices, (notice) => notice, MOST);
  const rest = notices.filter((notice) => !told.includes(notice));
  const [first] = gravest(rest, (notice) => notice, 1);
  if (first === undefined) return notices;
  const names = [...new Set(rest.flatMap(({ certificate }) => certificate ?? []))];
  const title = `${String(rest.length)} more notices, about ${String(names.length)} certificates`;
  const text = `${title}\n${rest.map((notice) => notice.title).join("\n")}\n`;
  return [...told, { ...first, certificate: null, title, text, codes: [] }];
}
