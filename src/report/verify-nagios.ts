/**
 * A verification for Nagios, Icinga and their kin: one status line with performance data, then one line for each
 * address and for each thing to do. The state is the exit code of `daneward verify` (0 OK, 1 WARNING, 2 CRITICAL,
 * 3 UNKNOWN). A `|` separates text from performance data for those programs, so none may stand in the text.
 */
import { formatInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { AddressReport, Expiry, HostReport, VerifyExit } from "../verifier/verdict.ts";
import { earliestSignatureExpiry } from "./verify-expiry.ts";
import type { ListedReport, ListFacts } from "./verify-result.ts";
import { addressLabel, consequenceOfHost, hostLabel, isMatch, stateOf, worstHost } from "./verify-words.ts";
import { onOneLine } from "./words.ts";

const STATES: Readonly<Record<VerifyExit, string>> = { 0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN" };
const DAY = 86_400_000;

/** Days until the first certificate ends, fewer than which are a warning, or critical; null: none was given. */
interface Thresholds {
  readonly warning: number | null;
  readonly critical: number | null;
}

const NO_THRESHOLDS: Thresholds = { warning: null, critical: null };

/** Status line, performance data, long output; ends with a newline. What was given twice counts once. */
export function renderVerifyNagios(given: ListedReport, thresholds: Thresholds = NO_THRESHOLDS): string {
  const report = { ...given, hosts: once(given.hosts) };
  const status = `DANE ${STATES[report.exit]} - ${clean(summary(report))}`;
  const [first, ...others] = [
    `${status} | ${performanceData(report, thresholds).join(" ")}`,
    ...longOutput(report).map(clean),
  ];
  const repeated = given.hosts.length - report.hosts.length;
  if (repeated > 0)
    others.push(
      `note: ${String(repeated)} of the hosts given ${plural(repeated, "is", "are")} a repetition, not counted`,
    );
  return `${[first, ...others].join("\n")}\n`;
}

/** Of what was given twice the worse result, in the place of the first. */
function once(hosts: readonly HostReport[]): readonly HostReport[] {
  const unique = new Map<string, HostReport>();
  for (const host of hosts) {
    const key = `${host.target.toLowerCase()} ${hostLabel(host)}`;
    const known = unique.get(key);
    unique.set(key, known === undefined ? host : (worstHost([known, host]) ?? host));
  }
  return [...unique.values()];
}

/** What the state is about: the worst host, or why the list was not done, or what ends soon; then how it is otherwise. */
function summary({ exit, hosts, list }: ListedReport): string {
  const lacks = list === undefined ? [] : lacksOf(list);
  const isFound = hosts.some(({ verdict }) => stateOf(verdict) === exit);
  if (lacks.length === 0 || isFound) return [finding({ exit, hosts }), ...lacks].join("; ");
  const verified = hosts.filter(({ verdict }) => isMatch(verdict)).length;
  const counted = `${String(verified)} of ${String(hosts.length)} ${plural(hosts.length, "host", "hosts")} verified`;
  return [...lacks, ...(hosts.length === 0 ? [] : [counted])].join("; ");
}

/** Lines shown in the status line, and how much of each. */
const MOST_LINES = 3;
const MOST_TEXT = 40;

/** Why nothing is known of some of the list. */
function lacksOf({ badLines, interrupted }: ListFacts): readonly string[] {
  const lacks = interrupted ? ["interrupted before the end of the list"] : [];
  if (badLines.length === 0) return lacks;
  const shown = badLines.slice(0, MOST_LINES).map(({ line, target }) => {
    const text = onOneLine(target);
    return `line ${String(line)}: "${text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text}"`;
  });
  const more = badLines.length > shown.length ? ` and ${String(badLines.length - shown.length)} more` : "";
  const what = plural(badLines.length, "line of the list is no target", "lines of the list are no targets");
  return [...lacks, `${String(badLines.length)} ${what} (${shown.join(", ")}${more})`];
}

/** The worst thing that was found, or how much was found well. */
function finding({ exit, hosts }: Pick<ListedReport, "exit" | "hosts">): string {
  const entries = hosts.flatMap((host) => host.addresses.map((address) => ({ host, address })));
  const worst = hosts.find(({ verdict }) => stateOf(verdict) === exit && verdict !== "verified");
  if (worst !== undefined) {
    const more = hosts.length === 1 ? "" : ` (${String(countOf(hosts, exit))} of ${String(hosts.length)} hosts)`;
    return `${hostLabel(worst)} ${worst.verdict}: ${reasonOf(worst)}${more}`;
  }
  const [expiry] = soonest(hosts);
  if ((exit === 1 || exit === 2) && expiry !== undefined) return describeExpiry(expiry);
  const verified = entries.filter(({ address }) => isMatch(address.verdict)).length;
  const [only] = hosts;
  const who = hosts.length === 1 && only !== undefined ? hostLabel(only) : `${String(hosts.length)} hosts`;
  if (entries.length === 0) return "nothing was looked at";
  return `${who} verified on ${String(verified)} of ${String(entries.length)} ${plural(entries.length, "address", "addresses")}`;
}

function countOf(hosts: readonly HostReport[], exit: VerifyExit): number {
  return hosts.filter(({ verdict }) => stateOf(verdict) === exit).length;
}

/** What the host as a whole is said to be, or the first address that made it so. */
function reasonOf(host: HostReport): string {
  if (host.reason !== null) return host.reason;
  const address = host.addresses.find(({ verdict }) => verdict === host.verdict);
  return address === undefined ? consequenceOfHost(host).text : describeAddress(address);
}

function describeAddress(address: AddressReport): string {
  return address.address === null ? address.reason : `${address.reason} (${addressLabel(address)})`;
}

/** `'label'=value[UOM];warn;crit;min;max` */
function performanceData({ at, hosts, list }: ListedReport, thresholds: Thresholds): readonly string[] {
  const addresses = hosts.flatMap((host) => host.addresses);
  const total = String(addresses.length);
  const verified = addresses.filter(({ verdict }) => isMatch(verdict)).length;
  const data = [`addresses=${total};;;0`, `verified=${String(verified)};;${total}:;0;${total}`];
  if (list !== undefined) data.push(`bad_lines=${String(list.badLines.length)};;;0`);
  const certificates = addresses.flatMap(({ certificate }) => (certificate === null ? [] : [certificate.notAfter]));
  const signatures = hosts.flatMap((host) => earliestSignatureExpiry(host) ?? []);
  data.push(...daysLeft("days_left", certificates, at).map((value) => `${value}${rangesOf(thresholds)}`));
  // Signatures count only when their signer is late with them, which no range says.
  data.push(...daysLeft("signature_days_left", signatures, at));
  const [only] = hosts;
  const tlsa = hosts.length === 1 ? only?.dns.tlsa : undefined;
  if (tlsa?.kind === "records") {
    data.push(`tlsa_records=${String(tlsa.records.length)};;;0`);
    const answer = tlsa.answer;
    const rrset = answer === undefined || "reasons" in answer ? null : answer.rrset;
    if (rrset !== null) data.push(`ttl=${String(rrset.ttl)}s;;;0`);
  }
  return data;
}

/** `;14:;7:`: a range without end, which fewer days fall out of; nothing where nothing was given. */
function rangesOf({ warning, critical }: Thresholds): string {
  const [low, lowest] = [warning, critical].map((days) => (days === null ? "" : `${String(days)}:`));
  return `;${low ?? ""};${lowest ?? ""}`.replace(/;+$/, "");
}

/** Whole days until the first of them, negative afterwards; nothing without any. */
function daysLeft(label: string, ends: readonly Instant[], at: Instant): readonly string[] {
  if (ends.length === 0) return [];
  return [`${label}=${String(Math.floor((Math.min(...ends) - at) / DAY))}`];
}

function longOutput({ hosts, list }: ListedReport): readonly string[] {
  const badLines = list?.badLines ?? [];
  const lines = badLines.map(({ line, fault }) => `line ${String(line)}: ${onOneLine(fault.message)}`);
  lines.push(...new Set(badLines.map(({ fault }) => `hint: ${onOneLine(fault.hint)}`)));
  for (const host of hosts) {
    if (host.reason !== null) lines.push(`${hostLabel(host)} ${host.verdict}: ${host.reason}`);
    for (const address of host.addresses) {
      lines.push(`${hostLabel(host)} ${addressLabel(address)} ${address.verdict}: ${address.reason}`);
      for (const { level, text } of address.advice) if (level === "warning") lines.push(`note: ${text}`);
      for (const warning of address.warnings) lines.push(`note: ${warning}`);
    }
    if (host.verdict !== "verified") lines.push(`=> ${consequenceOfHost(host).text}`);
    const hints = [host.hint, ...host.addresses.map(({ hint }) => hint)].filter((hint) => hint !== null);
    lines.push(...new Set(hints.map((hint) => `hint: ${hint}`)));
  }
  lines.push(...soonest(hosts).map(describeExpiry));
  return lines;
}

function soonest(hosts: readonly HostReport[]): readonly Expiry[] {
  return hosts.flatMap(({ expiring = [] }) => expiring).sort((left, right) => left.at - right.at);
}

function describeExpiry({ what, name, address, at }: Expiry): string {
  const where = address === null ? "" : ` on ${address}`;
  const subject = what === "certificate" ? `certificate ${name}` : `signatures of ${name}`;
  return `${subject}${where} ${plural(what === "certificate" ? 1 : 2, "ends", "end")} at ${formatInstant(at)}`;
}

function plural(count: number, one: string, many: string): string {
  return count === 1 ? one : many;
}

/** One line without the separator. */
function clean(text: string): string {
  return text.replace(/[\r\n]+/g, " ").replaceAll("|", "/");
}
