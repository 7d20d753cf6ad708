/** `daneward status --json`: schema `daneward/status/1`. Keys may be added freely; renaming one raises the number. */
import { formatInstant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { ChainFacts } from "../rollover/chain.ts";
import type { Standing } from "../rollover/deadlines.ts";
import type { OperatorWord } from "../rollover/state.ts";
import { concernOf } from "./model.ts";
import type { CertificateReport, CertificateStatus, EndpointReport, OwnerReport, StatusReport } from "./model.ts";
import { nextStep, safeNow } from "./status-next.ts";

/** The document, ready for JSON.stringify. Absent is written by leaving a key out, never as null. */
export function renderStatusJson(report: StatusReport): object {
  return {
    schema: "daneward/status/1",
    at: formatInstant(report.at),
    ...optional("frozen", report.frozen ?? null, ({ at, by, because, damage }) => ({
      since: formatInstant(at),
      by,
      because,
      ...optional("damage", damage, (text) => text),
    })),
    certificates: report.certificates.map(renderCertificate),
  };
}

function renderCertificate(report: CertificateReport): object {
  if (report.outcome === "never-seen")
    return { name: report.name, phase: "never-seen", ...optional("renewalNoted", report.renewalNoted, formatInstant) };
  if (report.outcome === "unreadable") {
    return { name: report.name, phase: "unreadable", error: { message: report.message, hint: report.hint } };
  }
  const { name, status } = report;
  return {
    name,
    phase: status.phase,
    phaseSince: formatInstant(status.phaseSince),
    concern: concernOf(status),
    ...optional("current", status.current, renderChain),
    ...optional("next", status.next, renderChain),
    ...optional("obsolete", status.obsolete, renderChain),
    ...optional("aborted", status.rejected, renderChain),
    standby: status.standby,
    ...optional("wakeAt", status.wakeAt, formatInstant),
    ...optional("renewalNoted", status.renewalNoted, formatInstant),
    lookedAt: formatInstant(status.lookedAt),
    deploy: status.deploy,
    ...optional("hold", status.hold, ({ reason, detail }) => ({ reason, detail })),
    ...renderOperatorWords(status),
    ...optional("bypassedSince", status.bypassedAt, formatInstant),
    ...optional("deadline", status.standing, renderStanding),
    then: renderStep(name, status),
    safe: safeNow(status),
    refusals: renderRefusals(status),
    troubles: status.troubles.map(({ subject, code, message, hint, since, at }) => {
      return { subject, code, message, hint, since: formatInstant(since), at: formatInstant(at) };
    }),
    owners: status.owners.map(renderOwner),
    endpoints: status.endpoints.map(renderEndpoint),
  };
}

function renderStep(name: string, status: CertificateStatus): object {
  const { by, what, at } = nextStep(name, status);
  return { by, what, ...optional("at", at, formatInstant) };
}

function renderOperatorWords({ override, emergency, teardown }: CertificateStatus): object {
  const said = ({ at, because }: OperatorWord): { readonly since: string; readonly because: string } => {
    return { since: formatInstant(at), because };
  };
  return {
    ...optional("override", override, (word) => ({ act: word.act, chain: word.chain, ...said(word) })),
    ...optional("emergency", emergency, (word) => ({ spkiSha256: word.spkiSha256, ...said(word) })),
    ...optional("teardown", teardown, said),
  };
}

/** `kind`, and the instants that belong to it. */
export function renderStanding(standing: Standing): object {
  const { kind } = standing;
  switch (standing.kind) {
    case "off-path":
      return { kind, expectedRenewal: formatInstant(standing.renewal) };
    case "in-time":
      return {
        kind,
        expectedRenewal: formatInstant(standing.renewal),
        latestStart: formatInstant(standing.latestStart),
      };
    case "infeasible":
      return { kind, latestStart: formatInstant(standing.latestStart), readyAt: formatInstant(standing.readyAt) };
    case "staged":
      return { kind, late: standing.late, ...optional("readyAt", standing.readyAt, formatInstant) };
    case "expired":
      return { kind, since: formatInstant(standing.since) };
  }
}

function renderChain(chain: ChainFacts): object {
  const [leaf] = chain.certificates;
  return {
    id: chain.id,
    subject: chain.subject,
    ...optional("spkiSha256", leaf?.spkiSha256 ?? null, (digest) => digest),
    notBefore: formatInstant(chain.notBefore),
    notAfter: formatInstant(chain.notAfter),
    records: chain.records,
  };
}

function renderRefusals(status: CertificateStatus): readonly object[] {
  return status.refusals.map(({ gate, code, until, detail, since }) => {
    return { gate, code, ...optional("until", until, formatInstant), detail, since: formatInstant(since) };
  });
}

function renderOwner(owner: OwnerReport): object {
  return {
    owner: displayName(owner.owner),
    ...(owner.finalOwner === owner.owner ? {} : { finalOwner: displayName(owner.finalOwner) }),
    zone: displayName(owner.zone),
    ttl: owner.ttl,
    records: owner.records,
    servers: owner.servers.map((server) => ({
      name: server.server.replace(/\.$/, ""),
      address: server.address,
      inSync: server.condition === "in-sync",
      serial: server.serial,
      condition: server.condition,
      since: formatInstant(server.conditionSince),
      ...(server.detail === "" ? {} : { detail: server.detail }),
      ...(server.excluded ? { excluded: true } : {}),
    })),
  };
}

function renderEndpoint(endpoint: EndpointReport): object {
  const colon = endpoint.endpoint.lastIndexOf(":");
  return {
    host: endpoint.endpoint.slice(0, colon),
    port: Number(endpoint.endpoint.slice(colon + 1)),
    protocol: endpoint.protocol,
    address: endpoint.address,
    presents: endpoint.presents,
    verdict: endpoint.verdict,
    own: endpoint.own,
    at: formatInstant(endpoint.at),
    ...(endpoint.detail === "" ? {} : { detail: endpoint.detail }),
  };
}

function optional<Value>(
  key: string,
  value: Value | null,
  render: (value: Value) => object | string,
): Readonly<Record<string, object | string>> {
  return value === null ? {} : { [key]: render(value) };
}
