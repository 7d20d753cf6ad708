/**
 * Notices on their way, by way: written down before they are sent and struck out when they were taken, so that neither a
 * mail system that is down nor a crash loses one. Told twice is better than not at all: after a crash a notice may come
 * again. Private as all state; it holds the words of notices and names of ways, never an address or a secret. Bounded in
 * number and age; a newer state of the same thing takes the place of an older one that was never told.
 */
import { readFileSync, rmSync, utimesSync } from "node:fs";
import { OperationalError } from "../../base/errors.ts";
import { instant } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import { NOTIFY_EVENTS } from "../../config/notify.ts";
import { readFailure, replaceFile, systemCode, writeFailure } from "../../store/atomic-file.ts";
import { severityOf } from "./notice.ts";
import type { Notice } from "./notice.ts";
import { outboxFile } from "./retry.ts";

/** One notice that one way has yet to take. */
export interface Waiting {
  readonly way: string;
  readonly notice: Notice;
  /** How often it was sent in vain. */
  readonly failures: number;
}

/** How it goes with a way that did not take something. */
export interface Trouble {
  /** Tries in a row that went wrong. */
  readonly failures: number;
  readonly tryAt: Instant;
  /** When that was last said on standard error; null: never. */
  readonly saidAt: Instant | null;
}

/** What is kept, in the order in which it happened. */
export interface Outbox {
  readonly waiting: readonly Waiting[];
  readonly troubles: ReadonlyMap<string, Trouble>;
}

/** A long weekend. No official reference. */
const LONGEST_MS = 3 * 86_400_000;
/** By one way. */
const MOST = 50;

const EMPTY: Outbox = { waiting: [], troubles: new Map() };

/** With further notices for `ways` at the end, within bounds; `dropped` says how many were given up, by way. */
export function addTo(
  outbox: Outbox,
  notices: readonly Notice[],
  ways: readonly string[],
  now: Instant,
): { readonly outbox: Outbox; readonly dropped: ReadonlyMap<string, number> } {
  const dropped = new Map<string, number>();
  const waiting = ways.flatMap((way) => {
    const kept = outbox.waiting.filter((one) => one.way === way);
    const young = kept.filter(({ notice }) => Math.abs(now - notice.at) < LONGEST_MS);
    const all = [...notices.reduce(withoutReplaced, young), ...notices.map((notice) => ({ way, notice, failures: 0 }))];
    const within = gravest(all, ({ notice }) => notice, MOST);
    const lost = kept.length - young.length + all.length - within.length;
    if (lost > 0) dropped.set(way, lost);
    return within;
  });
  const troubles = new Map([...outbox.troubles].filter(([way]) => ways.includes(way)));
  return { outbox: { waiting, troubles }, dropped };
}

/** A failure that stands on, or grew, is told once: as it is now. Told that it is over, what came before it stays. */
function withoutReplaced(before: readonly Waiting[], notice: Notice): readonly Waiting[] {
  if (notice.codes.length === 0 || notice.event === "recovered") return before;
  const over = before.findLastIndex(({ notice: other }) => {
    return other.event === "recovered" && isAbout(other, notice) && other.codes.some((code) => hasCode(notice, code));
  });
  return before.filter(({ notice: other }, at) => {
    const isOlder = other.codes.length > 0 && other.codes.every((code) => hasCode(notice, code));
    return at <= over || !isOlder || !isAbout(other, notice) || other.event === "recovered";
  });
}

function isAbout(one: Notice, other: Notice): boolean {
  return one.certificate === other.certificate;
}

function hasCode({ codes }: Notice, code: string): boolean {
  return codes.includes(code);
}

const GRAVITY = ["critical", "warning", "info"];

/** At most so many, in their order: the gravest, and of equally grave ones the latest. */
export function gravest<T>(items: readonly T[], noticeOf: (item: T) => Notice, most: number): readonly T[] {
  if (items.length <= most) return items;
  const ranked = items.map((item, at) => ({ item, at, rank: GRAVITY.indexOf(severityOf(noticeOf(item))) }));
  const kept = ranked.toSorted((left, right) => left.rank - right.rank || right.at - left.at).slice(0, most);
  return kept.toSorted((left, right) => left.at - right.at).map(({ item }) => item);
}

/** What is kept; of a file that cannot be understood, nothing. Throws PERMISSION_DENIED or FILE_UNREADABLE. */
export function readOutbox(stateDirectory: string): Outbox {
  const file = outboxFile(stateDirectory);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === "ENOENT") return EMPTY;
    throw readFailure(file, error);
  }
  return {
    waiting: listIn(parsed, "waiting").flatMap((item) => asWaiting(item) ?? []),
    troubles: new Map(listIn(parsed, "troubles").flatMap((item) => asTrouble(item) ?? [])),
  };
}

/** Flushed to disk; without anything to keep there is no file. Throws DISK_FULL, PERMISSION_DENIED or STATE_UNWRITABLE. */
export function writeOutbox(stateDirectory: string, { waiting, troubles }: Outbox): void {
  const file = outboxFile(stateDirectory);
  const listed = [...troubles].map(([way, trouble]) => ({ way, ...trouble }));
  const tryAt = Math.min(...listed.map((trouble) => trouble.tryAt)) / 1000;
  try {
    if (waiting.length === 0) {
      rmSync(file, { force: true });
      return;
    }
    replaceFile(file, `${JSON.stringify({ version: 1, waiting, troubles: listed })}\n`);
    // Between the two a crash leaves the present as the time: then it is tried at once.
    if (Number.isFinite(tryAt)) utimesSync(file, tryAt, tryAt);
  } catch (error) {
    throw error instanceof OperationalError ? error : writeFailure(file, error);
  }
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

function listIn(value: unknown, name: string): readonly unknown[] {
  const list: unknown = fieldOf(value, name);
  return Array.isArray(list) ? list : [];
}

function asWaiting(value: unknown): Waiting | null {
  const [way, failures, notice] = ["way", "failures", "notice"].map((name) => fieldOf(value, name));
  const told = asNotice(notice);
  return typeof way === "string" && typeof failures === "number" && told !== null
    ? { way, failures, notice: told }
    : null;
}

function asTrouble(value: unknown): readonly (readonly [string, Trouble])[] | null {
  const [way, failures, tryAt, saidAt] = ["way", "failures", "tryAt", "saidAt"].map((name) => fieldOf(value, name));
  if (typeof way !== "string" || typeof failures !== "number") return null;
  if (typeof tryAt !== "number") return null;
  return [[way, { failures, tryAt: instant(tryAt), saidAt: typeof saidAt === "number" ? instant(saidAt) : null }]];
}

function asNotice(value: unknown): Notice | null {
  const event = NOTIFY_EVENTS.find((known) => known === fieldOf(value, "event"));
  const [at, title, text] = ["at", "title", "text"].map((name) => fieldOf(value, name));
  if (event === undefined || typeof at !== "number" || typeof title !== "string" || typeof text !== "string")
    return null;
  const codes = listIn(value, "codes").filter((code) => typeof code === "string");
  const certificate = fieldOf(value, "certificate");
  const rollover = fieldOf(value, "rollover");
  return {
    event,
    certificate: typeof certificate === "string" ? certificate : null,
    at: instant(at),
    title,
    text,
    codes,
    rollover: typeof rollover === "string" ? rollover : null,
  };
}
