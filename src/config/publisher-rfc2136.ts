/** `[publish.NAME]` with `type = "rfc2136"`: dynamic update under TSIG. */
import type { HostPort } from "../base/socket-address.ts";
import { seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import { tsigAlgorithmFromName } from "../dns/tsig.ts";
import type { TsigAlgorithm } from "../dns/tsig.ts";
import { COMMON_KEYS, decodeCommon } from "./publisher-common.ts";
import type { PublisherCommon, PublisherSource } from "./publisher-common.ts";
import { listOf, optional, refuse, refuseUnknownKeys, required } from "./table.ts";
import type { Decode } from "./table.ts";
import { domainName, flag, hostAndPort, path, text } from "./values.ts";

export interface Rfc2136Config extends PublisherCommon {
  readonly type: "rfc2136";
  /** Host names or addresses of the servers that take updates, and their ports, in order of preference; at least one. */
  readonly servers: readonly HostPort[];
  /** Where to read before and after an update; null: where it is sent. */
  readonly queryServer: HostPort | null;
  readonly keyFile: string;
  /** Which key of the file; null: the only one. */
  readonly keyName: DomainName | null;
  /** For files that do not say it; null: what the file says. */
  readonly keyAlgorithm: TsigAlgorithm | null;
  readonly transport: "tcp" | "udp";
  /** Sign questions too, for a server that chooses the view by key. */
  readonly signQueries: boolean;
  /** Whether to publish at the target of an owner name that is an alias. */
  readonly followCname: boolean;
}

const KEYS = [
  ...COMMON_KEYS,
  ...["server", "query_server", "key_file", "key_name", "key_algorithm", "transport", "sign_queries", "follow_cname"],
];

/** No official reference; nsupdate gives a TCP connection 20 s, and an update of one RRset takes milliseconds. */
const DEFAULT_TIMEOUT = seconds(10);

/** One server, or a list of them in order of preference. */
const updateServers: Decode<readonly HostPort[]> = (item, problems) => {
  if (!Array.isArray(item.value)) {
    const one = hostAndPort(item, problems);
    return one === null ? null : [one];
  }
  const several = listOf(hostAndPort)(item, problems);
  return several?.length === 0 ? refuse(problems, item, "must name at least one server") : several;
};

const algorithm: Decode<TsigAlgorithm> = (item, problems) => {
  const written = text(item, problems);
  if (written === null) return null;
  const known = tsigAlgorithmFromName(written);
  if (known !== null) return known;
  const dashed = written.replaceAll("_", "-");
  const hint = tsigAlgorithmFromName(dashed) === null ? "write hmac-sha256, hmac-sha512 …" : `write "${dashed}"`;
  return refuse(problems, item, `unknown algorithm "${written}"`, hint);
};

const transport: Decode<"tcp" | "udp"> = (item, problems) => {
  if (item.value === "tcp" || item.value === "udp") return item.value;
  return refuse(problems, item, `must be "tcp" or "udp"`);
};

/** Null after a fault. */
export function decodeRfc2136(source: PublisherSource): Rfc2136Config | null {
  const { item, table, problems } = source;
  refuseUnknownKeys(table, KEYS, problems);
  const servers = required(item, table, "server", updateServers, problems);
  const keyFile = required(item, table, "key_file", path, problems);
  const rest = {
    queryServer: optional(table, "query_server", hostAndPort, null, problems),
    keyName: optional(table, "key_name", domainName, null, problems),
    keyAlgorithm: optional(table, "key_algorithm", algorithm, null, problems),
    transport: optional(table, "transport", transport, "tcp" as const, problems),
    signQueries: optional(table, "sign_queries", flag, false, problems),
    followCname: optional(table, "follow_cname", flag, true, problems),
  };
  const common = decodeCommon(source, DEFAULT_TIMEOUT);
  return servers === null || keyFile === null ? null : { type: "rfc2136", ...common, ...rest, servers, keyFile };
}
