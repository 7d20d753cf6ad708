/**
 * Primaries to make mistakes with: each serves a signed zone that takes updates under the very lines of the README, and
 * what the mistakes need besides (an alias, a delegation, a zone without permission, more keys, a secondary).
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBindSecondary } from "./bind.ts";
import type { Place } from "./bind.ts";
import { drawNetwork } from "./network.ts";
import type { Network } from "./network.ts";
import { startNsdSecondary } from "./nsd.ts";
import { must, startDaemon } from "./process.ts";
import type { Daemon } from "./process.ts";
import { program } from "./programs.ts";
import { SIGNING_POLICY, ZONE } from "./tree.ts";
import { unwind } from "./unwind.ts";
import type { PrimaryKind } from "./update-world.ts";
import { A, DNSKEY, answers } from "./wire.ts";

export const MISTAKE_PROGRAMS: Readonly<Record<PrimaryKind, readonly string[]>> = {
  bind: ["root", "named", "rndc", "nsd"],
  knot: ["root", "knotd", "knotc"],
  powerdns: ["root", "pdns_server", "pdnsutil", "sqlite3"],
};

/** A zone that takes no updates. */
export const CLOSED_ZONE = "closed.test";
/** `daneward` is the README's key; `wide` may write TLSA anywhere; the others are `wide` with another algorithm. */
export const ALGORITHMS = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] as const;
/** What all keys of the lab have as secret; it is no secret. */
export const SECRET = Buffer.alloc(64, "a lab's key").toString("base64");

const KEYS = [
  { name: "daneward", algorithm: "hmac-sha256" },
  { name: "wide", algorithm: "hmac-sha256" },
  ...ALGORITHMS.map((hash) => ({ name: `wide-${hash}`, algorithm: `hmac-${hash}` })),
] as const;
const WIDE = KEYS.filter(({ name }) => name !== "daneward").map(({ name }) => name);

export interface MistakeServer {
  readonly primary: Place;
  /** BIND only: transfers from the primary; NSD. */
  readonly secondaries: readonly Place[];
  /** Stops and starts updates of the zone; PowerDNS has no such thing. */
  readonly freeze: (frozen: boolean) => Promise<void>;
  readonly logs: () => string;
  readonly stop: () => Promise<void>;
}

/** A code block of the README by its language, for the lab's zone in place of the example. */
export function readmeBlock(language: string): string {
  const text = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
  const block = new RegExp("^```" + language.replace(".", "\\.") + "\\n([\\s\\S]*?)^```$", "m").exec(text)?.[1];
  if (block === undefined) throw new Error(`the README has no block ${language}`);
  return block.replaceAll("example.org", ZONE);
}

function zoneText(origin: string, address: string): string {
  return `$ORIGIN ${origin}.
$TTL 60
@ 2 IN SOA ns1 hostmaster 1 3600 600 86400 2
@ IN NS ns1
ns1 IN A ${address}
mx IN A 127.0.0.9
www IN A 127.0.0.9
_25._tcp.alias IN CNAME _dane.mx
sub IN NS ns.sub
ns.sub IN A 127.0.0.9
`;
}

/** What a maker gives back; `stop` comes from the daemons. */
interface Made {
  readonly daemons: readonly Daemon[];
  readonly secondaries: readonly Place[];
  readonly freeze: (frozen: boolean) => Promise<void>;
}

async function makeBind(folder: string, network: Network, at: Place): Promise<Made> {
  for (const zone of [ZONE, CLOSED_ZONE]) writeFileSync(join(folder, `${zone}.db`), zoneText(zone, at.address));
  const control = network.sparePort + 1;
  const keys = KEYS.map(({ name, algorithm }) => `key "${name}." { algorithm ${algorithm}; secret "${SECRET}"; };`);
  const grants = WIDE.concat("wide-128").map((name) => `grant ${name}. zonesub TLSA;`);
  const file = join(folder, "named.conf");
  writeFileSync(
    file,
    `${keys.join("\n")}
key "wide-128." { algorithm hmac-sha256-128; secret "${SECRET}"; };
${SIGNING_POLICY}
options {
  directory "${folder}"; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory "${folder}";
  listen-on port ${String(at.port)} { ${at.address}; }; listen-on-v6 port ${String(at.port)} { ::1; };
  recursion no; dnssec-validation no; notify explicit; notify-delay 0; empty-zones-enable no;
  allow-transfer { 127.0.0.0/8; };
};
controls { inet 127.0.0.1 port ${String(control)} allow { 127.0.0.1; } keys { "wide."; }; };
zone "${ZONE}" {
  type primary; file "${ZONE}.db"; dnssec-policy "lab"; inline-signing no;
  also-notify { 127.0.0.1 port ${String(network.sparePort)}; };
  ${readmeBlock("named.conf").replace("update-policy {", `update-policy { ${grants.join(" ")}`)}
};
zone "${CLOSED_ZONE}" { type primary; file "${CLOSED_ZONE}.db"; dnssec-policy "lab"; inline-signing yes; };
`,
  );
  writeFileSync(
    join(folder, "rndc.conf"),
    `key "wide." { algorithm hmac-sha256; secret "${SECRET}"; };
options { default-key "wide."; default-server 127.0.0.1; default-port ${String(control)}; };\n`,
  );
  const named = await startDaemon({
    name: "named",
    command: "named",
    args: ["-g", "-c", file],
    cwd: folder,
    ready: () => answers(at, ZONE, DNSKEY),
  });
  const secondaries: readonly Place[] = [
    { address: "127.0.0.1", port: network.sparePort },
    { address: network.address(5), port: network.dnsPort },
  ];
  const [second, nsd] = secondaries;
  if (second === undefined || nsd === undefined) throw new Error("no places");
  return {
    daemons: [named, await startBindSecondary(folder, second, at), await startNsdSecondary(folder, nsd, at)],
    secondaries,
    freeze: async (frozen) => {
      await must(program("rndc"), ["-c", join(folder, "rndc.conf"), frozen ? "freeze" : "thaw", ZONE]);
    },
  };
}

async function makeKnot(folder: string, at: Place): Promise<Made> {
  for (const name of ["run", "db", "zones"]) mkdirSync(join(folder, name));
  for (const zone of [ZONE, CLOSED_ZONE]) {
    writeFileSync(join(folder, "zones", `${zone}.zone`), zoneText(zone, at.address));
  }
  const file = join(folder, "knot.conf");
  const keys = KEYS.map(
    ({ name, algorithm }) => `  - id: ${name}.\n    algorithm: ${algorithm}\n    secret: ${SECRET}\n`,
  );
  writeFileSync(
    file,
    `server:
  rundir: "${folder}/run"
  listen: [ ${at.address}@${String(at.port)}, ::1@${String(at.port)} ]
log:
  - target: stderr
    any: info
database:
  storage: "${folder}/db"
key:
${keys.join("")}
${readmeBlock("knot.conf")}
  - id: wide
    key: [ ${WIDE.map((name) => `${name}.`).join(", ")} ]
    action: update
    update-type: [ TLSA ]
policy:
  - id: lab
    algorithm: ecdsap256sha256
    single-type-signing: on
template:
  - id: default
    storage: "${folder}/zones"
    file: "%s.zone"
    zonefile-load: whole
    zonefile-sync: -1
    journal-content: changes
    dnssec-signing: on
    dnssec-policy: lab
zone:
  - domain: ${ZONE}
    acl: [ daneward, wide ]
  - domain: ${CLOSED_ZONE}
`,
  );
  const knotd = await startDaemon({
    name: "knotd",
    command: "knotd",
    args: ["-c", file],
    cwd: folder,
    ready: () => answers(at, ZONE, DNSKEY),
  });
  return {
    daemons: [knotd],
    secondaries: [],
    freeze: async (frozen) => {
      await must(program("knotc"), ["-c", file, "-b", frozen ? "zone-freeze" : "zone-thaw", ZONE]);
    },
  };
}

const SCHEMA = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

async function makePowerDns(folder: string, at: Place): Promise<Made> {
  mkdirSync(join(folder, "run"));
  const policy = join(folder, "policy.lua");
  const wide = WIDE.map((name) => `["${name}."]=true`).join(", ");
  writeFileSync(
    policy,
    `${readmeBlock("lua").replace("function updatepolicy", "local function readme")}
local wide = { ${wide} }
function updatepolicy(input)
  return readme(input) or (wide[input:getTsigName():toString()] == true and input:getQType() == pdns.TLSA)
end
`,
  );
  writeFileSync(
    join(folder, "pdns.conf"),
    `launch=gsqlite3
gsqlite3-database=${folder}/pdns.db
gsqlite3-dnssec=yes
local-address=${at.address}, ::1
local-port=${String(at.port)}
socket-dir=${folder}/run
max-tcp-connections=200
setuid=
setgid=
${readmeBlock("pdns.conf").replace("/etc/powerdns/daneward.lua", policy)}`,
  );
  await must(program("sqlite3"), [join(folder, "pdns.db")], { input: readFileSync(SCHEMA, "utf8") });
  const util = (...args: readonly string[]): Promise<string> =>
    must(program("pdnsutil"), [`--config-dir=${folder}`, ...args]);
  for (const zone of [ZONE, CLOSED_ZONE]) {
    writeFileSync(join(folder, `${zone}.db`), zoneText(zone, at.address));
    await util("load-zone", zone, join(folder, `${zone}.db`));
    await util("secure-zone", zone);
  }
  for (const line of readmeBlock("pdnsutil").trim().split("\n")) {
    await util(...line.replace("SECRET", SECRET).split(" "));
  }
  for (const { name, algorithm } of KEYS.slice(1)) await util("import-tsig-key", name, algorithm, SECRET);
  await util("set-meta", ZONE, "TSIG-ALLOW-DNSUPDATE", ...KEYS.map(({ name }) => name));
  const pdns = await startDaemon({
    name: "pdns_server",
    command: "pdns_server",
    args: [`--config-dir=${folder}`, "--daemon=no", "--guardian=no", "--write-pid=no"],
    cwd: folder,
    ready: () => answers(at, ZONE, DNSKEY),
  });
  return { daemons: [pdns], secondaries: [], freeze: () => Promise.resolve() };
}

/** Starts the primary of that make, and for BIND a BIND and an NSD secondary. */
export async function startMistakeServer(kind: PrimaryKind): Promise<MistakeServer> {
  const folder = mkdtempSync(join(tmpdir(), "daneward-lab-"));
  const undo: (() => Promise<void>)[] = [
    () => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  ];
  try {
    const network = await drawNetwork();
    const primary: Place = { address: "127.0.0.1", port: network.dnsPort };
    const make = { bind: () => makeBind(folder, network, primary), knot: () => makeKnot(folder, primary) };
    const made = await (kind === "powerdns" ? makePowerDns(folder, primary) : make[kind]());
    undo.push(...made.daemons.map((daemon) => daemon.stop));
    for (const secondary of made.secondaries) {
      if (!(await answers(secondary, `ns1.${ZONE}`, A))) throw new Error(`${secondary.address} does not answer`);
    }
    const logs = (): string =>
      made.daemons.map((one) => `--- ${one.name}\n${one.output().split("\n").slice(-60).join("\n")}`).join("\n");
    return { primary, secondaries: made.secondaries, freeze: made.freeze, logs, stop: () => unwind(undo) };
  } catch (error) {
    await unwind(undo);
    throw error;
  }
}
