// How fast DNSSEC validation is, as ratios in one run: (a) RRsets a second with warm keys, beside bare `crypto.verify` of
// the same signatures; (b) validated answers a second to questions never asked before, beside Unbound; (c) a whole
// process that validates one TLSA name, beside delv and beside a Node that does nothing. Contenders alternate in small
// turns, so that a slow moment of a shared machine hits all of them; medians. Processor time is shown beside the time of
// the clock: it tells what the work costs when the machine is busy with other things.
// Needs Debian's named, dnssec-keygen, dnssec-signzone, dnssec-dsfromkey, delv and unbound for (b) and (c).
// Usage: npm run bench:validation [-- PARTS [SCALE]], PARTS some of abc, SCALE 1 for the usual number of turns
import { fork, spawnSync } from "node:child_process";
import { generateKeyPairSync, verify } from "node:crypto";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { loadSources, nameOf, processorTime, root, startTree, ZONE } from "./validation-lab.mjs";

const IN_FLIGHT = 64;
const DAY_MS = 86_400_000;
/** Turns that are not counted: for the compiler, and for the keys. */
const WARM_UP = 3;
const parts = process.argv[2] ?? "abc";
const scale = Number(process.argv[3] ?? 1);

const median = (list) => [...list].sort((left, right) => left - right)[Math.floor(list.length / 2)];
const load = () => loadavg()[0].toFixed(1);

function table(title, head, rows) {
  const lines = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...lines.map((row) => row[column].length)));
  console.log(`\n${title}; load ${load()}`);
  for (const row of lines) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
    );
    console.log(`  ${cells.join("  ")}`);
  }
}

/** Time of the clock and of the processor, in microseconds, for this process. */
async function timed(work) {
  const [started, before] = [process.hrtime.bigint(), process.cpuUsage()];
  await work();
  const wall = Number(process.hrtime.bigint() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { wall, cpu: user + system };
}

// (a) ---------------------------------------------------------------------------------------------------------------

const octets = (key, field) => Buffer.from(key.export({ format: "jwk" })[field], "base64url");

/** A key pair; the public half as the last field of a DNSKEY. */
function keyPair(algorithm) {
  if (algorithm === 8) {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const exponent = octets(publicKey, "e");
    return { privateKey, field: Buffer.concat([Buffer.of(exponent.length), exponent, octets(publicKey, "n")]) };
  }
  const { privateKey, publicKey } =
    algorithm === 13 ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
  const field = algorithm === 13 ? ["x", "y"] : ["x"];
  return { privateKey, field: Buffer.concat(field.map((each) => octets(publicKey, each))) };
}

/** So many signed TLSA RRsets of one zone, as the validator and as bare OpenSSL want them. */
function signedSets(ours, algorithm, count, now) {
  const zone = ours.parseName(ZONE).value;
  const { privateKey, field } = keyPair(algorithm);
  const dnskey = ours.encodeDnskey({ flags: 257, protocol: 3, algorithm, publicKey: field });
  const signer = { signer: zone, dnskey, privateKey, inception: now - DAY_MS, expiration: now + DAY_MS };
  const keys = { zone, keys: [ours.zoneKey(dnskey)], announced: [algorithm] };
  const key = keys.keys[0].publicKey();
  const sets = Array.from({ length: count }, (_, index) => {
    const name = ours.parseName(nameOf(index)).value;
    const rdata = Buffer.from(`030101${index.toString(16).padStart(64, "0")}`, "hex");
    const plain = { name, type: 52, class: 1, ttl: 3600, rdatas: [new Uint8Array(rdata)], signatures: [] };
    const rrsig = ours.signRrset(plain, signer);
    const decoded = ours.decodeRrsig(rrsig).value;
    const data = ours.signedData(plain, decoded).value;
    return {
      rrset: { ...plain, signatures: [rrsig] },
      data,
      signature: decoded.signature,
      wire: wireOf(ours, plain, rrsig),
    };
  });
  return { algorithm, keys, key, sets };
}

/** The answer as a resolver would send it. */
function wireOf(ours, { name, type, ttl, rdatas }, rrsig) {
  const record = (of, rdata) => ({ name, type: of, class: 1, ttl, rdata });
  const query = ours.queryMessage({ id: 1, name, type, rd: true, cd: true, dnssecOk: true });
  const answer = [record(type, rdatas[0]), record(46, rrsig)];
  return ours.encodeMessage({ ...query, qr: true, ra: true, answer });
}

async function warmKeys(ours) {
  const now = Date.now();
  const slice = 200;
  const rows = [];
  for (const algorithm of [13, 8, 15]) {
    const { keys, key, sets } = signedSets(ours, algorithm, 1000, now);
    const hash = algorithm === 15 ? null : "sha256";
    // Each RRset as a question of its own, with an account of its own.
    const bench = () => ({ now, policy: ours.DEFAULT_POLICY, work: ours.createWork(ours.DEFAULT_POLICY.limits) });
    const accepted = (rrset) => {
      if (!ours.acceptRrset(rrset, keys, bench()).ok) throw new Error("a good signature was refused");
    };
    const contenders = {
      bare: ({ data, signature }) => {
        if (!verify(hash, data, { key, dsaEncoding: "ieee-p1363" }, signature)) throw new Error("does not verify");
      },
      accept: ({ rrset }) => accepted(rrset),
      wire: ({ wire }) => {
        const message = ours.decodeMessage(wire).value;
        const { name, type } = message.question[0];
        accepted(ours.readAnswer(message.answer, name, type, 11).rrsets[0]);
      },
    };
    const spent = { bare: [], accept: [], wire: [] };
    const turns = Math.round((algorithm === 8 ? 120 : 60) * scale);
    for (let turn = -WARM_UP; turn < turns; turn += 1) {
      const from = ((turn + WARM_UP) * slice) % sets.length;
      for (const [name, work] of Object.entries(contenders)) {
        const { cpu } = await timed(() => sets.slice(from, from + slice).forEach(work));
        if (turn >= 0) spent[name].push(cpu / slice);
      }
    }
    const rate = (name) => `${(1e6 / median(spent[name])).toFixed(0)}/s`;
    const ratio = (name) => (median(spent.bare) / median(spent[name])).toFixed(2);
    rows.push([algorithm, rate("bare"), rate("accept"), ratio("accept"), "0.70", rate("wire"), ratio("wire")]);
  }
  const head = ["algorithm", "crypto.verify", "acceptRrset", "ratio", "goal >=", "from the wire", "ratio"];
  table("(a) RRsets validated with warm keys, a second of processor time", head, rows);
}

// (b) ---------------------------------------------------------------------------------------------------------------

async function inFlight(count, work) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

/** The lightest client there is: queries made beforehand, one socket a worker, the AD bit looked at and nothing else. */
async function plainClient(ours, server, first, count) {
  const queries = Array.from({ length: count }, (_, index) => {
    const name = ours.parseName(nameOf(first + index)).value;
    return ours.encodeMessage(ours.queryMessage({ id: index & 0xffff, name, type: 52, rd: true, dnssecOk: true }));
  });
  let next = 0;
  const ask = (socket, query) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("Unbound does not answer")), 10_000);
      socket.once("message", (reply) => {
        clearTimeout(timer);
        if ((reply[3] & 0x2f) === 0x20 && reply[7] > 0) resolve();
        else reject(new Error(`Unbound did not validate: flags ${reply.toString("hex", 2, 12)}`));
      });
      socket.send(query);
    });
  const worker = async () => {
    const socket = createSocket("udp4");
    await new Promise((resolve) => socket.connect(server.port, server.address, resolve));
    while (next < count) await ask(socket, queries[next++]);
    socket.close();
  };
  return () => Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

function ourClient(ours, server, anchors) {
  const ask = ours.createUpstream({ servers: [{ kind: "plain", ...server }], timeoutMs: 10_000 });
  const resolve = ours.createValidatingResolver({ ask, anchors, clock: () => Date.now() });
  return async (first, count) => {
    const names = Array.from({ length: count }, (_, index) => ours.parseName(nameOf(first + index)).value);
    return () =>
      inFlight(count, async (index) => {
        const answer = await resolve(names[index], 52);
        if (answer.status !== "secure" || answer.rrset === null) throw new Error(JSON.stringify(answer));
      });
  };
}

function readAnchors(ours, file) {
  return ours.parseTrustAnchors(readFileSync(file, "utf8"), { source: file, at: Date.now() }).value;
}

async function uncachedAnswers(ours, tree, hosts) {
  const anchors = readAnchors(ours, tree.anchorFile);
  const { places, pids } = tree;
  const contenders = {
    "ours, asking the authoritative server": { prepare: ourClient(ours, places.authority, anchors) },
    "ours, asking an iterating Unbound": { prepare: ourClient(ours, places.plain, anchors) },
    "Unbound, validating": {
      prepare: (first, count) => plainClient(ours, places.validating, first, count),
      pid: pids.unbound,
    },
  };
  const turns = Math.round(12 * scale);
  const count = Math.floor(hosts / (turns + WARM_UP));
  const results = new Map(Object.keys(contenders).map((name) => [name, []]));
  for (let turn = 0; turn < turns + WARM_UP; turn += 1) {
    for (const [name, { prepare, pid = null }] of Object.entries(contenders)) {
      const work = await prepare(turn * count, count);
      const before = pid === null ? 0 : processorTime(pid);
      const { wall, cpu } = await timed(work);
      const own = pid === null ? cpu : (processorTime(pid) - before) * 1000;
      if (turn >= WARM_UP) results.get(name).push({ rate: (count / wall) * 1e6, cpu: own / count });
    }
  }
  const unbound = results.get("Unbound, validating");
  const rows = [...results].map(([name, list]) => {
    const ratio = median(list.map(({ rate }, turn) => rate / unbound[turn].rate));
    const cpu = median(list.map((each) => each.cpu));
    const cpuRatio = median(unbound.map((each) => each.cpu)) / cpu;
    const goal = name.startsWith("ours, asking the auth") ? "2.0" : "";
    const rate = median(list.map((each) => each.rate));
    return [name, `${rate.toFixed(0)}/s`, ratio.toFixed(2), goal, `${cpu.toFixed(0)} µs`, cpuRatio.toFixed(2)];
  });
  const head = ["contender", "answers", "ratio", "goal >=", "own processor time", "ratio"];
  table(`(b) ${count} uncached TLSA answers a turn, ${IN_FLIGHT} in flight, ${turns} turns`, head, rows);
}

// (c) ---------------------------------------------------------------------------------------------------------------

/** Answers of the server come so many milliseconds late, as from a resolver somewhere else. */
function relay(server, delay) {
  const front = createSocket("udp4");
  front.on("message", (query, from) => {
    const back = createSocket("udp4");
    back.once("message", (reply) => {
      back.close();
      setTimeout(() => front.send(reply, from.port, from.address), delay);
    });
    back.send(query, server.port, server.address);
  });
  front.bind(0, "127.0.0.1", () => process.send(front.address().port));
}

async function startRelay(server, delay) {
  const child = fork(fileURLToPath(import.meta.url), ["--relay", JSON.stringify(server), String(delay)]);
  const port = await new Promise((resolve, reject) => child.once("message", resolve).once("exit", reject));
  return { child, server: { address: "127.0.0.1", port } };
}

async function wholeProcesses(tree) {
  compareProcesses(tree, tree.places.authority, "on this host");
  for (const delay of [10, 20]) {
    const { child, server } = await startRelay(tree.places.authority, delay);
    try {
      compareProcesses(tree, server, `${delay} ms away`);
    } finally {
      child.kill();
    }
  }
}

function compareProcesses(tree, { address, port }, where) {
  const name = nameOf(1);
  const program = path.join(root, "bin/daneward.js");
  const node = process.execPath;
  const resolve = (...more) => [node, program, "resolve", name, "--resolver", `${address}:${port}`, ...more];
  const contenders = [
    { name: "node -e 0", argv: [node, "-e", "0"] },
    {
      name: "delv",
      argv: ["delv", `@${address}`, "-p", String(port), "-a", tree.bindAnchors, name, "TLSA"],
      says: "; fully validated",
    },
    { name: "daneward resolve", argv: resolve("--trust-anchor", tree.anchorFile), says: "secure" },
    { name: "daneward --version", argv: [node, program, "--version"] },
  ];
  const env = { PATH: `${process.env.PATH}:/usr/bin:/usr/sbin`, TZ: "UTC" };
  const results = new Map(contenders.map((each) => [each.name, []]));
  const rounds = Math.round(30 * scale);
  for (let round = -2; round < rounds; round += 1) {
    for (const { name: who, argv, says = "" } of contenders) {
      const before = processorTime(process.pid, { children: true });
      const started = process.hrtime.bigint();
      const { status, stdout, stderr } = spawnSync(argv[0], argv.slice(1), { env, encoding: "utf8" });
      const wall = Number(process.hrtime.bigint() - started) / 1e6;
      if (status !== 0 || !stdout.includes(says)) throw new Error(`${argv.join(" ")}: ${status}\n${stdout}${stderr}`);
      const cpu = processorTime(process.pid, { children: true }) - before;
      if (round >= 0) results.get(who).push({ wall, cpu });
    }
  }
  const mean = (list) => list.reduce((sum, each) => sum + each, 0) / list.length;
  const cpuOf = (who) => mean(results.get(who).map(({ cpu }) => cpu));
  const against = (who, other) =>
    median(results.get(who).map(({ wall }, round) => wall / results.get(other)[round].wall)).toFixed(2);
  const rows = contenders.map(({ name: who }) => [
    who,
    `${median(results.get(who).map(({ wall }) => wall)).toFixed(1)} ms`,
    against(who, "node -e 0"),
    against(who, "delv"),
    `${cpuOf(who).toFixed(1)} ms`,
    (cpuOf(who) / cpuOf("node -e 0")).toFixed(2),
    (cpuOf(who) / cpuOf("delv")).toFixed(2),
  ]);
  const head = ["whole process", "time", "x node", "x delv", "processor", "x node", "x delv"];
  const goals = "goals for resolve: < 1 x delv, <= 2.2 x node";
  table(`(c) one TLSA name, cold, the resolver ${where}, ${rounds} rounds; ${goals}`, head, rows);
}

async function main() {
  const folder = mkdtempSync(path.join(tmpdir(), "daneward-bench-"));
  try {
    const ours = await loadSources(folder);
    if (parts.includes("a")) await warmKeys(ours);
    if (/[bc]/.test(parts)) {
      const hosts = parts.includes("b") ? 20_000 : 100;
      const tree = await startTree(ours, folder, hosts);
      try {
        if (parts.includes("b")) await uncachedAnswers(ours, tree, hosts);
        if (parts.includes("c")) await wholeProcesses(tree);
      } finally {
        await tree.stop();
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[2] === "--relay") relay(JSON.parse(process.argv[3]), Number(process.argv[4]));
else await main();
