// `daneward verify` beside other DANE checkers, on the same live cases in one run: a table of verdict and exit code.
// The tools insist on the usual ports, on /etc/resolv.conf and on the system's root key, so everything happens in a
// network and a mount namespace of its own; it needs root, util-linux and iproute2, BIND and Unbound. Tools that are not
// installed are left out by name; on Debian they are in postfix, gnutls-bin, ldnsutils, hash-slinger and openssl.
// Usage: npm run --silent build && node test/bench/peers.mjs
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("../..", import.meta.url));
// Not in a private temporary folder: named and the tools read it as whoever they are.
const folder = mkdtempSync("/tmp/daneward-peers-");

try {
  const input = fileURLToPath(new URL("../server/peers/main.ts", import.meta.url));
  const build = await rolldown({ cwd: root, input, platform: "node", transform: { target: "node20.19" } });
  const file = path.join(folder, "peers.mjs");
  await build.write({ file, format: "esm", codeSplitting: false });
  await build.close();
  const namespaces = ["--net", "--mount", "--fork", "--kill-child"];
  process.exitCode = await new Promise((resolve, reject) => {
    const child = spawn("unshare", [...namespaces, process.execPath, file, folder], {
      stdio: "inherit",
      env: { ...process.env, DANEWARD_LAUNCHER: path.join(root, "bin/daneward.js") },
    });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
