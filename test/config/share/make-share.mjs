// What is installed beside the program: src/share as it is, and what is made of the command tree and of the schema of
// the configuration (manual pages, completions).
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { commandPage, programPage } from "./command-pages.mjs";
import { readCommandTree } from "./command-tree.mjs";
import { bashCompletion, fishCompletion, zshCompletion } from "./completions.mjs";
import { configurationPage } from "./configuration-page.mjs";
import { bundledPlaces, licensesAt } from "./licenses.mjs";

const SUMMARY = "keep DANE true: TLSA records, staged rollovers, live verification";

/** Day of a release, from its heading in the change log. */
export function releaseDate(root, version) {
  const log = readFileSync(path.join(root, "CHANGELOG.md"), "utf8");
  const found = log.split("\n").find((line) => line.startsWith(`## [${version}] - `));
  if (found === undefined) throw new Error(`CHANGELOG.md has no entry "## [${version}] - DATE"`);
  return found.slice(-"2026-01-01".length);
}

function bundledNotice(root, dist) {
  const parts = licensesAt(root, bundledPlaces(dist)).map(
    ({ name, version, license, text }) => `${name} ${version} (${license})\n\n${text}\n`,
  );
  const head = "daneward contains code of these packages, under their terms.\n";
  return [head, ...parts].join(`\n${"-".repeat(78)}\n\n`);
}

/** Fills `dist`/share; the bundles must be in `dist` already. */
export async function makeShare(root, dist, version) {
  const share = path.join(dist, "share");
  const own = path.join(root, "src/share/debian");
  const filter = (file) => file !== own && !file.endsWith(".test.yml");
  cpSync(path.join(root, "src/share"), share, { recursive: true, filter });
  const put = (name, text) => {
    mkdirSync(path.dirname(path.join(share, name)), { recursive: true });
    writeFileSync(path.join(share, name), text);
  };
  const tree = await readCommandTree(root);
  const facts = { date: releaseDate(root, version), summary: SUMMARY };
  put("man/daneward.8", programPage(tree, facts));
  put("man/daneward-verify.1", commandPage(tree, "verify", facts));
  put("man/daneward.toml.5", configurationPage(root, facts));
  put("completions/daneward.bash", bashCompletion(tree));
  put("completions/_daneward", zshCompletion(tree));
  put("completions/daneward.fish", fishCompletion(tree));
  put("THIRD-PARTY.txt", bundledNotice(root, dist));
}
