// What the benchmark of the validator needs: the sources as modules, and a signed tree of three zones with many TLSA
// records on loopback: one BIND that has authority over all of it and sets RA (so that we may ask it as a resolver), one
// Unbound that validates, one that only iterates.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const ZONE = "bench.test";
const ZONES = [".", "test", ZONE];

const MODULES = {
  acceptance: "src/dnssec/acceptance.ts",
  algorithms: "src/dnssec/algorithms.ts",
  anchors: "src/dnssec/anchors.ts",
  keys: "src/dnssec/keys.ts",
  policy: "src/dnssec/policy.ts",
  signature: "src/dnssec/signature.ts",
  work: "src/dnssec/work.ts",
  answer: "src/dnssec/answer.ts",
  message: "src/dns/message.ts",
  name: "src/dns/name.ts",
  rdata: "src/dns/rdata.ts",
  upstream: "src/resolver/upstream.ts",
  validating: "src/resolver/validating.ts",
  process: "test/server/lab/process.ts",
  network: "test/server/lab/network.ts",
  wire: "test/server/lab/wire.ts",
};

/** The sources as modules, all exports in one object. */
export async function loadSources(folder) {
  const { rolldown } = await import("rolldown");
  const build = await rolldown({
    cwd: root,
    platform: "node",
    input: MODULES,
    // The laboratory's own test runner is not wanted here.
    external: ["vitest"],
    treeshake: { moduleSideEffects: false },
  });
  const dir = path.join(folder, "built");
  await build.write({ dir, format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "[name]-[hash].mjs" });
  await build.close();
  const loaded = await Promise.all(
    Object.keys(MODULES).map((name) => import(pathToFileURL(path.join(dir, `${name}.mjs`)))),
  );
  return Object.assign({}, ...loaded);
}

export const nameOf = (index) => `_25._tcp.h${index}.${ZONE}.`;

function zoneText(zone, hosts, below) {
  const lines = [`$ORIGIN ${zone === "." ? "" : zone}.`, "$TTL 3600"];
  lines.push("@ IN SOA ns hostmaster 1 3600 600 86400 300", "@ IN NS ns", "ns IN A 127.0.0.1", ...below);
  for (let index = 0; index < hosts; index += 1) {
    lines.push(`_25._tcp.h${index} IN TLSA 3 1 1 ${index.toString(16).padStart(64, "0")}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Signs the zones from the bottom up with ECDSA; gives their files and the DS of the root. */
async function signZones(ours, folder, hosts) {
  const files = new Map();
  let below = [];
  for (const zone of [...ZONES].reverse()) {
    const name = zone === "." ? "root" : zone;
    const file = path.join(folder, `${name}.db`);
    writeFileSync(file, zoneText(zone, zone === ZONE ? hosts : 0, below));
    const tool = (command, ...args) => ours.must(command, args, { cwd: folder, timeoutMs: 300_000 });
    const key = (await tool("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone)).trim();
    await tool("dnssec-signzone", "-S", "-P", "-q", "-z", "-O", "full", "-o", zone, "-f", `${file}.signed`, file);
    const ds = (await tool("dnssec-dsfromkey", "-a", "SHA-256", key)).trim();
    files.set(zone, `${file}.signed`);
    below = [ds, `${zone}. IN NS ns.${zone}.`, `ns.${zone}. IN A 127.0.0.1`];
  }
  return { files, ds: below[0] };
}

function startNamed(ours, home, at, files) {
  const file = path.join(home, "named.conf");
  const zones = [...files].map(([zone, text]) => `zone "${zone}" { type primary; file "${text}"; };\n`);
  writeFileSync(
    file,
    `options {
  directory "${home}"; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory "${home}";
  listen-on port ${at.port} { ${at.address}; }; listen-on-v6 { none; };
  recursion yes; allow-recursion { 127.0.0.0/8; }; dnssec-validation no; empty-zones-enable no; minimal-responses yes;
  notify no; check-names primary ignore;
};
controls { };
logging { category default { null; }; };
${zones.join("")}`,
  );
  const ready = async () => {
    const asked = await Promise.allSettled(ZONES.map((zone) => ours.ask(at, zone, ours.DNSKEY, { timeoutMs: 1_000 })));
    return asked.every(({ value }) => value?.answers.length > 0);
  };
  return ours.startDaemon({ name: "named", command: "named", args: ["-f", "-n", "1", "-c", file], cwd: home, ready });
}

function startUnbound(ours, home, at, authority, { validating }) {
  mkdirSync(home);
  const file = path.join(home, "unbound.conf");
  const stubs = ZONES.map(
    (zone) => `stub-zone:\n  name: "${zone}"\n  stub-addr: ${authority.address}@${authority.port}\n`,
  );
  writeFileSync(
    file,
    `server:
  interface: ${at.address}@${at.port}
  username: ""
  chroot: ""
  directory: "${home}"
  pidfile: "${home}/unbound.pid"
  use-syslog: no
  logfile: ""
  verbosity: 0
  do-daemonize: no
  num-threads: 1
  outgoing-range: 1024
  num-queries-per-thread: 512
  so-reuseport: no
  do-ip6: no
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  local-zone: "test." nodefault
  module-config: "${validating ? "validator iterator" : "iterator"}"
  trust-anchor-file: "${home}/../root.anchor"
remote-control:
  control-enable: no
${stubs.join("")}`,
  );
  const ready = async () => {
    try {
      const reply = await ours.ask(at, `ns.${ZONE}`, ours.A, { timeoutMs: 1_000 });
      return reply.answers.length > 0 && reply.authenticated === validating;
    } catch {
      return false;
    }
  };
  return ours.startDaemon({ name: "unbound", command: "unbound", args: ["-d", "-c", file], cwd: home, ready });
}

/** Starts the tree with `hosts` names; `stop` ends it. */
export async function startTree(ours, folder, hosts) {
  const { dnsPort, address } = await ours.drawNetwork();
  const place = (host) => ({ address: address(host), port: dnsPort });
  const { files, ds } = await signZones(ours, folder, hosts);
  const anchorFile = path.join(folder, "root.anchor");
  writeFileSync(anchorFile, `${ds}\n`);
  const [, tag, digest] = /DS (\d+) 13 2 (.*)$/.exec(ds);
  const bindAnchors = path.join(folder, "bind.anchors");
  writeFileSync(bindAnchors, `trust-anchors { . static-ds ${tag} 13 2 "${digest}"; };\n`);
  const daemons = [];
  // BIND listens only on addresses that an interface has.
  const places = { authority: { ...place(1), address: "127.0.0.1" }, validating: place(2), plain: place(3) };
  const home = (name) => path.join(folder, name);
  const stop = async () => {
    await Promise.all(daemons.map((daemon) => daemon.stop()));
  };
  try {
    const named = await startNamed(ours, folder, places.authority, files);
    daemons.push(named);
    const unbound = await startUnbound(ours, home("unbound"), places.validating, places.authority, {
      validating: true,
    });
    daemons.push(unbound);
    const plain = await startUnbound(ours, home("plain"), places.plain, places.authority, { validating: false });
    daemons.push(plain);
    return {
      places,
      pids: { named: named.pid, unbound: unbound.pid, plain: plain.pid },
      anchorFile,
      bindAnchors,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Processor time that a process has taken so far, its children that ended included where asked, in milliseconds. */
export function processorTime(pid, { children = false } = {}) {
  // The name of the program may hold spaces; it ends with the last parenthesis. Linux counts in hundredths of a second.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ")
    .map(Number);
  const [own, ended] = [fields[11] + fields[12], fields[13] + fields[14]];
  return (children ? ended : own) * 10;
}
