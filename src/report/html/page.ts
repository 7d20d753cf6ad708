/**
 * `daneward report --html`: one page that says how the certificates are, for a browser on a desk or a phone. It holds all
 * that it needs: no script, no picture, no font, no request of any kind, and a policy that forbids them. It is made of
 * what `status`, `plan`, `timeline` and `resolve` show anyhow, and of nothing that is secret.
 */
import type { Instant } from "../../base/time.ts";
import type { CertificateReport, Concern, StatusReport } from "../model.ts";
import { nextStep } from "../status-next.ts";
import { COUNTED, worstFirst } from "../status-table.ts";
import type { UpcomingStep } from "../upcoming.ts";
import { formatDistance, formatMoment } from "../words.ts";
import { certificateSection } from "./certificate.ts";
import type { CertificateDetail } from "./certificate.ts";
import { comingSection, nameOf } from "./coming.ts";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { cell, GRADES, heads, moment, pill, sign, stamp } from "./signs.ts";
import { STYLE } from "./style.ts";

export interface PageModel {
  readonly report: StatusReport;
  readonly version: string;
  /** Base64 SHA-256 of {@link STYLE}, for the policy. */
  readonly styleDigest: string;
  /** Certificates that have a section of their own, by name; the others have a line. */
  readonly details: ReadonlyMap<string, CertificateDetail>;
  /** In the order of time. */
  readonly upcoming: readonly UpcomingStep[];
}

/** By this a file is known for one of ours, before it is replaced. */
export const GENERATOR = `<meta name="generator" content="daneward`;

/** The whole document. */
export function renderPage(model: PageModel): string {
  const { report, version, styleDigest, details } = model;
  const { at, certificates } = report;
  const rows = worstFirst(certificates, at);
  const linked = new Set(rows.map((row) => row.report.name).filter((name) => details.has(name)));
  const worst = rows[0]?.concern ?? "well";
  const policy = `default-src 'none'; style-src 'sha256-${styleDigest}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const body = markup`<a class="skip" href="#main">Skip to the content</a>
<header class="top"><div class="wrap">
<div class="row"><h1>daneward report</h1><p class="muted small">made ${stamp(at)}</p></div>
${verdict(rows, worst)}
${report.frozen === null || report.frozen === undefined ? null : freezeBanner(report.frozen, at)}
<nav aria-label="sections"><ul><li><a href="#certificates">Certificates</a></li><li><a href="#coming">What comes</a></li>${linked.size === 0 ? null : markup`<li><a href="#details">One by one</a></li>`}</ul></nav>
</div></header>
<main id="main"><div class="wrap">
<section id="certificates" aria-labelledby="certificates-title"><h2 id="certificates-title">Certificates</h2>${overview(rows, at, linked)}</section>
<section id="coming" aria-labelledby="coming-title"><h2 id="coming-title">What comes</h2>${comingSection(model.upcoming, at, linked)}</section>
${
  linked.size === 0
    ? null
    : markup`<section id="details" aria-labelledby="details-title"><h2 id="details-title">One by one</h2>${rows.flatMap(
        (row) => {
          const detail = details.get(row.report.name);
          return detail === undefined ? [] : [certificateSection(row.report, detail, at)];
        },
      )}</section>`
}
</div></main>
<footer><div class="wrap muted small"><p>daneward ${version}. What this page says was so when it was made; what was seen in the world has its own time beside it. <code>daneward status</code> has the present state.</p></div></footer>`;
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer"><meta name="robots" content="noindex, nofollow">
${{ markup: GENERATOR }} ${version}">
<title>${titleOf(rows)}</title>
<link rel="icon" href="${iconOf(worst)}">
<style>${{ markup: STYLE }}</style></head>
<body>${body}</body></html>
`.markup;
}

type Rows = ReturnType<typeof worstFirst>;

const CONCERNS: readonly Concern[] = ["attention", "waiting", "well"];

function countsOf(rows: Rows): readonly { readonly concern: Concern; readonly words: string }[] {
  return CONCERNS.flatMap((concern) => {
    const count = rows.filter((one) => one.concern === concern).length;
    return count === 0 ? [] : [{ concern, words: COUNTED[concern](count) }];
  });
}

function titleOf(rows: Rows): string {
  const counts = countsOf(rows).map(({ words }) => words);
  return `${counts.length === 0 ? "no certificate" : counts.join(", ")} · daneward`;
}

const VERDICTS: Readonly<Record<Concern, string>> = {
  attention: "Somebody is needed",
  waiting: "All goes well; something is under way",
  well: "All is well",
};

function verdict(rows: Rows, worst: Concern): Markup {
  if (rows.length === 0) return markup`<p class="verdict">No certificate is configured</p>`;
  const counts = countsOf(rows).map(({ concern, words }) => markup`<li>${pill(GRADES[concern], words)}</li>`);
  return markup`<p class="verdict">${sign(GRADES[worst])} ${VERDICTS[worst]}</p><ul class="counts" aria-label="certificates by state">${counts}</ul>`;
}

function freezeBanner({ at: since, by, because, damage }: NonNullable<StatusReport["frozen"]>, at: Instant): Markup {
  const who = by === "" ? "" : ` by ${by}`;
  const why = damage === null ? because : `frozen.json cannot be understood (${damage})`;
  return markup`<div class="banner" role="note"><strong>Everything is frozen</strong>${who} since ${moment(since, at)}${why === "" ? null : markup`: ${why}`}. daneward looks and warns, and changes nothing; expiry dates run on. <code>daneward thaw</code> lets everything go on.</div>`;
}

const WORDS: Readonly<Record<Concern, string>> = { attention: "needs you", waiting: "under way", well: "well" };

function overview(rows: Rows, at: Instant, linked: ReadonlySet<string>): Markup {
  if (rows.length === 0) return markup`<p class="card">No certificate is configured.</p>`;
  return markup`<div class="card"><table class="stack"><caption>Every certificate, the worst first</caption>
${heads(["Certificate", "State", "Phase", "Live certificate ends", "Next"])}
<tbody>${rows.map(({ report, concern }) => {
    const { phase, ends, next } = cellsOf(report, at);
    return markup`<tr><th scope="row">${nameOf(report.name, linked)}</th>${cell("State", pill(GRADES[concern], WORDS[concern]))}${cell("Phase", phase)}${cell("Ends", ends)}${cell("Next", next)}</tr>`;
  })}</tbody></table></div>`;
}

interface Cells {
  readonly phase: string;
  readonly ends: Markup | string;
  readonly next: string;
}

function cellsOf(report: CertificateReport, at: Instant): Cells {
  if (report.outcome === "never-seen")
    return { phase: "not seen", ends: "–", next: `you: daneward tick ${report.name}` };
  if (report.outcome === "unreadable") return { phase: "unreadable", ends: "–", next: `you: ${report.hint}` };
  const { status, name } = report;
  const { current } = status;
  const step = nextStep(name, status);
  const who = step.by === "you" ? "you: " : "";
  const when =
    step.at === null ? "" : step.by === "client" ? ` ${formatMoment(step.at, at)}` : `, ${dueIn(step.at, at)}`;
  const ends =
    current === null
      ? "–"
      : current.notAfter <= at
        ? markup`<span class="t-bad">${sign("bad")} EXPIRED</span> ${formatMoment(current.notAfter, at)}`
        : moment(current.notAfter, at);
  return { phase: status.phase, ends, next: `${who}${step.what}${when}` };
}

function dueIn(time: Instant, at: Instant): string {
  return time > at ? formatDistance(time, at) : "due";
}

/** The state in the tab: a disc, a ring or a triangle. */
function iconOf(concern: Concern): string {
  const shape = {
    well: "<circle cx='8' cy='8' r='7' fill='%231a8f46'/>",
    waiting: "<circle cx='8' cy='8' r='5.5' fill='none' stroke='%23c98500' stroke-width='4'/>",
    attention: "<path d='M8 1l7 14H1z' fill='%23d02a35'/>",
  }[concern];
  return `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>${shape}</svg>`;
}
