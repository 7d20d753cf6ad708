// Makes what is handed out beside the npm package, out of the bundles that are in dist/:
//   node test/config/package.mjs [single] [sbom] [deb] [--into FOLDER]      (all of them, into dist/package)
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildDebianPackage } from "./share/debian-package.mjs";
import { definitions } from "./share/definitions.mjs";
import { releaseDate } from "./share/make-share.mjs";
import { makeSbom } from "./share/sbom.mjs";
import { writeSingleFile } from "./share/single-file.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = path.join(root, "dist");
const { values, positionals } = parseArgs({ allowPositionals: true, options: { into: { type: "string" } } });
const hasDpkg = spawnSync("dpkg-deb", ["--version"], { stdio: "ignore" }).status === 0;
if (!hasDpkg && (positionals.length === 0 || positionals.includes("deb"))) {
  console.error("the Debian package cannot be made: dpkg-deb is not installed");
  if (positionals.includes("deb")) process.exit(1);
}
const everything = hasDpkg ? ["single", "sbom", "deb"] : ["single", "sbom"];
const wanted = positionals.length === 0 ? everything : positionals;
const folder = path.resolve(values.into ?? path.join(dist, "package"));
const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
mkdirSync(folder, { recursive: true });
const made = (name) => {
  console.log(path.join(folder, name));
  return path.join(folder, name);
};

if (wanted.includes("single")) {
  await writeSingleFile(root, made("daneward.mjs"), definitions(root));
}
const date = releaseDate(root, version);
const sbom = wanted.some((one) => one !== "single") ? makeSbom(root, dist, date) : null;
if (wanted.includes("sbom")) writeFileSync(made("sbom.cdx.json"), `${JSON.stringify(sbom, null, 2)}\n`);
if (wanted.includes("deb")) {
  const facts = { version: `${version}-1`, date, sbom };
  buildDebianPackage(root, dist, made(`daneward_${version}-1_all.deb`), facts);
}
