// What many certificates cost: a tick with nothing due over 100 000 of them, and a tick with 1 000 due, each as a ratio to
// bare `node -e 0` in the same run, in processor time: a shared machine changes its speed. The resolver says SERVFAIL at once, so that what is measured is the program and not
// the network. Usage: node test/bench/state.mjs [CERTIFICATES [DUE [ROUNDS]]]
import { spawn } from "node:child_process";
import dgram from "node:dgram";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const certificates = Number(process.argv[2] ?? 100_000);
const due = Number(process.argv[3] ?? 1_000);
const rounds = Number(process.argv[4] ?? 7);
const program = path.join(root, "bin/daneward.js");
const scratch = mkdtempSync(path.join(tmpdir(), "daneward-bench-"));
const memoryFile = path.join(scratch, "memory");
const hook = path.join(scratch, "memory.cjs");
writeFileSync(
  hook,
  `process.on("exit", () => require("node:fs").writeFileSync(${JSON.stringify(memoryFile)}, JSON.stringify(process.resourceUsage())));`,
);

/** Answers every question with SERVFAIL. */
async function startResolver() {
  const socket = dgram.createSocket("udp4");
  socket.on("message", (query, { address, port }) => {
    const reply = Buffer.from(query);
    reply[2] |= 0x80;
    reply[3] = 2;
    socket.send(reply, port, address);
  });
  await new Promise((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return socket;
}

function stampOf(file) {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(".");
}

/** A configuration, its sources, and the due-index of a program that has looked at all of them. */
function generate(name, count, resolverPort) {
  const folder = path.join(scratch, name);
  const state = path.join(folder, "state");
  mkdirSync(path.join(state, "certificates"), { recursive: true, mode: 0o700 });
  mkdirSync(path.join(state, "spool"), { mode: 0o700 });
  const configuration = path.join(folder, "daneward.toml");
  const key = path.join(folder, "tsig.key");
  writeFileSync(key, 'key "k" { algorithm hmac-sha256; secret "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"; };\n', {
    mode: 0o600,
  });
  const lines = [
    `version = 1\nresolver = "127.0.0.1:${resolverPort}"\n[dnssec]\ntrust = "ad"\n[publish.local]\ntype = "rfc2136"\nserver = "127.0.0.1:9"\nkey_file = ${JSON.stringify(key)}`,
  ];
  const entries = [];
  for (let at = 0; at < count; at++) {
    const live = path.join(folder, "live", String(Math.floor(at / 1000)));
    if (at % 1000 === 0) mkdirSync(live, { recursive: true });
    const [cert, privateKey] = ["pem", "key"].map((ending) => path.join(live, `${at}.${ending}`));
    writeFileSync(cert, "");
    const source = `{ cert = ${JSON.stringify(cert)}, key = ${JSON.stringify(privateKey)} }`;
    lines.push(
      `[certificate.c${at}]\nsource = ${source}\ndeploy = ${JSON.stringify(path.join(folder, "deploy", `c${at}`))}\npublish = "local"\nservices = ["c${at}.example.test:25"]\nreload = ["/bin/true"]`,
    );
    entries.push({ certificate: `c${at}`, wakeAt: null, paths: [cert], stamp: stampOf(cert) });
  }
  writeFileSync(configuration, `${lines.join("\n")}\n`);
  return { state, configuration, key, entries };
}

/** The first `dueCount` are due, the others in a year. */
function writeIndex({ state, configuration, entries }, dueCount) {
  const [past, future] = [-3_600_000, 31_536_000_000].map((shift) => Date.now() + shift);
  const paths = watchedBy(configuration);
  const index = {
    version: 2,
    configuration: paths.map(stampOrNone).join(" "),
    configurationPaths: paths,
    entries: entries.map((entry, at) => ({ ...entry, wakeAt: at < dueCount ? past : future })),
  };
  writeFileSync(path.join(state, "due.json"), `${JSON.stringify(index)}\n`, { mode: 0o600 });
}

const watchedBy = (configuration) => watched.get(configuration) ?? [configuration];
const watched = new Map();

function stampOrNone(file) {
  try {
    return stampOf(file);
  } catch (error) {
    return error.code;
  }
}

function run(argv) {
  return new Promise((resolve) => {
    rmSync(memoryFile, { force: true });
    const started = process.hrtime.bigint();
    const child = spawn(process.execPath, ["--require", hook, ...argv], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (text) => {
      if (said.length < 2000) said += String(text);
    });
    child.on("close", (status) => {
      const wall = Number(process.hrtime.bigint() - started) / 1e6;
      const { maxRSS, userCPUTime, systemCPUTime } = JSON.parse(readFileSync(memoryFile, "utf8"));
      resolve({ status, wall, milliseconds: (userCPUTime + systemCPUTime) / 1000, megabytes: maxRSS / 1024, said });
    });
  });
}

const median = (list) => [...list].sort((left, right) => left - right)[Math.floor(list.length / 2)];

async function measure(name, prepare, argv, wanted, times = rounds) {
  const results = [];
  for (let round = 0; round < times + 1; round++) {
    const bare = await run(["-e", "0"]);
    await prepare();
    const result = await run(argv);
    if (wanted !== null && result.status !== wanted) throw new Error(`${name}: exit ${result.status}\n${result.said}`);
    if (round > 0) results.push({ ...result, ratio: result.milliseconds / bare.milliseconds, bare: bare.milliseconds });
  }
  const [wall, milliseconds, ratio, megabytes, bare] = ["wall", "milliseconds", "ratio", "megabytes", "bare"].map(
    (key) => median(results.map((result) => result[key])),
  );
  console.log(
    `${name.padEnd(44)} ${wall.toFixed(0).padStart(6)} ms  ${milliseconds.toFixed(0).padStart(6)} ms  x ${ratio.toFixed(2).padStart(6)}  ${megabytes.toFixed(0).padStart(4)} MB`,
  );
  return { milliseconds, ratio, megabytes, bare, results };
}

const resolver = await startResolver();
try {
  const large = generate("large", certificates, resolver.address().port);
  const small = generate("small", due, resolver.address().port);
  const tick = ({ state, configuration }) => [program, "tick", "--config", configuration, "--state-dir", state];
  // The program itself says which files its configuration was made of.
  for (const some of [large, small]) {
    const said = await run([...tick(some), "--quiet", "c0"]);
    const index = JSON.parse(readFileSync(path.join(some.state, "due.json"), "utf8"));
    if (index.entries.length !== some.entries.length) throw new Error(said.said);
    watched.set(some.configuration, index.configurationPaths);
    rmSync(path.join(some.state, "alarms.json"), { force: true });
  }
  const files = path.join(scratch, "files.json");
  writeFileSync(files, JSON.stringify(large.entries.map(({ paths }) => paths[0])));
  const loop = `for (const f of files) fs.statSync(f, { bigint: true })`;
  const statAll = `const fs = require("fs"); const files = JSON.parse(fs.readFileSync(${JSON.stringify(files)})); const from = process.cpuUsage(); ${loop}; const { user, system } = process.cpuUsage(from); console.error((user + system) / 1000)`;
  const quiet = () => undefined;
  console.log(`medians of ${rounds} rounds: time, processor time and its ratio to node -e 0 beside it, memory`);
  await measure("node -e 0", quiet, ["-e", "0"], 0);
  writeIndex(large, 0);
  // Side by side: what the sources alone cost is no fault of ours, and changes with the moment.
  const loops = [];
  const prepare = async () => loops.push(Number((await run(["-e", statAll])).said));
  const idle = await measure(`tick, none of ${certificates} due`, prepare, tick(large), 0);
  console.log(`  of it the stat of the sources in bare node: ${median(loops).toFixed(0)} ms`);
  const own = median(idle.results.map(({ milliseconds, bare }, at) => (milliseconds - loops[at + 1]) / bare));
  console.log(`  without it: x ${own.toFixed(2)}   goal <= 1.6`);
  const some = Math.min(3, rounds);
  const alone = await measure(`tick, ${due} of ${due} due`, () => writeIndex(small, due), tick(small), 1, some);
  const among = await measure(
    `tick, ${due} of ${certificates} due`,
    () => writeIndex(large, due),
    tick(large),
    1,
    some,
  );
  const one = await measure(`tick, 1 of ${certificates} due`, () => writeIndex(large, 1), tick(large), null, some);
  console.log(`  each certificate due: ${((alone.milliseconds - alone.bare) / due).toFixed(2)} ms`);
  const rest = (among.milliseconds - alone.milliseconds) / (certificates - due);
  console.log(`  each certificate not due, in a tick with ${due} due: ${(rest * 1000).toFixed(0)} µs`);
  console.log(
    `  state of ${readdirSync(path.join(large.state, "certificates")).length} certificates saved; 1 due costs x ${one.ratio.toFixed(2)}`,
  );
} finally {
  resolver.close();
  rmSync(scratch, { recursive: true, force: true });
}
