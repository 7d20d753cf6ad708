/**
 * A validated lookup for people: the ladder from the trust anchor down to the answer, one line a link, where it broke
 * and why right under the link that broke, then the records as a zone file has them, then what it comes to in one
 * sentence. Everything that somebody must do stands on a line of its own that begins with `hint:`.
 */
import { extendedErrorName, typeName } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { formatRecord } from "../dns/presentation.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import type { ChainLink, SecurityStatus } from "../dnssec/verdict.ts";
import { describeLink } from "./resolve-link.ts";
import { reasonsOf, recordsOf } from "./resolve-model.ts";
import type { ResolveReport, ShownReason } from "./resolve-model.ts";
import { meaningOf, outlookOf, resolverHint, statusText } from "./resolve-words.ts";
import { onOneLine, painter } from "./words.ts";
import type { Paint } from "./words.ts";

export interface ResolveTextOptions {
  /** Nothing when secure, else one line. */
  readonly quiet: boolean;
  /** Every key of the links, not only those that made them. */
  readonly verbose: boolean;
  readonly color: boolean;
  /** Marks as signs; else as words, which also a log or a screen reader shows. */
  readonly unicode: boolean;
}

/** Names longer than this push the rest of their own line to the right, and only that. */
const NAME_WIDTH = 40;

/** Lines for a terminal or a log, ending in a line end; empty when quiet and secure. */
export function renderResolveText(report: ResolveReport, options: ResolveTextOptions): string {
  const { answer } = report;
  const question = `${displayName(answer.name)} ${typeName(answer.type)}`;
  if (options.quiet) return answer.status === "secure" ? "" : `${question}: ${quietLine(report)}\n`;
  const paint = painter(options.color);
  const records = recordsOf(answer).map(formatRecord);
  const blocks = [
    [`${question}  ${paint(STYLES[answer.status], statusText(report))}`, ...ladder(report, options, paint)],
    records,
    [`=> ${meaningOf(report)}`, ...outlookOf(report).map((line) => `note: ${line}`)],
  ];
  const texts = blocks.filter((block) => block.length > 0).map((block) => block.join("\n"));
  return `${texts.join("\n\n")}\n`;
}

function quietLine(report: ResolveReport): string {
  const first = reasonsOf(report)[0];
  return first === undefined ? meaningOf(report) : `${statusText(report)}: ${onOneLine(first.message)}`;
}

const STYLES: Readonly<Record<SecurityStatus, "green" | "yellow" | "red">> = {
  secure: "green",
  insecure: "yellow",
  bogus: "red",
  indeterminate: "red",
};

const SIGNS: Readonly<Record<SecurityStatus, string>> = {
  secure: "\u2713",
  insecure: "\u25cb",
  bogus: "\u2717",
  indeterminate: "?",
};

/** Mark of a link that was not reached. */
const IDLE = "-";

const WORDS: Readonly<Record<SecurityStatus, string>> = {
  secure: "ok",
  insecure: "OPEN",
  bogus: "BROKEN",
  indeterminate: "UNKNOWN",
};

interface Row {
  readonly mark: string;
  readonly style: "green" | "yellow" | "red" | "dim";
  readonly name: string;
  readonly label: string;
  readonly what: string;
}

/** The links as aligned lines, the reasons under the one that broke, or in its place when no link was reached. */
function ladder(report: ResolveReport, options: ResolveTextOptions, paint: Paint): readonly string[] {
  const { answer } = report;
  const chain = answer.validation?.chain ?? [];
  const reasons = answer.status === "secure" ? [] : reasonsOf(report);
  const said = new Set(reasons.map(({ message }) => message));
  const marks = options.unicode ? SIGNS : WORDS;
  const broken = brokenLink(chain, answer);
  const rows = chain.map((link, index): Row => {
    const status = markOf(link);
    // Behind a broken link nothing was judged, so nothing else is to blame.
    const idle = broken !== null && index > broken && status !== "secure" && answer.status !== "insecure";
    const what = describeLink(link, { report, said, verbose: options.verbose });
    const { name, label } = what;
    return { mark: idle ? IDLE : marks[status], style: idle ? "dim" : STYLES[status], name, label, what: what.text };
  });
  const markWidth = Math.max(0, ...rows.map(({ mark }) => mark.length));
  const nameWidth = Math.min(NAME_WIDTH, Math.max(0, ...rows.map(({ name }) => name.length)));
  const labelWidth = Math.max(0, ...rows.map(({ label }) => label.length));
  const lines = rows.flatMap(({ mark, style, name, label, what }, index) => {
    const painted = paint(style, mark.padEnd(markWidth));
    const line = `  ${painted}  ${name.padEnd(nameWidth)}  ${label.padEnd(labelWidth)}  ${what}`.trimEnd();
    return index === broken ? [line, ...reasonLines(reasons, report, "      ")] : [line];
  });
  return broken === null ? [...lines, ...reasonLines(reasons, report, "  ")] : lines;
}

/** Index of the link that the reasons speak of: the first that failed, or the cut below which nothing is signed. */
function brokenLink(chain: readonly ChainLink[], { status }: DnsAnswer): number | null {
  const at = status === "secure" ? -1 : chain.findIndex((link) => markOf(link) === status);
  return at === -1 ? null : at;
}

/** The proof that a delegation is unsigned is sound in itself, but nothing below it is. */
function markOf(link: ChainLink): SecurityStatus {
  return link.kind === "insecure" ? "insecure" : link.status;
}

/** Which zone a message is about, where it does not say so itself. */
function zoneText(zone: DomainName, message: string): string {
  const name = displayName(zone);
  if (name === ".") return /\broot\b|(?:^|\s)\.(?:\s|$)/.test(message) ? "" : "the root: ";
  return message.includes(name) ? "" : `zone ${name}: `;
}

function reasonLines(reasons: readonly ShownReason[], report: ResolveReport, indent: string): readonly string[] {
  return reasons.flatMap(({ code, message, hint, zone, ede }) => {
    const where = zone === null || code === "DNSSEC_NO_ANCHOR" ? "" : zoneText(zone, message);
    const known = ede === null ? code : `${code}, EDE ${String(ede)} (${extendedErrorName(ede)})`;
    const elsewhere = resolverHint(code, report.resolvers);
    return [
      `${indent}${where}${onOneLine(message)}`,
      `${indent}hint: ${onOneLine(hint)}`,
      ...(elsewhere === null ? [] : [`${indent}hint: ${elsewhere}`]),
      `${indent}code: ${known}`,
    ];
  });
}
