/** `[publish.NAME]` with `type = "powerdns"`: the HTTP API of a PowerDNS server. */
import { seconds } from "../base/time.ts";
import { COMMON_KEYS, decodeCommon } from "./publisher-common.ts";
import type { PublisherCommon, PublisherSource } from "./publisher-common.ts";
import { optional, refuse, refuseUnknownKeys, required } from "./table.ts";
import type { Decode } from "./table.ts";
import { apiUrl, path, text } from "./values.ts";

export interface PowerDnsConfig extends PublisherCommon {
  readonly type: "powerdns";
  /** Without `/api/v1`. */
  readonly url: string;
  readonly serverId: string;
  readonly apiKeyFile: string;
}

const KEYS = [...COMMON_KEYS, "url", "server_id", "api_key_file"];

/** The server answers from its database; a backend far away is slow. */
const DEFAULT_TIMEOUT = seconds(10);

const serverId: Decode<string> = (item, problems) => {
  const written = text(item, problems);
  if (written === null || /^[\w.-]+$/.test(written)) return written;
  return refuse(problems, item, `"${written}" is not a server id`, 'leave it out, or write "localhost"');
};

/** Null after a fault. */
export function decodePowerDns(source: PublisherSource): PowerDnsConfig | null {
  const { item, table, problems } = source;
  refuseUnknownKeys(table, KEYS, problems);
  const url = required(item, table, "url", apiUrl, problems);
  const apiKeyFile = required(item, table, "api_key_file", path, problems);
  const id = optional(table, "server_id", serverId, "localhost", problems);
  const common = decodeCommon(source, DEFAULT_TIMEOUT);
  if (url === null || apiKeyFile === null) return null;
  // The path of the API is the same everywhere, and people copy it along.
  return { type: "powerdns", ...common, url: url.replace(/\/api(?:\/v1)?$/, ""), serverId: id, apiKeyFile };
}
