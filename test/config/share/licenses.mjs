// What of other authors is bundled, as the source maps of a build name it, and under which terms.
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";

/** Names of the packages that modules come from, sorted. `modules` are paths, as a source map has them. */
export function packagesOf(modules) {
  const names = modules.flatMap((file) => /^.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
  return [...new Set(names)].sort();
}

/** Names of the packages of which something is in a folder of bundles. */
export function bundledPackages(folder) {
  const maps = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".map"));
  return packagesOf(maps.flatMap((file) => JSON.parse(readFileSync(path.join(folder, file), "utf8")).sources));
}

/** Name, version and the whole text of the license of each. */
export function licensesOf(root, names) {
  return names.map((name) => {
    const folder = path.join(root, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((one) => /^(licen[cs]e|copying)/i.test(one));
    if (file === undefined) throw new Error(`${name} comes without the text of its license`);
    return { name, version, license, text: readFileSync(path.join(folder, file), "utf8").trim() };
  });
}
