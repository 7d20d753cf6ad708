/**
 * `daneward hook CLIENT`: notes that there may be a new certificate, and returns at once.
 *
 * It reads no configuration and takes no lock: an ACME client is waiting, perhaps with its own lock held. It ends with
 * 0 whatever happens, because another code helps nobody and stops some clients from renewing what comes next; the tick
 * finds the certificate anyhow. Two exceptions: a client's name that we do not know is bad usage, a slip made while
 * setting up that must show then; and a client that asks us to set up a challenge would take 0 for a yes. Nothing is
 * ever written to standard output, which some clients read.
 */
import type { Readable } from "node:stream";
import { OperationalError } from "../../base/errors.ts";
import { suggestion } from "../../config/nearest.ts";
import { readAcmeShCall } from "../../driver/hooks/acme-sh.ts";
import { readAcmetoolCall } from "../../driver/hooks/acmetool.ts";
import { readCaddyCall } from "../../driver/hooks/caddy.ts";
import type { ReadHookCall } from "../../driver/hooks/call.ts";
import { readCertbotCall } from "../../driver/hooks/certbot.ts";
import { readDehydratedCall } from "../../driver/hooks/dehydrated.ts";
import { readLacmeCall } from "../../driver/hooks/lacme.ts";
import { readLegoCall } from "../../driver/hooks/lego.ts";
import { readModMdCall } from "../../driver/hooks/mod-md.ts";
import { readUacmeCall } from "../../driver/hooks/uacme.ts";
import { stateDirectory } from "../../store/location.ts";
import { writeSpool } from "../../store/spool.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";

export interface HookOptions {
  readonly stateDir?: string;
  readonly quiet?: boolean;
}

const CLIENTS: ReadonlyMap<string, ReadHookCall> = new Map<string, ReadHookCall>([
  ["certbot", readCertbotCall],
  ["acme.sh", readAcmeShCall],
  ["dehydrated", readDehydratedCall],
  ["lego", readLegoCall],
  ["acmetool", readAcmetoolCall],
  ["uacme", readUacmeCall],
  ["lacme", readLacmeCall],
  ["mod_md", readModMdCall],
  ["caddy", readCaddyCall],
]);

/** A thousand names and more. */
const MOST_INPUT = 65_536;
/** A client that sends anything has it ready; a person at a terminal who tries the hook is not kept waiting. */
const INPUT_PATIENCE_MS = 2000;

/** Ends with 0, 2 for an unknown client, or the code by which a client's request is declined. */
export async function run(args: readonly string[], options: HookOptions, io: Io): Promise<ExitCode> {
  const [client = "", ...rest] = args;
  const readCall = CLIENTS.get(client);
  if (readCall === undefined) return refuseClient(client, io);
  const input = (): Promise<string> => readInput(io.stdin);
  const outcome = await readCall({ args: rest, env: io.env, cwd: io.cwd, at: io.clock(), input });
  if (outcome.kind === "ignored") return EXIT.done;
  if (outcome.kind === "declined") {
    if (outcome.reason !== null) io.err(`daneward: hook ${client}: ${outcome.reason}\n`);
    return outcome.code;
  }
  if (outcome.kind === "unclear") {
    io.err(`daneward: hook ${client}: ${outcome.reason}; nothing noted\n`);
    return EXIT.done;
  }
  try {
    const directory = stateDirectory(options.stateDir, io.cwd);
    for (const note of outcome.notes) writeSpool(directory, note);
  } catch (problem) {
    if (!(problem instanceof OperationalError)) throw problem;
    io.err(`daneward: hook ${client}: ${problem.message}; the next daneward tick finds the renewal by itself\n`);
    return EXIT.done;
  }
  if (io.errIsTerminal && options.quiet !== true) {
    for (const { source } of outcome.notes) io.err(`noted for the next daneward tick: ${source}\n`);
  }
  return EXIT.done;
}

function refuseClient(client: string, io: Io): ExitCode {
  const known = [...CLIENTS.keys()];
  const shown = client.length > 60 ? `${client.slice(0, 60)}…` : client;
  io.err(`daneward: error: unknown ACME client ${JSON.stringify(shown)}${suggestion(shown, known)}\n`);
  io.err(`hint: known clients: ${known.join(", ")}; any other: none is needed, daneward tick finds renewals itself\n`);
  return EXIT.usage;
}

/** What is on standard input: as much of it as is taken, as far as it comes in time. */
async function readInput(stdin: Readable): Promise<string> {
  let text = "";
  const patience = setTimeout(() => stdin.destroy(), INPUT_PATIENCE_MS);
  stdin.setEncoding("utf8");
  try {
    for await (const chunk of stdin) {
      text += String(chunk);
      if (text.length > MOST_INPUT) break;
    }
  } catch (cause) {
    // Cut off by the clock, or never readable: what has come counts, the tick finds the rest.
    if (!(cause instanceof Error)) throw cause;
  } finally {
    clearTimeout(patience);
  }
  return text.slice(0, MOST_INPUT);
}
