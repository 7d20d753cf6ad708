/**
 * What is worth telling somebody who does not look: what the driver did, out of the journal, and failures that stand,
 * out of its alarms. The words are those that a tick prints; here they only get a name by which people choose.
 */
import { DEPLOY_CODES } from "../../base/codes/deploy.ts";
import { PROVIDER_CODES } from "../../base/codes/provider.ts";
import { PUBLISH_CODES } from "../../base/codes/publish.ts";
import type { Instant } from "../../base/time.ts";
import type { NotifyEvent } from "../../config/notify.ts";
import type { Phase } from "../../rollover/state.ts";
import type { JournalEntry } from "../../store/journal.ts";
import { MISMATCH, MISMATCH_OVER } from "../mismatch-events.ts";
import { codesOf, CONFIGURATION } from "../alarms.ts";
import type { Alarm, AlarmNews, EndedAlarm } from "../alarms.ts";

/** One thing to tell. */
export interface Notice {
  readonly event: NotifyEvent;
  /** Null: not about one certificate. */
  readonly certificate: string | null;
  readonly at: Instant;
  /** One line. */
  readonly title: string;
  /** The whole of it, in lines, for a person. */
  readonly text: string;
  /** Permanent codes of what stands; empty for what was done. */
  readonly codes: readonly string[];
  /** The certificate that the rollover leads to, or that has been live since: what belongs together. Null: not known. */
  readonly rollover: string | null;
}

const GOOD: ReadonlySet<NotifyEvent> = new Set([
  ...(["recovered", "renewed-seen", "published", "ready", "flipped", "verified", "withdrawn"] as const),
]);

/** Events that mean that something is wrong now. */
export function isBad(event: NotifyEvent): boolean {
  return !GOOD.has(event);
}

/** How grave a notice is: critical is what costs mail or visitors, now or soon. */
export function severityOf({ event }: Pick<Notice, "event">): "critical" | "warning" | "info" {
  if (!isBad(event)) return "info";
  return event === "mismatch" || event === "expiring" || event === "reload-failed" ? "critical" : "warning";
}

const BY_CODE: Readonly<Record<string, NotifyEvent>> = {
  LIVE_MISMATCH: "mismatch",
  SECOND_CERTIFICATE: "mismatch",
  DEPLOY_BYPASSED: "mismatch",
  DEADLINE_NEAR: "expiring",
  CERT_EXPIRED: "expiring",
  PUBLISHER_UNUSABLE: "publish-failed",
  SECOND_WRITER: "foreign-change",
  RELOAD_FAILED: "reload-failed",
  CONFIRM_FAILED: "reload-failed",
  FOREIGN_CHAIN_SERVED: "reload-failed",
  NS_LAGGING: "stuck",
  NS_UNREACHABLE: "stuck",
  NS_UNSIGNED: "stuck",
  NS_NOT_AUTHORITATIVE: "stuck",
  ENDPOINT_UNPROVEN: "stuck",
  PEER_DEPENDS: "stuck",
  NOT_SECURE: "stuck",
  NOT_YET_RESOLVED: "stuck",
  HORIZON_UNSAFE: "stuck",
  PHASE_OVERDUE: "stuck",
};

/** The gravest event among the codes of an alarm, in the order in which events are listed. */
function eventOf(codes: readonly string[], order: readonly NotifyEvent[]): NotifyEvent {
  const events = codes.map((code): NotifyEvent => {
    const named = BY_CODE[code];
    if (named !== undefined) return named;
    if (Object.hasOwn(PUBLISH_CODES, code) || Object.hasOwn(PROVIDER_CODES, code)) return "publish-failed";
    return Object.hasOwn(DEPLOY_CODES, code) ? "reload-failed" : "failed";
  });
  return order.find((event) => events.includes(event)) ?? "failed";
}

const GRAVEST: readonly NotifyEvent[] = [
  "mismatch",
  "expiring",
  "reload-failed",
  "publish-failed",
  "foreign-change",
  "failed",
  "stuck",
];

/** A failure that stands. */
export function noticeOfAlarm(alarm: Alarm, at: Instant): Notice {
  const codes = codesOf(alarm);
  const event = eventOf(codes, GRAVEST);
  const [first = ""] = alarm.text.split("\n");
  const title = first.replace(/^daneward: /, "");
  return { event, certificate: certificateOf(alarm), at, title, text: alarm.text, codes, rollover: null };
}

function certificateOf({ certificate }: Alarm): string | null {
  return certificate === CONFIGURATION ? null : certificate;
}

/** A failure that stood and does so no more. */
export function noticeOfRecovery(alarm: EndedAlarm, at: Instant): Notice {
  const codes = codesOf(alarm);
  const title = overLine(alarm);
  const still = alarm.standing.length === 0 ? "" : `\nWhat stands on: ${alarm.standing.join(", ")}\n`;
  const text = `${title}\n\nIt had been:\n${headlines(alarm, codes)}${still}`;
  return { event: "recovered", certificate: certificateOf(alarm), at, title, text, codes, rollover: null };
}

/** `mx: over: LIVE_MISMATCH`. */
export function overLine(alarm: EndedAlarm): string {
  return `${certificateOf(alarm) ?? "configuration"}: over: ${codesOf(alarm).join(", ")}`;
}

/** What was found under these codes, without what was to be done about it then. */
function headlines({ text }: Alarm, codes: readonly string[]): string {
  const lines = text.split("\n").filter((line) => codes.some((code) => line.endsWith(` [${code}]`)));
  return lines.length === 0 ? text : lines.map((line) => `${line.replace(/^daneward: /, "")}\n`).join("");
}

/**
 * Refused clients that a tick met and that were served again before it ended, so that no alarm ever stood: one notice a
 * certificate, out of the journal.
 */
export function noticesOfPassing(
  events: readonly JournalEntry[],
  alarms: AlarmNews,
  render: (entry: JournalEntry) => string,
): readonly Notice[] {
  const known = [...alarms.due, ...alarms.standing, ...alarms.over];
  const passed = events.filter(({ event, certificate, detail }) => {
    const isStanding = known.some(
      (alarm) => alarm.certificate === certificate && codesOf(alarm).includes(codeOf(detail)),
    );
    return event === MISMATCH && !isStanding;
  });
  return [...new Set(passed.map(({ certificate }) => certificate))].flatMap((certificate): readonly Notice[] => {
    const story = events.filter((entry) => entry.certificate === certificate && STORY.has(entry.event));
    const begun = passed.filter((entry) => entry.certificate === certificate);
    const [first] = begun;
    if (first === undefined) return [];
    const codes = [...new Set(begun.map(({ detail }) => codeOf(detail)))];
    const text = `${story.map(render).join("")}\nIt began and was over within one run.\n`;
    return [
      { event: "mismatch", certificate, at: first.at, title: render(first).trimEnd(), text, codes, rollover: null },
    ];
  });
}

const STORY: ReadonlySet<string> = new Set([MISMATCH, MISMATCH_OVER]);

function codeOf({ code }: JournalEntry["detail"]): string {
  return typeof code === "string" ? code : "";
}

const BY_JOURNAL: Readonly<Record<string, NotifyEvent>> = {
  announcing: "renewed-seen",
  superseded: "renewed-seen",
  deploying: "ready",
  publish: "published",
  deploy: "flipped",
  confirmed: "verified",
  withdrawn: "withdrawn",
  "torn-down": "withdrawn",
  "record-vanished": "foreign-change",
  "owner-moved": "foreign-change",
  "deployed-changed": "foreign-change",
};

/**
 * A line of the journal, in the words of `render`; null for what is not worth telling, and for failures: those stand as
 * alarms.
 */
export function noticeOfEvent(entry: JournalEntry, render: (entry: JournalEntry) => string): Notice | null {
  const event = BY_JOURNAL[entry.event];
  if (event === undefined || entry.detail["result"] === "failed") return null;
  const text = render(entry);
  return {
    event,
    certificate: entry.certificate,
    at: entry.at,
    title: text.trimEnd(),
    text,
    codes: [],
    rollover: null,
  };
}

/**
 * The same from the announcement of a certificate until the next one is announced: notices of one rollover, and of the
 * time at rest after it, belong together. Null: there is no certificate yet.
 */
export function rolloverOf(phase: Phase): string | null {
  const active = phase.phase === "held" ? phase.resume : phase;
  return "next" in active ? active.next : active.current;
}
