// How long commands take to start, as ratios to bare `node -e 0` in the same run: absolute times drift from machine to
// machine. Contenders alternate, so that a slow moment hits all of them. Usage: npm run bench [-- ROUNDS]
import { spawnSync } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const rounds = Number(process.argv[2] ?? 25);
const scratch = mkdtempSync(path.join(tmpdir(), "daneward-bench-"));
const program = path.join(root, "bin/daneward.js");
const certificate = path.join(root, "fixtures/certs/mx.example.test.pem");
const configuration = path.join(scratch, "daneward.toml");
const state = path.join(scratch, "state");
const key = path.join(scratch, "tsig.key");
const live = path.join(scratch, "live");

mkdirSync(state, { mode: 0o700 });
mkdirSync(live);
writeFileSync(key, 'key "k" { algorithm hmac-sha256; secret "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"; };\n', { mode: 0o600 });
writeFileSync(
  configuration,
  `version = 1\nresolver = "127.0.0.1:9"\n[publish.local]\ntype = "rfc2136"\nserver = "127.0.0.1:9"\nkey_file = ${JSON.stringify(key)}\n` +
    `[certificate.mx]\nsource = ${JSON.stringify(live)}\ndeploy = ${JSON.stringify(path.join(scratch, "deploy"))}\npublish = "local"\nservices = ["mx.example.test:25"]\n`,
);
const global = ["--config", configuration, "--state-dir", state];

const contenders = [
  { name: "node -e 0", goal: null, argv: ["-e", "0"] },
  { name: "--version", goal: 1.4, argv: [program, "--version"] },
  { name: "tlsa cert.pem", goal: 1.5, argv: [program, "tlsa", certificate] },
  {
    name: "hook certbot",
    goal: 1.4,
    argv: [program, "hook", "--state-dir", state, "certbot"],
    env: { RENEWED_LINEAGE: live },
  },
  { name: "tick (idle)", goal: 1.4, argv: [program, "tick", ...global], spool: true },
];

function run(contender) {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, contender.argv, {
    env: { PATH: process.env.PATH, ...contender.env },
  });
  const milliseconds = Number(process.hrtime.bigint() - started) / 1e6;
  return { status, milliseconds, stderr: String(stderr) };
}

// The first tick looks at the certificate and finds nothing to do yet; those after it are idle.
run(contenders.at(-1));
const bare = contenders[0];
const ratios = new Map(contenders.map((contender) => [contender.name, []]));
const times = new Map(contenders.map((contender) => [contender.name, []]));
const codes = new Map();
for (let round = 0; round < rounds + 2; round++) {
  for (const contender of contenders) {
    if (contender.spool) rmSync(path.join(state, "spool"), { recursive: true, force: true });
    // Each beside a bare run of its own: a shared machine changes its speed from one second to the next.
    const before = run(bare).milliseconds;
    const { status, milliseconds } = run(contender);
    codes.set(contender.name, status);
    if (round < 2) continue;
    ratios.get(contender.name).push(milliseconds / before);
    times.get(contender.name).push(milliseconds);
  }
}
rmSync(scratch, { recursive: true, force: true });

const median = (list) => [...list].sort((left, right) => left - right)[Math.floor(list.length / 2)];
console.log(`${rounds} rounds, each command beside a bare node -e 0; medians`);
for (const { name, goal } of contenders) {
  const wanted = goal === null ? "" : `  goal <= ${goal.toFixed(1)}`;
  const time = `${median(times.get(name)).toFixed(1)} ms`.padStart(10);
  console.log(`${name.padEnd(16)} ${time}  x ${median(ratios.get(name)).toFixed(2)}  exit ${codes.get(name)}${wanted}`);
}
