/**
 * The course of one rollover as a handful of milestones: what has happened, out of the journal, and what is to come, out
 * of a forecast or of the waits that run. Drawn by `timeline-draw.ts` for terminals and by `html/rollover.ts`.
 */
import { addSeconds, instant, parseInstant, seconds } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import type { CertificateStatus } from "./model.ts";
import type { TimelineEvent } from "./timeline-text.ts";

export type MilestoneKind = "noticed" | "published" | "everywhere" | "swapped" | "proven" | "withdrawn";

export interface Milestone {
  readonly kind: MilestoneKind;
  /** Null: nobody can say when. */
  readonly at: Instant | null;
  readonly done: boolean;
}

/** Something that is to happen, by the names of the journal and of the forecast. */
export interface PlannedEvent {
  readonly at: Instant | null;
  readonly event: string;
  /** In the words of the core. */
  readonly detail?: string;
}

/** The order in which a renewal goes through them. */
const ORDER: readonly MilestoneKind[] = ["noticed", "published", "everywhere", "swapped", "proven", "withdrawn"];

/** Events with which something new begins. */
const BEGINNINGS: ReadonlySet<string> = new Set(["announcing", "enrolling", "superseded"]);

const KINDS: Readonly<Record<string, MilestoneKind>> = {
  announcing: "noticed",
  enrolling: "noticed",
  superseded: "noticed",
  renewal: "noticed",
  publish: "published",
  "seen-everywhere": "everywhere",
  deploy: "swapped",
  withdrawing: "proven",
  confirmed: "proven",
  withdraw: "withdrawn",
};

/** What takes milestones back: a server that fell behind, files that were put back. */
const UNDOES: Readonly<Record<string, readonly MilestoneKind[]>> = {
  regressed: ["everywhere"],
  "deploy-refused": ["everywhere"],
  held: ["proven"],
};

/** The last rollover that the journal tells of, oldest first; of each kind the last, but the first publication. */
export function pastMilestones(events: readonly TimelineEvent[]): readonly Milestone[] {
  const begin = events.findLastIndex(({ event }) => BEGINNINGS.has(event));
  if (begin === -1) return [];
  const found = new Map<MilestoneKind, Instant>();
  for (const { at: written, event, detail } of events.slice(begin)) {
    for (const kind of UNDOES[event] ?? []) found.delete(kind);
    const kind = detail["result"] === "failed" ? undefined : KINDS[event];
    if (kind === undefined || (kind === "published" && found.has(kind))) continue;
    found.set(kind, provenSince(event, detail["detail"]) ?? written);
  }
  return [...found].map(([kind, at]): Milestone => ({ kind, at, done: true })).sort(inOrder);
}

function inOrder(left: Milestone, right: Milestone): number {
  if (left.done !== right.done) return left.done ? -1 : 1;
  const [one, other] = [left.at ?? Number.POSITIVE_INFINITY, right.at ?? Number.POSITIVE_INFINITY];
  return one === other ? ORDER.indexOf(left.kind) - ORDER.indexOf(right.kind) : one - other;
}

/** The withdrawal begins when the retire safety is over; the proof came before that, and is named in words. */
function provenSince(event: string, detail: unknown): Instant | null {
  if (event !== "withdrawing" || typeof detail !== "string") return null;
  const time = parseInstant(/\bproven since (\S+)$/.exec(detail)?.[1] ?? "");
  return time.ok ? time.value : null;
}

/** What happened and what is planned, in order; of what is planned the first of each kind, but the last withdrawal. */
export function courseOf(
  events: readonly TimelineEvent[],
  planned: readonly PlannedEvent[],
  now: Instant,
): readonly Milestone[] {
  const past = pastMilestones(events);
  return [...past, ...plannedMilestones(planned, past, now)].sort(inOrder);
}

function plannedMilestones(
  planned: readonly PlannedEvent[],
  past: readonly Milestone[],
  now: Instant,
): readonly Milestone[] {
  const over = new Set(past.map(({ kind }) => kind));
  const found = new Map<MilestoneKind, Instant | null>();
  for (const { at, event, detail } of planned) {
    const kind = KINDS[event];
    if (kind === undefined || over.has(kind) || (kind !== "withdrawn" && found.has(kind))) continue;
    found.set(kind, provenSince(event, detail) ?? at);
  }
  // The journal tells of a proof with the withdrawal that follows it, a day later.
  return [...found].map(([kind, at]) => ({ kind, at, done: kind === "proven" && at !== null && at < now }));
}

/** The waits behind a swap, as configured. */
export interface WaitsAfterSwap {
  readonly confirmation: Seconds;
  readonly retireSafety: Seconds;
}

/** What saved state alone says of the steps to come: no server is asked. Empty when nothing is under way. */
export function expectedEvents(status: CertificateStatus, waits: WaitsAfterSwap): readonly PlannedEvent[] {
  const { detail, refusals } = status;
  const active = detail.phase === "held" ? detail.resume : detail;
  const isStopped = detail.phase === "held";
  const lift = (code: string): Instant | null => {
    const untils = refusals.flatMap((one) => (one.code === code && one.until !== null ? [one.until] : []));
    return isStopped || untils.length === 0 ? null : instant(Math.max(...untils));
  };
  const after = (at: Instant | null, wait: Seconds): Instant | null => (at === null ? null : addSeconds(at, wait));
  const behind = (swap: Instant | null): readonly PlannedEvent[] => {
    const proven = after(swap, waits.confirmation);
    const isFirst = active.phase === "confirming" ? active.obsolete === null : active.current === null;
    return [
      { at: proven, event: "withdrawing" },
      ...(isFirst ? [] : [{ at: after(proven, waits.retireSafety), event: "withdraw" }]),
    ];
  };
  switch (active.phase) {
    case "stable":
      return [];
    case "announcing":
      return [
        { at: null, event: "publish" },
        { at: null, event: "seen-everywhere" },
        { at: null, event: "deploy" },
        ...behind(null),
      ];
    case "aging":
    case "deploying": {
      const swap = active.phase === "aging" ? lift("CLOCK_RUNNING") : null;
      return [{ at: swap, event: "deploy" }, ...behind(swap)];
    }
    case "confirming": {
      const retired = lift("RETIRE_RUNNING") ?? after(active.confirmedAt, waits.retireSafety);
      return [
        { at: active.confirmedAt, event: "withdrawing" },
        ...(active.obsolete === null ? [] : [{ at: isStopped ? null : retired, event: "withdraw" }]),
      ];
    }
    case "withdrawing":
      return [{ at: null, event: "withdraw" }];
  }
}

/** How long the rounds of a confirmation take. */
export function waitsAfterSwap(policy: {
  readonly confirmRounds: number;
  readonly confirmInterval: Seconds;
  readonly retireSafety: Seconds;
}): WaitsAfterSwap {
  const { confirmRounds, confirmInterval, retireSafety } = policy;
  return { confirmation: seconds(Math.max(0, confirmRounds - 1) * confirmInterval), retireSafety };
}
