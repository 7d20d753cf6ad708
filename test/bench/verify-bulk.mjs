// Handshakes per second of a bulk verification, as a ratio to a bare `tls.connect` loop with one shared context at the
// same concurrency, in the same run and against the same local server (a process of its own). Contenders alternate.
// Then the whole program over 10 000 targets with a DNS server on loopback: rate and memory; and what it costs to ask each
// server for every kind of certificate, where it has one kind and where it has two.
// Usage: npm run --silent build && node test/bench/verify-bulk.mjs [TARGETS [ROUNDS]]
import { execFileSync, fork, spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect, createSecureContext, createServer } from "node:tls";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const self = fileURLToPath(import.meta.url);
const DOMAIN = "bench.example";
// Spread over 127/8: many connections to one address and port run out of local ports.
const addressOf = (index) => `127.0.${1 + (index % 8)}.${1 + (index % 250)}`;

const median = (list) => [...list].sort((left, right) => left - right)[Math.floor(list.length / 2)];

if (process.argv[2] === "--server") serve(process.argv[3]);
else await main(Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 5));

/** TLS and DNS for any number of hosts; says on which ports. */
function serve(folder) {
  const cert = readFileSync(path.join(folder, "cert.pem"));
  const key = readFileSync(path.join(folder, "key.pem"));
  const start = (options) => {
    const server = createServer(options, (socket) => {
      socket.on("error", () => socket.destroy());
      socket.on("end", () => socket.end());
      socket.resume();
    });
    return server.on("tlsClientError", () => undefined);
  };
  const server = start({ cert, key });
  const pem = (file) => readFileSync(path.join(folder, file));
  const second = existsSync(path.join(folder, "rsa-cert.pem")) ? ["rsa-cert.pem", "rsa-key.pem"].map(pem) : [];
  const dual = start({ cert: [cert, ...second.slice(0, 1)], key: [key, ...second.slice(1)] });
  const spki = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
  const tlsa = Buffer.concat([Buffer.from([3, 1, 1]), createHash("sha256").update(spki).digest()]);
  const dns = createSocket("udp4");
  dns.on("message", (query, from) => dns.send(answer(query, tlsa), from.port, from.address));
  dns.bind(0, "127.0.0.1", () =>
    server.listen(0, "0.0.0.0", 1024, () => {
      dual.listen(0, "0.0.0.0", 1024, () => {
        const ports = { tls: server.address().port, dual: dual.address().port, dns: dns.address().port };
        process.send({ ...ports, tlsa: tlsa.toString("hex") });
      });
    }),
  );
}

/** A secure answer of a resolver: `hN` has one address and one TLSA record, and no AAAA. */
function answer(query, tlsa) {
  let end = 12;
  const labels = [];
  while (query[end] !== 0) {
    labels.push(query.toString("latin1", end + 1, end + 1 + query[end]));
    end += 1 + query[end];
  }
  const type = query.readUInt16BE(end + 1);
  const index = Number(labels.find((label) => /^h\d+$/i.test(label))?.slice(1) ?? 0);
  // Names that begin with n have no address: they cost no handshake.
  const hasAddress = labels[0].startsWith("h");
  const rdata =
    type === 1 && hasAddress ? Buffer.from(addressOf(index).split(".").map(Number)) : type === 52 ? tlsa : null;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x81a0, 2);
  header.writeUInt16BE(rdata === null ? 0 : 1, 6);
  header.writeUInt16BE(0, 8);
  header.writeUInt16BE(0, 10);
  const question = query.subarray(12, end + 5);
  if (rdata === null) return Buffer.concat([header, question]);
  const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 14, 16, 0, rdata.length]);
  return Buffer.concat([header, question, record, rdata]);
}

async function main(targets, rounds) {
  const folder = mkdtempSync(path.join(tmpdir(), "daneward-bench-"));
  const request = (kind, prefix) => {
    const files = ["-keyout", `${prefix}key.pem`, "-out", `${prefix}cert.pem`];
    const argv = `req -x509 -newkey ${kind} -nodes -days 30 -subj /CN=${DOMAIN}`.split(" ");
    execFileSync("openssl", [...argv, ...files], { cwd: folder, stdio: "ignore" });
  };
  request("ec -pkeyopt ec_paramgen_curve:P-256", "");
  request("rsa:2048", "rsa-");
  const server = fork(self, ["--server", folder]);
  try {
    const ports = await new Promise((resolve, reject) => {
      server.once("message", resolve);
      server.once("exit", reject);
    });
    await compare(folder, ports, rounds);
    await wholeProgram(folder, ports, targets);
    await kinds(folder, ports, Math.floor(targets / 20), rounds);
    await bounded(folder, ports, targets);
  } finally {
    server.kill();
    rmSync(folder, { recursive: true });
  }
}

async function compare(folder, ports, rounds) {
  const ours = await buildVerifier(folder);
  // Small turns, so that a slow moment of a shared machine hits both.
  const [count, turns] = [500, 4 * rounds];
  for (const concurrency of [16, 64]) {
    const bare = [];
    const own = [];
    for (let turn = 0; turn <= turns; turn += 1) {
      bare.push(await measured(count, () => bareLoop(count, concurrency, ports)));
      own.push(await measured(count, () => verifyAll(ours, count, concurrency, ports)));
      // The first turn is for the compiler.
      if (turn === 0) [bare.length, own.length] = [0, 0];
    }
    const ratio = (key, over, under) => median(over.map((each, turn) => each[key] / under[turn][key])).toFixed(2);
    const rate = (list) => median(list.map((each) => each.rate)).toFixed(0);
    console.log(
      `${concurrency} in flight: tls.connect ${rate(bare)}/s, verified ${rate(own)}/s, ratio ${ratio("rate", own, bare)}  goal >= 0.90` +
        `; processor time a handshake x ${ratio("cpu", own, bare)}`,
    );
  }
}

/** Handshakes a second, and processor time of this process alone, in microseconds for each. */
async function measured(count, work) {
  const [started, before] = [process.hrtime.bigint(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { rate: count / (Number(process.hrtime.bigint() - started) / 1e9), cpu: (user + system) / count };
}

async function inFlight(count, concurrency, work) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/** What any client must do: TCP, a handshake, and goodbye. */
function bareLoop(count, concurrency, { tls }) {
  const secureContext = createSecureContext({ ca: [], minVersion: "TLSv1.2" });
  return inFlight(
    count,
    concurrency,
    (index) =>
      new Promise((resolve, reject) => {
        const servername = `h${index}.${DOMAIN}`;
        const socket = connect({
          host: addressOf(index),
          port: tls,
          servername,
          secureContext,
          rejectUnauthorized: false,
        });
        socket.once("error", reject);
        socket.once("secureConnect", () => {
          socket.end();
          socket.resume();
          resolve();
        });
      }),
  );
}

/** The sources as modules, without what is not under test. */
async function buildVerifier(folder) {
  const { rolldown } = await import("rolldown");
  const build = await rolldown({
    cwd: root,
    platform: "node",
    input: {
      verify: "src/verifier/verify.ts",
      target: "src/verifier/target.ts",
      rdata: "src/dns/rdata.ts",
      result: "src/report/verify-result.ts",
    },
  });
  const dir = path.join(folder, "built");
  await build.write({ dir, format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "[name]-[hash].mjs" });
  await build.close();
  const load = (name) => import(pathToFileURL(path.join(dir, `${name}.mjs`)));
  return { ...(await load("verify")), ...(await load("target")), ...(await load("rdata")), ...(await load("result")) };
}

/** The verifier as the program uses it, with a resolver that answers at once; the results are rendered, not printed. */
async function verifyAll(ours, count, concurrency, { tls, tlsa }) {
  const answers = {
    1: (name) => [ours.encodeA(addressOf(Number(/h(\d+)/.exec(name)[1])))],
    28: () => [],
    52: () => [Buffer.from(tlsa, "hex")],
  };
  const resolve = (name, type) => {
    const rdatas = answers[type](name);
    const rrset = rdatas.length === 0 ? null : { name, type, class: 1, ttl: 60, rdatas, signatures: [] };
    const base = { status: "secure", name, type, rcode: 0, aliases: [], finalName: name, rrset, negativeTtl: null };
    return Promise.resolve(base);
  };
  const verify = ours.createVerifier({
    resolve,
    at: Date.now(),
    timeoutMs: 10_000,
    deadlineMs: 60_000,
    concurrency,
    addresses: [],
    profile: null,
    eeNames: false,
    everyKind: false,
    aheadDays: null,
    loadTrustStore: () => [],
  });
  await inFlight(count, concurrency, async (line) => {
    const target = `h${line}.${DOMAIN}:${tls}`;
    const report = await verify(ours.parseTarget(target).value);
    ours.renderResultJson({ line, target, report });
    if (report.exit !== 0) throw new Error(`${target}: ${report.hosts[0].addresses[0]?.reason}`);
  });
}

/** Ten times the targets in the same small heap, which anything kept for each of them would fill. */
async function bounded(folder, ports, targets) {
  for (const count of [targets, 10 * targets]) {
    const list = path.join(folder, "names.txt");
    writeFileSync(list, Array.from({ length: count }, (_, index) => `n${index}.${DOMAIN}:${ports.tls}\n`).join(""));
    const resolver = ["--resolver", `127.0.0.1:${ports.dns}`, "--trust", "ad"];
    const argv = ["--max-old-space-size=24", path.join(root, "bin/daneward.js"), "verify", "--targets", list, "--json"];
    const child = spawn(process.execPath, [...argv, ...resolver], { stdio: ["ignore", "ignore", "inherit"] });
    const code = await new Promise((resolve) => child.once("exit", resolve));
    console.log(
      `${count} targets without an address, old space of 24 MiB: exit ${code} (3: nothing to look at, as it should be)`,
    );
  }
}

/** One handshake an address beside one for every kind of certificate, as the program does it unless told otherwise. */
async function kinds(folder, ports, targets, rounds) {
  for (const [what, port] of [
    ["one kind", ports.tls],
    ["two kinds", ports.dual],
  ]) {
    const list = path.join(folder, "kinds.txt");
    writeFileSync(list, Array.from({ length: targets }, (_, index) => `h${index}.${DOMAIN}:${port}\n`).join(""));
    const argv = [path.join(root, "bin/daneward.js"), "verify", "--targets", list, "--json"];
    const resolver = ["--resolver", `127.0.0.1:${ports.dns}`, "--trust", "ad"];
    const timed = async (more) => {
      const started = process.hrtime.bigint();
      const child = spawn(process.execPath, [...argv, ...resolver, ...more], { stdio: "ignore" });
      await new Promise((resolve) => child.once("exit", resolve));
      return Number(process.hrtime.bigint() - started) / 1e9;
    };
    const [one, every] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      one.push(await timed(["--one-certificate"]));
      every.push(await timed([]));
    }
    const ratio = median(every.map((time, round) => time / one[round])).toFixed(2);
    const rate = (times) => (targets / median(times)).toFixed(0);
    console.log(
      `${targets} servers with ${what} of certificate: --one-certificate ${rate(one)}/s, every kind ${rate(every)}/s, time x ${ratio}`,
    );
  }
}

/** `verify --targets - --json` from outside: lines written as they are read, lines read as they come. */
async function wholeProgram(folder, ports, targets) {
  for (const count of [Math.floor(targets / 10), targets]) {
    const list = path.join(folder, "targets.txt");
    writeFileSync(list, Array.from({ length: count }, (_, index) => `h${index}.${DOMAIN}:${ports.tls}\n`).join(""));
    const resolver = ["--resolver", `127.0.0.1:${ports.dns}`, "--trust", "ad"];
    const argv = [
      path.join(root, "bin/daneward.js"),
      "verify",
      "--targets",
      list,
      "--json",
      "--one-certificate",
      "--concurrency",
      "64",
      ...resolver,
    ];
    const started = process.hrtime.bigint();
    const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
    let [lines, peak] = [0, 0];
    child.stdout.on("data", (chunk) => {
      for (const octet of chunk) if (octet === 10) lines += 1;
    });
    const sampler = setInterval(() => {
      const [, resident = "0"] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
      peak = Math.max(peak, Number(resident));
    }, 50);
    const code = await new Promise((resolve) => child.once("exit", resolve));
    clearInterval(sampler);
    const rate = count / (Number(process.hrtime.bigint() - started) / 1e9);
    const memory = `peak ${(peak / 1024).toFixed(0)} MiB`;
    console.log(
      `whole program, ${count} targets, 64 in flight: ${rate.toFixed(0)}/s, ${memory}, ${lines} results, exit ${code}`,
    );
  }
}
