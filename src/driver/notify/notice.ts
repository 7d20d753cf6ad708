/**
 * What is worth telling somebody who does not look: what the driver did, out of the journal, and failures that stand,
 * out of its alarms. The words are those that a tick prints; here they only get a name by which people choose.
 */
import { DEPLOY_CODES } from "../../base/codes/deploy.ts";
import { PROVIDER_CODES } from "../../base/codes/provider.ts";
import { PUBLISH_CODES } from "../../base/codes/publish.ts";
import type { Instant } from "../../base/time.ts";
import type { NotifyEvent } from "../../config/notify.ts";
import type { JournalEntry } from "../../store/journal.ts";
import type { Alarm } from "../alarms.ts";

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
}

const GOOD: ReadonlySet<NotifyEvent> = new Set([
  ...(["recovered", "renewed-seen", "published", "ready", "flipped", "verified", "withdrawn"] as const),
]);

/** Events that mean that something is wrong now. */
export function isBad(event: NotifyEvent): boolean {
  return !GOOD.has(event);
}

const BY_CODE: Readonly<Record<string, NotifyEvent>> = {
  LIVE_MISMATCH: "mismatch",
  SECOND_CERTIFICATE: "mismatch",
  DEPLOY_BYPASSED: "mismatch",
  DEADLINE_NEAR: "expiring",
  CERT_EXPIRED: "expiring",
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
  const codes = alarm.key.split(" ");
  const event = eventOf(codes, GRAVEST);
  const [first = ""] = alarm.text.split("\n");
  const title = first.replace(/^daneward: /, "");
  return { event, certificate: alarm.certificate, at, title, text: alarm.text, codes };
}

/** A failure that stood and does so no more. */
export function noticeOfRecovery(alarm: Alarm, at: Instant): Notice {
  const { certificate, key } = alarm;
  const title = `${certificate}: over: ${key.split(" ").join(", ")}`;
  const text = `${title}\n\nIt had been:\n${alarm.text}`;
  return { event: "recovered", certificate, at, title, text, codes: key.split(" ") };
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
  return { event, certificate: entry.certificate, at: entry.at, title: text.trimEnd(), text, codes: [] };
}
