// What of other authors is bundled, as the source maps of a build name it, and under which terms.
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";

/** The name of the package in a folder such as `node_modules/a/node_modules/@b/c`. */
export const nameOf = (place) => place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);

/** Folders of the packages that modules come from, sorted by name. `modules` are paths, as a source map has them. */
function placesOf(modules) {
  const found = modules.flatMap(
    (file) => /node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file) ?? [],
  );
  const order = (one, other) => (nameOf(one) < nameOf(other) ? -1 : nameOf(one) > nameOf(other) ? 1 : 0);
  return [...new Set(found)].sort().sort(order);
}

/** Folders below the root (`node_modules/…`) of the packages of which something is in a folder of bundles. */
export function bundledPlaces(folder) {
  const maps = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".map"));
  return placesOf(maps.flatMap((file) => JSON.parse(readFileSync(path.join(folder, file), "utf8")).sources));
}

/** Name, version and the whole text of the license of each. */
export function licensesAt(root, places) {
  return places.map((place) => {
    const folder = path.join(root, place);
    const { name, version, license } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((one) => /^(licen[cs]e|copying)/i.test(one));
    if (file === undefined) throw new Error(`${name} comes without the text of its license`);
    return { name, version, license, text: readFileSync(path.join(folder, file), "utf8").trim() };
  });
}
