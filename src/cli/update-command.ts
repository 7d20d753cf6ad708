/** What `publish` and `withdraw` share: their flags, the way to the server and the zone, and what they print. */
import { assert } from "../base/assert.ts";
import type { Fault } from "../base/errors.ts";
import { fault, OperationalError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import { parseHostPort } from "../base/socket-address.ts";
import type { HostPort } from "../base/socket-address.ts";
import type { Seconds } from "../base/time.ts";
import { parseDuration, seconds } from "../base/time.ts";
import { readTsigKeyFile } from "../config/key-file.ts";
import type { TsigKeyFile } from "../config/key-file.ts";
import { loadConfiguration } from "../config/load.ts";
import { configurationPath } from "../config/location.ts";
import type { Rfc2136Config } from "../config/publisher-rfc2136.ts";
import { displayName, isAtOrBelow, parentOf, parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { formatTlsa, parseTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import { tsigAlgorithmFromName } from "../dns/tsig.ts";
import type { TsigAlgorithm } from "../dns/tsig.ts";
import type { Publisher, ReadBack, TlsaChange } from "../publisher/publisher.ts";
import { atFirstReachable, locateServers } from "../publisher/locate-server.ts";
import { findZoneAtServer, readOwner } from "../publisher/read-back.ts";
import type { ServedRrset } from "../publisher/read-back.ts";
import { createRfc2136Publisher } from "../publisher/rfc2136.ts";
import type { Resolve } from "../resolver/resolver.ts";
import { createTrustedStub } from "../resolver/trusted-stub.ts";
import { findZone } from "../resolver/zone-of.ts";
import { formatServer } from "../transport/dns-exchange.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";
import type { DnsServer } from "../transport/dns-exchange.ts";
import type { ExitCode } from "./exit.ts";
import type { Io } from "./io.ts";
import { parseOwner, warnOfOwner } from "./owner-name.ts";
import { recordData } from "./record-line.ts";
import { parseResolverFlag } from "./resolver-flag.ts";

/** Flags of `publish` and `withdraw` as they are typed. */
export interface UpdateOptions {
  readonly ttl?: string;
  readonly server?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly keyName?: string | undefined;
  readonly keyAlgorithm?: string | undefined;
  readonly queryServer?: string | undefined;
  readonly transport?: string;
  readonly signQueries?: boolean;
  readonly followCname?: boolean;
  readonly zone?: string | undefined;
  readonly resolver?: string;
  readonly config?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Everything an update by hand needs, looked up and checked. */
export interface PreparedUpdate {
  readonly owner: DomainName;
  /** At least one. */
  readonly records: readonly TlsaRdata[];
  readonly ttl: Seconds;
  readonly zone: DomainName;
  /** The preferred one. */
  readonly server: HostPort;
  readonly key: TsigKeyFile;
  readonly publisher: Publisher;
  /** What the update server serves now. */
  readonly read: () => Promise<ServedRrset>;
}

const DNS_PORT = 53;
const TIMEOUT_MS = 10_000;
const DEFAULT_TTL = seconds(3600);
const NO_SERVER =
  "name the primary that takes updates and the key it knows: --server 127.0.0.1 --key-file FILE, or a configuration with one [publish.NAME]: --config FILE";

function usage(message: string, hint?: string): OperationalError {
  return OperationalError.of(fault("USAGE", message, hint));
}

function orUsage<T>(parsed: Result<T, Fault | string>, where: string): T {
  if (parsed.ok) return parsed.value;
  if (typeof parsed.fault === "string") throw usage(`${where}: ${parsed.fault}`);
  throw usage(`${where}: ${parsed.fault.message}`, parsed.fault.hint);
}

function required(value: string | undefined, flag: string, hint: string): string {
  if (value !== undefined && value !== "") return value;
  throw usage(`${flag} is missing`, hint);
}

/** Where an update goes and what it is signed with. */
interface Destination {
  readonly servers: readonly HostPort[];
  readonly queryServer: HostPort | null;
  readonly keyFile: string;
  readonly keyName: DomainName | null;
  readonly keyAlgorithm: TsigAlgorithm | null;
  readonly transport: "tcp" | "udp";
  readonly signQueries: boolean;
  readonly zone: DomainName | null;
  readonly resolver: ResolverServer;
  /** What the configuration says; null: none was read. */
  readonly ttl: Seconds | null;
}

function parseTransport(text: string | undefined): "tcp" | "udp" | null {
  if (text === undefined || text === "tcp" || text === "udp") return text ?? null;
  throw usage(`--transport: "${text}" is neither tcp nor udp`);
}

function parseAlgorithm(text: string | undefined): TsigAlgorithm | null {
  if (text === undefined) return null;
  const algorithm = tsigAlgorithmFromName(text.replaceAll("_", "-"));
  if (algorithm !== null) return algorithm;
  throw usage(`--key-algorithm: "${text}" is no known algorithm`, "write hmac-sha256, hmac-sha512 …");
}

function parseServer(text: string | undefined, flag: string): HostPort | null {
  return text === undefined || text === "" ? null : orUsage(parseHostPort(text, DNS_PORT), flag);
}

/** By flags; what no flag says by the publisher of the configuration that `choose` finds, if there is one. */
async function whereTo(options: UpdateOptions, io: Io, choose: Choose): Promise<Destination> {
  const zone = options.zone === undefined ? null : orUsage(parseName(options.zone), "--zone");
  const keyName = options.keyName === undefined ? null : orUsage(parseName(options.keyName), "--key-name");
  const server = parseServer(options.server, "--server");
  const needed = server === null || isMissing(options.keyFile);
  const setup = needed ? await configured(options, io, choose) : null;
  const publisher = setup?.publisher ?? null;
  if (setup !== null && options.verbose === true) {
    io.err(`using [publish.${setup.publisher.name}] of ${setup.file} for what no flag says\n`);
  }
  const servers = server === null ? publisher?.servers : [server];
  // A key, its name and its algorithm go together, and so do a server and how to talk to it.
  const keyed = isMissing(options.keyFile) ? publisher : null;
  const served = server === null ? publisher : null;
  if (servers === undefined) required(undefined, "--server", NO_SERVER);
  return {
    servers: servers ?? [],
    queryServer: parseServer(options.queryServer, "--query-server") ?? served?.queryServer ?? null,
    keyFile:
      keyed?.keyFile ?? required(options.keyFile, "--key-file", "make a key with: tsig-keygen -a hmac-sha256 NAME"),
    keyName: keyName ?? keyed?.keyName ?? null,
    keyAlgorithm: parseAlgorithm(options.keyAlgorithm) ?? keyed?.keyAlgorithm ?? null,
    transport: parseTransport(options.transport) ?? served?.transport ?? "tcp",
    signQueries: options.signQueries ?? served?.signQueries ?? false,
    zone: zone ?? publisher?.zone ?? null,
    resolver: options.resolver === undefined && setup !== null ? setup.resolver : parseResolverFlag(options.resolver),
    ttl: setup?.defaultTtl ?? null,
  };
}

function isMissing(flag: string | undefined): boolean {
  return flag === undefined || flag === "";
}

/** Picks the publisher that stands in for flags that were not given. */
type Choose = (publishers: readonly Rfc2136Config[]) => Rfc2136Config | null;

const theOnlyOne: Choose = ([first, ...others]) => (first === undefined || others.length > 0 ? null : first);

interface Setup {
  readonly publisher: Rfc2136Config;
  readonly resolver: ResolverServer;
  readonly defaultTtl: Seconds;
  readonly file: string;
}

/** Null without a configuration file, or when it has no publisher to choose. Throws as loadConfiguration. */
async function configured(options: UpdateOptions, io: Io, choose: Choose): Promise<Setup | null> {
  const file = configurationPath(options.config, io);
  try {
    const { publishers, resolvers, defaultTtl } = await loadConfiguration(file);
    const resolver = resolvers[0] ?? parseResolverFlag(undefined);
    const publisher = choose([...publishers.values()].filter((one) => one.type === "rfc2136"));
    return publisher === null ? null : { publisher, resolver, defaultTtl, file };
  } catch (error) {
    // Nobody needs one for an update by hand; one that was named must be there.
    const isAbsent = error instanceof OperationalError && error.code === "CONFIG_MISSING";
    if (isAbsent && options.config === undefined) return null;
    throw error;
  }
}

/** All ancestors of a name, nearest first. */
function parentsOf(name: DomainName): readonly DomainName[] {
  const parents: DomainName[] = [];
  for (let at = parentOf(name); at !== null; at = parentOf(at)) parents.push(at);
  return parents;
}

/** Reads arguments and flags, the key file, and finds server and zone. Throws USAGE, KEY_FILE_… and what the look-ups throw. */
export async function prepareUpdate(
  args: readonly string[],
  options: UpdateOptions,
  io: Io,
  choose: Choose = theOnlyOne,
): Promise<PreparedUpdate> {
  const [ownerText = "", ...recordTexts] = args;
  const owner = parseOwner(ownerText);
  const records = recordTexts.map((text) => orUsage(parseTlsa(recordData(text)), "the record"));
  const given = options.ttl === undefined ? null : orUsage(parseDuration(options.ttl), "--ttl");
  const destination = await whereTo(options, io, choose);
  const ttl = given ?? destination.ttl ?? DEFAULT_TTL;
  const { servers: written, queryServer, transport } = destination;
  const key = readTsigKeyFile(destination.keyFile, destination.keyName, { algorithm: destination.keyAlgorithm });
  if (options.quiet !== true) printNotes(key.warnings, io);

  const { clock, signal } = io;
  const signQueries = destination.signQueries || key.signQueries;
  // Unvalidated is fine here: the answers lead the way to the server, and TSIG proves that it is the right one.
  const where = { server: destination.resolver, timeoutMs: TIMEOUT_MS, signal };
  const resolve = createTrustedStub({ ...where, checkingDisabled: true });
  const readers = await locateServers(queryServer === null ? written : [queryServer], resolve);
  const at = (server: DnsServer): Parameters<typeof readOwner>[1] => {
    return { server, key, clock, signQueries, timeoutMs: TIMEOUT_MS, signal };
  };
  const zone =
    destination.zone ??
    (await atFirstReachable(readers, async (address) => findZoneAtServer(owner, parentsOf(owner), at(address)))) ??
    (await zoneFromResolver(owner, resolve));
  const how = { servers: written, queryServer, transport, signQueries, timeoutMs: TIMEOUT_MS };
  const publisher = createRfc2136Publisher({ ...how, key, clock, signal, resolve });
  const read = async (): Promise<ServedRrset> =>
    atFirstReachable(readers, async (address) => readOwner(owner, at(address)));
  const [server] = written;
  assert(server !== undefined, "a destination has a server");
  return { owner, records, ttl, zone, server, key, publisher, read };
}

/** More aliases in a row are taken for a loop. */
const MAX_ALIASES = 8;

/**
 * Does `work` at the owner name, and where that is an alias at its target instead: in the target's zone, with the server
 * and the key of the publisher that the configuration has for that zone, or those of the flags. Throws as `work` does,
 * `PUBLISH_CNAME_AT_OWNER` with `--no-follow-cname`.
 */
export async function updateFollowingAliases(
  args: readonly string[],
  options: UpdateOptions,
  io: Io,
  work: (prepared: PreparedUpdate) => Promise<ExitCode>,
): Promise<ExitCode> {
  let prepared = await prepareUpdate(args, options, io);
  if (options.quiet !== true) warnOfOwner(prepared.owner, io);
  for (let followed = 0; ; followed++) {
    try {
      return await work(prepared);
    } catch (error) {
      const isAlias = error instanceof OperationalError && error.code === "PUBLISH_CNAME_AT_OWNER";
      if (!isAlias || options.followCname === false || followed >= MAX_ALIASES) throw error;
      const { alias } = await prepared.read();
      if (alias === null) throw error;
      if (options.quiet !== true) {
        io.err(`${displayName(prepared.owner)} is an alias of ${displayName(alias)}: going there\n`);
      }
      prepared = await prepareAtTarget(alias, args, options, io);
    }
  }
}

/** The zone of the alias does not hold its target, so neither `--zone` nor a publisher's own zone may be taken for it. */
async function prepareAtTarget(
  target: DomainName,
  [, ...records]: readonly string[],
  given: UpdateOptions,
  io: Io,
): Promise<PreparedUpdate> {
  const options = { ...given, zone: undefined };
  const holding: Choose = (publishers) => {
    const candidates = publishers.filter(({ zone }) => zone !== null && isAtOrBelow(target, zone));
    return candidates.sort((left, right) => (right.zone ?? "").length - (left.zone ?? "").length)[0] ?? null;
  };
  if ((await configured(options, io, holding)) !== null) {
    // What the flags say of server and key was said of the alias.
    const own = {
      server: undefined,
      queryServer: undefined,
      keyFile: undefined,
      keyName: undefined,
      keyAlgorithm: undefined,
    };
    return prepareUpdate([target, ...records], { ...options, ...own }, io, holding);
  }
  const anyZone: Choose = (publishers) => {
    const only = theOnlyOne(publishers);
    return only === null ? null : { ...only, zone: null };
  };
  return prepareUpdate([target, ...records], options, io, anyZone);
}

async function zoneFromResolver(owner: DomainName, resolve: Resolve): Promise<DomainName> {
  try {
    return await findZone(owner, resolve);
  } catch (error) {
    if (!(error instanceof OperationalError) || error.code !== "ZONE_UNKNOWN") throw error;
    const what = `neither the update server nor the resolver knows the zone of ${displayName(owner)}: ${error.message}`;
    throw new OperationalError("ZONE_UNKNOWN", what, {
      hint: "name it with --zone ZONE",
      retry: "never",
      cause: error,
    });
  }
}

/** Warnings and notes on standard error. */
export function printNotes(notes: readonly Fault[], io: Io): void {
  for (const { message, hint } of notes) io.err(`daneward: warning: ${message}\nhint: ${hint}\n`);
}

/** What `--dry-run` prints: the change as a script for nsupdate, with `--json` in a document beside its parts. */
export function printDryRun(
  verb: "publish" | "withdraw",
  prepared: PreparedUpdate,
  change: TlsaChange,
  options: UpdateOptions,
  io: Io,
): void {
  const script = formatUpdateScript(prepared, change);
  if (options.json !== true) {
    io.out(script);
    return;
  }
  const { server, key } = prepared;
  const { owner, zone, ttl, add, remove, expected } = change;
  const document = {
    schema: `daneward/${verb}/1`,
    dryRun: true,
    changed: false,
    owner,
    zone,
    server: formatServer({ address: server.host, port: server.port }),
    key: { name: key.name, algorithm: key.algorithm },
    ttl,
    expected: expected === null ? null : expected.map(formatTlsa),
    add: add.map(formatTlsa),
    remove: remove.map(formatTlsa),
    update: script,
  };
  io.out(`${JSON.stringify(document)}\n`);
}

/** The change as a script for nsupdate. */
function formatUpdateScript(prepared: PreparedUpdate, change: TlsaChange): string {
  const { server, key } = prepared;
  const { owner, zone, ttl } = change;
  return [
    `; signed with key ${displayName(key.name)} (${key.algorithm})`,
    `server ${server.host} ${String(server.port)}`,
    `zone ${zone}`,
    ...(change.expected ?? []).map((record) => `prereq yxrrset ${owner} IN TLSA ${formatTlsa(record)}`),
    ...change.add.map((record) => `update add ${owner} ${String(ttl)} IN TLSA ${formatTlsa(record)}`),
    ...change.remove.map((record) => `update delete ${owner} IN TLSA ${formatTlsa(record)}`),
    "send",
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/** How a change came out: `unchanged` when what was to be published was there, `nothing` when what was to go was not. */
type Ending = "published" | "unchanged" | "withdrawn" | "nothing";

/** Prints what is served after the change, and warns when it is not signed. */
export function printReadBack(
  ending: Ending,
  prepared: PreparedUpdate,
  done: ReadBack,
  options: UpdateOptions,
  io: Io,
): void {
  const { owner, zone, server, records: asked } = prepared;
  const notes = done.notes ?? [];
  const address = formatServer({ address: server.host, port: server.port });
  if (options.json === true) {
    const { ttl, signed } = done;
    const records = done.records.map(formatTlsa);
    const isAdded = ending === "published" || ending === "unchanged";
    const schema = `daneward/${isAdded ? "publish" : "withdraw"}/1`;
    const document = {
      schema,
      changed: ending === "published" || ending === "withdrawn",
      owner,
      zone,
      server: address,
      records,
      ttl,
      signed,
      notes,
    };
    io.out(`${JSON.stringify(document)}\n`);
  }
  if (options.quiet === true) return;
  printNotes(notes, io);
  if (!done.signed) {
    io.err(`daneward: warning: ${address} serves ${displayName(owner)} without RRSIG: no DANE client will use it\n`);
    io.err(
      `hint: sign the zone ${displayName(zone)}; daneward propagation ${displayName(owner)} shows all its servers\n`,
    );
  }
  if (options.json === true) return;
  io.out(`${endingWords(ending, owner, asked.map(formatTlsa).join(", "))}\n`);
  const now = done.records.map((one) => `           ${owner} ${String(done.ttl ?? 0)} IN TLSA ${formatTlsa(one)}\n`);
  const signed = done.signed ? ", signed" : "";
  const head = `served by  ${address}${signed}${done.records.length === 0 ? ": no TLSA record" : ":"}\n`;
  io.out(head + now.join(""));
}

function endingWords(ending: Ending, owner: DomainName, record: string): string {
  switch (ending) {
    case "published":
    case "withdrawn":
      return `${ending}  ${owner} TLSA ${record}`;
    case "unchanged":
      return `already there: ${displayName(owner)} has TLSA ${record}`;
    case "nothing":
      return `nothing to withdraw: ${displayName(owner)} has no TLSA ${record}`;
  }
}
