// The whole program as one file that needs nothing beside it but Node.
import { chmodSync } from "node:fs";
import { rolldown } from "rolldown";

/** Writes `file`; `define` as for the other bundles. */
export async function writeSingleFile(root, file, define) {
  const bundle = await rolldown({
    cwd: root,
    input: "src/cli/main.ts",
    platform: "node",
    transform: { target: "node20.19", define },
    onLog: (level, log) => {
      throw new Error(`${level}: ${log.message}`);
    },
  });
  await bundle.write({
    file,
    format: "esm",
    codeSplitting: false,
    banner: "#!/usr/bin/env node",
    minify: { compress: true, mangle: false, codegen: true },
  });
  await bundle.close();
  chmodSync(file, 0o755);
}
