/** NSD as a secondary: another implementation than the primary, told by NOTIFY, fed by transfers. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./bind.ts";
import { startDaemon } from "./process.ts";
import type { Daemon } from "./process.ts";
import { ZONE } from "./tree.ts";
import { A, answers } from "./wire.ts";

export async function startNsdSecondary(folder: string, at: Place, primary: Place): Promise<Daemon> {
  const home = join(folder, "nsd");
  mkdirSync(home, { recursive: true });
  const file = join(home, "nsd.conf");
  writeFileSync(
    file,
    `server:
  ip-address: ${at.address}@${String(at.port)}
  username: ""
  chroot: ""
  zonesdir: "${home}"
  database: ""
  pidfile: "${home}/nsd.pid"
  xfrdfile: "${home}/xfrd.state"
  xfrdir: "${home}"
  zonelistfile: "${home}/zone.list"
  server-count: 1
  rrl-ratelimit: 0
  xfrd-reload-timeout: 0
remote-control:
  control-enable: no
zone:
  name: "${ZONE}"
  zonefile: "${ZONE}.zone"
  allow-notify: 127.0.0.0/8 NOKEY
  request-xfr: ${primary.address}@${String(primary.port)} NOKEY
  max-refresh-time: 2
  max-retry-time: 1
`,
  );
  return startDaemon({
    name: "nsd",
    command: "nsd",
    args: ["-d", "-c", file],
    cwd: home,
    ready: () => answers(at, `ns1.${ZONE}`, A),
  });
}
