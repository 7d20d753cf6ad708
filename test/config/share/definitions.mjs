// What the bundler fills in.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";

/** The version, and what tells one build from another also of one version: what each has derived need not suit the other. */
export function definitions(root) {
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const sources = readdirSync(path.join(root, "src"), { recursive: true }).filter((file) => file.endsWith(".ts"));
  const contents = sources.sort().map((file) => readFileSync(path.join(root, "src", file), "utf8"));
  const build = createHash("sha256").update(contents.join("\0")).digest("hex").slice(0, 16);
  return { __DANEWARD_VERSION__: JSON.stringify(version), __DANEWARD_BUILD__: JSON.stringify(build) };
}
