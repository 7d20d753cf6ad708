/** The name servers of the DNSSEC laboratory: BIND with files signed beforehand, Knot and PowerDNS that sign themselves. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./bind.ts";
import type { ZoneSpec } from "./dnssec-zones.ts";
import { must, startDaemon } from "./process.ts";
import type { Daemon } from "./process.ts";
import { program } from "./programs.ts";
import { DNSKEY, ask, answers } from "./wire.ts";

const POWERDNS_SCHEMA = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

export interface ServedZone {
  readonly zone: string;
  readonly file: string;
}

/** Serves files as they are, broken ones too. */
export async function startNamed(folder: string, at: Place, zones: readonly ServedZone[]): Promise<Daemon> {
  const home = join(folder, "named");
  mkdirSync(home, { recursive: true });
  const file = join(home, "named.conf");
  writeFileSync(
    file,
    `options {
  directory "${home}"; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory "${home}";
  listen-on port ${String(at.port)} { ${at.address}; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; empty-zones-enable no; minimal-responses no; notify no; check-names primary ignore;
};
controls { };
${zones.map((served) => `zone "${served.zone}" { type primary; file "${served.file}"; };\n`).join("")}`,
  );
  return startDaemon({
    name: "named",
    command: "named",
    args: ["-g", "-n", "1", "-c", file],
    cwd: home,
    ready: () => answers(at, ".", DNSKEY),
  });
}

/** Serves files as they are, and answers where BIND gives up for want of a record. */
export async function startNsd(folder: string, at: Place, zones: readonly ServedZone[]): Promise<Daemon> {
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
remote-control:
  control-enable: no
${zones.map((served) => `zone:\n  name: "${served.zone}"\n  zonefile: "${served.file}"\n`).join("")}`,
  );
  return startDaemon({
    name: "nsd",
    command: "nsd",
    args: ["-d", "-c", file],
    cwd: home,
    ready: () => everyZoneSigned(at, zones),
  });
}

/** A server that signs by itself. */
export interface SigningServer {
  /** Makes keys and gives the DS record. */
  readonly makeKeys: (spec: ZoneSpec) => Promise<readonly string[]>;
  /** `files` by zone. */
  readonly start: (files: ReadonlyMap<string, string>) => Promise<Daemon>;
}

async function everyZoneSigned(at: Place, zones: readonly { readonly zone: string }[]): Promise<boolean> {
  const ready = await Promise.all(zones.map((spec) => answers(at, spec.zone, DNSKEY)));
  return !ready.includes(false);
}

function sha256Of(said: string, zone: string): readonly string[] {
  const found = said.split("\n").filter((line) => / DS \d+ \d+ 2 /.test(line));
  if (found.length === 0) throw new Error(`no SHA-256 DS for ${zone}:\n${said}`);
  return found.map((line) =>
    line
      .replace(/;.*$/, "")
      .replace(/\s+(IN\s+)?DS /, " IN DS ")
      .trim(),
  );
}

export function configureKnotSigner(folder: string, at: Place, zones: readonly ZoneSpec[]): SigningServer {
  const home = join(folder, "knot");
  for (const name of ["run", "db", "zones"]) mkdirSync(join(home, name), { recursive: true });
  const file = join(home, "knot.conf");
  const policies = zones.map(({ zone, keys, signing }) => {
    const lines = [`algorithm: ${keys[0]?.[0] ?? ""}`, "single-type-signing: on", "nsec3-opt-out: off", ...signing];
    return `  - id: ${zone}\n${lines.map((line) => `    ${line}\n`).join("")}`;
  });
  writeFileSync(
    file,
    `server:
  rundir: "${home}/run"
  listen: [ ${at.address}@${String(at.port)} ]
  background-workers: 1
  udp-workers: 1
  tcp-workers: 1
log:
  - target: stderr
    any: info
database:
  storage: "${home}/db"
policy:
${policies.join("")}
zone:
${zones
  .map(
    ({ zone }) => `  - domain: ${zone}
    storage: "${home}/zones"
    file: "%s.zone"
    zonefile-load: whole
    zonefile-sync: -1
    journal-content: changes
    dnssec-signing: on
    dnssec-policy: ${zone}
`,
  )
  .join("")}`,
  );
  const keymgr = (...args: readonly string[]): Promise<string> => must(program("keymgr"), ["-c", file, ...args]);
  return {
    makeKeys: async ({ zone, keys }) => {
      await keymgr(zone, "generate", `algorithm=${(keys[0]?.[0] ?? "").toUpperCase()}`, "ksk=yes", "zsk=yes");
      return sha256Of(await keymgr(zone, "ds"), zone);
    },
    start: (files) => {
      // "%s" is the name without its final dot, which leaves nothing of the root's.
      for (const [zone, from] of files) copyFileSync(from, join(home, "zones", `${zone.replace(/^\.$/, "")}.zone`));
      return startDaemon({
        name: "knotd",
        command: "knotd",
        args: ["-c", file],
        cwd: home,
        ready: () => everyZoneSigned(at, zones),
      });
    },
  };
}

export async function configurePowerDnsSigner(
  folder: string,
  at: Place,
  zones: readonly ZoneSpec[],
): Promise<SigningServer> {
  const home = join(folder, "pdns");
  mkdirSync(join(home, "run"), { recursive: true });
  writeFileSync(
    join(home, "pdns.conf"),
    `launch=gsqlite3
gsqlite3-database=${home}/pdns.db
gsqlite3-dnssec=yes
gsqlite3-pragma-synchronous=0
dname-processing=yes
local-address=${at.address}
local-port=${String(at.port)}
socket-dir=${home}/run
setuid=
setgid=
`,
  );
  await must(program("sqlite3"), [join(home, "pdns.db")], { input: readFileSync(POWERDNS_SCHEMA, "utf8") });
  const util = (...args: readonly string[]): Promise<string> =>
    must(program("pdnsutil"), [`--config-dir=${home}`, ...args]);
  return {
    makeKeys: async ({ zone, signing }) => {
      await util("create-zone", zone);
      await util("secure-zone", zone);
      if (signing.length > 0) await util("set-nsec3", zone, ...signing);
      return sha256Of(await util("export-zone-ds", zone), zone);
    },
    start: async (files) => {
      for (const [zone, from] of files) await util("load-zone", zone, from);
      for (const zone of files.keys()) await util("rectify-zone", zone);
      return startDaemon({
        name: "pdns_server",
        command: "pdns_server",
        args: [`--config-dir=${home}`, "--daemon=no", "--guardian=no", "--write-pid=no"],
        cwd: home,
        ready: () => everyZoneSigned(at, zones),
      });
    },
  };
}

export interface ValidatingResolverOptions {
  readonly folder: string;
  readonly at: Place;
  /** DS of the root, in zone-file form. */
  readonly anchorFile: string;
  /** Where each zone is served: with a port of our own a referral cannot tell. */
  readonly zones: ReadonlyMap<string, Place>;
}

/** Unbound, the resolver that everybody asks; with CD=0 it is an oracle as well. */
export async function startRecursive({ folder, at, anchorFile, zones }: ValidatingResolverOptions): Promise<Daemon> {
  const home = join(folder, "unbound");
  mkdirSync(home, { recursive: true });
  const file = join(home, "unbound.conf");
  const stubs = [...zones].map(
    ([zone, server]) => `stub-zone:\n  name: "${zone}"\n  stub-addr: ${server.address}@${String(server.port)}\n`,
  );
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
  module-config: "validator iterator"
  trust-anchor-file: "${anchorFile}"
  aggressive-nsec: no
  val-log-level: 2
remote-control:
  control-enable: no
${stubs.join("")}`,
  );
  return startDaemon({
    name: "unbound",
    command: "unbound",
    args: ["-d", "-c", file],
    cwd: home,
    ready: async () => {
      try {
        return (await ask(at, ".", DNSKEY, { timeoutMs: 1_000 })).authenticated;
      } catch {
        return false;
      }
    },
  });
}
