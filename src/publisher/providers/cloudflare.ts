/**
 * Publishing over version 4 of Cloudflare's API.
 *
 * Its unit is the record, each with an id: ours are created and deleted one by one, and nothing of other writers is
 * touched. Additions go first, so that an interrupted change leaves more records, never fewer. Each record has a TTL of
 * its own there; the RRset's is the largest of them, which is what waits must reckon with.
 *
 * Refused, because it would be accepted and not work: TTL 1, which means "automatic" (300 s today, and nobody promises
 * it); a host whose addresses are proxied, where clients meet Cloudflare's certificate and not ours; an alias at the
 * name; a name below a delegation; a zone that Cloudflare does not serve (pending, moved) or serves as a copy.
 * With a `zone_id` of another zone Cloudflare creates the name *below that zone*; the reply shows it, and such a record is
 * deleted again at once.
 *
 * Needs a token with Zone: Read and DNS: Edit on the zone; with `zone_id` DNS: Edit alone will do. Not done: the older
 * global key, tags and comments, the batch endpoint.
 */
import { OperationalError } from "../../base/errors.ts";
import { seconds } from "../../base/time.ts";
import { displayName, labelsOf, parentOf } from "../../dns/name.ts";
import type { DomainName } from "../../dns/name.ts";
import { formatTlsa } from "../../dns/rdata.ts";
import type { TlsaRdata } from "../../dns/rdata.ts";
import { formatHex } from "../../base/bytes.ts";
import { aliasFault, occludedFault } from "../obstacles.ts";
import type { Capabilities, Publisher, TlsaChange } from "../publisher.ts";
import { createApi, malformed, refusal } from "./http.ts";
import type { Api, ApiAccess, ApiReply, ApiRequest } from "./http.ts";
import { countOf, elements, member, textOf } from "./json.ts";
import { canonicalContent, createStoredPublisher, isNamed, namesBelow, readContents } from "./stored.ts";
import type { Opened, Stored } from "./stored.ts";

export interface CloudflareOptions extends ApiAccess {
  /** Cloudflare's own unless told. */
  readonly url?: string | undefined;
  /** Null: looked up by the zone's name. */
  readonly zoneId: string | null;
}

export const CLOUDFLARE_URL = "https://api.cloudflare.com/client/v4";

/** From the field description of `ttl`: 60 to 86400, the minimum 30 for zones of the Enterprise plan. */
const CAPABILITIES: Capabilities = {
  granularity: "record",
  atomic: false,
  compareAndSwap: false,
  minTtl: seconds(30),
  maxTtl: seconds(86_400),
  readBack: "stored",
};

/** What `ttl: 1` is served with. */
const AUTOMATIC_TTL = 300;
const PER_PAGE = 100;
/** At one name; a limit only against a reply that never ends. */
const MAX_PAGES = 50;

/** Errors of the API that are no failure: the record is there (81057 older, 81058), or gone (81044). */
const ALREADY_THERE = [81_057, 81_058];
const ALREADY_GONE = [81_044];
/** A, AAAA or CNAME in the way (81053), CNAME in the way (81054). */
const ALIAS_IN_THE_WAY = [81_053, 81_054];
/** Errors that mean a wrong token, whatever their status: a malformed header (6003), and these words. */
const BAD_HEADERS = 6003;
const BAD_TOKEN = /invalid (?:access|api) token/i;

interface Zone {
  readonly id: string;
  readonly signed: boolean;
}

interface StoredRecord {
  readonly id: string;
  readonly type: string;
  readonly content: string;
  readonly ttl: number;
  readonly proxied: boolean;
}

interface Seen extends Stored {
  readonly tlsa: readonly StoredRecord[];
}

interface ApiFault {
  readonly code: number;
  readonly message: string;
}

function faultsOf(reply: ApiReply): readonly ApiFault[] {
  return (elements(member(reply.body, "errors")) ?? []).flatMap((error) => {
    const code = countOf(member(error, "code"));
    const inner = (elements(member(error, "error_chain")) ?? []).map((one) => textOf(member(one, "message")) ?? "");
    const message = [textOf(member(error, "message")) ?? "", ...inner].filter((text) => text !== "").join(": ");
    return code === null ? [] : [{ code, message }];
  });
}

function hasFault(reply: ApiReply, codes: readonly number[]): boolean {
  return faultsOf(reply).some(({ code }) => codes.includes(code));
}

function refused(api: Api, reply: ApiReply, what: string): OperationalError {
  const faults = faultsOf(reply);
  const said = faults.map(({ code, message }) => `${message} (${String(code)})`).join("; ");
  const isToken = faults.some(({ code, message }) => code === BAD_HEADERS || BAD_TOKEN.test(message));
  const status = isToken ? 401 : reply.status;
  return refusal(api, { ...reply, status }, what, said === "" ? reply.text : said);
}

/** A reply that says success in status and body. */
async function ask(api: Api, request: ApiRequest, what: string): Promise<ApiReply> {
  const reply = await api.call(request);
  if (reply.status !== 200) throw refused(api, reply, what);
  if (member(reply.body, "success") !== true) throw malformed(api, reply, what);
  return reply;
}

function toRecord(value: unknown, name: DomainName): StoredRecord | null {
  const id = textOf(member(value, "id"));
  const type = textOf(member(value, "type"));
  const ttl = countOf(member(value, "ttl"));
  if (id === null || type === null || ttl === null || !isNamed(member(value, "name"), name)) return null;
  const content = textOf(member(value, "content")) ?? "";
  return { id, type, content, ttl: ttl === 1 ? AUTOMATIC_TTL : ttl, proxied: member(value, "proxied") === true };
}

/** Every record at one name. What the filter lets through too much is left out here. */
async function recordsAt(api: Api, zoneId: string, name: DomainName): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const query = `name.exact=${encodeURIComponent(displayName(name))}&page=${String(page)}&per_page=${String(PER_PAGE)}`;
    const what = `to show ${displayName(name)}`;
    const reply = await ask(api, { method: "GET", path: `/zones/${zoneId}/dns_records?${query}` }, what);
    const results = elements(member(reply.body, "result"));
    if (results === null) throw malformed(api, reply, what);
    found.push(...results.map((value) => toRecord(value, name)).filter((one) => one !== null));
    const pages = countOf(member(member(reply.body, "result_info"), "total_pages")) ?? 1;
    if (page >= pages || results.length === 0) return found;
  }
  const what = `${api.service} has no end of records at ${displayName(name)}`;
  throw new OperationalError("PROVIDER_REPLY_TOO_LARGE", what, { retry: "never" });
}

/** The host that clients connect to: the owner without its port and protocol; null for another kind of name. */
function hostOf(owner: DomainName): DomainName | null {
  const [port, protocol] = labelsOf(owner).map((label) => new TextDecoder().decode(label));
  if (!/^_\d+$/.test(port ?? "") || !/^_(tcp|udp|sctp)$/.test(protocol ?? "")) return null;
  const parent = parentOf(owner);
  return parent === null ? null : parentOf(parent);
}

/** The zone by its name. Throws `PROVIDER_ZONE_UNKNOWN`, `PROVIDER_ZONE_AMBIGUOUS`. */
async function findZone(api: Api, zone: DomainName): Promise<unknown> {
  const what = `to find the zone ${displayName(zone)}`;
  const path = `/zones?name=${encodeURIComponent(displayName(zone))}&per_page=50`;
  const reply = await ask(api, { method: "GET", path }, what);
  const results = elements(member(reply.body, "result"));
  if (results === null) throw malformed(api, reply, what);
  const [found, other] = results.filter((one) => isNamed(member(one, "name"), zone));
  if (found === undefined) {
    const why = `${api.service} shows no zone ${displayName(zone)} to this token`;
    throw new OperationalError("PROVIDER_ZONE_UNKNOWN", why, { retry: "never" });
  }
  if (other === undefined) return found;
  const ids = results.map((one) => textOf(member(one, "id")) ?? "?").join(", ");
  const why = `${api.service} shows several zones ${displayName(zone)}: ${api.tell(ids)}`;
  throw new OperationalError("PROVIDER_ZONE_AMBIGUOUS", why, { retry: "never" });
}

function mismatch(api: Api, zoneId: string, zone: DomainName, other: string): OperationalError {
  const what = `the zone_id ${zoneId} is not the zone ${displayName(zone)} at ${api.service}: ${api.tell(other)}`;
  return new OperationalError("PROVIDER_ZONE_MISMATCH", what, { retry: "never" });
}

/** The zone with the id; null when the token may not see zones, which editing records does not need. */
async function showZone(api: Api, zoneId: string, zone: DomainName): Promise<unknown> {
  const what = `to show the zone ${zoneId}`;
  const reply = await api.call({ method: "GET", path: `/zones/${zoneId}` });
  if (reply.status === 403) return null;
  if (reply.status !== 200) throw refused(api, reply, what);
  const found = member(reply.body, "result");
  const name = textOf(member(found, "name"));
  if (name === null) throw malformed(api, reply, what);
  if (!isNamed(name, zone)) throw mismatch(api, zoneId, zone, `it is ${name}`);
  return found;
}

/** Refuses a zone whose records nobody would see, or that is edited elsewhere. */
function requireServed(api: Api, found: unknown, zone: DomainName): void {
  const status = textOf(member(found, "status"));
  const type = textOf(member(found, "type"));
  const flaw = [status === "active" ? null : status, type === "partial" || type === "secondary" ? type : null];
  const why = flaw.filter((one) => one !== null).join(", ");
  if (found === null || why === "") return;
  const what = `the zone ${displayName(zone)} is ${api.tell(why)} at ${api.service}, so clients do not see its records`;
  throw new OperationalError("PROVIDER_ZONE_NOT_PRIMARY", what, { retry: "never" });
}

/** Whether Cloudflare signs the zone; false also when the token may not know. */
async function isSigned(api: Api, zoneId: string): Promise<boolean> {
  const reply = await api.call({ method: "GET", path: `/zones/${zoneId}/dnssec` });
  return reply.status === 200 && member(member(reply.body, "result"), "status") === "active";
}

/** Refuses what Cloudflare would store although clients would never see it, or could not use it. */
async function refuseUseless(api: Api, zoneId: string, change: TlsaChange): Promise<void> {
  const { owner, zone } = change;
  if (change.add.length === 0) return;
  if (change.ttl === 1) {
    const what = "a TTL of 1 s means automatic to Cloudflare: another one is served, and no wait could be reckoned";
    throw new OperationalError("PROVIDER_TTL", what, { retry: "never" });
  }
  if (change.ttl < CAPABILITIES.minTtl || change.ttl > CAPABILITIES.maxTtl) {
    const limits = `${String(CAPABILITIES.minTtl)} to ${String(CAPABILITIES.maxTtl)} s`;
    const what = `a TTL of ${String(change.ttl)} s is outside of what Cloudflare serves, ${limits}`;
    throw new OperationalError("PROVIDER_TTL", what, { retry: "never" });
  }
  const host = hostOf(owner);
  for (const name of namesBelow(owner, zone)) {
    if (name === owner) continue;
    const records = await recordsAt(api, zoneId, name);
    if (records.some(({ type }) => type === "NS")) throw OperationalError.of(occludedFault(owner, name, "NS"));
    if (name === host) refuseProxied(records, owner, name);
  }
  if (host === zone) refuseProxied(await recordsAt(api, zoneId, zone), owner, zone);
}

function refuseProxied(records: readonly StoredRecord[], owner: DomainName, host: DomainName): void {
  const proxied = records.find((record) => record.proxied);
  if (proxied === undefined) return;
  const what = `${displayName(host)} ${proxied.type} is proxied: clients meet Cloudflare's certificate, which ${displayName(owner)} TLSA would not match`;
  throw new OperationalError("PROVIDER_PROXIED", what, { retry: "never" });
}

async function look(api: Api, change: TlsaChange, zone: Zone): Promise<Seen> {
  const records = await recordsAt(api, zone.id, change.owner);
  const alias = records.find(({ type }) => type === "CNAME");
  if (alias !== undefined) throw OperationalError.of(aliasFault(change.owner, api.tell(alias.content)));
  const tlsa = records.filter(({ type }) => type === "TLSA");
  const ttl = tlsa.length === 0 ? null : seconds(Math.max(...tlsa.map((record) => record.ttl)));
  return { ...readContents(tlsa.map(({ content }) => content)), ttl, signed: zone.signed, tlsa };
}

function bodyOf(record: TlsaRdata, change: TlsaChange): unknown {
  const { usage, selector, matchingType, data } = record;
  return {
    type: "TLSA",
    name: displayName(change.owner),
    ttl: change.ttl,
    data: { usage, selector, matching_type: matchingType, certificate: formatHex(data) },
  };
}

async function create(api: Api, zone: Zone, change: TlsaChange, record: TlsaRdata): Promise<void> {
  const path = `/zones/${zone.id}/dns_records`;
  const what = `to add to ${displayName(change.owner)} TLSA`;
  const reply = await api.call({ method: "POST", path, body: bodyOf(record, change) });
  if (hasFault(reply, ALREADY_THERE)) return;
  if (hasFault(reply, ALIAS_IN_THE_WAY)) throw OperationalError.of(aliasFault(change.owner, null));
  if (reply.status !== 200) throw refused(api, reply, what);
  const made = member(reply.body, "result");
  const name = textOf(member(made, "name"));
  const id = textOf(member(made, "id"));
  if (name === null || id === null) throw malformed(api, reply, what);
  if (isNamed(name, change.owner)) return;
  await api.call({ method: "DELETE", path: `${path}/${encodeURIComponent(id)}` });
  throw mismatch(api, zone.id, change.zone, `it created ${name}, which was deleted again`);
}

async function write(api: Api, zone: Zone, change: TlsaChange, before: Seen): Promise<Seen> {
  const find = (record: TlsaRdata): readonly StoredRecord[] =>
    before.tlsa.filter(({ content }) => canonicalContent(content) === formatTlsa(record));
  const at = (id: string): string => `/zones/${zone.id}/dns_records/${encodeURIComponent(id)}`;
  for (const record of change.add) {
    const there = find(record);
    if (there.length === 0) await create(api, zone, change, record);
    for (const { id, ttl } of there) {
      if (ttl === change.ttl) continue;
      const what = `to change the TTL of ${displayName(change.owner)} TLSA`;
      await ask(api, { method: "PATCH", path: at(id), body: { ttl: change.ttl } }, what);
    }
  }
  for (const { id } of change.remove.flatMap(find)) {
    const reply = await api.call({ method: "DELETE", path: at(id) });
    const isGone = reply.status === 200 || reply.status === 404 || hasFault(reply, ALREADY_GONE);
    if (!isGone) throw refused(api, reply, `to delete from ${displayName(change.owner)} TLSA`);
  }
  return before;
}

/** A publisher that writes over Cloudflare's API. See the head of this file for what it promises. */
export function createCloudflarePublisher(options: CloudflareOptions): Publisher {
  const api = createApi({
    ...options,
    url: options.url ?? CLOUDFLARE_URL,
    service: "Cloudflare",
    header: (token) => ["authorization", `Bearer ${token}`],
  });

  const open = async (change: TlsaChange): Promise<Opened<Zone>> => {
    const given = options.zoneId === null ? null : encodeURIComponent(options.zoneId);
    const found = given === null ? await findZone(api, change.zone) : await showZone(api, given, change.zone);
    requireServed(api, found, change.zone);
    const id = given ?? encodeURIComponent(textOf(member(found, "id")) ?? "");
    await refuseUseless(api, id, change);
    return { zone: { id, signed: await isSigned(api, id) }, change, notes: [] };
  };
  return createStoredPublisher({
    ...options,
    service: api.service,
    capabilities: CAPABILITIES,
    status: "pending",
    open,
    look: (change, zone) => look(api, change, zone),
    write: (change, zone, before) => write(api, zone, change, before),
  });
}
