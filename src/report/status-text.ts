/** `daneward status` for people: one screen a certificate, the answer first, the evidence after it. */
import { formatDuration, instant, secondsBetween } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { ChainFacts } from "../rollover/chain.ts";
import { awaitsServices, concernOf, isAlarming, standingRefusals } from "./model.ts";
import type {
  CertificateReport,
  CertificateStatus,
  Concern,
  EndpointReport,
  FreezeReport,
  OwnerReport,
  RecordReport,
  StandingRefusal,
  StatusReport,
} from "./model.ts";
import { nextStep, safeNow } from "./status-next.ts";
import type { NextStep } from "./status-next.ts";
import { serverRows } from "./status-servers.ts";
import { renderTable } from "./status-table.ts";
import {
  describeChain,
  formatMoment,
  formatTime,
  painter,
  rawRow,
  row,
  shortDigest,
  shortenDigests,
  shortRecord,
} from "./words.ts";
import type { Paint } from "./words.ts";

export interface StatusTextOptions {
  readonly color: boolean;
  /** Each certificate whole, however many there are. */
  readonly whole?: boolean;
  /** The course of the rollover, drawn, by name of the certificate: lines under its headline. */
  readonly courses?: ReadonlyMap<string, readonly string[]>;
}

/** The whole text, ending with a newline. */
export function renderStatusText(report: StatusReport, options: StatusTextOptions): string {
  const paint = painter(options.color);
  const { certificates, at, frozen = null } = report;
  const banner = frozen === null ? "" : `${freezeLines(frozen, at, paint)}\n`;
  if (certificates.length === 0) return `${banner}no certificate is configured\n`;
  if (certificates.length > 1 && options.whole !== true) return banner + renderTable(certificates, at, paint);
  const courseOf = (name: string): readonly string[] => options.courses?.get(name) ?? [];
  return (
    banner + certificates.map((one) => renderCertificate(one, at, { paint, course: courseOf(one.name) })).join("\n")
  );
}

function freezeLines({ at: since, by, because, damage }: FreezeReport, at: Instant, paint: Paint): string {
  const who = by === "" ? "" : ` by ${by}`;
  const why = because === "" ? "" : `: ${because}`;
  const told = damage === null ? `${who}${why}` : `: frozen.json cannot be understood (${damage})`;
  return [
    `${paint("red", "everything is frozen")} since ${formatMoment(since, at)}`,
    ...(told === "" ? [] : [row("why", told.replace(/^[: ]+/, ""))]),
    row("safe", "daneward looks and warns, and changes nothing; expiry dates run on"),
    row("do", "daneward thaw lets everything go on"),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/** How a certificate is, in a word or two. */
export const HEADLINES: Readonly<
  Record<Concern, { readonly style: "green" | "yellow" | "red"; readonly words: string }>
> = {
  well: { style: "green", words: "all is well" },
  waiting: { style: "yellow", words: "safe to leave alone" },
  attention: { style: "red", words: "needs you" },
};

interface Looks {
  readonly paint: Paint;
  readonly course: readonly string[];
}

function renderCertificate(report: CertificateReport, at: Instant, { paint, course }: Looks): string {
  if (report.outcome === "never-seen") {
    const { name, renewalNoted } = report;
    const noted = renewalNoted === null ? "" : `${row("renewal", notedLine(renewalNoted, at))}\n`;
    return `${paint("bold", name)}  not looked at yet\n${noted}${row("do", `daneward tick ${name}`)}\n`;
  }
  if (report.outcome === "unreadable") {
    const { name, message, hint } = report;
    const lines = [
      `${paint("bold", name)}  ${paint("red", "state unreadable")}`,
      row("error", message),
      row("do", hint),
    ];
    return lines.map((line) => `${line}\n`).join("");
  }
  const { name, status } = report;
  const { style, words } = isNeglected(status, at) ? NEGLECTED : HEADLINES[concernOf(status)];
  const next = nextStep(name, status);
  const lines = [
    `${paint("bold", name)}  ${status.phase}, ${paint(style, words)}`,
    ...course,
    ...chainLines(name, status, at),
    row("phase", `${status.phase} since ${formatMoment(status.phaseSince, at)}`),
    ...operatorLines(name, status, at),
    ...reasonLines(status, at),
    ...standingLines(status, at),
    ...(status.renewalNoted === null ? [] : [row("renewal", notedLine(status.renewalNoted, at))]),
    row(next.by === "you" ? "do" : "then", stepWords(next, at)),
    row("look", lookLine(status, at)),
    row("safe", safeNow(status)),
    ...status.owners.flatMap(ownerLines),
    ...serverRows(status.owners, at, paint).map((text) => row("server", text)),
    ...status.endpoints.map((endpoint) => endpointLine(endpoint, status, paint)),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function stepWords({ by, what, at: when }: NextStep, at: Instant): string {
  return when === null ? what : `${what}${by === "client" ? "" : ":"} ${formatMoment(when, at)}`;
}

function notedLine(noted: Instant, at: Instant): string {
  return `noted ${formatMoment(noted, at)}; the next daneward tick looks at it`;
}

function chainLines(name: string, status: CertificateStatus, at: Instant): readonly string[] {
  const { current, next, obsolete, rejected } = status;
  const label = awaitsServices(status) ? "deployed" : "live";
  return [
    row(label, current === null ? "nothing deployed by daneward yet" : chainWords(current, at)),
    ...(next === null ? [] : [row("next", chainWords(next, at))]),
    ...(obsolete === null ? [] : [row("old", chainWords(obsolete, at))]),
    ...(rejected === null || rejected.id === current?.id || rejected.id === next?.id
      ? []
      : [
          row("aborted", chainWords(rejected, at)),
          row("", `left alone until a newer certificate comes, or daneward resume ${name}`),
        ]),
    ...status.standby.map(({ spkiSha256, state }) =>
      row("standby", `key ${shortDigest(spkiSha256)}, ${STANDBY[state]}`),
    ),
  ];
}

/** A chain in one line. Under usages 0 and 2 the record names the issuer, and the key stands beside it. */
export function chainWords(chain: ChainFacts, at: Instant): string {
  const key = chain.certificates[0]?.spkiSha256 ?? "";
  const isShown = chain.records.some((record) => record.endsWith(` ${key}`));
  const issuer = chain.records.find((record) => /^[02] /.test(record))?.split(" ")[3];
  return [
    describeChain(chain, at),
    ...(isShown ? [] : [`key ${shortDigest(key)}`]),
    ...(issuer === undefined ? [] : [`issuer ${shortDigest(issuer)}`]),
  ].join(", ");
}

/** What the state of its records says about a key that is published ahead. */
export const STANDBY: Readonly<Record<RecordReport["state"], string>> = {
  hidden: "not published yet",
  rumoured: "published, not yet known everywhere",
  omnipresent: "known everywhere: a certificate with it can be deployed at once",
  unretentive: "its record is vanishing from the name servers",
};

/** What an operator said, and what came of it. */
function operatorLines(name: string, status: CertificateStatus, at: Instant): readonly string[] {
  const { override, emergency, teardown } = status;
  const said = (word: { readonly at: Instant; readonly because: string }): string =>
    `${word.because === "" ? "" : `${word.because}, `}${formatMoment(word.at, at)}`;
  return [
    ...(emergency === null
      ? []
      : [row("urgent", `key ${shortDigest(emergency.spkiSha256)} counts as compromised: ${said(emergency)}`)]),
    ...(override === null
      ? []
      : [
          row(
            "override",
            `${override.act === "swap" ? "swap at once" : "withdraw at once"}, gates lifted for this: ${said(override)}`,
          ),
        ]),
    ...(teardown === null
      ? []
      : [row("teardown", `the records go for good: ${said(teardown)}; daneward resume ${name} takes it back`)]),
  ];
}

/** How the waits and the end of the live certificate go together, when that is worth a word. */
function standingLines({ standing, current }: CertificateStatus, at: Instant): readonly string[] {
  if (standing === null || current === null) return [];
  const ends = `the live certificate ends ${formatMoment(current.notAfter, at)}`;
  switch (standing.kind) {
    case "off-path":
      return [row("deadline", `none: renewals are deployed at once; ${ends}`)];
    case "in-time":
      return [row("deadline", `a renewal with a new key must be there by ${formatMoment(standing.latestStart, at)}`)];
    case "staged": {
      if (standing.readyAt === null) return standing.late ? [row("deadline", `at risk: ${ends}`)] : [];
      const spare = formatDuration(secondsBetween(standing.readyAt, current.notAfter));
      return [row("deadline", standing.late ? `too late: ${ends}, before the swap` : `${spare} to spare: ${ends}`)];
    }
    case "infeasible":
      return [
        row(
          "deadline",
          `MISSED: a renewal with a new key that came now would be ready ${formatMoment(standing.readyAt, at)}, and ${ends}`,
        ),
      ];
    case "expired":
      return [row("deadline", `MISSED: the live certificate ended ${formatMoment(standing.since, at)}`)];
  }
}

/** A fault that is held for, a failed action and a refusal may all be one thing: it is said where it weighs most. */
function reasonLines(status: CertificateStatus, at: Instant): readonly string[] {
  const { hold } = status;
  const isHeldFor = (code: string): boolean => hold?.reason === code;
  const told = status.troubles.map(({ code, message }) => `${code}: ${message}`);
  const held = hold === null ? [] : [row("held", shortenDigests(`${hold.reason}: ${hold.detail}`))];
  const troubles = status.troubles.flatMap(({ code, message, subject, since, hint }) => {
    const isTold = isHeldFor(code) && hold?.detail.includes(message) === true;
    return [
      ...(isTold ? [] : [row("trouble", shortenDigests(`${code}: ${message}`))]),
      row("", `${subject.replace(/\.$/, "")}, since ${formatMoment(since, at)}; hint: ${hint}`),
    ];
  });
  const refusals = standingRefusals(status).filter(
    ({ code, detail }) => !isHeldFor(code) && !told.includes(`${code}: ${detail}`),
  );
  return [...held, ...troubles, ...waitLines(refusals, at)];
}

/** Of many alike, a screen has room for the first; the name servers and services below tell of each. */
const SHOWN_DETAILS = 3;

/** Waits that time ends by itself are one wait, the longest: the others are over before. Whatever else stands is told apart. */
function waitLines(refusals: readonly StandingRefusal[], at: Instant): readonly string[] {
  const timed = refusals.filter((refusal) => refusal.until !== null && !isAlarming(refusal));
  const ends = instant(Math.max(0, ...timed.map(({ until }) => until ?? 0)));
  const last = timed.filter(({ until }) => until === ends);
  const [first] = last;
  const others = reasonGroups(
    refusals.filter((refusal) => !timed.includes(refusal)),
    at,
  );
  if (first === undefined) return others;
  const details = [...new Set(last.map(({ detail }) => detail))];
  const more = details.length > SHOWN_DETAILS ? `; and ${String(details.length - SHOWN_DETAILS)} more` : "";
  const codes = [...new Set(timed.map(({ code }) => code))].join(", ");
  const since = instant(Math.min(...timed.map((one) => one.since)));
  const when = ends > at ? `until ${formatMoment(ends, at)}` : `its end was due ${formatMoment(ends, at)}`;
  const text = `${details.slice(0, SHOWN_DETAILS).join("; ")}${more}`;
  return [row("waits", `${when}: ${shortenDigests(text)} [${codes}, since ${formatMoment(since, at)}]`), ...others];
}

/** Refusals that differ in their words alone share the line that says which, since when and until when. */
function reasonGroups(refusals: readonly StandingRefusal[], at: Instant): readonly string[] {
  const groups = new Map<string, { readonly label: string; readonly why: string; readonly details: string[] }>();
  for (const refusal of refusals) {
    const { gate, code, since, until, detail } = refusal;
    const ends = until === null ? "" : `, until ${formatMoment(until, at)}`;
    const why = `[${gate}: ${code}, since ${formatMoment(since, at)}${ends}]`;
    // No waiting lifts it.
    const label = isAlarming(refusal) ? "trouble" : "waits";
    const group = groups.get(why) ?? { label, why, details: [] };
    groups.set(why, group);
    if (!group.details.includes(detail)) group.details.push(detail);
  }
  return [...groups.values()].flatMap(({ label, why, details }) => {
    const more = details.length - SHOWN_DETAILS;
    const shown = [...details.slice(0, SHOWN_DETAILS), ...(more > 0 ? [`and ${String(more)} more`] : [])];
    return shown.map((detail, index) =>
      row(index === 0 ? label : "", `${shortenDigests(detail)}${index === shown.length - 1 ? ` ${why}` : ""}`),
    );
  });
}

/** Ticks come every few minutes: a look that is so late does not come by itself. No official reference. */
const NEGLECT_MS = 1_800_000;

const NEGLECTED = { style: "red", words: "not looked at although it was due" } as const;

/** What is shown is old: no tick ran, or none could save what it saw. */
function isNeglected({ wakeAt }: CertificateStatus, at: Instant): boolean {
  return wakeAt !== null && at - wakeAt > NEGLECT_MS;
}

function lookLine(status: CertificateStatus, at: Instant): string {
  const looked = `last look ${formatMoment(status.lookedAt, at)}`;
  const { wakeAt, renewalNoted } = status;
  if (wakeAt !== null && isNeglected(status, at)) {
    const due = `was due ${formatMoment(wakeAt, at)}, and no tick could look or save: does the timer run, is the disk full?`;
    return `${due} daneward doctor says; ${looked}`;
  }
  if (renewalNoted !== null || (wakeAt !== null && wakeAt <= at)) {
    return `due: the next daneward tick looks; ${looked}`;
  }
  return wakeAt === null ? `nothing is waited for; ${looked}` : `again ${formatMoment(wakeAt, at)}; ${looked}`;
}

function ownerLines(owner: OwnerReport): readonly string[] {
  const alias = owner.finalOwner === owner.owner ? "" : ` -> ${displayName(owner.finalOwner)}`;
  const ttl = owner.ttl === 0 ? "no RRset yet" : `TTL ${formatDuration(owner.ttl)}`;
  return [
    row("name", `${displayName(owner.owner)}${alias}, zone ${displayName(owner.zone)}, ${ttl}`),
    ...owner.records.flatMap((record) => [
      row("", `  ${shortRecord(record.text)}  ${recordWords(record)}`),
      // In full, to be pasted.
      ...(record.stale
        ? [rawRow("", `    to remove it: daneward withdraw ${displayName(owner.finalOwner)} "${record.text}"`)]
        : []),
    ]),
    row("", `  ${syncWords(owner)}`),
  ];
}

function syncWords(owner: OwnerReport): string {
  const counting = owner.servers.filter((server) => !server.excluded);
  const inSync = counting.filter((server) => server.condition === "in-sync").length;
  if (inSync < counting.length && !owner.records.some(({ ours }) => ours)) return "no record of ours yet";
  return `${String(inSync)} of ${String(counting.length)} name server addresses in sync`;
}

const VERDICTS: Readonly<Record<EndpointReport["verdict"], string>> = {
  "in-order": "presents the live certificate",
  upcoming: "presents the next certificate already",
  previous: "still presents the old certificate",
  foreign: "presents a certificate that is neither live nor next",
  failed: "could not be asked",
};

function endpointLine(endpoint: EndpointReport, status: CertificateStatus, paint: Paint): string {
  const { style, words } = endpointWords(endpoint, status);
  const peer = endpoint.own ? "" : " (peer)";
  const detail = endpoint.detail === "" ? "" : `: ${endpoint.detail}`;
  const seen = `, ${formatTime(endpoint.at)}`;
  const painted = style === null ? words : paint(style, words);
  return row("service", `${endpoint.endpoint} ${endpoint.address}${peer}  ${painted}${detail}${seen}`);
}

/** What an address presents, and how good that is; null: neither good nor bad. */
export function endpointWords(
  endpoint: EndpointReport,
  status: CertificateStatus,
): { readonly style: "green" | "yellow" | "red" | null; readonly words: string } {
  // Another host may well have a certificate of its own: whether records match it is asked where that matters.
  if (!endpoint.own && endpoint.verdict === "foreign") {
    return { style: null, words: "presents a certificate of its own" };
  }
  const style = endpoint.verdict === "in-order" ? "green" : endpoint.verdict === "upcoming" ? "yellow" : "red";
  const isUnaware = endpoint.verdict === "foreign" && awaitsServices(status);
  return { style, words: isUnaware ? "does not present the deployed certificate yet" : VERDICTS[endpoint.verdict] };
}

const RECORD_WORDS: Readonly<Record<RecordReport["state"], string>> = {
  hidden: "served nowhere, and in no cache",
  rumoured: "published, not yet known everywhere",
  omnipresent: "known everywhere",
  unretentive: "served no more, still in caches",
};

const ASKED_FOR = "asked for, not yet served by any name server";

/** How far a record is known. Once no name server serves it, it does not matter whose it was: it is on its way out of the caches. */
export function recordWords(record: RecordReport): string {
  const words = record.ours && !record.served && record.state === "rumoured" ? ASKED_FOR : RECORD_WORDS[record.state];
  if (record.ours || record.state === "unretentive") return words;
  if (record.companion !== undefined) return `${words}, looked after by ${record.companion}`;
  return `${words}, not ours${record.stale ? ", of no use" : ""}`;
}
