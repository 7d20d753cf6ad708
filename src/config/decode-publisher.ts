/** `[publish.NAME]`. */
import { seconds } from "../base/time.ts";
import { suggestion } from "./nearest.ts";
import type { PublisherConfig } from "./schema.ts";
import { listOf, optional, readTable, refuse, refuseAs, refuseUnknownKeys, required } from "./table.ts";
import type { Decode, Item, Problems } from "./table.ts";
import { domainName, duration, host, hostAndPort, path, text } from "./values.ts";

const KEYS = ["type", "server", "key_file", "key_name", "zone", "check_ns", "exclude_ns", "timeout"];
const LATER_TYPES = ["zonefile", "exec", "powerdns", "cloudflare"];

/** No official reference; nsupdate gives a TCP connection 20 s, and an update of one RRset takes milliseconds. */
const DEFAULT_TIMEOUT = seconds(10);

/** Null after a fault. */
export function decodePublisher(name: string, item: Item, problems: Problems): PublisherConfig | null {
  const table = readTable(item, problems);
  if (table === null) return null;
  const type = required(item, table, "type", text, problems);
  const typeItem = table.get("type");
  if (typeItem !== undefined && type !== null && type !== "rfc2136") {
    if (LATER_TYPES.includes(type)) {
      const hint = 'use type = "rfc2136" with a server that takes dynamic updates';
      return refuseAs("CONFIG_UNSUPPORTED", problems, typeItem, `"${type}" is not in this release`, hint);
    }
    return refuse(problems, typeItem, `unknown type "${type}"${suggestion(type, ["rfc2136"])}`, "known: rfc2136");
  }
  refuseUnknownKeys(table, KEYS, problems);
  const server = required(item, table, "server", hostAndPort, problems);
  const keyFile = required(item, table, "key_file", path, problems);
  const rest = {
    keyName: optional(table, "key_name", domainName, null, problems),
    zone: optional(table, "zone", domainName, null, problems),
    checkNs: optional(table, "check_ns", checkedServers, "all" as const, problems),
    excludeNs: optional(table, "exclude_ns", listOf(host), [], problems),
    timeout: optional(table, "timeout", duration(1), DEFAULT_TIMEOUT, problems),
  };
  if (type === null || server === null || keyFile === null) return null;
  return { name, type: "rfc2136", server, keyFile, ...rest };
}

const checkedServers: Decode<"all" | readonly string[]> = (item, problems) => {
  if (item.value === "all") return "all";
  if (typeof item.value === "string") {
    return refuse(problems, item, `must be "all" or an array of name servers`, `write ["${item.value}"]`);
  }
  const servers = listOf(host)(item, problems);
  return servers?.length === 0 ? refuse(problems, item, "must name at least one server") : servers;
};
