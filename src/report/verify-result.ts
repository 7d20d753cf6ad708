/**
 * A verification of very many targets, one document or one line for each, as soon as it is finished. The
 * `daneward/verify-result/1` document holds what `daneward/verify/1` holds, for one target of the list. Keys may be
 * added, never renamed.
 */
import type { Fault } from "../base/errors.ts";
import { displayName } from "../dns/name.ts";
import type { HostReport, VerdictName, VerifyReport } from "../verifier/verdict.ts";
import { hostDocument } from "./verify-json.ts";
import { reasonOf, renderDetails } from "./verify-text.ts";
import type { VerifyTextOptions } from "./verify-text.ts";
import { worstHost } from "./verify-words.ts";

/** What became of one line of a list; `fault`: it is no target. */
export type TargetResult =
  | { readonly line: number; readonly target: string; readonly report: VerifyReport }
  | { readonly line: number; readonly target: string; readonly fault: Fault };

/** A line of a list that is no target. */
type BadLine = Extract<TargetResult, { readonly fault: Fault }>;

/** What became of a list, besides what was found; for the forms that are one text over all of it. */
export interface ListFacts {
  /** In the order of the list. */
  readonly badLines: readonly BadLine[];
  /** Whether the end of the list was not reached. */
  readonly interrupted: boolean;
}

/** A verification, of a list where `list` is there. */
export interface ListedReport extends VerifyReport {
  readonly list?: ListFacts;
}

/** One line of JSON with its line ending. `line` counts from 1 in the list. */
export function renderResultJson(result: TargetResult): string {
  const { line, target } = result;
  const head = { schema: "daneward/verify-result/1", target, line };
  const document =
    "fault" in result
      ? { ...head, exit: 3, error: result.fault, targets: [] }
      : { ...head, exit: result.report.exit, targets: result.report.hosts.map(hostDocument) };
  return `${JSON.stringify(document)}\n`;
}

/**
 * One line: verdict, target and what was looked at, or why there is no more to say. Behind it the whole ladder of what
 * failed, of everything when verbose, without what that line has said. Empty when quiet and all is well.
 */
export function renderResultText(target: string, report: VerifyReport, options: VerifyTextOptions): string {
  if (options.quiet && report.exit === 0) return "";
  const worst = worstHost(report.hosts);
  const verdict: VerdictName = worst?.verdict ?? "unreachable";
  const head = `${verdict.padEnd(VERDICT_WIDTH)}  ${target}  ${summary(report, worst)}\n`;
  if (!options.verbose && report.exit < 2) return head;
  const details = renderDetails(report, worst ?? null, { ...options, quiet: !options.verbose });
  return `${head}${details.replace(/^(?=.)/gm, "  ")}`;
}

/** As wide as most verdicts; the longer ones are rare enough to stand out. */
const VERDICT_WIDTH = 13;

function summary({ hosts }: VerifyReport, worst: HostReport | undefined): string {
  const addresses = hosts.reduce((count, host) => count + host.addresses.length, 0);
  const counted = [
    ...(hosts.length > 1 ? [`${String(hosts.length)} hosts`] : []),
    `${String(addresses)} ${addresses === 1 ? "address" : "addresses"}`,
  ].join(", ");
  if (worst === undefined || worst.verdict === "verified") return counted;
  const of = hosts.length > 1 ? `${displayName(worst.baseDomain)}: ` : "";
  return `${of}${reasonOf(worst) ?? counted}`;
}
