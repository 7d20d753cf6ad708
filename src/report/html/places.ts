/** What was last seen in the world: services by address, name servers by owner name, and the records at each. */
import { formatDuration } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import { displayName } from "../../dns/name.ts";
import type { ServerState } from "../../rollover/state.ts";
import type { CertificateStatus, EndpointReport, OwnerReport, RecordReport } from "../model.ts";
import { endpointWords, recordWords } from "../status-text.ts";
import { shortenDigests, shortRecord } from "../words.ts";
import { markup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { cell, heads, sign, stamp } from "./signs.ts";
import type { Grade } from "./signs.ts";

/** More columns than this are no matrix that anybody reads. */
const COLUMNS = 4;

/** Services by address: a matrix where most services are at most addresses, else a row for each. */
export function addressTable(status: CertificateStatus): Markup {
  const { endpoints } = status;
  if (endpoints.length === 0) return markup`<p class="muted">No service was looked at yet.</p>`;
  const services = [...new Set(endpoints.map(({ endpoint }) => endpoint))];
  const addresses = [...new Set(endpoints.map(({ address }) => address))];
  const isDense = addresses.length <= COLUMNS && endpoints.length * 2 > services.length * addresses.length;
  return isDense ? matrix(status, services, addresses) : list(status);
}

function matrix(status: CertificateStatus, services: readonly string[], addresses: readonly string[]): Markup {
  const find = (service: string, address: string): EndpointReport | undefined =>
    status.endpoints.find((one) => one.endpoint === service && one.address === address);
  return markup`<div class="scroll" role="region" aria-label="services by address" tabindex="0"><table class="stack">
<caption>What each service presents at each address</caption>
${heads(["Service", ...addresses])}
<tbody>${services.map((service) => {
    const protocol = status.endpoints.find(({ endpoint }) => endpoint === service)?.protocol ?? null;
    return markup`<tr><th scope="row"><bdi>${service}</bdi>${protocol === null ? null : markup` <span class="tag">${protocol}</span>`}</th>${addresses.map(
      (address) => {
        const found = find(service, address);
        return found === undefined
          ? markup`<td class="blank muted"><span aria-hidden="true">–</span><span class="hidden">not served there</span></td>`
          : cell(address, seenMarkup(found, status));
      },
    )}</tr>`;
  })}</tbody></table></div>`;
}

function list(status: CertificateStatus): Markup {
  return markup`<table class="stack"><caption>What each address presents</caption>
${heads(["Service", "Address", "Presents"])}
<tbody>${status.endpoints.map(
    (one) =>
      markup`<tr><th scope="row"><bdi>${one.endpoint}</bdi></th>${cell("Address", markup`<span class="mono">${one.address}</span>`)}${cell("Presents", seenMarkup(one, status))}</tr>`,
  )}</tbody></table>`;
}

const GRADES = { green: "ok", yellow: "wait", red: "bad" } as const;

function seenMarkup(endpoint: EndpointReport, status: CertificateStatus): Markup {
  const { style, words } = endpointWords(endpoint, status);
  const grade: Grade = style === null ? "none" : GRADES[style];
  const peer = endpoint.own ? null : markup` <span class="tag">peer</span>`;
  const detail =
    endpoint.detail === "" ? null : markup`<br><span class="small">${shortenDigests(endpoint.detail)}</span>`;
  return markup`${sign(grade)} <span class="t-${grade}">${words}</span>${peer}${detail}<br><span class="muted small">seen ${stamp(endpoint.at)}</span>`;
}

/** Records and name servers of one owner name. */
export function ownerTables(owner: OwnerReport): Markup {
  const name = displayName(owner.owner);
  const alias = owner.finalOwner === owner.owner ? "" : `, an alias of ${displayName(owner.finalOwner)}`;
  const ttl = owner.ttl === 0 ? "no RRset yet" : `TTL ${formatDuration(owner.ttl)}`;
  const counting = owner.servers.filter(({ excluded }) => !excluded);
  const inSync = counting.filter(({ condition }) => condition === "in-sync").length;
  return markup`<p><code>${name}</code> <span class="muted">zone ${displayName(owner.zone)}${alias}, ${ttl}, ${String(inSync)} of ${String(counting.length)} name server addresses in sync</span></p>
${owner.records.length === 0 ? null : recordTable(owner, name)}
${owner.servers.length === 0 ? markup`<p class="muted">No name server was asked yet.</p>` : serverTable(owner.servers, name)}`;
}

function recordTable({ records }: OwnerReport, name: string): Markup {
  return markup`<table class="stack"><caption>Records at ${name}</caption>
${heads(["Record", "How far it is known"])}
<tbody>${records.map(
    (record) =>
      markup`<tr>${cell("Record", markup`<code title="${record.text}">${shortRecord(record.text)}</code>`)}${cell("Known", markup`${sign(recordGrade(record))} ${recordWords(record)}`)}</tr>`,
  )}</tbody></table>`;
}

function recordGrade({ state, ours, stale }: RecordReport): Grade {
  if (stale || (!ours && state === "omnipresent")) return "none";
  return state === "omnipresent" ? "ok" : ours ? "wait" : "none";
}

const CONDITIONS: Readonly<Record<ServerState["condition"], readonly [Grade, string]>> = {
  "in-sync": ["ok", "in sync"],
  lagging: ["wait", "lagging"],
  unreachable: ["bad", "unreachable"],
  unsigned: ["bad", "unsigned"],
  "not-authoritative": ["bad", "not authoritative"],
};

function serverTable(servers: readonly ServerState[], name: string): Markup {
  return markup`<table class="stack"><caption>Name servers of ${name}</caption>
${heads(["Name server", "Address", "State", "Serial", "Answered"])}
<tbody>${servers.map((server) => {
    const [grade, words] = server.excluded
      ? (["none", "left out by configuration"] as const)
      : CONDITIONS[server.condition];
    const since =
      server.condition === "in-sync" || server.excluded
        ? null
        : markup` <span class="muted small">since ${stamp(server.conditionSince)}</span>`;
    const detail =
      server.detail === "" ? null : markup`<br><span class="small">${shortenDigests(server.detail)}</span>`;
    return markup`<tr><th scope="row"><bdi>${server.server.replace(/\.$/, "")}</bdi></th>${cell("Address", markup`<span class="mono">${server.address}</span>`)}${cell("State", markup`${sign(grade)} <span class="t-${grade}">${words}</span>${since}${detail}`)}${cell("Serial", server.serial === null ? "–" : String(server.serial))}${cell("Answered", server.answeredAt === null ? "never" : stamp(server.answeredAt))}</tr>`;
  })}</tbody></table>`;
}

/** When the world was last looked at, for the figures that rest on it. */
export function lookedAt(status: CertificateStatus, at: Instant): Markup {
  const isOld = at - status.lookedAt > 3_600_000;
  return markup`<span class="${isOld ? "t-wait" : "muted"}">as last seen ${stamp(status.lookedAt)}</span>`;
}
