/** What every `[publish.NAME]` may say, whatever its type. */
import { isIP } from "node:net";
import type { HostPort } from "../base/socket-address.ts";
import type { Seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import { listOf, optional, refuse } from "./table.ts";
import type { Decode, Item, Problems, Table } from "./table.ts";
import { domainName, duration, host, hostAndPort, integer } from "./values.ts";

export interface PublisherCommon {
  readonly name: string;
  /** Null: found by walking up to the SOA. */
  readonly zone: DomainName | null;
  /** Name servers that must serve a record before it counts as published: every NS, or these (names or addresses). */
  readonly checkNs: "all" | readonly string[];
  /** Name servers (names or addresses) that neither block nor count. */
  readonly excludeNs: readonly string[];
  /** A primary that no NS record names, to be looked at like a name server; its host is an address. */
  readonly hiddenPrimary: HostPort | null;
  /** Looks at every name server in one observation, for addresses with several nodes behind; all must be good. */
  readonly anycastPolls: number;
  /** For one update, request or command, connecting included. */
  readonly timeout: Seconds;
}

/** One `[publish.NAME]` that is being read. */
export interface PublisherSource {
  readonly name: string;
  readonly item: Item;
  readonly table: Table;
  readonly problems: Problems;
}

/** The keys that {@link decodeCommon} reads, and `type`. */
export const COMMON_KEYS = ["type", "zone", "check_ns", "exclude_ns", "hidden_primary", "anycast_polls", "timeout"];

/** A silent server costs its timeout once a look. */
const MOST_POLLS = 20;

/** The common keys; faulty ones are noted and stand at their defaults. */
export function decodeCommon({ name, table, problems }: PublisherSource, defaultTimeout: Seconds): PublisherCommon {
  return {
    name,
    zone: optional(table, "zone", domainName, null, problems),
    checkNs: optional(table, "check_ns", checkedServers, "all" as const, problems),
    excludeNs: optional(table, "exclude_ns", listOf(host), [], problems),
    hiddenPrimary: optional(table, "hidden_primary", addressAndPort, null, problems),
    anycastPolls: optional(table, "anycast_polls", integer(1, MOST_POLLS), 1, problems),
    timeout: optional(table, "timeout", duration(1), defaultTimeout, problems),
  };
}

/** An address, so that looking at it depends on nothing but the server itself. */
const addressAndPort: Decode<HostPort> = (item, problems) => {
  const where = hostAndPort(item, problems);
  if (where === null || isIP(where.host) !== 0) return where;
  return refuse(problems, item, `must be an address with or without a port, not the name "${where.host}"`);
};

const checkedServers: Decode<"all" | readonly string[]> = (item, problems) => {
  if (item.value === "all") return "all";
  if (typeof item.value === "string") {
    return refuse(problems, item, `must be "all" or an array of name servers`, `write ["${item.value}"]`);
  }
  const servers = listOf(host)(item, problems);
  return servers?.length === 0 ? refuse(problems, item, "must name at least one server") : servers;
};
