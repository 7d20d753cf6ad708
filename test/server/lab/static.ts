/**
 * Name servers over a zone file that includes a fragment, each with the commands that make it look again: the
 * configurations of the handbook, on an address and in a folder of their own.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Place } from "./bind.ts";
import { drawNetwork } from "./network.ts";
import type { Network } from "./network.ts";
import { must, startDaemon } from "./process.ts";
import type { Daemon, DaemonSpec } from "./process.ts";
import { program } from "./programs.ts";
import { SIGNING_POLICY, ZONE } from "./tree.ts";
import { A, answers } from "./wire.ts";

export type StaticKind = "bind" | "bind-inline" | "knot" | "nsd" | "nsd-ldns" | "bind-signzone";

export const STATIC_PROGRAMS: Readonly<Record<StaticKind, readonly string[]>> = {
  bind: ["named", "rndc", "tsig-keygen", "named-checkzone", "dig"],
  "bind-inline": ["named", "rndc", "tsig-keygen", "named-checkzone", "dig"],
  knot: ["knotd", "knotc", "named-checkzone", "dig"],
  nsd: ["nsd", "nsd-control", "nsd-checkzone", "dig"],
  "nsd-ldns": ["nsd", "nsd-control", "nsd-checkzone", "named-compilezone", "ldns-keygen", "ldns-signzone", "dig"],
  "bind-signzone": ["named", "rndc", "tsig-keygen", "named-checkzone", "dnssec-keygen", "dnssec-signzone", "dig"],
};

export interface StaticZone {
  readonly folder: string;
  readonly at: Place;
  /** The zone file that includes `fragment`. */
  readonly parent: string;
  readonly fragment: string;
  /** Commands for the configuration of a publisher, `{zone}`, `{parent}` and `{file}` not filled in. */
  readonly check: string;
  readonly serial: string;
  readonly reload: readonly string[];
  readonly output: () => string;
  readonly stop: () => Promise<void>;
}

interface Setting {
  readonly folder: string;
  readonly at: Place;
  readonly controlPort: number;
  readonly parent: string;
}

interface Server {
  readonly daemon: Omit<DaemonSpec, "cwd" | "ready">;
  readonly check: string;
  readonly reload: readonly string[];
}

const PARENT = `$TTL 60
@ 60 IN SOA ns1.${ZONE}. hostmaster.${ZONE}. 1 3600 600 86400 2
@ IN NS ns1.${ZONE}.
ns1 IN A 127.0.0.1
mx IN A 127.0.0.9
`;

/** Sets the serial of the SOA, which stands on one line, to the time, or to one more when that is not larger. */
const RAISE_SERIAL = `#!/bin/sh
set -e
old=$(sed -nE 's/^@ .* SOA [^ ]+ [^ ]+ ([0-9]+) .*/\\1/p' "$1")
new=$(date +%s)
[ "$new" -gt "$old" ] || new=$((old + 1))
sed -E "s/^(@ .* SOA [^ ]+ [^ ]+) [0-9]+ /\\1 $new /" "$1" > "$1.new"
mv "$1.new" "$1"
`;

/** ldns-signzone knows no $INCLUDE: the zone is made flat first. */
const BUILD_LDNS = (folder: string): string => `#!/bin/sh
set -e
cd ${folder}
named-compilezone -q -f text -F text -o flat.zone "$1" "$2"
ldns-signzone -u -f new.zone -o "$1" flat.zone $(cat key)
mv new.zone signed.zone
`;

/** Reads $INCLUDE, signs with the keys of the folder, sets the serial to the time. */
const BUILD_SIGNZONE = (folder: string): string => `#!/bin/sh
set -e
cd ${folder}
dnssec-signzone -Q -S -z -N unixtime -K ${folder} -d ${folder} -o "$1" -f new.zone "$2"
mv new.zone signed.zone
`;

function script(folder: string, name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  chmodSync(file, 0o755);
  return file;
}

async function bind(setting: Setting, zone: string): Promise<Server> {
  const { folder, at, controlPort } = setting;
  const key = join(folder, "rndc.key");
  writeFileSync(key, await must(program("tsig-keygen"), ["-a", "hmac-sha256", "rndc"]), { mode: 0o600 });
  const file = join(folder, "named.conf");
  writeFileSync(
    file,
    `include "${key}";
${SIGNING_POLICY}options { directory "${folder}"; pid-file "named.pid"; session-keyfile "session.key";
  managed-keys-directory "${folder}"; listen-on port ${String(at.port)} { ${at.address}; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; empty-zones-enable no; notify no; };
controls { inet 127.0.0.1 port ${String(controlPort)} allow { 127.0.0.0/8; } keys { rndc; }; };
zone "${ZONE}" { type primary; ${zone} };
`,
  );
  return {
    daemon: { name: "named", command: "named", args: ["-g", "-c", file] },
    check: "named-checkzone {zone} {parent}",
    reload: [`rndc -k ${key} -s 127.0.0.1 -p ${String(controlPort)} reload {zone}`],
  };
}

function knot({ folder, at, parent }: Setting): Server {
  const file = join(folder, "knot.conf");
  mkdirSync(join(folder, "db"));
  writeFileSync(
    file,
    `server:
  rundir: "${folder}"
  listen: [ ${at.address}@${String(at.port)} ]
database:
  storage: "${folder}/db"
policy:
  - id: lab
    algorithm: ecdsap256sha256
    single-type-signing: on
zone:
  - domain: ${ZONE}
    file: "${parent}"
    zonefile-load: difference-no-serial
    zonefile-sync: -1
    journal-content: all
    dnssec-signing: on
    dnssec-policy: lab
`,
  );
  return {
    daemon: { name: "knotd", command: "knotd", args: ["-c", file] },
    check: "named-checkzone {zone} {parent}",
    reload: [`knotc -s ${folder}/knot.sock zone-reload {zone}`],
  };
}

function nsd({ folder, at }: Setting, zoneFile: string): Server {
  const file = join(folder, "nsd.conf");
  writeFileSync(
    file,
    `server:
  ip-address: ${at.address}@${String(at.port)}
  username: ""
  chroot: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
  server-count: 1
  rrl-ratelimit: 0
  xfrd-reload-timeout: 0
remote-control:
  control-enable: yes
  control-interface: ${folder}/nsd.sock
zone:
  name: "${ZONE}"
  zonefile: "${zoneFile}"
`,
  );
  return {
    daemon: { name: "nsd", command: "nsd", args: ["-d", "-c", file] },
    check: "nsd-checkzone {zone} {parent}",
    reload: [`nsd-control -c ${file} reload {zone}`],
  };
}

async function serverOf(kind: StaticKind, setting: Setting): Promise<Server> {
  const { folder, parent } = setting;
  const built = async (server: Server, content: string): Promise<Server> => {
    const build = script(folder, "build-zone", content);
    await must(build, [ZONE, parent]);
    return { ...server, reload: [`${build} {zone} {parent}`, ...server.reload] };
  };
  switch (kind) {
    case "bind":
      return bind(setting, `file "${parent}";`);
    case "bind-inline":
      return bind(setting, `file "${parent}"; key-directory "${folder}"; dnssec-policy "lab"; inline-signing yes;`);
    case "knot":
      return knot(setting);
    case "nsd":
      return nsd(setting, parent);
    case "nsd-ldns": {
      const key = await must(program("ldns-keygen"), ["-a", "ECDSAP256SHA256", "-k", ZONE], { cwd: folder });
      writeFileSync(join(folder, "key"), key);
      return built(nsd(setting, join(folder, "signed.zone")), BUILD_LDNS(folder));
    }
    case "bind-signzone": {
      await must(program("dnssec-keygen"), ["-q", "-K", folder, "-a", "ECDSAP256SHA256", "-f", "KSK", ZONE]);
      return built(await bind(setting, `file "${folder}/signed.zone";`), BUILD_SIGNZONE(folder));
    }
  }
}

/** Starts a name server of that kind over a zone with an empty fragment. */
export async function startStaticZone(kind: StaticKind): Promise<StaticZone> {
  const folder = mkdtempSync(join(tmpdir(), "daneward-lab-"));
  const network: Network = await drawNetwork();
  // named listens on addresses of interfaces only.
  const address = kind.startsWith("bind") ? "127.0.0.1" : network.address(1);
  const at: Place = { address, port: network.dnsPort };
  const parent = join(folder, `${ZONE}.db`);
  const fragment = join(folder, "tlsa.inc");
  writeFileSync(parent, `${PARENT}$INCLUDE ${fragment}\n`);
  writeFileSync(fragment, "");
  const serial = script(folder, "raise-serial", RAISE_SERIAL);
  try {
    const server = await serverOf(kind, { folder, at, controlPort: network.sparePort, parent });
    const daemon: Daemon = await startDaemon({
      ...server.daemon,
      cwd: folder,
      ready: () => answers(at, `mx.${ZONE}`, A),
    });
    const stop = async (): Promise<void> => {
      await daemon.stop();
      rmSync(folder, { recursive: true, force: true });
    };
    const { check, reload } = server;
    return { folder, at, parent, fragment, check, serial: `${serial} {parent}`, reload, output: daemon.output, stop };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
