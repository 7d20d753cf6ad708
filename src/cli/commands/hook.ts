/**
 * `daneward hook CLIENT`: notes that there may be a new certificate, and returns at once.
 *
 * It reads no configuration and takes no lock: an ACME client is waiting, perhaps with its own lock held. It ends with
 * 0 whatever happens, because another code helps nobody and stops some clients from renewing what comes next; the tick
 * finds the certificate anyhow. Only a client's name that we do not know is bad usage: that is a slip made while
 * setting up, and must show then.
 */
import { OperationalError } from "../../base/errors.ts";
import { suggestion } from "../../config/nearest.ts";
import { readCertbotCall } from "../../driver/hooks/certbot.ts";
import { writeSpool } from "../../store/spool.ts";
import { stateDirectory } from "../../store/location.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";

export interface HookOptions {
  readonly stateDir?: string;
  readonly quiet?: boolean;
}

const CLIENTS: ReadonlyMap<string, typeof readCertbotCall> = new Map([["certbot", readCertbotCall]]);

/** Ends with 0, or 2 for an unknown client. */
export function run(args: readonly string[], options: HookOptions, io: Io): Promise<ExitCode> {
  const [client = ""] = args;
  const readCall = CLIENTS.get(client);
  if (readCall === undefined) {
    const known = [...CLIENTS.keys()];
    io.err(`daneward: error: unknown ACME client "${client}"${suggestion(client, known)}\n`);
    io.err(
      `hint: known clients: ${known.join(", ")}; any other: none is needed, daneward tick finds renewals itself\n`,
    );
    return Promise.resolve(EXIT.usage);
  }
  const note = readCall(io.env, io.clock());
  if (typeof note === "string") {
    io.err(`daneward: hook ${client}: ${note}; nothing noted\n`);
    return Promise.resolve(EXIT.done);
  }
  try {
    writeSpool(stateDirectory(options.stateDir, io.cwd), note);
  } catch (problem) {
    if (!(problem instanceof OperationalError)) throw problem;
    io.err(`daneward: hook ${client}: ${problem.message}; the next daneward tick finds the renewal by itself\n`);
    return Promise.resolve(EXIT.done);
  }
  if (io.errIsTerminal && options.quiet !== true) {
    io.err(`noted for the next daneward tick: ${note.source}\n`);
  }
  return Promise.resolve(EXIT.done);
}
