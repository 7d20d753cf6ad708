// Bundles src/ into dist/: a CommonJS entry for the command line (it starts fastest), an ESM library with its types.
// Whatever is heavy (X.509 libraries, cron, TOML, whole commands) is a file of its own, loaded when first used.
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
const common = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node20.19",
  sourcemap: true,
  sourcesContent: false,
  legalComments: "linked",
  logLevel: "warning",
  define: { __DANEWARD_VERSION__: JSON.stringify(version) },
};

rmSync(path.join(root, "dist"), { recursive: true, force: true });

/** Files that are bundles of their own: each command, and the wrapper of each heavy library. */
const commands = readdirSync(path.join(root, "src/cli/commands")).filter((file) => file.endsWith(".ts"));
const parts = new Map(commands.map((file) => [path.join(root, "src/cli/commands", file), file.replace(/\.ts$/, ".cjs")]));
for (const [source, target] of [
  ["src/cli/program.ts", "program.cjs"],
  ["src/pki/peculiar.ts", "peculiar.cjs"],
  ["src/config/toml.ts", "toml.cjs"],
  ["src/driver/schedule.ts", "schedule.cjs"],
]) {
  parts.set(path.join(root, source), target);
}

/** Leaves an `import()` of such a file as a `require` of its bundle. A static import of one is an error of ours. */
const splitParts = {
  name: "split-parts",
  setup(bundle) {
    bundle.onResolve({ filter: /^\.{1,2}\// }, (request) => {
      const target = parts.get(path.resolve(request.resolveDir, request.path));
      if (target === undefined || request.kind === "entry-point") return undefined;
      if (request.kind !== "dynamic-import") {
        return { errors: [{ text: `${request.path} is heavy: import it with await import()` }] };
      }
      return { path: `./${target}`, external: true };
    });
  },
};

const entries = [["src/cli/main.ts", "daneward.cjs"], ...[...parts].map(([source, target]) => [path.relative(root, source), target])];
for (const [source, target] of entries) {
  await build({
    ...common,
    entryPoints: [source],
    outfile: `dist/${target}`,
    format: "cjs",
    plugins: [splitParts],
    // The library reaches for its companions through import(); in CommonJS output that must stay a require.
    supported: { "dynamic-import": false },
  });
}
await build({ ...common, entryPoints: ["src/index.ts"], outfile: "dist/index.js", format: "esm" });
execFileSync(process.execPath, [path.join(root, "node_modules/typescript/bin/tsc"), "-p", "test/config/tsconfig.types.json"], {
  cwd: root,
  stdio: "inherit",
});
