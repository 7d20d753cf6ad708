/** `[publish.NAME]` with `type = "rfc2136"`: dynamic update under TSIG. */
import { seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import { COMMON_KEYS, decodeCommon } from "./publisher-common.ts";
import type { PublisherCommon, PublisherSource } from "./publisher-common.ts";
import { optional, refuseUnknownKeys, required } from "./table.ts";
import { domainName, hostAndPort, path } from "./values.ts";

export interface Rfc2136Config extends PublisherCommon {
  readonly type: "rfc2136";
  /** Host name or address of the primary, and its port. */
  readonly server: { readonly host: string; readonly port: number };
  readonly keyFile: string;
  /** Which key of the file; null: the only one. */
  readonly keyName: DomainName | null;
}

const KEYS = [...COMMON_KEYS, "server", "key_file", "key_name"];

/** No official reference; nsupdate gives a TCP connection 20 s, and an update of one RRset takes milliseconds. */
const DEFAULT_TIMEOUT = seconds(10);

/** Null after a fault. */
export function decodeRfc2136(source: PublisherSource): Rfc2136Config | null {
  const { item, table, problems } = source;
  refuseUnknownKeys(table, KEYS, problems);
  const server = required(item, table, "server", hostAndPort, problems);
  const keyFile = required(item, table, "key_file", path, problems);
  const keyName = optional(table, "key_name", domainName, null, problems);
  const common = decodeCommon(source, DEFAULT_TIMEOUT);
  return server === null || keyFile === null ? null : { type: "rfc2136", ...common, server, keyFile, keyName };
}
