import { setTimeout as delay } from "node:timers/promises";
import { assert } from "../../base/assert.ts";
import { fault, OperationalError } from "../../base/errors.ts";
import { parseHostPort } from "../../base/socket-address.ts";
import { parseDuration } from "../../base/time.ts";
import { TYPE } from "../../dns/iana.ts";
import { parseName } from "../../dns/name.ts";
import { judgePropagation, renderPropagationJson, renderPropagationText } from "../../report/propagation.ts";
import { locateServer } from "../../publisher/locate-server.ts";
import { viewOwner } from "../../resolver/authoritative.ts";
import type { Resolve } from "../../resolver/resolver.ts";
import type { NameServerAddress, OwnerView } from "../../resolver/server-view.ts";
import { createTrustedStub } from "../../resolver/trusted-stub.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { parseResolverFlag } from "../resolver-flag.ts";

/** Flags of `daneward propagation` as they are typed. */
export interface PropagationOptions {
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
const RESOLVER_TIMEOUT_MS = 10_000;
const SERVER_TIMEOUT_MS = 4_000;

function parsePort(text: string | undefined): number {
  const port = Number(text ?? "53");
  if (/^\d{1,5}$/.test(text ?? "53") && port >= 1 && port <= 65_535) return port;
  throw OperationalError.of(fault("USAGE", `--name-server-port: "${text ?? ""}" is not a port`));
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

/** The primary that no NS record names: where updates go first, so that all others may be behind it. */
async function parsePrimary(text: string, resolve: Resolve): Promise<NameServerAddress> {
  const where = parseHostPort(text, 53);
  if (!where.ok) throw OperationalError.of(fault("USAGE", `--primary: ${where.fault}`));
  const [first] = await locateServer(where.value, resolve);
  const name = parseName("primary");
  assert(first !== undefined && name.ok, "a located server has an address");
  return { name: name.value, address: first.address, port: first.port, hidden: true };
}

/**
 * `daneward propagation OWNER`: what every address of every name server serves there. Ends with 0 all in sync and signed,
 * 1 a server lags or is silent, 2 unsigned, invalid or contradictory, 3 when nobody could be asked.
 */
export async function run(args: readonly string[], options: PropagationOptions, io: Io): Promise<ExitCode> {
  const owner = parseName(args[0] ?? "");
  if (!owner.ok) throw OperationalError.of(fault("USAGE", owner.fault.message, owner.fault.hint));
  const server = parseResolverFlag(options.resolver);
  const nameServerPort = parsePort(options.nameServerPort);
  const { clock, signal } = io;
  // The resolver only leads the way to the name servers; nothing is concluded from its AD bit.
  const resolve = createTrustedStub({ server, timeoutMs: RESOLVER_TIMEOUT_MS, allowRemote: true, signal });
  const polls = parsePolls(options.polls);
  const interval = parseInterval(options.interval);
  const primary = options.primary === undefined ? null : await parsePrimary(options.primary, resolve);
  const looking = { resolve, clock, nameServerPort, signal, timeoutMs: SERVER_TIMEOUT_MS };
  const look = async (): Promise<OwnerView> => {
    const view = await viewOwner(owner.value, TYPE.TLSA, looking);
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
