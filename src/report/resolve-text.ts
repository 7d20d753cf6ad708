/**
 * A validated lookup for people: the ladder from the trust anchor down to the answer, one line a link, where it broke
 * and why right under the link that broke, then the records as a zone file has them, then what it comes to in one
 * sentence. Everything that somebody must do stands on a line of its own that begins with `hint:`.
 */
import type { Instant } from "../base/time.ts";
import { algorithmName, digestTypeName, extendedErrorName, typeName } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import { formatRecord } from "../dns/presentation.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import type { ChainLink, LinkKey, LinkSignature, SecurityStatus } from "../dnssec/verdict.ts";
import { reasonsOf, recordsOf } from "./resolve-model.ts";
import type { ResolveReport, ShownReason } from "./resolve-model.ts";
import { meaningOf, outlookOf, resolverHint } from "./resolve-words.ts";
import { formatMoment, onOneLine, painter } from "./words.ts";
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
/** Keys that did not make the link are counted beyond so many. */
const MOST_KEYS = 4;

/** Lines for a terminal or a log, ending in a line end; empty when quiet and secure. */
export function renderResolveText(report: ResolveReport, options: ResolveTextOptions): string {
  const { answer } = report;
  const question = `${displayName(answer.name)} ${typeName(answer.type)}`;
  if (options.quiet) return answer.status === "secure" ? "" : `${question}: ${quietLine(report)}\n`;
  const paint = painter(options.color);
  const records = recordsOf(answer).map(formatRecord);
  const blocks = [
    [`${question}  ${paint(STYLES[answer.status], answer.status)}`, ...ladder(report, options, paint)],
    records,
    [`=> ${meaningOf(report)}`, ...outlookOf(report).map((line) => `note: ${line}`)],
  ];
  const texts = blocks.filter((block) => block.length > 0).map((block) => block.join("\n"));
  return `${texts.join("\n\n")}\n`;
}

function quietLine(report: ResolveReport): string {
  const first = reasonsOf(report.answer)[0];
  return first === undefined ? meaningOf(report) : `${report.answer.status}: ${onOneLine(first.message)}`;
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

const WORDS: Readonly<Record<SecurityStatus, string>> = {
  secure: "ok",
  insecure: "OPEN",
  bogus: "BROKEN",
  indeterminate: "UNKNOWN",
};

/** The links as aligned lines, the reasons under the one that broke, or in its place when no link was reached. */
function ladder(report: ResolveReport, options: ResolveTextOptions, paint: Paint): readonly string[] {
  const { answer, at } = report;
  const chain = answer.validation?.chain ?? [];
  const reasons = answer.status === "secure" ? [] : reasonsOf(answer);
  const said = new Set(reasons.map(({ message }) => message));
  const marks = options.unicode ? SIGNS : WORDS;
  const rows = chain.map((link) => ({
    status: markOf(link),
    name: displayName(link.name),
    label: labelOf(link),
    what: whatOf(link, at, options.verbose, said),
  }));
  const markWidth = Math.max(0, ...rows.map(({ status }) => marks[status].length));
  const nameWidth = Math.min(NAME_WIDTH, Math.max(0, ...rows.map(({ name }) => name.length)));
  const labelWidth = Math.max(0, ...rows.map(({ label }) => label.length));
  const broken = brokenLink(chain, answer);
  const lines = rows.flatMap(({ status, name, label, what }, index) => {
    const mark = paint(STYLES[status], marks[status].padEnd(markWidth));
    const line = `  ${mark}  ${name.padEnd(nameWidth)}  ${label.padEnd(labelWidth)}  ${what}`.trimEnd();
    return index === broken ? [line, ...reasonLines(reasons, report, "      ")] : [line];
  });
  return broken === null ? [...lines, ...reasonLines(reasons, report, "  ")] : lines;
}

/** Index of the link that the reasons speak of: the last that failed, or the cut below which nothing is signed. */
function brokenLink(chain: readonly ChainLink[], { status }: DnsAnswer): number | null {
  const at =
    status === "insecure"
      ? chain.findIndex((link) => markOf(link) === "insecure")
      : chain.findLastIndex((link) => link.status === status);
  return at === -1 ? null : at;
}

/** The proof that a delegation is unsigned is sound in itself, but nothing below it is. */
function markOf(link: ChainLink): SecurityStatus {
  return link.kind === "insecure" ? "insecure" : link.status;
}

function reasonLines(reasons: readonly ShownReason[], report: ResolveReport, indent: string): readonly string[] {
  return reasons.flatMap(({ code, message, hint, zone, ede }) => {
    const where = zone === null || message.includes(displayName(zone)) ? "" : `zone ${displayName(zone)}: `;
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

function labelOf(link: ChainLink): string {
  switch (link.kind) {
    case "anchor":
      return "anchor";
    case "ds":
    case "no-cut":
    case "insecure":
      return "DS";
    case "dnskey":
      return "DNSKEY";
    case "alias":
    case "answer":
    case "denial":
      return typeName(link.type);
  }
}

/**
 * Keys and signature as such where the link has them, else in the validator's words. `said`: what stands under the broken
 * link anyhow, and is not repeated on it.
 */
function whatOf(link: ChainLink, at: Instant, verbose: boolean, said: ReadonlySet<string>): string {
  const keys = link.kind === "anchor" ? null : keysText(link, verbose);
  const message = keys !== null || said.has(link.message) || link.message === "" ? null : onOneLine(link.message);
  const signature = link.signature === null ? null : signatureText(link, link.signature, at);
  return [keys, message, signature].filter((part) => part !== null).join("; ");
}

/** The keys that made the link, or all of them where none did. */
function keysText({ keys }: ChainLink, verbose: boolean): string | null {
  if (keys.length === 0) return null;
  const used = keys.filter((key) => key.used);
  const shown = verbose ? keys : used.length > 0 ? used : keys.slice(0, MOST_KEYS);
  const more = used.length > 0 || shown.length === keys.length ? "" : ` and ${String(keys.length - shown.length)} more`;
  return `${shown.map((key) => keyText(key, verbose)).join(", ")}${more}`;
}

function keyText({ keyTag, algorithm, digestType, flags, used }: LinkKey, verbose: boolean): string {
  const digest = digestType === null ? "" : `/${digestTypeName(digestType)}`;
  const role = verbose && flags !== null ? ` flags ${String(flags)}` : "";
  return `${String(keyTag)} ${algorithmName(algorithm)}${digest}${role}${verbose && !used ? " (not used)" : ""}`;
}

/** The signature that proved the link, or the one that did not, and how long that lasts. */
function signatureText(link: ChainLink, signature: LinkSignature, at: Instant): string {
  const { signer, keyTag, inception, expiration } = signature;
  const own = link.kind === "dnskey" && signer === link.name;
  const key = own ? String(keyTag) : `${displayName(signer)} ${String(keyTag)}`;
  const failed = link.status === "bogus" || link.status === "indeterminate";
  const made = failed ? "signature by" : own ? "key set signed by" : "signed by";
  if (inception > at) return `${made} ${key} from ${formatMoment(inception, at)}`;
  return `${made} ${key} until ${formatMoment(expiration, at)}`;
}
