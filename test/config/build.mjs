// Bundles src/ into dist/: the command line as CommonJS (it starts fastest), the library as ESM with its types. Every
// import() in the sources becomes a file of its own, loaded when first used; what several need is shared between them,
// so that an error thrown by one file is the same class in another.
import { execFileSync } from "node:child_process";
import { readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { definitions } from "./share/definitions.mjs";
import { makeShare } from "./share/make-share.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
const define = definitions(root);
// Built aside and moved into place, so that a build never leaves a half-written program behind.
const dist = path.join(root, `dist.${process.pid}`);

async function bundle(input, output) {
  const bundled = await rolldown({
    cwd: root,
    input,
    platform: "node",
    transform: { target: "node20.19", define },
    onLog: (level, log) => {
      throw new Error(`${level}: ${log.message}`);
    },
  });
  await bundled.write({
    dir: dist,
    sourcemap: true,
    minify: { compress: true, mangle: false, codegen: true },
    ...output,
  });
  await bundled.close();
}

// What a tick with nothing to do needs beside the base.
const IDLE = [
  /src\/store\/(atomic-file|fresh-name|due-index|catalogue|checksum|spool)/,
  /src\/driver\/(due|identity|alarms)\./,
];

// What a validated lookup needs, without the parsers of trust anchors.
const LOOKUP = [
  /src\/dnssec\/(?!anchor)/,
  /src\/resolver\/(open|upstream|validating|trusted-stub)\.ts/,
  /src\/transport\/(dns-|udp-pool|settle|stopwatch|resolver-channel|framing|extended)/,
  /src\/cli\/(resolver-flag|time-flags|demo\/style)/,
];

await bundle(
  { daneward: "src/cli/main.ts" },
  {
    format: "cjs",
    entryFileNames: "[name].cjs",
    chunkFileNames: "chunks/[name]-[hash].cjs",
    // Each file costs about as much to open as ten kilobytes to read: what nearly everything needs is one file.
    codeSplitting: {
      groups: [
        { name: "base", test: /src\/(base|cli\/(exit|quick|verbs|file-options|location))/ },
        { name: "idle", test: (file) => IDLE.some((pattern) => pattern.test(file)) },
        { name: "dns", test: /src\/dns\/(?!tsig|update)/ },
        { name: "records", test: /src\/(dns|tlsa|pki)\/(?!peculiar)/ },
        { name: "lookup", test: (file) => LOOKUP.some((pattern) => pattern.test(file)) },
      ],
    },
  },
);
await bundle({ index: "src/index.ts" }, { format: "esm" });
const tsc = path.join(root, "node_modules/typescript/bin/tsc");
const types = path.join(dist, "types");
execFileSync(process.execPath, [tsc, "-p", "test/config/tsconfig.types.json", "--outDir", types], {
  cwd: root,
  stdio: "inherit",
});
await makeShare(root, dist, version);
rmSync(path.join(root, "dist"), { recursive: true, force: true });
renameSync(dist, path.join(root, "dist"));
