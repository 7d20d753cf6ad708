/** `daneward status` for people: one screen a certificate, the answer first, the evidence after it. */
import { formatDuration } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import { awaitsServices, concernOf, isUnread } from "./model.ts";
import type {
  CertificateReport,
  CertificateStatus,
  Concern,
  EndpointReport,
  OwnerReport,
  RecordReport,
  StandingRefusal,
  StatusReport,
} from "./model.ts";
import { serverRows } from "./status-servers.ts";
import {
  describeChain,
  formatMoment,
  formatTime,
  painter,
  pointServicesAt,
  safetyOf,
  shortenDigests,
  shortRecord,
} from "./words.ts";
import type { Paint } from "./words.ts";

/** The whole text, ending with a newline. */
export function renderStatusText(report: StatusReport, options: { readonly color: boolean }): string {
  const paint = painter(options.color);
  if (report.certificates.length === 0) return "no certificate is configured\n";
  return report.certificates.map((certificate) => renderCertificate(certificate, report.at, paint)).join("\n");
}

const HEADLINES: Readonly<Record<Concern, { readonly style: "green" | "yellow" | "red"; readonly words: string }>> = {
  well: { style: "green", words: "all is well" },
  waiting: { style: "yellow", words: "safe to leave alone" },
  attention: { style: "red", words: "needs you" },
};

function renderCertificate(report: CertificateReport, at: Instant, paint: Paint): string {
  if (report.outcome === "never-seen") {
    const { name, renewalNoted } = report;
    const noted = renewalNoted === null ? "" : `${row("renewal", notedLine(renewalNoted, at))}\n`;
    return `${paint("bold", name)}  not looked at yet\n${noted}${row("do", `daneward tick ${name}`)}\n`;
  }
  if (report.outcome === "unreadable") {
    const { name, message, hint } = report;
    return `${paint("bold", name)}  ${paint("red", "state unreadable")}\n  error    ${message}\n  do       ${hint}\n`;
  }
  const { name, status } = report;
  const { style, words } = HEADLINES[concernOf(status)];
  const lines = [
    `${paint("bold", name)}  ${status.phase}, ${paint(style, words)}`,
    ...chainLines(status, at),
    row("phase", `${status.phase} since ${formatMoment(status.phaseSince, at)}`),
    ...reasonLines(name, status, at),
    ...(status.renewalNoted === null ? [] : [row("renewal", notedLine(status.renewalNoted, at))]),
    row("next", nextLine(status, at)),
    row("safe", safetyOf(status.detail, status.footing)),
    ...status.owners.flatMap(ownerLines),
    ...serverRows(status.owners, at, paint).map((text) => row("server", text)),
    ...status.endpoints.map((endpoint) => endpointLine(endpoint, status, paint)),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(9)}${text}`;
}

function notedLine(noted: Instant, at: Instant): string {
  return `noted ${formatMoment(noted, at)}; the next daneward tick looks at it`;
}

function chainLines(status: CertificateStatus, at: Instant): readonly string[] {
  const { current, next, obsolete } = status;
  const label = awaitsServices(status) ? "deployed" : "live";
  return [
    row(label, current === null ? "nothing deployed by daneward yet" : describeChain(current, at)),
    ...(next === null ? [] : [row("next", describeChain(next, at))]),
    ...(obsolete === null ? [] : [row("old", describeChain(obsolete, at))]),
  ];
}

/** A fault that is held for, a failed action and a refusal may all be one thing: it is said where it weighs most. */
function reasonLines(name: string, status: CertificateStatus, at: Instant): readonly string[] {
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
  const refusals = status.refusals.filter(
    ({ code, detail }) => !isHeldFor(code) && !told.includes(`${code}: ${detail}`),
  );
  return [
    ...held,
    ...troubles,
    ...(hold === null ? [] : [row("do", wayOut(name, hold.reason))]),
    ...waitLines(refusals, at),
    ...(awaitsServices(status) && refusals.some(isUnread) ? [row("do", pointServicesAt(status.deploy, name))] : []),
  ];
}

/** Refusals that differ in their words alone share the line that says which, since when and until when. */
function waitLines(refusals: readonly StandingRefusal[], at: Instant): readonly string[] {
  const groups = new Map<string, { readonly why: string; readonly details: string[] }>();
  for (const { gate, code, since, until, detail } of refusals) {
    const ends = until === null ? "" : `, until ${formatMoment(until, at)}`;
    const why = `[${gate}: ${code}, since ${formatMoment(since, at)}${ends}]`;
    const group = groups.get(why) ?? { why, details: [] };
    groups.set(why, group);
    if (!group.details.includes(detail)) group.details.push(detail);
  }
  return [...groups.values()].flatMap(({ why, details }) =>
    details.map((detail, index) =>
      row(index === 0 ? "waits" : "", `${shortenDigests(detail)}${index === details.length - 1 ? ` ${why}` : ""}`),
    ),
  );
}

function wayOut(name: string, reason: string): string {
  const first = reason === "OPERATOR_HOLD" ? "" : `daneward explain ${reason}; when it is mended: `;
  return `${first}daneward resume ${name}; or give the rollover up: daneward abort ${name}`;
}

function nextLine(status: CertificateStatus, at: Instant): string {
  const looked = `last look ${formatMoment(status.lookedAt, at)}`;
  const { wakeAt, renewalNoted } = status;
  if (renewalNoted !== null || (wakeAt !== null && wakeAt <= at)) {
    return `due: the next daneward tick looks; ${looked}`;
  }
  return wakeAt === null ? `nothing is waited for; ${looked}` : `look again ${formatMoment(wakeAt, at)}; ${looked}`;
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
        ? [row("", `    to remove it: daneward withdraw ${displayName(owner.finalOwner)} "${record.text}"`)]
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
  const isOther = !endpoint.own && endpoint.verdict === "foreign";
  const style = endpoint.verdict === "in-order" ? "green" : endpoint.verdict === "upcoming" ? "yellow" : "red";
  const peer = endpoint.own ? "" : " (peer)";
  const detail = endpoint.detail === "" ? "" : `: ${endpoint.detail}`;
  const seen = `, ${formatTime(endpoint.at)}`;
  const isUnaware = endpoint.verdict === "foreign" && awaitsServices(status);
  const words = isUnaware ? "does not present the deployed certificate yet" : VERDICTS[endpoint.verdict];
  // Another host may well have a certificate of its own: whether records match it is asked where that matters.
  const painted = isOther ? "presents a certificate of its own" : paint(style, words);
  return row("service", `${endpoint.endpoint} ${endpoint.address}${peer}  ${painted}${detail}${seen}`);
}

const RECORD_WORDS: Readonly<Record<RecordReport["state"], string>> = {
  hidden: "served nowhere, and in no cache",
  rumoured: "published, not yet known everywhere",
  omnipresent: "known everywhere",
  unretentive: "served no more, still in caches",
};

/** Once no name server serves a record it does not matter whose it was: it is on its way out of the caches. */
function recordWords(record: RecordReport): string {
  const words = RECORD_WORDS[record.state];
  if (record.ours || record.state === "unretentive") return words;
  return `${words}, not ours${record.stale ? ", matches no certificate in use" : ""}`;
}
