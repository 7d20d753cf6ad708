/** `daneward status` of several certificates: the worst first, a row each, and what the worst of them want. */
import { formatDuration, secondsBetween } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { concernOf } from "./model.ts";
import type { CertificateReport, CertificateStatus, Concern } from "./model.ts";
import { nextStep } from "./status-next.ts";
import { fold, formatDistance, formatTime, row, shortenDigests } from "./words.ts";
import type { Paint } from "./words.ts";

/** A screen has room for so many rows; certificates that are well give way first. */
const ROWS = 40;
/** Certificates whose trouble is told below the table. */
const TOLD = 3;

const STYLES: Readonly<Record<Concern, "green" | "yellow" | "red">> = {
  well: "green",
  waiting: "yellow",
  attention: "red",
};
const RANK: Readonly<Record<Concern, number>> = { attention: 0, waiting: 1, well: 2 };
const MARKS: Readonly<Record<Concern, string>> = { attention: "!", waiting: "~", well: " " };
/** How many are how. */
export const COUNTED: Readonly<Record<Concern, (count: number) => string>> = {
  attention: (count) => `${String(count)} need${count === 1 ? "s" : ""} you`,
  waiting: (count) => `${String(count)} under way`,
  well: (count) => `${String(count)} well`,
};

interface Row {
  readonly report: CertificateReport;
  readonly concern: Concern;
  /** Within one concern whoever is next in time comes first. */
  readonly urgency: number;
}

/** The table, ending with a newline. */
export function renderTable(reports: readonly CertificateReport[], at: Instant, paint: Paint): string {
  const rows = worstFirst(reports, at);
  const sorted = rows.filter(({ concern }, index) => concern === "attention" || index < ROWS);
  const counts = (["attention", "waiting", "well"] as const).flatMap((concern) => {
    const count = rows.filter((one) => one.concern === concern).length;
    return count === 0 ? [] : [paint(STYLES[concern], COUNTED[concern](count))];
  });
  const width = Math.min(26, Math.max(11, ...sorted.map(({ report }) => report.name.length)));
  const left = rows.length - sorted.length;
  const worst = sorted.filter(({ concern }) => concern === "attention");
  return [
    `${String(rows.length)} certificates: ${counts.join(", ")}, ${formatTime(at)}`,
    "",
    paint(
      "dim",
      `  ${cell("CERTIFICATE", width)}  ${cell("PHASE", 11)}  ${cell("LIVE KEY", 8)}  ${cell("EXPIRES", 9)}  NEXT`,
    ),
    ...sorted.map(({ report, concern }) => tableRow(report, concern, width, at, paint)),
    ...(left === 0 ? [] : [`  and ${String(left)} more, none of which needs you (daneward status -v shows all)`]),
    ...worst.slice(0, TOLD).flatMap(({ report }) => ["", ...troubleLines(report, paint)]),
    ...(worst.length > TOLD ? ["", `${String(worst.length - TOLD)} more need you: see the table`] : []),
    "",
    "daneward status NAME shows one of them whole",
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/** Every certificate with how it is: the worst first, and among equals whoever is next in time. */
export function worstFirst(reports: readonly CertificateReport[], at: Instant): readonly Row[] {
  return reports
    .map((report): Row => ({ report, concern: concernOfReport(report), urgency: urgencyOf(report, at) }))
    .sort((left, right) => RANK[left.concern] - RANK[right.concern] || left.urgency - right.urgency);
}

function concernOfReport(report: CertificateReport): Concern {
  if (report.outcome === "known") return concernOf(report.status);
  return report.outcome === "unreadable" ? "attention" : "waiting";
}

function urgencyOf(report: CertificateReport, at: Instant): number {
  if (report.outcome !== "known") return at;
  return nextStep(report.name, report.status).at ?? report.status.current?.notAfter ?? at;
}

function cell(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

function tableRow(report: CertificateReport, concern: Concern, width: number, at: Instant, paint: Paint): string {
  const { phase, key, expires, next } = cellsOf(report, at);
  const head = `${MARKS[concern]} ${cell(report.name, width)}  `;
  const rest = `  ${cell(key, 8)}  ${cell(expires, 9)}  `;
  const room = 80 - head.length - 11 - rest.length;
  return `${head}${paint(STYLES[concern], cell(phase, 11))}${rest}${cell(next, room)}`.trimEnd();
}

interface Cells {
  readonly phase: string;
  readonly key: string;
  readonly expires: string;
  readonly next: string;
}

function cellsOf(report: CertificateReport, at: Instant): Cells {
  if (report.outcome === "never-seen") return { phase: "not seen", key: "-", expires: "-", next: "daneward tick" };
  if (report.outcome === "unreadable") return { phase: "unreadable", key: "-", expires: "-", next: "you: see below" };
  const { status } = report;
  const { current } = status;
  return {
    phase: status.phase,
    key: current?.certificates[0]?.spkiSha256.slice(0, 8) ?? "-",
    expires: current === null ? "-" : current.notAfter <= at ? "EXPIRED" : inShort(at, current.notAfter),
    next: nextCell(report.name, status, at),
  };
}

/** `in 41d`: the largest unit is enough here. */
function inShort(from: Instant, to: Instant): string {
  return `in ${formatDuration(secondsBetween(from, to)).split(" ")[0] ?? ""}`;
}

const SHORT: Readonly<Record<CertificateStatus["phase"], string>> = {
  stable: "renewal",
  announcing: "all name servers",
  aging: "swap",
  deploying: "swap",
  confirming: "withdraw",
  withdrawing: "gone everywhere",
  held: "",
};

function nextCell(name: string, status: CertificateStatus, at: Instant): string {
  const step = nextStep(name, status);
  if (step.by === "you") return `you: ${reasonOf(status) ?? "see below"}`;
  const when = step.at === null ? "" : step.at > at ? ` ${formatDistance(step.at, at)}` : " due";
  return `${SHORT[status.phase]}${when}`;
}

function reasonOf({ hold, troubles, refusals }: CertificateStatus): string | null {
  return hold?.reason ?? troubles[0]?.code ?? refusals[0]?.code ?? null;
}

function troubleLines(report: CertificateReport, paint: Paint): readonly string[] {
  const { name } = report;
  if (report.outcome === "never-seen") return [];
  if (report.outcome === "unreadable") {
    return [paint("bold", name), ...fold(report.message, 76).map((line) => `  ${line}`), row("do", report.hint)];
  }
  const { hold, troubles, refusals } = report.status;
  const why = hold?.detail ?? troubles[0]?.message ?? refusals[0]?.detail ?? "";
  const step = nextStep(name, report.status);
  return [
    paint("bold", name),
    ...(why === "" ? [] : fold(shortenDigests(why), 76).map((line) => `  ${line}`)),
    ...(step.by === "you" ? [row("do", step.what)] : []),
  ];
}
