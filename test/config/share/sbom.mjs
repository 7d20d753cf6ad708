// The bill of materials (CycloneDX 1.5) of what is in the bundles and of no other package: out of the lock file alone, as
// `npm sbom` (which the npm of Debian 13 does not have) would say it.
import { readFileSync } from "node:fs";
import path from "node:path";
import { bundledPlaces, nameOf } from "./licenses.mjs";

const SCHEMA = "http://cyclonedx.org/schema/bom-1.5.schema.json";
const FOLDER = "node_modules/";

/** The entry of the lock file that a package in `from` gets when it asks for `name`: the nearest folder above that has it. */
function resolve(packages, from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf(FOLDER) - 1))) {
    const found = path.posix.join(at, FOLDER, name);
    if (packages[found] !== undefined) return found;
    if (at === "") return null;
  }
}

const purlOf = (name, version) => `pkg:npm/${name.replace("@", "%40")}@${version}`;
const licensesOf = (license) =>
  / (AND|OR|WITH) /.test(license) ? [{ expression: license }] : [{ license: { id: license } }];

function describe(name, { version, license, description }) {
  return {
    "bom-ref": `${name}@${version}`,
    type: "library",
    name,
    version,
    scope: "required",
    ...(description === undefined ? {} : { description }),
    purl: purlOf(name, version),
    licenses: licensesOf(license),
  };
}

/** "sha512-…" in Base64, as lock files have it. */
function hashesOf(integrity) {
  const [algorithm, value] = integrity.split("-", 2);
  return [
    { alg: algorithm.toUpperCase().replace("SHA", "SHA-"), content: Buffer.from(value, "base64").toString("hex") },
  ];
}

/** CycloneDX, as an object; `date` as 2026-11-23. `folder` holds the bundles with their source maps. */
export function makeSbom(root, folder, date) {
  const read = (name) => JSON.parse(readFileSync(path.join(root, name), "utf8"));
  const { packages } = read("package-lock.json");
  const own = read("package.json");
  const places = bundledPlaces(folder);
  const missing = places.filter((place) => packages[place] === undefined);
  if (missing.length > 0) throw new Error(`package-lock.json does not know ${missing.join(", ")}`);
  const refOf = (place) => `${nameOf(place)}@${packages[place].version}`;
  const needs = (place, asked) => {
    const found = asked.map((name) => resolve(packages, place, name)).filter((one) => places.includes(one));
    return [...new Set(found.map(refOf))].sort();
  };
  const components = places.map((place) => ({
    ...describe(nameOf(place), packages[place]),
    hashes: hashesOf(packages[place].integrity),
  }));
  const component = describe(own.name, own);
  return {
    $schema: SCHEMA,
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    // The day of the release and no serial number, so that each build is the same.
    metadata: { timestamp: `${date}T00:00:00.000Z`, lifecycles: [{ phase: "build" }], component },
    components,
    dependencies: [
      { ref: component["bom-ref"], dependsOn: needs("", Object.keys(own.devDependencies)) },
      ...places.map((place) => ({
        ref: refOf(place),
        dependsOn: needs(place, Object.keys(packages[place].dependencies ?? {})),
      })),
    ],
  };
}
