/**
 * The state of the certificates for Nagios, Icinga and their kin: `daneward check`. Out of saved state, so it also says
 * when nobody has looked for long: a driver that stopped is the one failure that it cannot report itself.
 */
import { formatDuration, formatInstant, instant, secondsBetween } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import type { ChainFacts } from "../rollover/chain.ts";
import { awaitsServices, concernOf, isAlarming, isStuck } from "./model.ts";
import type { CertificateReport, CertificateStatus, StatusReport } from "./model.ts";
import { formatTime, onOneLine, plainTimes, shortenDigests } from "./words.ts";

/** 0 OK, 1 WARNING, 2 CRITICAL (a DANE client refuses, or is about to), 3 UNKNOWN. */
export type CheckState = 0 | 1 | 2 | 3;

export interface Thresholds {
  /** Days before the live certificate ends; null: by how long it lives. */
  readonly warnDays: number | null;
  readonly criticalDays: number | null;
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

/** A DANE client refuses the server now, because of what it presents or because the zone is bogus. */
const REFUSED: ReadonlySet<string> = new Set(["LIVE_MISMATCH", "SECOND_CERTIFICATE", "ZONE_BOGUS"]);

/** What is no failure at first sight, and is one when it has stood for longer than the patience. */
const LASTING: Readonly<Record<string, CheckState>> = {
  ZONE_UNKNOWN: 3,
  // A client that asks this server is given what it must take for forged.
  NS_UNSIGNED: 2,
  NS_UNREACHABLE: 1,
  NS_NOT_AUTHORITATIVE: 1,
  NOT_SECURE: 1,
};

/**
 * ACME clients renew with about a third of the life left: with a sixth left something did not happen, with a twelfth it
 * is late. Of certificates of 90 days and more, two weeks and one.
 */
const SHARES = { warn: 1 / 6, critical: 1 / 12 } as const;
const MOST_DAYS = { warn: 14, critical: 7 } as const;

/** Days left at which the end of a certificate is a warning, and critical. */
function limitsOf(
  { notBefore, notAfter }: Pick<ChainFacts, "notBefore" | "notAfter">,
  { warnDays, criticalDays }: Thresholds,
): { readonly warn: number; readonly critical: number } {
  const life = (notAfter - notBefore) / DAY;
  const share = (which: "warn" | "critical"): number => Math.min(MOST_DAYS[which], life * SHARES[which]);
  return { warn: warnDays ?? share("warn"), critical: criticalDays ?? share("critical") };
}

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
  const sorted = GRAVITY.flatMap((one) => findings.filter((finding) => finding.state === one)).filter(
    ({ text }, index, all) => all.findIndex((other) => other.text === text) === index,
  );
  const [first] = sorted;
  const more = sorted.length > 1 ? ` (and ${String(sorted.length - 1)} more)` : "";
  const summary = first === undefined ? wellText(certificates, at) : `${first.text}${more}`;
  const lines = [
    `DANEWARD ${STATES[state]} - ${clean(summary)} | ${performanceData(report, findings, thresholds).join(" ")}`,
    ...(sorted.length < 2 ? [] : sorted).map((finding) => clean(`${STATES[finding.state]}: ${finding.text}`)),
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
  thresholds: Thresholds,
  finding: (state: CheckState, text: string) => Finding,
): readonly Finding[] {
  const findings: Finding[] = [];
  const refused = status.refusals.filter(({ code }) => REFUSED.has(code));
  findings.push(...refused.map(({ detail, code }) => finding(2, `${detail} [${code}]`)));
  const overdue = secondsBetween(status.wakeAt ?? status.lookedAt, at);
  if (overdue > thresholds.patience) {
    findings.push(finding(3, `the driver has not looked since ${formatInstant(status.lookedAt)}: does it run?`));
  }
  if (status.hold !== null) findings.push(finding(1, `held: ${status.hold.reason}: ${status.hold.detail}`));
  findings.push(...status.troubles.map(({ message, code }) => finding(1, `${message} [${code}]`)));
  const alarming = status.refusals.filter((refusal) => isAlarming(refusal) && !REFUSED.has(refusal.code));
  findings.push(...alarming.map(({ detail, code }) => finding(1, `${detail} [${code}]`)));
  findings.push(...lastingFindings(status, at, thresholds, finding));
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
    const days = (current.notAfter - at) / DAY;
    const { warn, critical } = limitsOf(current, thresholds);
    const state = days < critical ? 2 : days < warn ? 1 : 0;
    const text = `the live certificate ${days < 0 ? "ended" : "ends"} ${formatTime(current.notAfter)}`;
    if (state > 0) findings.push(finding(state, text));
  }
  if (findings.length === 0 && concernOf(status) === "attention")
    findings.push(finding(1, "wants attention: see daneward status"));
  return findings;
}

/** Nothing is known to be wrong, but it is long ago that it was known to be right. */
function lastingFindings(
  { refusals, endpoints, phase }: CertificateStatus,
  at: Instant,
  { patience }: Thresholds,
  finding: (state: CheckState, text: string) => Finding,
): readonly Finding[] {
  const long = refusals.filter(({ until, since }) => until === null && secondsBetween(since, at) > patience);
  const blind = endpoints.filter(({ own, verdict }) => own && verdict === "failed" && phase === "stable");
  return [
    ...long.flatMap(({ code, detail }) => {
      // At rest nobody has to follow anything: who lags there lost it.
      const state = LASTING[code] ?? (code === "NS_LAGGING" && phase === "stable" ? 1 : undefined);
      return state === undefined ? [] : [finding(state, `${detail} [${code}]`)];
    }),
    ...blind.map(({ endpoint, address, detail }) =>
      finding(3, `${endpoint} at ${address} could not be asked: ${detail}`),
    ),
  ];
}

/** `'label'=value[UOM];warn;crit;min;max`, with ranges that are well: `14:` is 14 and more. */
function performanceData(
  { certificates, at }: StatusReport,
  findings: readonly Finding[],
  thresholds: Thresholds,
): readonly string[] {
  const known = certificates.flatMap((one) => (one.outcome === "known" ? [one.status] : []));
  const bad = new Set(findings.filter(({ state }) => state > 0).map(({ certificate }) => certificate));
  const [first] = known.flatMap(({ current }) => current ?? []).sort((one, other) => one.notAfter - other.notAfter);
  const looks = known.map(({ lookedAt }) => lookedAt);
  return [
    `certificates=${String(certificates.length)};;;0`,
    `rolling=${String(known.filter(({ phase }) => phase !== "stable").length)};;;0`,
    `wanting_attention=${String(bad.size)};;;0`,
    ...(first === undefined ? [] : [daysLeft(first, at, thresholds)]),
    ...(looks.length === 0 ? [] : [`last_look=${String(secondsBetween(instant(Math.min(...looks)), at))}s;;;0`]),
  ];
}

function daysLeft(chain: ChainFacts, at: Instant, thresholds: Thresholds): string {
  const { warn, critical } = limitsOf(chain, thresholds);
  const tenths = (days: number): string => String(Math.round(days * 10) / 10);
  return `days_left=${String(Math.floor((chain.notAfter - at) / DAY))};${tenths(warn)}:;${tenths(critical)}:`;
}

function clean(text: string): string {
  return plainTimes(onOneLine(text)).replaceAll("|", "/");
}
