// The bill of materials: what npm knows of the packages of which something is in the bundles, and of no others.
import { execFileSync } from "node:child_process";
import { bundledPackages } from "./licenses.mjs";

/** CycloneDX, as an object; `date` as 2026-11-23. `folder` holds the bundles with their source maps. */
export function makeSbom(root, folder, date) {
  const names = new Set(bundledPackages(folder));
  const written = execFileSync("npm", ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const sbom = JSON.parse(written);
  const fullName = ({ group, name }) => (group === undefined ? name : `${group}/${name}`);
  // npm calls them development dependencies, as nothing has to be installed beside the bundle; here they are its parts.
  const components = sbom.components
    .filter((component) => names.has(fullName(component)))
    .map((component) => ({
      ...component,
      scope: "required",
      properties: component.properties?.filter(({ name }) => name !== "cdx:npm:package:development"),
    }));
  const missing = [...names].filter((name) => !components.some((component) => fullName(component) === name));
  if (missing.length > 0) throw new Error(`npm sbom does not know ${missing.join(", ")}`);
  const own = sbom.metadata.component["bom-ref"];
  const refs = new Set([own, ...components.map((component) => component["bom-ref"])]);
  const dependencies = sbom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }));
  // Its random number and the time of day would make each build another.
  const { serialNumber: _, metadata, ...rest } = sbom;
  return { ...rest, metadata: { ...metadata, timestamp: `${date}T00:00:00.000Z` }, components, dependencies };
}
