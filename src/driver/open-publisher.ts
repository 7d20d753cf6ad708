/**
 * From a configured publisher to one that can be used. Each kind is loaded when it is first opened: a tick that sends
 * dynamic updates reads no code for anything else.
 */
import { OperationalError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import type { Rfc2136Config } from "../config/publisher-rfc2136.ts";
import type { Configuration, PublisherConfig } from "../config/schema.ts";
import type { Publisher } from "../publisher/publisher.ts";
import type { Resolve } from "../resolver/resolver.ts";

/** What publishers are opened with. */
export interface PublisherOutside {
  readonly configuration: Configuration;
  readonly resolve: Resolve;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Reads what the publisher needs (keys, tokens). Throws OperationalError when it cannot be read. */
export function openPublisher(config: PublisherConfig, outside: PublisherOutside): Promise<Publisher> {
  switch (config.type) {
    case "rfc2136":
      return openRfc2136(config, outside);
    case "zonefile":
    case "exec":
      return Promise.reject(new OperationalError("CONFIG_UNSUPPORTED", `"${config.type}" is not in this release`));
  }
}

async function openRfc2136(config: Rfc2136Config, { resolve, clock }: PublisherOutside): Promise<Publisher> {
  const [{ createRfc2136Publisher }, { readTsigKeyFile }] = await Promise.all([
    import("../publisher/rfc2136.ts"),
    import("../config/key-file.ts"),
  ]);
  return createRfc2136Publisher({
    server: config.server,
    key: readTsigKeyFile(config.keyFile, config.keyName),
    clock,
    resolve,
    timeoutMs: config.timeout * 1000,
  });
}
