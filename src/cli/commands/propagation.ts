import { setTimeout as delay } from "node:timers/promises";
import { assert } from "../../base/assert.ts";
import { fault, OperationalError } from "../../base/errors.ts";
import { parseHostPort } from "../../base/socket-address.ts";
import { parseDuration } from "../../base/time.ts";
import { TYPE } from "../../dns/iana.ts";
import { parseName } from "../../dns/name.ts";
import type { ResolverServer } from "../../dns/resolver-server.ts";
import { judgePropagation, renderPropagationJson, renderPropagationText } from "../../report/propagation.ts";
import { locateServer } from "../../publisher/locate-server.ts";
import { viewOwner } from "../../resolver/authoritative.ts";
import { inTurn } from "../../resolver/open.ts";
import type { Resolve } from "../../resolver/resolver.ts";
import type { NameServerAddress, OwnerView } from "../../resolver/server-view.ts";
import { createTrustedStub } from "../../resolver/trusted-stub.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { namedConfiguration } from "../named-configuration.ts";
import { parseOwner, warnOfOwner } from "../owner-name.ts";
import { parseResolverFlag } from "../resolver-flag.ts";
import { systemResolvers } from "../system-resolvers.ts";

/** Flags of `daneward propagation` as they are typed. */
export interface PropagationOptions {
  readonly config?: string;
  readonly resolver?: string;
  readonly nameServerPort?: string;
  readonly primary?: string;
  readonly polls?: string;
  readonly interval?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** More looks than this are a monitoring system's task. */
const MAX_POLLS = 50;
const DNS_PORT = 53;
const RESOLVER_TIMEOUT_MS = 10_000;
const SERVER_TIMEOUT_MS = 4_000;

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw OperationalError.of(fault("USAGE", `--name-server-port: "${text}" is not a port`));
}

function parsePolls(text: string | undefined): number {
  const polls = Number(text ?? "1");
  if (/^\d{1,2}$/.test(text ?? "1") && polls >= 1 && polls <= MAX_POLLS) return polls;
  throw OperationalError.of(fault("USAGE", `--polls: "${text ?? ""}" is not a number from 1 to ${String(MAX_POLLS)}`));
}

function parseInterval(text: string | undefined): number {
  const interval = parseDuration(text ?? "1s");
  if (interval.ok) return interval.value;
  throw OperationalError.of(fault("USAGE", `--interval: ${interval.fault}`));
}

/** By flags, else by the configuration that was named, else the resolvers of the system and the port of DNS. */
async function whomToAsk(
  { config, resolver, nameServerPort }: PropagationOptions,
  io: Io,
): Promise<{ readonly servers: readonly ResolverServer[]; readonly nameServerPort: number }> {
  const given = resolver === undefined ? null : [parseResolverFlag(resolver)];
  const port = nameServerPort === undefined ? null : parsePort(nameServerPort);
  const configuration = await namedConfiguration(config, io);
  return {
    servers: given ?? configuration?.resolvers ?? systemResolvers(),
    nameServerPort: port ?? configuration?.nameServerPort ?? DNS_PORT,
  };
}

/**
 * Resolvers only lead the way to the name servers. Nothing is concluded from their AD bit, so they may be anywhere, and
 * they are told not to validate: what is wrong with a bogus zone is what one comes here to see.
 */
function openPath(servers: readonly ResolverServer[], signal: AbortSignal): Resolve {
  const how = { timeoutMs: RESOLVER_TIMEOUT_MS, checkingDisabled: true, signal };
  return inTurn(servers.map((server) => createTrustedStub({ server, ...how })));
}

/** The primary that no NS record names: where updates go first, so that all others may be behind it. */
async function parsePrimary(text: string, resolve: Resolve): Promise<NameServerAddress> {
  const where = parseHostPort(text, DNS_PORT);
  if (!where.ok) throw OperationalError.of(fault("USAGE", `--primary: ${where.fault}`));
  const [first] = await locateServer(where.value, resolve);
  const name = parseName("primary");
  assert(first !== undefined && name.ok, "a located server has an address");
  return { name: name.value, address: first.address, port: first.port, hidden: true };
}

/**
 * `daneward propagation OWNER`: what every address of every name server serves there. Ends with 0 all in sync and signed,
 * 1 a server lags or is silent, or there is no such RRset, 2 unsigned, invalid or contradictory, 3 when nobody could be asked.
 */
export async function run(args: readonly string[], options: PropagationOptions, io: Io): Promise<ExitCode> {
  const owner = parseOwner(args[0] ?? "");
  const { servers, nameServerPort } = await whomToAsk(options, io);
  const { clock, signal } = io;
  const resolve = openPath(servers, signal);
  const polls = parsePolls(options.polls);
  const interval = parseInterval(options.interval);
  if (options.quiet !== true) warnOfOwner(owner, io);
  const primary = options.primary === undefined ? null : await parsePrimary(options.primary, resolve);
  const looking = { resolve, clock, nameServerPort, signal, timeoutMs: SERVER_TIMEOUT_MS };
  const look = async (): Promise<OwnerView> => {
    const view = await viewOwner(owner, TYPE.TLSA, looking);
    if (primary === null) return view;
    const hidden = await viewOwner(view.finalOwner, TYPE.TLSA, { ...looking, servers: [primary] });
    return { ...view, servers: [...hidden.servers, ...view.servers] };
  };
  const views: OwnerView[] = [];
  while (views.length < polls - 1) {
    views.push(await look());
    await delay(interval * 1000, undefined, { signal }).catch(() => undefined);
  }
  const report = judgePropagation(await look(), clock(), views);
  if (options.json === true) io.out(renderPropagationJson(report));
  else if (options.quiet !== true || report.exit !== 0) {
    io.out(renderPropagationText(report, { color: io.color }));
  }
  return report.exit;
}
