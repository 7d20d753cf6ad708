/** Unbound: the validating, caching resolver that clients of the lab use; its only trust anchor is the lab's root. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./bind.ts";
import { startDaemon } from "./process.ts";
import type { Daemon } from "./process.ts";
import { ZONE } from "./tree.ts";
import type { Tree } from "./tree.ts";
import { A, ask } from "./wire.ts";

export interface UnboundOptions {
  readonly tree: Tree;
  readonly at: Place;
  /** Each zone of the tree and its name servers: with a port of our own a referral cannot tell them. */
  readonly zones: Readonly<Record<string, readonly Place[]>>;
  /** False: a resolver that validates nothing, for contrast. */
  readonly validating?: boolean;
}

export async function startUnbound({ tree, at, zones, validating = true }: UnboundOptions): Promise<Daemon> {
  const home = join(tree.folder, validating ? "unbound" : "unbound-plain");
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "anchor"), `${tree.anchor}\n`);
  const stubs = Object.entries(zones).map(
    ([zone, servers]) =>
      `stub-zone:\n  name: "${zone}"\n${servers.map((server) => `  stub-addr: ${server.address}@${String(server.port)}\n`).join("")}`,
  );
  const file = join(home, "unbound.conf");
  writeFileSync(
    file,
    `server:
  interface: ${at.address}@${String(at.port)}
  username: ""
  chroot: ""
  directory: "${home}"
  pidfile: "${home}/unbound.pid"
  use-syslog: no
  logfile: ""
  do-daemonize: no
  num-threads: 1
  do-ip6: no
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  local-zone: "test." nodefault
  module-config: "${validating ? "validator iterator" : "iterator"}"
  trust-anchor-file: "${home}/anchor"
  val-log-level: 2
remote-control:
  control-enable: no
${stubs.join("")}`,
  );
  return startDaemon({
    name: validating ? "unbound" : "unbound (not validating)",
    command: "unbound",
    args: ["-d", "-c", file],
    cwd: home,
    ready: async () => {
      try {
        const reply = await ask(at, `ns1.${ZONE}`, A, { timeoutMs: 1_000 });
        return reply.authenticated === validating && reply.answers.length > 0;
      } catch {
        return false;
      }
    },
  });
}
