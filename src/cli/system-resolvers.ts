/** The resolvers that this host's own programs use, for somebody who names none. */
import { readFileSync } from "node:fs";
import { parseResolver } from "../dns/resolver-server.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";

/** As many as the C library heeds (resolv.conf(5), MAXNS). */
const MOST = 3;
/** What the C library asks when the file is missing or names nobody. */
const LOOPBACK: ResolverServer = { kind: "plain", address: "127.0.0.1", port: 53 };

/**
 * The `nameserver` lines of resolv.conf(5), in order; 127.0.0.1 without any. Nobody needs to trust them where answers are
 * validated here. Lines that name no address, or one with a zone index, which cannot be asked, are passed over.
 */
export function systemResolvers(file = "/etc/resolv.conf"): readonly ResolverServer[] {
  const servers = readText(file)
    .split("\n")
    .flatMap((line) => {
      const address = /^\s*nameserver\s+(?<address>[^\s#;]+)/.exec(line)?.groups?.["address"];
      const server = address === undefined ? null : parseResolver(address);
      return server?.ok === true && server.value.kind === "plain" ? [server.value] : [];
    });
  return servers.length === 0 ? [LOOPBACK] : servers.slice(0, MOST);
}

/** An unreadable file is as good as none: the C library goes on without it too. */
function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
