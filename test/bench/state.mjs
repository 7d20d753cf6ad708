// What many certificates cost: a tick with nothing due over 100 000 of them, and ticks with some due, each as a ratio to
// bare `node -e 0` in the same run, in processor time: a shared machine changes its speed. The resolver says SERVFAIL at
// once, so that what is measured is the program and not the network.
// Usage: node test/bench/state.mjs [CERTIFICATES [DUE [ROUNDS]]]
import { spawn } from "node:child_process";
import dgram from "node:dgram";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const certificates = Number(process.argv[2] ?? 100_000);
const due = Number(process.argv[3] ?? 1_000);
const rounds = Number(process.argv[4] ?? 7);
const program = process.env.DANEWARD_PROGRAM ?? path.join(root, "bin/daneward.js");
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

/** A configuration and its sources. */
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
    entries.push({ file: cert, stamp: stampOf(cert) });
  }
  writeFileSync(configuration, `${lines.join("\n")}\n`);
  return { state, configuration, key, entries };
}

// As src/store/due-index.ts has them.
const HEADER = 64;
const EARLIEST = 48;
const ENTRY = 24;
const TURN = 24;

function checksum(words, from, length) {
  let sum = 0x9e3779b9;
  for (let at = from; at < from + length; at++) {
    sum = Math.imul(sum ^ words[at], 0x85ebca6b);
    sum ^= sum >>> 15;
  }
  return sum >>> 0;
}

function hash(text, seed) {
  let sum = seed;
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return sum >>> 0;
}

function changeIndex(state, change) {
  const file = path.join(state, "due.index");
  const octets = Uint8Array.from(readFileSync(file));
  change({ octets, words: new Uint32Array(octets.buffer), times: new Float64Array(octets.buffer) });
  writeFileSync(file, octets);
}

/** Has the index say that all were looked at, the last tick was a minute ago, and the first `dueCount` are due. */
function writeIndex({ state, entries }, dueCount) {
  changeIndex(state, ({ octets, words, times }) => {
    if (octets.length !== HEADER + entries.length * ENTRY) throw new Error("another format");
    entries.forEach(({ stamp }, position) => {
      const at = (HEADER + position * ENTRY) / 4;
      times[at / 2] = Date.now() + (position < dueCount ? -3_600_000 : 31_536_000_000);
      words.set([hash(stamp, 0x811c9dc5), hash(stamp, 0x2a5f13c7), position], at + 2);
      words[at + 5] = checksum(words, at, 5);
    });
  });
  changeIndex(state, ({ words, times }) => {
    times[EARLIEST / 8] = times[HEADER / 8];
    words[EARLIEST / 4 + 2] = checksum(words, EARLIEST / 4, 2);
  });
  passAMinute({ state });
}

/** Where the turn of the sources is stays; that it was a minute ago is new. */
function passAMinute({ state }) {
  changeIndex(state, ({ words, times }) => {
    times[TURN / 8] = Date.now() - 60_000;
    words[TURN / 4 + 3] = checksum(words, TURN / 4, 3);
  });
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
  for (const some of [large, small]) {
    const said = await run([...tick(some), "--quiet", "c0"]);
    if (said.status === 78) throw new Error(said.said);
    rmSync(path.join(some.state, "alarms.json"), { force: true });
  }
  const quiet = () => undefined;
  console.log(`medians of ${rounds} rounds: time, processor time and its ratio to node -e 0 beside it, most memory`);
  await measure("node -e 0", quiet, ["-e", "0"], 0);
  writeIndex(small, 0);
  await measure(`tick, none of ${due} due`, quiet, tick(small), 0);
  writeIndex(large, 0);
  // Side by side: what the sources alone cost is no fault of ours, and changes with the moment.
  const turn = Math.max(Math.min(certificates, 1_000), Math.ceil(certificates / 60));
  const files = path.join(scratch, "files.json");
  writeFileSync(files, JSON.stringify(large.entries.slice(0, turn).map(({ file }) => file)));
  const loop = `for (const f of files) fs.statSync(f, { bigint: true, throwIfNoEntry: false })`;
  const statTurn = `const fs = require("fs"); const files = JSON.parse(fs.readFileSync(${JSON.stringify(files)})); const from = process.cpuUsage(); ${loop}; const { user, system } = process.cpuUsage(from); console.error((user + system) / 1000)`;
  const loops = [];
  const prepare = async () => {
    passAMinute(large);
    loops.push(Number((await run(["-e", statTurn])).said));
  };
  const idle = await measure(`tick, none of ${certificates} due, a minute later`, prepare, tick(large), 0);
  const own = median(idle.results.map(({ milliseconds, bare }, at) => (milliseconds - loops[at + 1]) / bare));
  console.log(`  stat of ${turn} sources, whose turn it is, in bare node: ${median(loops).toFixed(0)} ms`);
  console.log(`  without it: x ${own.toFixed(2)}   goal <= 1.6`);
  const some = Math.min(3, rounds);
  const one = (from) =>
    measure(`tick, 1 of ${from.entries.length} due`, () => writeIndex(from, 1), tick(from), null, some);
  const [oneSmall, oneLarge] = [await one(small), await one(large)];
  const many = (from, count) =>
    measure(`tick, ${count} of ${from.entries.length} due`, () => writeIndex(from, count), tick(from), 1, some);
  const [alone, among] = [await many(small, due), await many(large, due)];
  const tenfold = certificates >= due * 10 ? await many(large, due * 10) : null;
  const each = (part, whole, count) => ((whole.milliseconds - part.milliseconds) / count).toFixed(2);
  console.log(
    `  each certificate due: ${each(oneSmall, alone, due - 1)} ms, among ${certificates}: ${each(oneLarge, among, due - 1)} ms`,
  );
  if (tenfold !== null) console.log(`  each of ten times as many: ${each(among, tenfold, due * 9)} ms`);
  const touch = () => appendFileSync(large.configuration, "# changed\n");
  await measure(`tick, the configuration of ${certificates} changed`, touch, tick(large), null, 1);
  console.log(`  state of ${readdirSync(path.join(large.state, "certificates")).length} certificates saved`);
} finally {
  resolver.close();
  rmSync(scratch, { recursive: true, force: true });
}
