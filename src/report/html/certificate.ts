/** All that the page tells of one certificate. */
import { CATALOGUE } from "../../base/errors.ts";
import type { Instant } from "../../base/time.ts";
import { courseOf, pastMilestones } from "../milestones.ts";
import type { Milestone } from "../milestones.ts";
import { concernOf, isAlarming, standingRefusals } from "../model.ts";
import type { CertificateReport, CertificateStatus, StandingRefusal } from "../model.ts";
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
import type { Grade } from "./signs.ts";
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

interface Reason {
  readonly where: string;
  readonly code: string;
  /** In words; those alike but for the name that they are about stand together. */
  readonly details: readonly string[];
  readonly span: Markup | null;
  readonly lifts: string;
  readonly grade: Grade;
}

/** Refusals and troubles that stand, each with what lifts it. */
function reasons(status: CertificateStatus, at: Instant): Markup | null {
  const { hold, troubles } = status;
  const items: readonly Reason[] = [
    // A failure that is held for is told once, with its own words.
    ...(hold === null || troubles.some(({ message }) => hold.detail.includes(message)) ? [] : [heldReason(hold)]),
    ...troubles.map(({ code, message, subject, since, hint }): Reason => {
      const span = markup`since ${moment(since, at)}`;
      return { where: subject.replace(/\.$/, ""), code, details: [message], span, lifts: hint, grade: "bad" };
    }),
    ...refusalReasons(
      standingRefusals(status).filter(({ code }) => code !== hold?.reason),
      at,
    ),
  ];
  if (items.length === 0) return null;
  return markup`<h4>What stands in the way</h4><ul class="reasons">${items.map(reasonMarkup)}</ul>`;
}

function heldReason({ reason, detail }: NonNullable<CertificateStatus["hold"]>): Reason {
  return { where: "held", code: reason, details: [detail], span: null, lifts: CATALOGUE[reason].hint, grade: "bad" };
}

function refusalReasons(refusals: readonly StandingRefusal[], at: Instant): readonly Reason[] {
  const groups = new Map<string, { readonly first: StandingRefusal; readonly details: Set<string> }>();
  for (const refusal of refusals) {
    const key = [refusal.gate, refusal.code, refusal.since, refusal.until].join(" ");
    const group = groups.get(key) ?? { first: refusal, details: new Set<string>() };
    group.details.add(refusal.detail);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ first, details }) => {
    const { gate, code, since, until } = first;
    const end = until === null ? null : markup`, until ${moment(until, at)}`;
    return {
      where: `${gate} gate`,
      code,
      details: [...details],
      span: markup`since ${moment(since, at)}${end}`,
      lifts: until === null ? CATALOGUE[code].hint : "nothing to do: time lifts it",
      grade: isAlarming(first) ? "bad" : "wait",
    };
  });
}

/** Of many alike the first say enough. */
const SHOWN_DETAILS = 3;

function reasonMarkup({ where, code, details, span, lifts, grade }: Reason): Markup {
  const left = details.length - SHOWN_DETAILS;
  const shown = [...details.slice(0, SHOWN_DETAILS), ...(left > 0 ? [`and ${String(left)} more`] : [])];
  const lines = shown.map((detail) => markup`<br>${shortenDigests(detail)}`);
  const when = span === null ? null : markup`<br><span class="small muted">${span}</span>`;
  return markup`<li>${sign(grade)} <span class="code">${code}</span> <span class="tag">${where}</span>${lines}${when}<br><span class="small"><strong>What lifts it:</strong> ${lifts}</span></li>`;
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

function stopsMarkup(detail: string): Markup {
  const all = detail.split("; ");
  const left = all.length - SHOWN_DETAILS;
  const more = left > 0 ? markup`<li class="muted">and ${left} more</li>` : null;
  const shown = all.slice(0, SHOWN_DETAILS).map((one) => markup`<li>${shortenDigests(one)}</li>`);
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
