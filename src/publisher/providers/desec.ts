/**
 * Publishing over the API of deSEC (desec.io), which signs every zone that it serves.
 *
 * Its unit is the RRset: the bulk `PUT` replaces one whole, or deletes it when its records are empty. Single-record
 * changes are made of it by reading, changing and writing back, with everything else that stands there. That is no
 * compare-and-swap, the API has none, and it has no counter of changes either: what another writer adds between our
 * reading and our writing is overwritten unseen. The two follow each other at once; several writers to one name should
 * take turns.
 *
 * The smallest TTL is a property of the domain (`minimum_ttl`, 3600 s unless deSEC was asked for less). A smaller one is
 * raised to it and told as `PROVIDER_TTL_RAISED`, since all waits use the TTL that is served; one above the largest is
 * refused. Writes to a domain are limited to 2 a second, 15 a minute, 100 an hour, 300 a day, and each change of ours is
 * one write; a 429 says when the next may come.
 */
import { fault, OperationalError } from "../../base/errors.ts";
import { seconds } from "../../base/time.ts";
import { displayName } from "../../dns/name.ts";
import type { DomainName } from "../../dns/name.ts";
import { formatTlsa } from "../../dns/rdata.ts";
import { aliasFault, occludedFault } from "../obstacles.ts";
import type { Capabilities, Publisher, TlsaChange } from "../publisher.ts";
import { createApi, malformed, refusal } from "./http.ts";
import type { Api, ApiAccess } from "./http.ts";
import { countOf, elements, member, textOf } from "./json.ts";
import { createStoredPublisher, isNamed, namesBelow, readContents, requireExpected } from "./stored.ts";
import type { Opened, Stored } from "./stored.ts";

export interface DesecOptions extends ApiAccess {
  /** deSEC's own unless told; another for one's own desec-stack. Without `/api/v1`. */
  readonly url?: string | undefined;
}

export const DESEC_URL = "https://desec.io";

/** The minimum is that of a new domain; what holds is read from the domain. */
const CAPABILITIES: Capabilities = {
  granularity: "rrset",
  atomic: true,
  compareAndSwap: false,
  minTtl: seconds(3600),
  maxTtl: seconds(604_800),
  readBack: "stored",
};

interface Zone {
  /** Path of the domain's RRsets in the API. */
  readonly path: string;
}

/** The name relative to the zone, as the API has it; empty at the apex. */
function subname(name: DomainName, zone: DomainName): string {
  return name === zone ? "" : displayName(name).slice(0, -(displayName(zone).length + 1));
}

/** Every RRset at one name. */
async function rrsetsAt(api: Api, zone: Zone, name: DomainName, apex: DomainName): Promise<readonly unknown[]> {
  const what = `to show ${displayName(name)}`;
  const path = `${zone.path}?subname=${encodeURIComponent(subname(name, apex))}`;
  const reply = await api.call({ method: "GET", path });
  if (reply.status !== 200) throw refusal(api, reply, what);
  const rrsets = elements(reply.body);
  if (rrsets === null) throw malformed(api, reply, what);
  return rrsets.filter((rrset) => isNamed(member(rrset, "name"), name));
}

function ofType(rrsets: readonly unknown[], type: string): unknown {
  return rrsets.find((rrset) => member(rrset, "type") === type) ?? null;
}

function contentsOf(rrset: unknown): readonly string[] {
  return (elements(member(rrset, "records")) ?? []).filter((record) => typeof record === "string");
}

async function look(api: Api, change: TlsaChange, zone: Zone): Promise<Stored> {
  const rrsets = await rrsetsAt(api, zone, change.owner, change.zone);
  const alias = ofType(rrsets, "CNAME");
  if (alias !== null) throw OperationalError.of(aliasFault(change.owner, api.tell(contentsOf(alias)[0] ?? "")));
  const rrset = ofType(rrsets, "TLSA");
  const ttl = countOf(member(rrset, "ttl"));
  return { ...readContents(contentsOf(rrset)), ttl: ttl === null ? null : seconds(ttl), signed: true };
}

/** The change with a TTL that the domain takes. */
function withAcceptedTtl(change: TlsaChange, minimum: number): Pick<Opened<Zone>, "change" | "notes"> {
  if (change.add.length === 0) return { change, notes: [] };
  if (change.ttl > CAPABILITIES.maxTtl) {
    const what = `a TTL of ${String(change.ttl)} s is more than deSEC serves, ${String(CAPABILITIES.maxTtl)} s`;
    throw new OperationalError("PROVIDER_TTL", what, { retry: "never" });
  }
  if (change.ttl >= minimum) return { change, notes: [] };
  const what = `deSEC's smallest TTL for ${displayName(change.zone)} is ${String(minimum)} s; it is used instead of ${String(change.ttl)} s`;
  return { change: { ...change, ttl: seconds(minimum) }, notes: [fault("PROVIDER_TTL_RAISED", what)] };
}

async function refuseOccluded(api: Api, zone: Zone, change: TlsaChange): Promise<void> {
  if (change.add.length === 0) return;
  for (const name of namesBelow(change.owner, change.zone)) {
    if (name === change.owner) continue;
    const rrsets = await rrsetsAt(api, zone, name, change.zone);
    if (ofType(rrsets, "NS") !== null) throw OperationalError.of(occludedFault(change.owner, name, "NS"));
  }
}

async function makeRrset(api: Api, zone: Zone, change: TlsaChange): Promise<unknown> {
  // The last look goes just before the write: whatever is added from here on is lost.
  const now = await look(api, change, zone);
  requireExpected(api.service, now, change);
  const removed = new Set(change.remove.map(formatTlsa));
  const records = new Set([...now.texts].filter((text) => !removed.has(text)));
  for (const record of change.add) records.add(formatTlsa(record));
  const ttl = change.add.length > 0 ? change.ttl : (now.ttl ?? change.ttl);
  return [{ subname: subname(change.owner, change.zone), type: "TLSA", ttl, records: [...records] }];
}

async function write(api: Api, zone: Zone, change: TlsaChange, before: Stored): Promise<Stored> {
  const makeBody = (): Promise<unknown> => makeRrset(api, zone, change);
  const reply = await api.call({ method: "PUT", path: zone.path, makeBody });
  if (reply.status === 200 || reply.status === 204) return before;
  // A validation error comes as JSON of some shape with sentences in it; they are shown as they are.
  throw refusal(api, reply, `to change ${displayName(change.owner)} TLSA`);
}

/** A publisher that writes over deSEC's API. See the head of this file for what it promises. */
export function createDesecPublisher(options: DesecOptions): Publisher {
  const api = createApi({
    ...options,
    url: options.url ?? DESEC_URL,
    service: "deSEC",
    header: (token) => ["authorization", `Token ${token}`],
  });

  const open = async (wanted: TlsaChange): Promise<Opened<Zone>> => {
    const domain = `/api/v1/domains/${encodeURIComponent(displayName(wanted.zone))}/`;
    const what = `to show the domain ${displayName(wanted.zone)}`;
    const reply = await api.call({ method: "GET", path: domain });
    if (reply.status !== 200) throw refusal(api, reply, what);
    const minimum = countOf(member(reply.body, "minimum_ttl"));
    if (minimum === null || textOf(member(reply.body, "name")) === null) throw malformed(api, reply, what);
    const zone = { path: `${domain}rrsets/` };
    const accepted = withAcceptedTtl(wanted, minimum);
    await refuseOccluded(api, zone, wanted);
    return { zone, ...accepted };
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
