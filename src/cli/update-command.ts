/** What `publish` and `withdraw` share: their flags, the way to the server and the zone, and what they print. */
import type { Fault } from "../base/errors.ts";
import { fault, OperationalError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import { parseHostPort } from "../base/socket-address.ts";
import type { Seconds } from "../base/time.ts";
import { parseDuration, seconds } from "../base/time.ts";
import { readTsigKeyFile } from "../config/key-file.ts";
import type { TsigKeyFile } from "../config/key-file.ts";
import { loadConfiguration } from "../config/load.ts";
import { configurationPath } from "../config/location.ts";
import type { Rfc2136Config } from "../config/publisher-rfc2136.ts";
import { displayName, parentOf, parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { formatTlsa, parseTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import type { Publisher, ReadBack, TlsaChange } from "../publisher/publisher.ts";
import { findZoneAtServer, readOwner } from "../publisher/read-back.ts";
import type { ServedRrset } from "../publisher/read-back.ts";
import { atFirstReachable, createRfc2136Publisher, locateServer } from "../publisher/rfc2136.ts";
import type { Resolve } from "../resolver/resolver.ts";
import { createTrustedStub } from "../resolver/trusted-stub.ts";
import { findZone } from "../resolver/zone-of.ts";
import { formatServer } from "../transport/dns-exchange.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";
import type { DnsServer } from "../transport/dns-exchange.ts";
import type { Io } from "./io.ts";
import { parseResolverFlag } from "./resolver-flag.ts";

/** Flags of `publish` and `withdraw` as they are typed. */
export interface UpdateOptions {
  readonly ttl?: string;
  readonly server?: string;
  readonly keyFile?: string;
  readonly keyName?: string;
  readonly zone?: string;
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
  readonly record: TlsaRdata;
  readonly ttl: Seconds;
  readonly zone: DomainName;
  readonly server: { readonly host: string; readonly port: number };
  readonly key: TsigKeyFile;
  readonly publisher: Publisher;
  /** What the update server serves now. */
  readonly read: () => Promise<ServedRrset>;
}

const DNS_PORT = 53;
const TIMEOUT_MS = 10_000;
const DEFAULT_TTL = "1h";

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

/** `daneward tlsa` prints whole records; what stands before the data (owner, TTL, class, type) may be pasted too. */
function withoutLead(text: string): string {
  return text.replace(/^\s*(?:\S+\s+)?(?:\d+\s+)?(?:IN\s+)?TLSA\s+/i, "");
}

/** Where an update goes and what it is signed with. */
interface Destination {
  readonly server: { readonly host: string; readonly port: number };
  readonly keyFile: string;
  readonly keyName: DomainName | null;
  readonly zone: DomainName | null;
  readonly resolver: ResolverServer;
}

/** By flags; where neither server nor key file is given, by the one publisher of the configuration, if there is one. */
async function whereTo(options: UpdateOptions, io: Io): Promise<Destination> {
  const zone = options.zone === undefined ? null : orUsage(parseName(options.zone), "--zone");
  const keyName = options.keyName === undefined ? null : orUsage(parseName(options.keyName), "--key-name");
  const resolver = parseResolverFlag(options.resolver);
  const configuration = isMissing(options.server) || isMissing(options.keyFile) ? await soleSetup(options, io) : null;
  if (configuration !== null) {
    const { publisher, file } = configuration;
    if (options.verbose === true) {
      io.err(`using [publish.${publisher.name}] of ${file} for what no flag says\n`);
    }
    const own = isMissing(options.keyFile);
    return {
      server: isMissing(options.server)
        ? publisher.server
        : orUsage(parseHostPort(options.server ?? "", DNS_PORT), "--server"),
      keyFile: own ? publisher.keyFile : (options.keyFile ?? ""),
      keyName: keyName ?? (own ? publisher.keyName : null),
      zone: zone ?? publisher.zone,
      resolver: options.resolver === undefined ? configuration.resolver : resolver,
    };
  }
  const serverText = required(options.server, "--server", "name the primary that takes updates: --server 127.0.0.1");
  const server = orUsage(parseHostPort(serverText, DNS_PORT), "--server");
  const keyFile = required(options.keyFile, "--key-file", "make a key with: tsig-keygen -a hmac-sha256 NAME");
  return { server, keyFile, keyName, zone, resolver };
}

function isMissing(flag: string | undefined): boolean {
  return flag === undefined || flag === "";
}

interface SoleSetup {
  readonly publisher: Rfc2136Config;
  readonly resolver: ResolverServer;
  readonly file: string;
}

/** Null without a configuration file, or when it does not name exactly one publisher of updates. Throws as loadConfiguration. */
async function soleSetup(options: UpdateOptions, io: Io): Promise<SoleSetup | null> {
  const file = configurationPath(options.config, io);
  try {
    const { publishers, resolvers } = await loadConfiguration(file);
    const resolver = resolvers[0] ?? parseResolverFlag(undefined);
    const [publisher, ...others] = [...publishers.values()].filter((one) => one.type === "rfc2136");
    return publisher === undefined || others.length > 0 ? null : { publisher, resolver, file };
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
export async function prepareUpdate(args: readonly string[], options: UpdateOptions, io: Io): Promise<PreparedUpdate> {
  const [ownerText = "", recordText = ""] = args;
  const owner = orUsage(parseName(ownerText), "the owner name");
  const record = orUsage(parseTlsa(withoutLead(recordText)), "the record");
  const ttl = seconds(orUsage(parseDuration(options.ttl ?? DEFAULT_TTL), "--ttl"));
  const { server, keyFile, keyName, zone: givenZone, resolver: resolverServer } = await whereTo(options, io);
  const key = readTsigKeyFile(keyFile, keyName);
  if (options.quiet !== true) printNotes(key.warnings, io);

  const { clock, signal } = io;
  // Remote is fine here: the answers lead the way to the server, and TSIG proves that it is the right one.
  const resolve = createTrustedStub({ server: resolverServer, timeoutMs: TIMEOUT_MS, allowRemote: true, signal });
  const servers = await locateServer(server, resolve);
  const at = (address: DnsServer): Parameters<typeof readOwner>[1] => ({
    server: address,
    key,
    clock,
    timeoutMs: TIMEOUT_MS,
    signal,
  });
  const zone =
    givenZone ??
    (await atFirstReachable(servers, async (address) => findZoneAtServer(owner, parentsOf(owner), at(address)))) ??
    (await zoneFromResolver(owner, resolve));
  const publisher = createRfc2136Publisher({ server, key, clock, signal, resolve, timeoutMs: TIMEOUT_MS });
  const read = async (): Promise<ServedRrset> =>
    atFirstReachable(servers, async (address) => readOwner(owner, at(address)));
  return { owner, record, ttl, zone, server, key, publisher, read };
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

/** The change as a script for nsupdate: what `--dry-run` prints. */
export function formatUpdateScript(prepared: PreparedUpdate, change: TlsaChange): string {
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

/** Prints what is served after the change, and warns when it is not signed. `nothing`: there was nothing to withdraw. */
export function printReadBack(
  verb: "publish" | "withdraw" | "nothing",
  prepared: PreparedUpdate,
  done: ReadBack,
  options: UpdateOptions,
  io: Io,
): void {
  const { owner, zone, server, record } = prepared;
  const notes = done.notes ?? [];
  const address = formatServer({ address: server.host, port: server.port });
  if (options.json === true) {
    const { ttl, signed } = done;
    const records = done.records.map(formatTlsa);
    const schema = `daneward/${verb === "publish" ? "publish" : "withdraw"}/1`;
    const document = { schema, owner, zone, server: address, records, ttl, signed, notes };
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
  if (verb === "nothing") io.out(`nothing to withdraw: ${displayName(owner)} has no TLSA ${formatTlsa(record)}\n`);
  else io.out(`${verb === "publish" ? "published" : "withdrawn"}  ${owner} TLSA ${formatTlsa(record)}\n`);
  const now = done.records.map((one) => `           ${owner} ${String(done.ttl ?? 0)} IN TLSA ${formatTlsa(one)}\n`);
  const signed = done.signed ? ", signed" : "";
  const head = `served by  ${address}${signed}${done.records.length === 0 ? ": no TLSA record" : ":"}\n`;
  io.out(head + now.join(""));
}
