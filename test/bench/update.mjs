// 1 000 TLSA additions to one signed BIND zone: one by one over one TCP connection, and in batches, beside nsupdate (and
// knsupdate where it is installed). Ratios in one run: contenders alternate, each with owner names of its own; times are
// those of the work without starting our process, and of the whole process for nsupdate, whose start is measured apart
// and taken off. The sender alone is measured (as nsupdate does no more), and the whole publisher, which also reads
// before and after.
// Usage: npm run --silent build && node test/bench/update.mjs [RECORDS] [ROUNDS]
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "rolldown";

const records = Number(process.argv[2] ?? 1_000);
const rounds = Number(process.argv[3] ?? 5);
const port = 20_000 + (process.pid % 10_000);
const ZONE = "bench.test";
const SECRET = Buffer.alloc(32, "benchmark").toString("base64");
const find = (program) =>
  ["/usr/bin", "/usr/sbin"].map((folder) => `${folder}/${program}`).find((file) => existsSync(file));
const median = (list) => [...list].sort((left, right) => left - right)[Math.floor(list.length / 2)];
const folder = mkdtempSync(path.join(tmpdir(), "daneward-bench-"));

const named = startNamed();
try {
  await main();
} finally {
  named.kill("SIGTERM");
  await new Promise((resolve) => named.once("exit", resolve));
  rmSync(folder, { recursive: true, force: true });
}

function startNamed() {
  const zone = `$TTL 60\n@ IN SOA ns1 host 1 3600 600 86400 60\n@ IN NS ns1\nns1 IN A 127.0.0.1\n`;
  writeFileSync(path.join(folder, "zone.db"), zone);
  const key = `key "bench." { algorithm hmac-sha256; secret "${SECRET}"; };\n`;
  writeFileSync(path.join(folder, "bench.key"), key);
  writeFileSync(
    path.join(folder, "named.conf"),
    `${key}options { directory "${folder}"; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory "${folder}";
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; notify no; empty-zones-enable no; };
controls { };
dnssec-policy "bench" { keys { csk lifetime unlimited algorithm ecdsap256sha256; }; };
zone "${ZONE}" { type primary; file "zone.db"; dnssec-policy bench; inline-signing no; update-policy { grant bench. zonesub TLSA; }; };\n`,
  );
  return spawn(find("named"), ["-g", "-c", path.join(folder, "named.conf")], { stdio: "ignore" });
}

/** The publisher as it is in the sources, bundled for this run. */
async function load() {
  const entry = path.join(folder, "entry.ts");
  const source = (file) => JSON.stringify(new URL(`../../src/${file}`, import.meta.url).pathname);
  writeFileSync(
    entry,
    `export { createRfc2136Publisher } from ${source("publisher/rfc2136.ts")};
export { openUpdateChannel } from ${source("publisher/update-channel.ts")};
export { addRecord } from ${source("dns/update.ts")};
export { encodeTlsa } from ${source("dns/rdata.ts")};
export { Secret } from ${source("base/secret.ts")};\n`,
  );
  mkdirSync(path.join(folder, "out"));
  const file = path.join(folder, "out", "entry.mjs");
  await build({ input: entry, platform: "node", output: { file, format: "esm" }, logLevel: "silent" });
  return import(pathToFileURL(file).href);
}

async function main() {
  const ours = await load();
  const key = { name: "bench.", algorithm: "hmac-sha256", secret: new ours.Secret(Buffer.from(SECRET, "base64")) };
  const clock = () => Date.now();
  const tlsa = (number) => {
    const data = new Uint8Array(32);
    new DataView(data.buffer).setUint32(0, number);
    return { usage: 3, selector: 1, matchingType: 1, data };
  };
  const owners = (who, round) => Array.from({ length: records }, (_, at) => `_25._tcp.${who}-${round}-${at}.${ZONE}.`);
  const hex = (number) => Buffer.from(tlsa(number).data).toString("hex");
  const channel = () => ours.openUpdateChannel({ address: "127.0.0.1", port }, { key, clock, timeoutMs: 10_000 });
  const addition = (owner, at) => ours.addRecord(owner, 52, 300, ours.encodeTlsa(tlsa(at)));
  const send = (sender, batch, from) =>
    sender.send(
      { prerequisites: [], updates: batch.map((owner, at) => addition(owner, from + at)) },
      { zone: `${ZONE}.`, owner: batch[0] },
      "tcp",
    );
  const inBatches = (size) => async (names) => {
    const sender = channel();
    for (let at = 0; at < names.length; at += size) await send(sender, names.slice(at, at + size), at);
  };
  const publisher = () => ours.createRfc2136Publisher({ servers: [{ host: "127.0.0.1", port }], key, clock });
  const changeOf = (owner, at) => {
    return { owner, zone: `${ZONE}.`, ttl: 300, add: [tlsa(at)], remove: [], expected: null };
  };
  const script = (names, size) => {
    const lines = [`server 127.0.0.1 ${port}`, `zone ${ZONE}`];
    names.forEach((owner, at) => {
      lines.push(`update add ${owner} 300 TLSA 3 1 1 ${hex(at)}`);
      if ((at + 1) % size === 0 || at === names.length - 1) lines.push("send");
    });
    return `${lines.join("\n")}\n`;
  };
  const program = (name, args, size) => (names) => {
    execFileSync(find(name), args, { input: script(names, size), stdio: ["pipe", "ignore", "inherit"] });
  };
  const bindKey = ["-k", path.join(folder, "bench.key")];
  const knotKey = ["-y", `hmac-sha256:bench.:${SECRET}`];
  const contenders = [
    ["nsupdate, UDP, one by one", program("nsupdate", bindKey, 1)],
    ["nsupdate, TCP, one by one", program("nsupdate", ["-v", ...bindKey], 1)],
    ["nsupdate, TCP, one message of 500", program("nsupdate", ["-v", ...bindKey], 500)],
    ["nsupdate, TCP, messages of 100", program("nsupdate", ["-v", ...bindKey], 100)],
    ["nsupdate, TCP, messages of 50", program("nsupdate", ["-v", ...bindKey], 50)],
    ...(find("knsupdate") === undefined
      ? []
      : [
          ["knsupdate, TCP, one by one", program("knsupdate", ["-v", ...knotKey], 1)],
          ["knsupdate, TCP, messages of 100", program("knsupdate", ["-v", ...knotKey], 100)],
        ]),
    ["daneward's sender, one by one", inBatches(1)],
    ["daneward's sender, messages of 50", inBatches(50)],
    ["daneward's sender, messages of 100", inBatches(100)],
    [
      "daneward's publisher, one by one, read before and after",
      async (names) => {
        const one = publisher();
        for (const [at, owner] of names.entries()) await one.apply(changeOf(owner, at));
      },
    ],
    [
      "daneward's publisher, all at once, read before and after",
      async (names) => {
        const settled = await publisher().applyAll(names.map(changeOf));
        const failed = settled.filter((one) => !one.ok);
        if (failed.length > 0) throw failed[0].fault;
      },
    ],
  ];
  await untilReady(send, channel);
  const times = contenders.map(() => []);
  const starts = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    execFileSync(find("nsupdate"), ["-v", ...bindKey], { input: `server 127.0.0.1 ${port}\n` });
    starts.push(performance.now() - began);
    for (const [at, [, work]] of contenders.entries()) {
      const names = owners(`c${at}`, round);
      const start = performance.now();
      await work(names);
      times[at].push(performance.now() - start);
    }
  }
  const start = median(starts);
  const results = contenders.map(([what], at) => {
    const whole = median(times[at]);
    return { what, ms: /^k?nsupdate/.test(what) ? whole - start : whole };
  });
  const of = (what) => results.find((one) => one.what === what).ms;
  const single = of("nsupdate, TCP, one by one");
  console.log(
    `${records} additions, medians of ${rounds} rounds, nsupdate without its start of ${start.toFixed(0)} ms`,
  );
  for (const { what, ms } of results) {
    const rate = `${((records / ms) * 1000).toFixed(0)}/s`;
    console.log(
      `${what.padEnd(58)} ${ms.toFixed(0).padStart(7)} ms ${rate.padStart(8)}  ${(single / ms).toFixed(2)} x`,
    );
  }
  const best = Math.min(...results.filter(({ what }) => /^nsupdate.*message/.test(what)).map(({ ms }) => ms));
  const fastest = Math.min(single, of("nsupdate, UDP, one by one"));
  const ratio = (goal, value) => `${value.toFixed(2)} x (goal ${goal})`;
  console.log(
    `one by one, to the faster of nsupdate's: ${ratio("1.0", fastest / of("daneward's sender, one by one"))}`,
  );
  const ourBatch = Math.min(of("daneward's sender, messages of 50"), of("daneward's sender, messages of 100"));
  console.log(
    `batched, to nsupdate's one message of 500: ${ratio("1.6", of("nsupdate, TCP, one message of 500") / ourBatch)}`,
  );
  console.log(`batched, to nsupdate's best batch: ${(best / ourBatch).toFixed(2)} x`);
}

/** The zone answers, is signed, and takes updates. */
async function untilReady(send, channel) {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      await send(channel(), [`_25._tcp.ready.${ZONE}.`], 0);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
