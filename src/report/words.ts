/** Words and shapes that the text renderers share. */
import { formatDuration, formatInstant, secondsBetween } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { ChainFacts } from "../rollover/chain.ts";
import type { Phase } from "../rollover/state.ts";
import type { Footing } from "./model.ts";

export type Paint = (style: "bold" | "dim" | "green" | "yellow" | "red", text: string) => string;

const ESCAPES = { bold: "1", dim: "2", green: "32", yellow: "33", red: "31" } as const;

/** Marks text for a terminal, or leaves it alone. */
export function painter(color: boolean): Paint {
  return (style, text) => (color ? `\u001b[${ESCAPES[style]}m${text}\u001b[0m` : text);
}

/** As wide as a terminal is by old custom, and as mails and tickets want it. */
const WIDTH = 80;
/** Where the text of a row begins. */
const INDENT = 11;

/** One labelled row, folded at blanks so that it fits 80 columns; words that are longer stay whole. */
export function row(label: string, text: string): string {
  return fold(text, WIDTH - INDENT)
    .map((line, index) => `  ${(index === 0 ? label : "").padEnd(INDENT - 2)}${line}`.trimEnd())
    .join("\n");
}

/** A row that is to be pasted: never folded. */
export function rawRow(label: string, text: string): string {
  return `  ${label.padEnd(INDENT - 2)}${text}`;
}

/** Text in lines of at most `width` visible characters, broken at blanks; blanks at its beginning are kept in each. */
export function fold(text: string, width: number): readonly string[] {
  const margin = /^ */.exec(text)?.[0] ?? "";
  const lines: string[] = [];
  let line = "";
  for (const word of text
    .trimStart()
    .replace(TOGETHER, (moment) => moment.replaceAll(" ", GLUE))
    .split(" ")) {
    const longer = line === "" ? `${margin}${word}` : `${line} ${word}`;
    if (line !== "" && visibleLength(longer) > width) {
      lines.push(line.trimEnd());
      line = `${margin}${word}`;
    } else {
      line = longer;
    }
  }
  return [...lines, line].map((each) => each.replaceAll(GLUE, " "));
}

/** Times, how far off they are, and records are read at one glance. */
const TOGETHER = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ|\([^()]{1,14}\)|\b\d \d \d [0-9a-f]+…?/g;
const GLUE = "\u00a0";

function visibleLength(text: string): number {
  return text.replace(/\p{Cc}\[\d+m/gu, "").length;
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
export function shortRecord(record: string): string {
  return record.replace(/([0-9a-f]{12})[0-9a-f]+$/, "$1…");
}

/** Any text with the times of machines, `2026-11-22T13:10:00.5Z`, written as {@link formatTime} does. */
export function plainTimes(text: string): string {
  return text.replace(/\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z\b/g, "$1 $2Z");
}

/** `9a590dfa1b2c…` */
export function shortDigest(digest: string): string {
  return `${digest.slice(0, 12)}…`;
}

/** Text of others without control characters, which could play with a terminal. */
export function onOneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}

/** Any text with its digests cut to twelve digits. */
export function shortenDigests(text: string): string {
  return text.replace(/\b([0-9a-f]{12})[0-9a-f]{20,}\b/g, "$1…");
}

/** `3 1 1 9a590dfa1b2c…, mx.example.org, valid until 2027-02-20 13:10:00Z (in 90d)`. */
export function describeChain(chain: ChainFacts, now: Instant): string {
  const records = chain.records.map(shortRecord).join(" + ");
  const end = chain.notAfter <= now ? "EXPIRED" : "valid until";
  return [records, chain.subject, `${end} ${formatMoment(chain.notAfter, now)}`]
    .filter((part) => part !== "")
    .join(", ");
}

/** What the operator may rely on in a phase, whatever happens to this program. Nothing is promised that is not there. */
export function safetyOf(phase: Phase, { published, oldFiles }: Footing): string {
  switch (phase.phase) {
    case "stable":
      return "nothing is under way";
    case "announcing":
    case "aging":
    case "deploying":
      if (!published) return `${NOBODY_BOUND}; servers keep what they have until the files are swapped`;
      return "servers keep the old certificate until the new records are known everywhere; no record is removed";
    case "confirming":
      return confirmingSafety(phase.obsolete !== null, published, oldFiles);
    case "withdrawing":
      return "every address was seen with the new certificate; only records of our own are removed";
    case "held": {
      const records = published ? "all records stay published" : NOBODY_BOUND;
      if (phase.restoring !== null) return `${records}; the old files are being put back`;
      return `${records}${published ? " and" : ";"} no file is changed until you resume or abort`;
    }
  }
}

const NOBODY_BOUND = "no TLSA record is published, so no DANE client can be turned away";

function confirmingSafety(replaces: boolean, published: boolean, oldFiles: boolean): string {
  const back = oldFiles ? "; the old files can be put back at any moment" : "";
  if (!published) return `${NOBODY_BOUND}${back}`;
  const records = replaces ? "the records of both certificates stay published" : "no record is removed for now";
  return `${records}${back}`;
}

/** How services come to read what was deployed for them. */
export function pointServicesAt(deploy: string, certificate: string): string {
  const files = `${deploy}/fullchain.pem with ${deploy}/privkey.pem, or ${deploy}/combined.pem`;
  return `point the service at the deployed files (${files}), reload it, then daneward tick ${certificate}`;
}
