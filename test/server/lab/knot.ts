/** Knot DNS as a signing primary with TLSA updates at named owners, which may have a secondary. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tsigSecret } from "./bind.ts";
import type { Place } from "./bind.ts";
import { must, startDaemon } from "./process.ts";
import type { Daemon } from "./process.ts";
import { program } from "./programs.ts";
import { ZONE } from "./tree.ts";
import { DNSKEY, answers } from "./wire.ts";

export interface KnotPrimary {
  readonly makeZoneKey: (zoneFile: string) => Promise<string>;
  readonly start: () => Promise<Daemon>;
}

function transferClauses({ address, port }: Place): string {
  return `  - id: transfer
    address: 127.0.0.0/8
    action: transfer
remote:
  - id: secondary
    address: ${address}@${String(port)}
`;
}

export function configureKnot(
  folder: string,
  at: Place,
  tsigKey: string,
  owners: readonly string[],
  secondary: Place | null = null,
): KnotPrimary {
  const home = join(folder, "knot");
  for (const name of ["run", "db", "zones"]) mkdirSync(join(home, name), { recursive: true });
  const file = join(home, "knot.conf");
  writeFileSync(
    file,
    `server:
  rundir: "${home}/run"
  listen: [ ${at.address}@${String(at.port)} ]
log:
  - target: stderr
    any: info
database:
  storage: "${home}/db"
key:
  - id: daneward.
    algorithm: hmac-sha256
    secret: ${tsigSecret(tsigKey)}
acl:
  - id: daneward-acl
    key: daneward.
    action: update
    update-type: [ TLSA ]
    update-owner: name
    update-owner-match: equal
    update-owner-name: [ ${owners.map((owner) => `${owner}.`).join(", ")} ]
${secondary === null ? "" : transferClauses(secondary)}policy:
  - id: lab
    algorithm: ecdsap256sha256
    single-type-signing: on
zone:
  - domain: ${ZONE}
    storage: "${home}/zones"
    file: "%s.zone"
    zonefile-load: whole
    zonefile-sync: -1
    journal-content: changes
    dnssec-signing: on
    dnssec-policy: lab
${secondary === null ? "    acl: daneward-acl" : "    acl: [ daneward-acl, transfer ]\n    notify: secondary"}
`,
  );
  return {
    makeZoneKey: async (zoneFile) => {
      copyFileSync(zoneFile, join(home, "zones", `${ZONE}.zone`));
      const keymgr = program("keymgr");
      await must(keymgr, ["-c", file, ZONE, "generate", "algorithm=ECDSAP256SHA256", "ksk=yes", "zsk=yes"]);
      const ds = await must(keymgr, ["-c", file, ZONE, "ds"]);
      const sha256 = ds.split("\n").find((line) => / DS \d+ 13 2 /.test(line));
      if (sha256 === undefined) throw new Error(`keymgr gave no SHA-256 DS:\n${ds}`);
      return sha256;
    },
    start: () =>
      startDaemon({
        name: "knotd",
        command: "knotd",
        args: ["-c", file],
        cwd: home,
        ready: () => answers(at, ZONE, DNSKEY),
      }),
  };
}
