/** `daneward status --json`: schema `daneward/status/1`. Keys may be added freely; renaming one raises the number. */
import { formatInstant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { ChainFacts } from "../rollover/chain.ts";
import { concernOf } from "./model.ts";
import type { CertificateReport, CertificateStatus, EndpointReport, OwnerReport, StatusReport } from "./model.ts";

/** The document, ready for JSON.stringify. Absent is written by leaving a key out, never as null. */
export function renderStatusJson(report: StatusReport): object {
  return {
    schema: "daneward/status/1",
    at: formatInstant(report.at),
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
    ...optional("wakeAt", status.wakeAt, formatInstant),
    ...optional("renewalNoted", status.renewalNoted, formatInstant),
    lookedAt: formatInstant(status.lookedAt),
    deploy: status.deploy,
    ...optional("hold", status.hold, ({ reason, detail }) => ({ reason, detail })),
    refusals: renderRefusals(status),
    troubles: status.troubles.map(({ subject, code, message, hint, since, at }) => {
      return { subject, code, message, hint, since: formatInstant(since), at: formatInstant(at) };
    }),
    owners: status.owners.map(renderOwner),
    endpoints: status.endpoints.map(renderEndpoint),
  };
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
