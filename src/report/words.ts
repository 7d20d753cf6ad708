/** Words and shapes that the text renderers share. */
import { formatDuration, formatInstant, secondsBetween } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { ChainFacts, RecordText } from "../rollover/chain.ts";
import type { Phase } from "../rollover/state.ts";

export type Paint = (style: "bold" | "dim" | "green" | "yellow" | "red", text: string) => string;

const ESCAPES = { bold: "1", dim: "2", green: "32", yellow: "33", red: "31" } as const;

/** Marks text for a terminal, or leaves it alone. */
export function painter(color: boolean): Paint {
  return (style, text) => (color ? `\u001b[${ESCAPES[style]}m${text}\u001b[0m` : text);
}

/** `2026-11-22 13:10:00Z`: whole seconds, sortable, and pasted back into `--at` as it is. */
export function formatTime(at: Instant): string {
  return formatInstant(at)
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
}

/** `2026-11-22 13:10:00Z (in 51m)`, `… (51m ago)`, `… (now)`. */
export function formatMoment(at: Instant, now: Instant): string {
  return `${formatTime(at)} (${formatDistance(at, now)})`;
}

/** `in 51m`, `51m ago`, `now`. */
export function formatDistance(at: Instant, now: Instant): string {
  if (Math.abs(at - now) < 1000) return "now";
  return at > now ? `in ${formatDuration(secondsBetween(now, at))}` : `${formatDuration(secondsBetween(at, now))} ago`;
}

/** `3 1 1 9a590dfa…`: enough of the data to tell two keys apart. */
export function shortRecord(record: RecordText): string {
  return record.replace(/([0-9a-f]{12})[0-9a-f]+$/, "$1…");
}

/** `3 1 1 9a590dfa1b2c…, mx.example.org, valid until 2027-02-20 13:10:00Z (in 90d)`. */
export function describeChain(chain: ChainFacts, now: Instant): string {
  const records = chain.records.map(shortRecord).join(" + ");
  const end = chain.notAfter <= now ? "EXPIRED" : "valid until";
  return [records, chain.subject, `${end} ${formatMoment(chain.notAfter, now)}`]
    .filter((part) => part !== "")
    .join(", ");
}

/** What the operator may rely on in a phase, whatever happens to this program. */
export function safetyOf(phase: Phase): string {
  switch (phase.phase) {
    case "stable":
      return "nothing is under way";
    case "announcing":
    case "aging":
    case "deploying":
      return "servers keep the old certificate until the new records are known everywhere; no record is removed";
    case "confirming":
      return "the records of both certificates stay published; the old files can be put back at any moment";
    case "withdrawing":
      return "every address was seen with the new certificate; only records of our own are removed";
    case "held":
      return phase.restoring === null
        ? "all records stay published and no file is changed until you resume or abort"
        : "all records stay published; the old files are being put back";
  }
}
