import { fault, OperationalError } from "../../base/errors.ts";
import { TYPE } from "../../dns/iana.ts";
import { parseName } from "../../dns/name.ts";
import { judgePropagation, renderPropagationJson, renderPropagationText } from "../../report/propagation.ts";
import { viewOwner } from "../../resolver/authoritative.ts";
import { createTrustedStub } from "../../resolver/trusted-stub.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { parseResolverFlag } from "../resolver-flag.ts";

/** Flags of `daneward propagation` as they are typed. */
export interface PropagationOptions {
  readonly resolver?: string;
  readonly nameServerPort?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const RESOLVER_TIMEOUT_MS = 10_000;
const SERVER_TIMEOUT_MS = 4_000;

function parsePort(text: string | undefined): number {
  const port = Number(text ?? "53");
  if (/^\d{1,5}$/.test(text ?? "53") && port >= 1 && port <= 65_535) return port;
  throw OperationalError.of(fault("USAGE", `--name-server-port: "${text ?? ""}" is not a port`));
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
  const view = await viewOwner(owner.value, TYPE.TLSA, {
    resolve,
    clock,
    nameServerPort,
    signal,
    timeoutMs: SERVER_TIMEOUT_MS,
  });
  const report = judgePropagation(view, clock());
  if (options.json === true) io.out(renderPropagationJson(report));
  else if (options.quiet !== true || report.exit !== 0) {
    io.out(renderPropagationText(report, { color: io.color }));
  }
  return report.exit;
}
