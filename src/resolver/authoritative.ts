/**
 * What the authoritative servers themselves say about one owner name: every address of every name server of the zone
 * that holds the final owner name, asked directly with RD=0. A resolver's answer shows one server at some time in the
 * past; a rollover must know that *no* server can hand the old RRset to a cache any more (RFC 7671 §8.1).
 *
 * Aliases are followed with the resolver. Each link also has a TTL of its own and a zone of its own, whose servers are
 * asked for the CNAME: the TTL reported for a link is the largest that any of them, or the resolver, showed. A server of
 * a link's zone that is silent, or shows another target, appears among the servers as a failed view, because through it
 * caches may still be led elsewhere; healthy ones have nothing to say about the final RRset and are not listed.
 *
 * In doubt a server is listed as failed, never left out: one that is silent, refuses, or has no address that can be
 * found. Evidence only: whether an RRSIG is there, by the zone and in its period, is reported, and not whether it
 * verifies. Not done: asking for the servers that only the parent zone names, and anycast nodes one by one.
 */
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { instant, seconds } from "../base/time.ts";
import type { Clock, Instant } from "../base/time.ts";
import { TYPE, typeName } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeRrsig, decodeSoa } from "../dns/rdata.ts";
import type { RrsigRdata } from "../dns/rdata.ts";
import { findRrset } from "../dns/rrset.ts";
import type { Rrset } from "../dns/rrset.ts";
import { formatServer, query, requireAnswer } from "../transport/dns-exchange.ts";
import { mapLimited } from "./map-limited.ts";
import type { AliasLink, Resolve } from "./resolver.ts";
import type { NameServerAddress, OwnerView, ServerAnswer, ServerView } from "./server-view.ts";
import { aliasAt, negativeTtlOf } from "./trusted-stub.ts";
import { findNameServers, findZone, requireUsable } from "./zone-of.ts";
import type { NameServers } from "./zone-of.ts";

export interface ViewOptions {
  /** Finds aliases, the zone, its name servers and their addresses. */
  readonly resolve: Resolve;
  readonly clock: Clock;
  /** For each question to each server, its retry included. */
  readonly timeoutMs: number;
  /** Port of the name servers found in DNS; 53 but in laboratories. */
  readonly nameServerPort?: number;
  /** The servers of the final owner's zone: all that DNS names (the default), or exactly these. */
  readonly servers?: "all" | readonly NameServerAddress[];
  readonly signal?: AbortSignal | undefined;
}

interface Asking extends ViewOptions {
  readonly zone: DomainName;
}

function asFault(error: unknown): Fault {
  if (!(error instanceof OperationalError) || error.code === "DNS_INTERRUPTED") throw error;
  return fault(error.code, error.message, error.hint);
}

/** One question to one server, not recursive; an error rcode is thrown as `DNS_RCODE`. */
async function ask(server: NameServerAddress, name: DomainName, type: number, asking: Asking): Promise<DnsMessage> {
  const { timeoutMs, signal } = asking;
  const question = { server, name, type, rd: false, dnssecOk: true, timeoutMs, signal };
  return requireAnswer(await query(question), question);
}

/** RFC 4034 §3.1.5: times are serial numbers of 32 bits (RFC 1982), so only their distance from now has a meaning. */
function secondsFromNow(field: number, now: Instant): number {
  return (field - Math.floor(now / 1000)) | 0;
}

interface Signing {
  readonly signed: boolean;
  readonly expires: Instant | null;
}

/**
 * Whether an RRSIG of the zone is within its period, and when the first algorithm runs out of signatures: per algorithm
 * the latest counts, over the algorithms the earliest. When none is valid now, the same over those that are not.
 */
function signingOf(rrset: Rrset, zone: DomainName, now: Instant): Signing {
  const decoded = rrset.signatures.map(decodeRrsig).flatMap((one) => (one.ok ? [one.value] : []));
  const own = decoded.filter((one) => one.typeCovered === rrset.type && one.signer === zone);
  const isValid = (one: RrsigRdata): boolean =>
    secondsFromNow(one.inception, now) <= 0 && secondsFromNow(one.expiration, now) >= 0;
  const valid = own.filter(isValid);
  const latest = new Map<number, number>();
  for (const one of valid.length > 0 ? valid : own) {
    const left = secondsFromNow(one.expiration, now);
    latest.set(one.algorithm, Math.max(latest.get(one.algorithm) ?? left, left));
  }
  const first = latest.size === 0 ? null : Math.min(...latest.values());
  const expires = first === null ? null : instant((Math.floor(now / 1000) + first) * 1000);
  return { signed: valid.length > 0, expires };
}

async function readSerial(server: NameServerAddress, asking: Asking): Promise<number | null> {
  try {
    const message = await ask(server, asking.zone, TYPE.SOA, asking);
    const soa = findRrset(message.answer, asking.zone, TYPE.SOA)?.rdatas[0];
    const fields = soa === undefined ? null : decodeSoa(soa);
    return fields?.ok === true ? fields.value.serial : null;
  } catch (error) {
    // The RRset was answered; a serial is a help for people and its absence must not hide that.
    asFault(error);
    return null;
  }
}

function failedView(server: NameServerAddress, problem: Fault, clock: Clock): ServerView {
  return { server, said: { outcome: "failed", at: clock(), fault: problem } };
}

async function viewServer(
  server: NameServerAddress,
  owner: DomainName,
  type: number,
  asking: Asking,
): Promise<ServerView> {
  try {
    const message = await ask(server, owner, type, asking);
    const at = asking.clock();
    const link = type === TYPE.CNAME ? null : aliasAt(message.answer, owner);
    if (link !== null) {
      const what = `${formatServer(server)} answers that ${displayName(owner)} is an alias of ${displayName(link.target)}`;
      return failedView(server, fault("DNS_ALIAS_DIFFERS", what), asking.clock);
    }
    const rrset = findRrset(message.answer, owner, type);
    const signing = rrset === null ? null : signingOf(rrset, asking.zone, at);
    const said: ServerAnswer = {
      outcome: "answer",
      at,
      authoritative: message.aa,
      rcode: message.rcode,
      rrset,
      negativeTtl: rrset === null ? negativeTtlOf(message.authority) : null,
      serial: await readSerial(server, asking),
      signed: signing?.signed ?? null,
      signatureExpires: signing?.expires ?? null,
    };
    return { server, said };
  } catch (error) {
    return failedView(server, asFault(error), asking.clock);
  }
}

interface LinkView {
  readonly link: AliasLink;
  readonly failed: readonly ServerView[];
}

/** Asks the servers of the link's zone for the CNAME itself. */
async function viewLink(link: AliasLink, servers: NameServers, asking: Asking): Promise<LinkView> {
  const failed = servers.unknown.map((one) => failedView(one.server, one.fault, asking.clock));
  const said = await mapLimited(servers.known, async (server): Promise<AliasLink | ServerView> => {
    try {
      const message = await ask(server, link.alias, TYPE.CNAME, asking);
      const shown = aliasAt(message.answer, link.alias);
      if (shown?.target === link.target) return shown;
      const instead = shown === null ? "is no alias" : `is an alias of ${displayName(shown.target)}`;
      const what = `${formatServer(server)} answers that ${displayName(link.alias)} ${instead}, the resolver that it is one of ${displayName(link.target)}`;
      return failedView(server, fault("DNS_ALIAS_DIFFERS", what), asking.clock);
    } catch (error) {
      return failedView(server, asFault(error), asking.clock);
    }
  });
  const agreeing = said.filter((one) => "alias" in one);
  const ttl = seconds(Math.max(link.ttl, ...agreeing.map((one) => one.ttl)));
  return { link: { ...link, ttl }, failed: [...failed, ...said.filter((one) => "server" in one)] };
}

/** Failures in an alias's zone replace what the same address said of the final owner, and join the list otherwise. */
function mergeFailures(views: readonly ServerView[], failures: readonly ServerView[]): readonly ServerView[] {
  const keyOf = (view: ServerView): string => `${view.server.name} ${formatServer(view.server)}`;
  const merged = new Map(views.map((view) => [keyOf(view), view]));
  for (const failure of failures) merged.set(keyOf(failure), failure);
  return [...merged.values()];
}

/**
 * Looks at `owner` at the source. Never leaves a server out: see the head of this file. Throws `ZONE_UNKNOWN` when the
 * resolver cannot say which zone holds the name or which servers it has, `DNS_INTERRUPTED` when told to stop.
 */
export async function viewOwner(owner: DomainName, type: number, options: ViewOptions): Promise<OwnerView> {
  const { resolve, clock } = options;
  const port = options.nameServerPort ?? 53;
  const { aliases, finalName } = await requireUsable(resolve, owner, type);
  const zone = await findZone(finalName, resolve);
  const listed = options.servers ?? "all";
  const servers: NameServers =
    listed === "all" ? await findNameServers(zone, port, resolve) : { known: listed, unknown: [] };
  if (servers.known.length + servers.unknown.length === 0) {
    throw new OperationalError(
      "ZONE_UNKNOWN",
      `no name server of ${displayName(zone)} is listed to be asked for ${typeName(type)}`,
    );
  }
  const links: LinkView[] = [];
  for (const link of aliases) {
    const linkZone = await findZone(link.alias, resolve);
    const linkServers = linkZone === zone ? servers : await findNameServers(linkZone, port, resolve);
    links.push(await viewLink(link, linkServers, { ...options, zone: linkZone }));
  }
  const asking: Asking = { ...options, zone };
  const known = await mapLimited(servers.known, async (server) => viewServer(server, finalName, type, asking));
  const unknown = servers.unknown.map((one) => failedView(one.server, one.fault, clock));
  return {
    owner,
    type,
    aliases: links.map(({ link }) => link),
    finalOwner: finalName,
    zone,
    servers: mergeFailures(
      [...known, ...unknown],
      links.flatMap(({ failed }) => failed),
    ),
  };
}
