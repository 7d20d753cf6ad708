/** `daneward status` for people: one screen a certificate, the answer first, the evidence after it. */
import { formatDuration } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { ServerState } from "../rollover/state.ts";
import { concernOf } from "./model.ts";
import type {
  CertificateReport,
  CertificateStatus,
  Concern,
  EndpointReport,
  OwnerReport,
  StatusReport,
} from "./model.ts";
import { describeChain, formatMoment, formatTime, painter, safetyOf, shortRecord } from "./words.ts";
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
    return `${paint("bold", report.name)}  not looked at yet\n  do       daneward tick ${report.name}\n`;
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
    row("next", nextLine(status, at)),
    row("safe", safetyOf(status.detail)),
    ...status.owners.flatMap((owner) => ownerLines(owner, at, paint)),
    ...status.endpoints.map((endpoint) => endpointLine(endpoint, paint)),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(9)}${text}`;
}

function chainLines(status: CertificateStatus, at: Instant): readonly string[] {
  const { current, next, obsolete } = status;
  return [
    row("live", current === null ? "nothing deployed by daneward yet" : describeChain(current, at)),
    ...(next === null ? [] : [row("next", describeChain(next, at))]),
    ...(obsolete === null ? [] : [row("old", describeChain(obsolete, at))]),
  ];
}

function reasonLines(name: string, status: CertificateStatus, at: Instant): readonly string[] {
  const { hold } = status;
  return [
    ...(hold === null ? [] : [row("held", `${hold.reason}: ${hold.detail}`), row("do", wayOut(name, hold.reason))]),
    ...status.troubles.flatMap((trouble) => [
      row("trouble", `${trouble.code}: ${trouble.message}`),
      row("", `${trouble.subject}, since ${formatMoment(trouble.since, at)}; hint: ${trouble.hint}`),
    ]),
    ...status.refusals.map((refusal) => {
      const until = refusal.until === null ? "" : `, until ${formatMoment(refusal.until, at)}`;
      const since = `since ${formatMoment(refusal.since, at)}`;
      return row("waits", `${refusal.detail} [${refusal.gate}: ${refusal.code}, ${since}${until}]`);
    }),
  ];
}

function wayOut(name: string, reason: string): string {
  const first = reason === "OPERATOR_HOLD" ? "" : `daneward explain ${reason}; when it is mended: `;
  return `${first}daneward resume ${name}; or give the rollover up: daneward abort ${name}`;
}

function nextLine(status: CertificateStatus, at: Instant): string {
  const looked = `last look ${formatMoment(status.lookedAt, at)}`;
  return status.wakeAt === null
    ? `nothing is waited for; ${looked}`
    : `look again ${formatMoment(status.wakeAt, at)}; ${looked}`;
}

function ownerLines(owner: OwnerReport, at: Instant, paint: Paint): readonly string[] {
  const alias = owner.finalOwner === owner.owner ? "" : ` -> ${displayName(owner.finalOwner)}`;
  const ttl = owner.ttl === 0 ? "" : `, TTL ${formatDuration(owner.ttl)}`;
  return [
    row("name", `${displayName(owner.owner)}${alias}, zone ${displayName(owner.zone)}${ttl}`),
    ...owner.records.map((record) => row("", `  ${shortRecord(record.text)}  ${recordWords(record)}`)),
    ...serverLines(owner.servers, at, paint),
  ];
}

/** Servers in order need no line of their own; each of the others says what it lacks and since when. */
function serverLines(servers: readonly ServerState[], at: Instant, paint: Paint): readonly string[] {
  const counting = servers.filter((server) => !server.excluded);
  const inSync = counting.filter((server) => server.condition === "in-sync");
  const others = servers.filter((server) => server.excluded || server.condition !== "in-sync");
  return [
    row("", `  ${String(inSync.length)} of ${String(counting.length)} name server addresses in sync`),
    ...others.map((server) => {
      const who = `${server.server.replace(/\.$/, "")} ${server.address}`;
      if (server.excluded) return row("", `  ${who}  excluded by configuration`);
      const since = `since ${formatMoment(server.conditionSince, at)}`;
      const detail = server.detail === "" ? "" : `: ${server.detail}`;
      return row("", `  ${who}  ${paint("yellow", server.condition)} ${since}${detail}`);
    }),
  ];
}

const VERDICTS: Readonly<Record<EndpointReport["verdict"], string>> = {
  "in-order": "presents the live certificate",
  upcoming: "presents the next certificate already",
  previous: "still presents the old certificate",
  foreign: "presents a certificate that is neither live nor next",
  failed: "could not be asked",
};

function endpointLine(endpoint: EndpointReport, paint: Paint): string {
  const style = endpoint.verdict === "in-order" ? "green" : endpoint.verdict === "upcoming" ? "yellow" : "red";
  const peer = endpoint.own ? "" : " (peer)";
  const detail = endpoint.detail === "" ? "" : `: ${endpoint.detail}`;
  const seen = `, ${formatTime(endpoint.at)}`;
  return row(
    "service",
    `${endpoint.endpoint} ${endpoint.address}${peer}  ${paint(style, VERDICTS[endpoint.verdict])}${detail}${seen}`,
  );
}

/** Once no name server serves a record it does not matter whose it was: it is on its way out of the caches. */
function recordWords(record: OwnerReport["records"][number]): string {
  if (record.state === "unretentive") return "unretentive: served no more, still in caches";
  return record.ours ? record.state : `${record.state}, not ours`;
}
