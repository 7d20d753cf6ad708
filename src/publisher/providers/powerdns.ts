/**
 * Publishing over the HTTP API of PowerDNS Authoritative.
 *
 * Its unit is the RRset: `REPLACE` writes the whole of it. We make single-record changes of it by reading, changing and
 * writing back, with everything else that stands there. That is no compare-and-swap, the API has none: what another
 * writer adds between our reading and our writing is overwritten. Three things make it bearable. From 4.9.12 and 5.0.2
 * on the API has `EXTEND` and `PRUNE`, which add and remove one record; they are used where the server's version says
 * so and the TTL is not to change. Elsewhere the two requests follow each other at once. And where the zone counts its
 * changes (SOA-EDIT-API) a serial that moved by more than our one change is told as `PROVIDER_RACE`. Who needs more
 * updates PowerDNS by RFC 2136.
 *
 * Measured with 4.7.3: names need the final dot; a filtered read hides disabled records, which `REPLACE` and `DELETE`
 * would drop, so they are read through the search; writing below a delegation is accepted and never served; a zone made
 * by pdnsutil has no SOA-EDIT-API, and its serial then stays as it is, so that secondaries notice nothing.
 *
 * What is read back comes from the database that the server answers from; it drops its cached answers on a change.
 * Not done: views, comments (they stay untouched), creating zones.
 */
import { fault, OperationalError } from "../../base/errors.ts";
import type { Fault } from "../../base/errors.ts";
import { seconds } from "../../base/time.ts";
import { displayName } from "../../dns/name.ts";
import type { DomainName } from "../../dns/name.ts";
import { formatTlsa } from "../../dns/rdata.ts";
import type { TlsaRdata } from "../../dns/rdata.ts";
import { aliasFault, occludedFault } from "../obstacles.ts";
import { DNS_TTL_LIMITS } from "../plan-updates.ts";
import type { Capabilities, Publisher, TlsaChange } from "../publisher.ts";
import { createApi, malformed, refusal } from "./http.ts";
import type { Api, ApiAccess, ApiReply } from "./http.ts";
import { countOf, elements, member, textOf } from "./json.ts";
import {
  canonicalContent,
  createStoredPublisher,
  isNamed,
  namesBelow,
  readContents,
  requireExpected,
} from "./stored.ts";
import type { Opened, Stored } from "./stored.ts";

export interface PowerDnsOptions extends ApiAccess {
  /** Where the webserver of the name server listens, `http://127.0.0.1:8081`; without `/api/v1`. */
  readonly url: string;
  /** `localhost`, unless a proxy in front of several servers says otherwise. */
  readonly serverId: string;
}

/** `REPLACE` is the rule; `EXTEND` and `PRUNE` change single records where the server has them. */
const CAPABILITIES: Capabilities = {
  granularity: "rrset",
  atomic: true,
  compareAndSwap: false,
  ...DNS_TTL_LIMITS,
  readBack: "served",
};

interface Zone {
  /** Path of the zone in the API. */
  readonly path: string;
  readonly byRecord: boolean;
}

interface Seen extends Stored {
  /** The serial of the zone, and how changes over the API move it. */
  readonly serial: number | null;
  readonly soaEditApi: string;
}

interface StoredRecord {
  readonly content: string;
  readonly disabled: boolean;
}

/** A zone's id: its name, with anything unusual as `=XX`, which survives any proxy on the way. */
function zoneId(zone: DomainName): string {
  const octets = [...new TextEncoder().encode(zone)];
  return octets
    .map((octet) => {
      const char = String.fromCharCode(octet);
      return /[A-Za-z0-9.-]/.test(char) ? char : `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}

/** Whether a server of this version has `EXTEND` and `PRUNE`: PowerDNS pull requests 16589 and 16652. */
function hasRecordChanges(version: string): boolean {
  const parts = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  const [major = 0, minor = 0, patch = 0] = parts ?? [];
  if (major === 4) return minor === 9 && patch >= 12;
  return major > 5 || (major === 5 && (minor > 0 || patch >= 2));
}

function recordsOf(rrset: unknown): readonly StoredRecord[] {
  return (elements(member(rrset, "records")) ?? []).flatMap((record) => {
    const content = textOf(member(record, "content"));
    return content === null ? [] : [{ content, disabled: member(record, "disabled") === true }];
  });
}

function contentsOf(rrset: unknown): readonly string[] {
  return recordsOf(rrset).flatMap(({ content, disabled }) => (disabled ? [] : [content]));
}

/** The RRset of a type at a name; null when there is none that is served. */
function findRrset(rrsets: readonly unknown[], owner: DomainName, type: string): unknown {
  const found = rrsets.find((rrset) => isNamed(member(rrset, "name"), owner) && member(rrset, "type") === type);
  return contentsOf(found).length > 0 ? found : null;
}

/** How many changes a zone saw between two looks; null when that cannot be told. */
function countChanges(before: Seen, after: Seen): number | null {
  if (before.serial === null || after.serial === null) return null;
  const moved = after.serial - before.serial;
  const mode = before.soaEditApi.toUpperCase();
  if (mode === "INCREASE") return moved;
  if (mode !== "DEFAULT") return null;
  // YYYYMMDDnn: the first change of a day jumps to 01, each further one counts.
  return moved <= 99 ? moved : after.serial % 100;
}

/** Tells that a foreign change of the zone fell between reading and replacing. */
function compareSerials(change: TlsaChange, before: Seen, after: Seen): void {
  const changes = countChanges(before, after);
  if (changes === null || changes <= 1) return;
  const what =
    `${displayName(change.owner)} TLSA was replaced as wanted, but the zone changed ${String(changes)} times meanwhile, ` +
    "not once: if another writer added a record to this RRset in that moment, it is gone";
  throw new OperationalError("PROVIDER_RACE", what);
}

async function read(api: Api, path: string, what: string): Promise<ApiReply> {
  const reply = await api.call({ method: "GET", path });
  if (reply.status !== 200) throw refusal(api, reply, what);
  return reply;
}

/** The zone with the RRsets at one name, records that are disabled possibly left out. */
async function readName(
  api: Api,
  zone: Zone,
  name: DomainName,
): Promise<{ readonly body: unknown; readonly rrsets: readonly unknown[] }> {
  const what = `to show ${displayName(name)}`;
  const reply = await read(api, `${zone.path}?rrset_name=${encodeURIComponent(name)}`, what);
  const rrsets = elements(member(reply.body, "rrsets"));
  if (rrsets === null) throw malformed(api, reply, what);
  return { body: reply.body, rrsets };
}

/** Refuses a name below a delegation or a redirection; PowerDNS would store records there and never serve them. */
async function refuseOccluded(api: Api, zone: Zone, change: TlsaChange): Promise<void> {
  if (change.add.length === 0) return;
  for (const name of namesBelow(change.owner, change.zone)) {
    const { rrsets } = await readName(api, zone, name);
    if (findRrset(rrsets, name, "NS") !== null) throw OperationalError.of(occludedFault(change.owner, name, "NS"));
    const redirected = name !== change.owner && findRrset(rrsets, name, "DNAME") !== null;
    if (redirected) throw OperationalError.of(occludedFault(change.owner, name, "DNAME"));
  }
}

async function look(api: Api, change: TlsaChange, zone: Zone): Promise<Seen> {
  const { owner } = change;
  const { body, rrsets } = await readName(api, zone, owner);
  const alias = findRrset(rrsets, owner, "CNAME");
  if (alias !== null) throw OperationalError.of(aliasFault(owner, contentsOf(alias)[0] ?? null));
  const rrset = findRrset(rrsets, owner, "TLSA");
  const ttl = countOf(member(rrset, "ttl"));
  return {
    ...readContents(contentsOf(rrset)),
    ttl: ttl === null ? null : seconds(ttl),
    signed: member(body, "dnssec") === true,
    serial: countOf(member(body, "serial")),
    soaEditApi: textOf(member(body, "soa_edit_api")) ?? "",
  };
}

/**
 * What stands at the name but is switched off. Only the search tells; a backend that cannot search has none to lose as
 * far as anybody can see.
 */
async function disabledContents(api: Api, server: string, change: TlsaChange): Promise<readonly string[]> {
  const query = `q=${encodeURIComponent(displayName(change.owner))}&max=1000&object_type=record`;
  const reply = await api.call({ method: "GET", path: `${server}/search-data?${query}` });
  return (elements(reply.body) ?? []).flatMap((found) => {
    const content = textOf(member(found, "content"));
    const isOurs = isNamed(member(found, "name"), change.owner) && isNamed(member(found, "zone"), change.zone);
    const isDisabled = member(found, "disabled") === true && member(found, "type") === "TLSA";
    return isOurs && isDisabled && content !== null ? [content] : [];
  });
}

interface Patch {
  readonly changetype: "REPLACE" | "DELETE" | "EXTEND" | "PRUNE";
  readonly ttl?: number;
  readonly records?: readonly StoredRecord[];
}

async function patch(api: Api, zone: Zone, change: TlsaChange, make: () => Promise<Patch>): Promise<void> {
  const makeBody = async (): Promise<unknown> => ({
    rrsets: [{ name: change.owner, type: "TLSA", ...(await make()) }],
  });
  const reply = await api.call({ method: "PATCH", path: zone.path, makeBody });
  if (reply.status === 204 || reply.status === 200) return;
  const said = textOf(member(reply.body, "error")) ?? reply.text;
  if (/conflicts with pre-existing rrset/i.test(said)) throw OperationalError.of(aliasFault(change.owner, null));
  throw refusal(api, reply, `to change ${displayName(change.owner)} TLSA`, said);
}

/** Single records, where the server can: nothing of other writers is touched. */
async function writeRecords(api: Api, zone: Zone, change: TlsaChange, before: Seen): Promise<void> {
  const send = (changetype: "EXTEND" | "PRUNE", ttl: number, record: TlsaRdata): Promise<void> => {
    const records = [{ content: formatTlsa(record), disabled: false }];
    return patch(api, zone, change, () => Promise.resolve({ changetype, ttl, records }));
  };
  for (const record of change.add) {
    if (!before.texts.has(formatTlsa(record))) await send("EXTEND", change.ttl, record);
  }
  for (const record of change.remove) {
    if (before.texts.has(formatTlsa(record))) await send("PRUNE", before.ttl ?? change.ttl, record);
  }
}

/** The whole RRset as it is to be. */
function wholeRrset(change: TlsaChange, now: Seen, disabled: readonly string[]): Patch {
  const removed = new Set(change.remove.map(formatTlsa));
  const active = new Set([...now.texts].filter((text) => !removed.has(text)));
  for (const record of change.add) active.add(formatTlsa(record));
  const asleep = disabled.filter((content) => !active.has(canonicalContent(content)));
  const records: readonly StoredRecord[] = [
    ...[...active].map((content) => ({ content, disabled: false })),
    ...asleep.map((content) => ({ content, disabled: true })),
  ];
  if (records.length === 0) return { changetype: "DELETE" };
  return { changetype: "REPLACE", ttl: change.add.length > 0 ? change.ttl : (now.ttl ?? change.ttl), records };
}

/** Gives back what stood there when it was replaced. */
async function replace(api: Api, server: string, zone: Zone, change: TlsaChange, before: Seen): Promise<Seen> {
  let now = before;
  await patch(api, zone, change, async () => {
    const disabled = await disabledContents(api, server, change);
    // The last look goes just before the write: whatever is added from here on is lost.
    now = await look(api, change, zone);
    requireExpected(api.service, now, change);
    return wholeRrset(change, now, disabled);
  });
  return now;
}

/** A publisher that writes over the HTTP API of one PowerDNS server. See the head of this file for what it promises. */
export function createPowerDnsPublisher(options: PowerDnsOptions): Publisher {
  const api = createApi({
    ...options,
    service: "the PowerDNS API",
    header: (secret) => ["x-api-key", secret],
  });
  const server = `/api/v1/servers/${encodeURIComponent(options.serverId)}`;
  let version: string | null = null;

  const open = async (change: TlsaChange): Promise<Opened<Zone>> => {
    version ??=
      textOf(member((await read(api, server, `to show the server ${options.serverId}`)).body, "version")) ?? "";
    const path = `${server}/zones/${encodeURIComponent(zoneId(change.zone))}`;
    const what = `to show the zone ${displayName(change.zone)}`;
    const { body } = await read(api, `${path}?rrsets=false`, what);
    const kind = textOf(member(body, "kind"))?.toLowerCase() ?? "";
    if (["slave", "secondary", "consumer"].includes(kind)) {
      const why = `${displayName(change.zone)} is of kind ${kind} there: the next transfer would undo the change`;
      throw new OperationalError("PROVIDER_ZONE_NOT_PRIMARY", why, { retry: "never" });
    }
    const zone: Zone = { path, byRecord: hasRecordChanges(version) };
    await refuseOccluded(api, zone, change);
    return { zone, change, notes: serialNotes(kind, body, change.zone) };
  };
  const write = async (change: TlsaChange, zone: Zone, before: Seen): Promise<Seen> => {
    const sameTtl = change.add.length === 0 || before.ttl === null || before.ttl === change.ttl;
    if (!zone.byRecord || !sameTtl) return await replace(api, server, zone, change, before);
    await writeRecords(api, zone, change, before);
    // Nothing of others was touched, so there is nothing to compare.
    return { ...before, serial: null };
  };
  return createStoredPublisher({
    ...options,
    service: api.service,
    capabilities: CAPABILITIES,
    status: "served",
    open,
    look: (change, zone) => look(api, change, zone),
    write,
    compare: compareSerials,
  });
}

/** `PROVIDER_SERIAL_STUCK` for a zone that has secondaries to notify and a serial that does not move. */
function serialNotes(kind: string, body: unknown, zone: DomainName): readonly Fault[] {
  if (!["master", "primary", "producer"].includes(kind) || member(body, "soa_edit_api") !== "") return [];
  const what = `the zone ${displayName(zone)} has no SOA-EDIT-API, so its serial does not move when its records do`;
  return [fault("PROVIDER_SERIAL_STUCK", what)];
}
