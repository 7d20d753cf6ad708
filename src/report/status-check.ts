/**
 * The state of the certificates for Nagios, Icinga and their kin: `daneward check`. Out of saved state, so it also says
 * when nobody has looked for long: a driver that stopped is the one failure that it cannot report itself.
 */
import { formatDuration, formatInstant, instant, secondsBetween } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import { awaitsServices, concernOf, isAlarming, isStuck } from "./model.ts";
import type { CertificateReport, CertificateStatus, StatusReport } from "./model.ts";
import { onOneLine, shortenDigests } from "./words.ts";

/** 0 OK, 1 WARNING, 2 CRITICAL (a DANE client refuses, or is about to), 3 UNKNOWN. */
export type CheckState = 0 | 1 | 2 | 3;

export interface Thresholds {
  /** Days before the live certificate ends. */
  readonly warnDays: number;
  readonly criticalDays: number;
  /** How long ago the last look may be, beyond what was planned. */
  readonly patience: Seconds;
}

interface Finding {
  readonly state: CheckState;
  readonly certificate: string;
  readonly text: string;
}

const STATES: Readonly<Record<CheckState, string>> = { 0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN" };
const DAY = 86_400_000;

/** A DANE client that holds what caches may hold refuses the server now. */
const REFUSED: ReadonlySet<string> = new Set(["LIVE_MISMATCH", "SECOND_CERTIFICATE"]);

/** As of exit codes: 2 over 3 over 1 over 0. */
const GRAVITY: readonly CheckState[] = [2, 3, 1, 0];

export interface CheckReport {
  readonly state: CheckState;
  /** Status line with performance data, then a line for each finding; ends with a newline. */
  readonly text: string;
}

/** What monitoring is told. */
export function checkStatus(report: StatusReport, thresholds: Thresholds): CheckReport {
  const { at, certificates, frozen } = report;
  const findings = [
    ...certificates.flatMap((certificate) => findingsOf(certificate, at, thresholds)),
    ...(frozen === null || frozen === undefined ? [] : [frozenFinding(frozen.at, at)]),
  ];
  const state =
    GRAVITY.find((one) => findings.some((finding) => finding.state === one)) ?? (certificates.length === 0 ? 3 : 0);
  const sorted = GRAVITY.flatMap((one) => findings.filter((finding) => finding.state === one));
  const [first] = sorted;
  const more = sorted.length > 1 ? ` (and ${String(sorted.length - 1)} more)` : "";
  const summary = first === undefined ? wellText(certificates, at) : `${first.text}${more}`;
  const lines = [
    `DANEWARD ${STATES[state]} - ${clean(summary)} | ${performanceData(report, findings).join(" ")}`,
    ...sorted.map((finding) => clean(`${STATES[finding.state]}: ${finding.text}`)),
  ];
  return { state, text: `${lines.join("\n")}\n` };
}

function frozenFinding(since: Instant, at: Instant): Finding {
  const text = `everything is frozen for ${formatDuration(secondsBetween(since, at))}: daneward thaw goes on`;
  return { state: 1, certificate: "", text };
}

function wellText(certificates: readonly CertificateReport[], at: Instant): string {
  if (certificates.length === 0) return "no certificate is configured";
  const known = certificates.flatMap((one) => (one.outcome === "known" ? [one] : []));
  const rolling = known.filter(({ status }) => status.phase !== "stable");
  const count = certificates.length === 1 ? "1 certificate" : `${String(certificates.length)} certificates`;
  const [first] = rolling;
  if (first === undefined) return `${count}, all at rest`;
  const waits = first.status.refusals.flatMap(({ until }) => (until !== null && until > at ? [until] : []));
  const until = waits.length === 0 ? "" : ` until ${formatInstant(instant(Math.max(...waits)))}`;
  return `${count}, ${String(rolling.length)} rolling over: ${first.name} is ${first.status.phase}${until}`;
}

function findingsOf(report: CertificateReport, at: Instant, thresholds: Thresholds): readonly Finding[] {
  const { name } = report;
  const finding = (state: CheckState, text: string): Finding => ({
    state,
    certificate: name,
    text: `${name}: ${shortenDigests(text)}`,
  });
  switch (report.outcome) {
    case "never-seen":
      return [finding(3, "no tick has looked at it yet")];
    case "unreadable":
      return [finding(3, report.message)];
    case "known":
      return statusFindings(report.status, at, thresholds, finding);
  }
}

function statusFindings(
  status: CertificateStatus,
  at: Instant,
  { warnDays, criticalDays, patience }: Thresholds,
  finding: (state: CheckState, text: string) => Finding,
): readonly Finding[] {
  const findings: Finding[] = [];
  const refused = status.refusals.filter(({ code }) => REFUSED.has(code));
  findings.push(...refused.map(({ detail, code }) => finding(2, `${detail} [${code}]`)));
  const overdue = secondsBetween(status.wakeAt ?? status.lookedAt, at);
  if (overdue > patience) {
    findings.push(finding(3, `the driver has not looked since ${formatInstant(status.lookedAt)}: does it run?`));
  }
  if (status.hold !== null) findings.push(finding(1, `held: ${status.hold.reason}: ${status.hold.detail}`));
  findings.push(...status.troubles.map(({ message, code }) => finding(1, `${message} [${code}]`)));
  const alarming = status.refusals.filter((refusal) => isAlarming(refusal) && !REFUSED.has(refusal.code));
  findings.push(...alarming.map(({ detail, code }) => finding(1, `${detail} [${code}]`)));
  const { phase, expected } = status;
  if (isStuck(status, at) && expected !== null && alarming.length === 0) {
    const waits = status.refusals.map(({ detail, code }) => `: ${detail} [${code}]`)[0] ?? "";
    const spent = formatDuration(secondsBetween(status.phaseSince, at));
    findings.push(finding(1, `${phase} for ${spent}, where ${formatDuration(expected)} is usual${waits}`));
  }
  if (awaitsServices(status))
    findings.push(finding(1, "nothing is published: the services do not read the deployed files"));
  const { current } = status;
  if (current !== null) {
    const days = Math.floor((current.notAfter - at) / DAY);
    const state = days < criticalDays ? 2 : days < warnDays ? 1 : 0;
    const text = `the live certificate ${days < 0 ? "ended" : "ends"} ${formatInstant(current.notAfter)}`;
    if (state > 0) findings.push(finding(state, text));
  }
  if (findings.length === 0 && concernOf(status) === "attention")
    findings.push(finding(1, "wants attention: see daneward status"));
  return findings;
}

/** `'label'=value[UOM];warn;crit;min;max` */
function performanceData({ certificates, at }: StatusReport, findings: readonly Finding[]): readonly string[] {
  const known = certificates.flatMap((one) => (one.outcome === "known" ? [one.status] : []));
  const bad = new Set(findings.filter(({ state }) => state > 0).map(({ certificate }) => certificate));
  const ends = known.flatMap(({ current }) => current?.notAfter ?? []);
  const looks = known.map(({ lookedAt }) => lookedAt);
  return [
    `certificates=${String(certificates.length)};;;0`,
    `rolling=${String(known.filter(({ phase }) => phase !== "stable").length)};;;0`,
    `wanting_attention=${String(bad.size)};;;0`,
    ...(ends.length === 0 ? [] : [`days_left=${String(Math.floor((Math.min(...ends) - at) / DAY))}`]),
    ...(looks.length === 0 ? [] : [`last_look=${String(secondsBetween(instant(Math.min(...looks)), at))}s;;;0`]),
  ];
}

function clean(text: string): string {
  return onOneLine(text).replaceAll("|", "/");
}
