/** All that the page tells of one certificate. */
import { CATALOGUE } from "../../base/errors.ts";
import type { Instant } from "../../base/time.ts";
import { courseOf, pastMilestones } from "../milestones.ts";
import type { Milestone } from "../milestones.ts";
import { concernOf, standingRefusals } from "../model.ts";
import type { CertificateReport, CertificateStatus } from "../model.ts";
import type { Plan } from "../plan-text.ts";
import { nextStep, safeNow } from "../status-next.ts";
import { chainWords, HEADLINES, STANDBY } from "../status-text.ts";
import type { TimelineEvent } from "../timeline-text.ts";
import { formatMoment, shortDigest, shortenDigests } from "../words.ts";
import { lifeFigure } from "./life.ts";
import { anchorOf, markup } from "./markup.ts";
import type { Content, Markup } from "./markup.ts";
import { addressTable, lookedAt, ownerTables } from "./places.ts";
import { rolloverFigure } from "./rollover.ts";
import { GRADES, moment, pill, sign } from "./signs.ts";
import { trustBlock } from "./trust.ts";
import type { TrustReport } from "./trust.ts";

/** What the page knows of a certificate beyond its status. */
export interface CertificateDetail {
  /** Of the journal, about this certificate, oldest first. */
  readonly events: readonly TimelineEvent[];
  /** What is to come; or why nobody knows. */
  readonly plan: Plan | { readonly missing: string };
  /** One for each owner name. */
  readonly trust: readonly TrustReport[];
}

/** With more owner names than this their chains are closed until somebody opens them. */
const OPEN_CHAINS = 2;

/** A section with a heading of the third level. */
export function certificateSection(report: CertificateReport, detail: CertificateDetail | null, at: Instant): Markup {
  const { name } = report;
  const id = anchorOf("cert", name);
  if (report.outcome !== "known") {
    const [grade, words] =
      report.outcome === "unreadable"
        ? (["bad", "state unreadable"] as const)
        : (["wait", "not looked at yet"] as const);
    const told =
      report.outcome === "unreadable"
        ? markup`<p>${report.message}</p><p>${report.hint}</p>`
        : markup`<p>daneward tick ${name} looks at it.</p>`;
    return markup`<section class="card cert ${grade}" id="${id}" aria-labelledby="${id}-name"><header><h3 id="${id}-name">${name}</h3>${pill(grade, words)}</header>${told}</section>`;
  }
  const { status } = report;
  const concern = concernOf(status);
  const grade = GRADES[concern];
  const next = nextStep(name, status);
  return markup`<section class="card cert ${grade}" id="${id}" aria-labelledby="${id}-name">
<header><h3 id="${id}-name"><bdi>${name}</bdi></h3>${pill(grade, HEADLINES[concern].words)}<span class="muted">${status.phase}</span></header>
${next.by === "you" ? markup`<p class="do"><strong>To do:</strong> ${next.what}</p>` : null}
${facts(name, status, at)}
${reasons(status, at)}
${status.current === null ? null : lifeFigure(`${id}-life`, status.current, status.standing, at)}
<h4>Rollover</h4>${rollovers(id, status, detail, at)}
<h4>Addresses <span class="small">${lookedAt(status, at)}</span></h4>${addressTable(status)}
<h4>Records and name servers <span class="small">${lookedAt(status, at)}</span></h4>${status.owners.map(ownerTables)}
${trustPart(detail)}
</section>`;
}

function facts(name: string, status: CertificateStatus, at: Instant): Markup {
  const { current, next, obsolete, rejected, standby, emergency, override, teardown } = status;
  const step = nextStep(name, status);
  const said = (word: { readonly at: Instant; readonly because: string }): string =>
    `${word.because === "" ? "" : `${word.because}, `}${formatMoment(word.at, at)}`;
  const rows: readonly (readonly [string, Content] | null)[] = [
    ["live", current === null ? "nothing deployed by daneward yet" : chainWords(current, at)],
    next === null ? null : ["next", chainWords(next, at)],
    obsolete === null ? null : ["old", chainWords(obsolete, at)],
    rejected === null || rejected.id === current?.id ? null : ["aborted", chainWords(rejected, at)],
    ...standby.map(
      ({ spkiSha256, state }) => ["standby", `key ${shortDigest(spkiSha256)}, ${STANDBY[state]}`] as const,
    ),
    ["phase", markup`${status.phase} since ${moment(status.phaseSince, at)}`],
    emergency === null
      ? null
      : ["urgent", `key ${shortDigest(emergency.spkiSha256)} counts as compromised: ${said(emergency)}`],
    override === null ? null : ["override", `${override.act} at once: ${said(override)}`],
    teardown === null ? null : ["teardown", `the records go for good: ${said(teardown)}`],
    step.by === "you" ? null : ["then", step.at === null ? step.what : markup`${step.what} ${moment(step.at, at)}`],
    ["safe", safeNow(status)],
  ];
  return markup`<dl class="facts">${rows.flatMap((row) => (row === null ? [] : [markup`<dt>${row[0]}</dt><dd>${row[1]}</dd>`]))}</dl>`;
}

/** Refusals and troubles that stand, each with what lifts it. */
function reasons(status: CertificateStatus, at: Instant): Markup | null {
  const { hold, troubles } = status;
  const items = [
    // A failure that is held for is told once, with its own words.
    ...(hold === null || troubles.some(({ message }) => hold.detail.includes(message))
      ? []
      : [reason("held", hold.reason, hold.detail, null, CATALOGUE[hold.reason].hint)]),
    ...troubles.map(({ code, message, subject, since, hint }) =>
      reason(subject.replace(/\.$/, ""), code, message, markup`since ${moment(since, at)}`, hint),
    ),
    ...standingRefusals(status)
      .filter(({ code }) => code !== hold?.reason)
      .map(({ gate, code, detail, since, until }) => {
        const span = markup`since ${moment(since, at)}${until === null ? null : markup`, until ${moment(until, at)}`}`;
        const lifts = until === null ? CATALOGUE[code].hint : "nothing to do: time lifts it";
        return reason(`${gate} gate`, code, detail, span, lifts);
      }),
  ];
  if (items.length === 0) return null;
  return markup`<h4>What stands in the way</h4><ul class="reasons">${items}</ul>`;
}

function reason(where: string, code: string, detail: string, span: Markup | null, lifts: string): Markup {
  return markup`<li><span class="code">${code}</span> <span class="tag">${where}</span> ${shortenDigests(detail)}<br><span class="small muted">${span}</span>${span === null ? null : markup`<br>`}<span class="small"><strong>What lifts it:</strong> ${lifts}</span></li>`;
}

/** The one under way; or the last and the next. */
function rollovers(id: string, status: CertificateStatus, detail: CertificateDetail | null, at: Instant): Markup {
  if (detail === null) return markup`<p class="muted">Not looked at for this page.</p>`;
  const { events, plan } = detail;
  const past = pastMilestones(events);
  const entries = "missing" in plan ? [] : plan.entries;
  const missing = "missing" in plan ? markup`<p class="muted">What is planned is not known: ${plan.missing}</p>` : null;
  const blocked = entries.find(({ event }) => event === "blocked");
  const stops = blocked === undefined ? null : stopsMarkup(blocked.detail);
  const key = markup`<ul class="key" aria-label="how to read the figure"><li>${swatch("bar-old")}old</li><li>${swatch("bar-new")}new</li><li>${swatch("bar-new bar-soon")}not on every name server yet</li><li>${swatch("bar-new bar-plan")}planned</li></ul>`;
  if (status.phase !== "stable") {
    const milestones = courseOf(events, entries, at);
    if (milestones.length === 0) return markup`<p class="muted">The journal tells nothing of it.</p>${missing}`;
    const { obsolete, current, next } = status;
    const before = next === null ? (obsolete?.records ?? null) : (current?.records ?? null);
    const after = (next ?? current)?.records ?? null;
    const title = `The rollover of ${(next ?? current)?.subject ?? "this certificate"} under way`;
    return markup`${rolloverFigure({ id: `${id}-now`, title, at, milestones, before, after })}${key}${stops}${missing}`;
  }
  const figures = [
    ...nextFigure(id, status, plan, at),
    ...(past.length < 2 ? [] : [lastFigure(id, events, past, status, at)]),
  ];
  return figures.length === 0
    ? markup`<p class="muted">Nothing has happened yet.</p>${missing}`
    : markup`${figures}${key}${stops}${missing}`;
}

/** Of many alike the first say enough. */
const SHOWN_STOPS = 3;

function stopsMarkup(detail: string): Markup {
  const all = detail.split("; ");
  const left = all.length - SHOWN_STOPS;
  const more = left > 0 ? markup`<li class="muted">and ${left} more</li>` : null;
  const shown = all.slice(0, SHOWN_STOPS).map((one) => markup`<li>${shortenDigests(one)}</li>`);
  return markup`<p>${sign("bad")} <span class="t-bad">As things are it stops there:</span></p><ul class="stops">${shown}${more}</ul>`;
}

function nextFigure(
  id: string,
  status: CertificateStatus,
  plan: CertificateDetail["plan"],
  at: Instant,
): readonly Markup[] {
  if ("missing" in plan || plan.entries.length === 0) return [];
  const renewal = plan.expectedRenewal !== null && plan.expectedRenewal > at ? plan.expectedRenewal : at;
  // The renewal itself is what the core's first event follows upon.
  const steps = plan.entries.filter(({ event }) => event !== "announcing");
  const milestones = courseOf([], [{ at: renewal, event: "renewal" }, ...steps], at);
  const before = status.current?.records ?? null;
  const title = "The next rollover, if the renewal brings a new key when it is to be expected";
  return [rolloverFigure({ id: `${id}-next`, title, at, milestones, before, after: null })];
}

function lastFigure(
  id: string,
  events: readonly TimelineEvent[],
  past: readonly Milestone[],
  status: CertificateStatus,
  at: Instant,
): Markup {
  const begin = past[0]?.at ?? at;
  const during = events.filter((event) => event.at >= begin && event.detail["result"] !== "failed");
  const before = recordsOf(during, "withdraw");
  const after = recordsOf(during, "publish") ?? status.current?.records ?? null;
  return rolloverFigure({ id: `${id}-last`, title: "The last rollover", at, milestones: past, before, after });
}

/** The records that these events name; null: none. */
function recordsOf(events: readonly TimelineEvent[], kind: "publish" | "withdraw"): readonly string[] | null {
  const named = events
    .filter(({ event }) => event === kind)
    .flatMap(({ detail: { records } }) => (Array.isArray(records) ? records.map(String) : []));
  const known = [...new Set(named)].filter((text) => /^[0-3] [01] [0-2] [0-9a-f]+$/.test(text));
  return known.length === 0 ? null : known;
}

function swatch(style: string): Markup {
  return markup`<svg viewBox="0 0 14 14" aria-hidden="true" focusable="false"><rect class="${style}" x="1" y="3" width="12" height="9" rx="2"/></svg>`;
}

function trustPart(detail: CertificateDetail | null): Markup | null {
  if (detail === null || detail.trust.length === 0) return null;
  const isOpen = detail.trust.length <= OPEN_CHAINS;
  return markup`<h4>Chain of trust</h4>${detail.trust.map((trust) => trustBlock(trust, isOpen))}`;
}
