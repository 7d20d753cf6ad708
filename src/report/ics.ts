/**
 * What is to come as a calendar (RFC 5545), for the one place that everybody looks at. Times are in UTC, entries take no
 * time and block nobody. The same step has the same UID in every issue of the file, so that a calendar that subscribes
 * moves an entry when its time moves, instead of adding another.
 */
import { formatInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { UpcomingKind, UpcomingStep } from "./upcoming.ts";

export interface CalendarOptions {
  /** The present: DTSTAMP of every entry. */
  readonly at: Instant;
  readonly version: string;
}

const SUMMARIES: Readonly<Record<UpcomingKind, string>> = {
  publish: "new TLSA records are published",
  swap: "certificate is swapped",
  withdraw: "old TLSA records are withdrawn",
  renewal: "renewal expected",
  deadline: "last call for a renewal with a new key",
  end: "certificate ends",
};

/** The whole file: lines of at most 75 octets that end with CRLF (RFC 5545 §3.1). */
export function renderCalendar(steps: readonly UpcomingStep[], { at, version }: CalendarOptions): string {
  const stamp = dateTime(at);
  const lines = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    `PRODID:-//daneward//daneward ${textValue(version)}//EN`,
    "CALSCALE:GREGORIAN",
    "NAME:daneward",
    "X-WR-CALNAME:daneward",
    "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
    // RFC 5545 §3.6: a calendar holds at least one component.
    ...(steps.length === 0 ? UTC : []),
    ...steps.flatMap((step) => [
      "BEGIN:VEVENT",
      `UID:${uidOf(step.key)}`,
      `DTSTAMP:${stamp}`,
      `DTSTART:${dateTime(step.at)}`,
      `SUMMARY:${textValue(`${step.certificate}: ${SUMMARIES[step.kind]}`)}`,
      `DESCRIPTION:${textValue(`${step.what}; by ${step.by}. Reckoned ${formatInstant(at)}; daneward status ${step.certificate} has the present state.`)}`,
      "CATEGORIES:daneward",
      "TRANSP:TRANSPARENT",
      "END:VEVENT",
    ]),
    "END:VCALENDAR",
  ];
  return lines.map((line) => `${fold(line)}\r\n`).join("");
}

const UTC: readonly string[] = [
  "BEGIN:VTIMEZONE",
  "TZID:UTC",
  "BEGIN:STANDARD",
  "DTSTART:19700101T000000",
  "TZOFFSETFROM:+0000",
  "TZOFFSETTO:+0000",
  "END:STANDARD",
  "END:VTIMEZONE",
];

/** `20261122T131000Z`: form 2 of RFC 5545 §3.3.5. */
function dateTime(at: Instant): string {
  return `${formatInstant(at).slice(0, 19).replace(/[-:]/g, "")}Z`;
}

/** Backslashes, commas, semicolons and line ends are escaped (RFC 5545 §3.3.11); other control characters have no place in it. */
function textValue(text: string): string {
  return text
    .replace(/[\\,;]/g, "\\$&")
    .replace(/\r\n?|\n/g, "\\n")
    .replace(/\p{Cc}/gu, " ");
}

/** Nothing in a UID wants escaping. */
function uidOf(key: string): string {
  return `${key.replace(/[^A-Za-z0-9._-]/g, "_")}@daneward.invalid`;
}

const LINE_OCTETS = 75;

/** Folded between characters, never within one: each further line begins with a blank, which counts (RFC 5545 §3.1). */
function fold(line: string): string {
  let folded = "";
  let room = LINE_OCTETS;
  for (const character of line) {
    const octets = octetsOf(character.codePointAt(0) ?? 0);
    if (octets > room) {
      folded += "\r\n ";
      room = LINE_OCTETS - 1;
    }
    folded += character;
    room -= octets;
  }
  return folded;
}

/** How long a character is in UTF-8; half of a surrogate pair becomes U+FFFD. */
function octetsOf(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x1_0000 ? 3 : 4;
}
