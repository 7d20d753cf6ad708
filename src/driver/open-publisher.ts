/**
 * From a configured publisher to one that can be used. Each kind is loaded when it is first opened: a tick that sends
 * dynamic updates reads no code for anything else.
 */
import { basename, dirname, join } from "node:path";
import { OperationalError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import type { ExecConfig } from "../config/publisher-exec.ts";
import type { Rfc2136Config } from "../config/publisher-rfc2136.ts";
import type { ZonefileConfig } from "../config/publisher-zonefile.ts";
import type { Configuration, PublisherConfig } from "../config/schema.ts";
import type { DomainName } from "../dns/name.ts";
import type { Publisher } from "../publisher/publisher.ts";
import type { Resolve } from "../resolver/resolver.ts";
import { openProvider } from "./open-provider.ts";

/** What publishers are opened with. */
export interface PublisherOutside {
  readonly configuration: Configuration;
  readonly resolve: Resolve;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Folders with programs that publishers run, before the system's. */
  readonly path: string | undefined;
}

/** Reads what the publisher needs (keys, tokens). Throws OperationalError when it cannot be read. */
export function openPublisher(config: PublisherConfig, outside: PublisherOutside): Promise<Publisher> {
  switch (config.type) {
    case "rfc2136":
      return openRfc2136(config, outside);
    case "zonefile":
      return openZonefile(config, outside);
    case "exec":
      return openExec(config, outside);
    case "powerdns":
    case "cloudflare":
    case "desec":
      return openProvider(config, outside.signal);
  }
}

async function openRfc2136(config: Rfc2136Config, { resolve, clock, signal }: PublisherOutside): Promise<Publisher> {
  const [{ createRfc2136Publisher }, { readTsigKeyFile }] = await Promise.all([
    import("../publisher/rfc2136.ts"),
    import("../config/key-file.ts"),
  ]);
  const { servers, queryServer, transport, signQueries, keyFile, keyName, keyAlgorithm, timeout } = config;
  const key = readTsigKeyFile(keyFile, keyName, { algorithm: keyAlgorithm });
  return createRfc2136Publisher({
    ...{ servers, queryServer, key, clock, resolve, signal, transport },
    signQueries: signQueries || key.signQueries,
    timeoutMs: timeout * 1000,
  });
}

async function openZonefile(config: ZonefileConfig, outside: PublisherOutside): Promise<Publisher> {
  const [{ createZonefilePublisher }, { runCommand }, { acquireLockFile }] = await Promise.all([
    import("../publisher/zonefile.ts"),
    import("./command.ts"),
    import("../store/lock.ts"),
  ]);
  const { file, parent, touch, check, serial, reload, timeout, patience } = config;
  const { clock, configuration, path: folders } = outside;
  const lock = (path: string): (() => void) => {
    try {
      return acquireLockFile(join(dirname(path), `.${basename(path)}.lock`), clock()).release;
    } catch (error) {
      if (!(error instanceof OperationalError) || error.code === "LOCK_HELD") throw error;
      throw new OperationalError("FRAGMENT_UNWRITABLE", error.message, { cause: error });
    }
  };
  return createZonefilePublisher({
    ...{ file, parent, touch, check, serial, reload, clock, lock },
    run: (argv, options) => runCommand(argv, options, folders),
    owners: ownersFor(config, configuration),
    timeoutMs: timeout * 1000,
    patienceMs: patience * 1000,
  });
}

/** The names that may stand in the file: those that are written, and those of the certificates that publish there. */
function ownersFor(config: ZonefileConfig, { certificates }: Configuration): ReadonlySet<DomainName> {
  const publishing = certificates.filter((certificate) => certificate.publisher === config.name);
  return new Set([...config.owners, ...publishing.flatMap(({ services }) => services.map(({ owner }) => owner))]);
}

async function openExec({ command, timeout }: ExecConfig, { path }: PublisherOutside): Promise<Publisher> {
  const [{ createExecPublisher }, { runCommand }] = await Promise.all([
    import("../publisher/exec.ts"),
    import("./command.ts"),
  ]);
  return createExecPublisher({
    command,
    timeoutMs: timeout * 1000,
    run: (argv, options) => runCommand(argv, options, path),
  });
}
