/**
 * The architecture as a test: which folder may import which, who may touch the outside, and which single file wraps
 * each library. A new arrow is a decision, made here first.
 */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../src");

/** Folder -> folders it may import (itself and `base` always). */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  dns: [],
  pki: [],
  tlsa: ["dns"],
  dnssec: ["dns"],
  rollover: ["dns", "tlsa"],
  report: ["dns", "dnssec", "tlsa", "rollover", "verifier", "resolver"],
  transport: ["dns"],
  resolver: ["dns", "dnssec", "transport"],
  verifier: ["dns", "pki", "tlsa", "resolver", "transport"],
  publisher: ["dns", "tlsa", "transport", "resolver"],
  store: ["dns", "tlsa", "rollover"],
  config: ["dns", "tlsa", "dnssec", "rollover", "publisher"],
  driver: [
    "dns",
    "pki",
    "tlsa",
    "dnssec",
    "rollover",
    "transport",
    "resolver",
    "verifier",
    "publisher",
    "store",
    "config",
  ],
  sandbox: ["dns", "dnssec", "pki", "tlsa", "transport"],
};

/** Imports across folders that may be of types alone: no code of that folder is loaded. */
const TYPES_ONLY: Readonly<Record<string, readonly string[]>> = {
  report: ["verifier", "resolver", "rollover", "dnssec"],
  verifier: ["resolver"],
  publisher: ["resolver"],
  config: ["rollover", "publisher"],
};

/** Node modules each folder may load; a folder not listed may load none but `node:crypto` where DNS or PKI hash. */
const NODE_MODULES: Readonly<Record<string, readonly string[]>> = {
  base: ["util"],
  dns: ["crypto"],
  pki: ["crypto"],
  tlsa: ["crypto"],
  dnssec: ["crypto"],
  rollover: [],
  report: [],
  transport: ["net", "dgram", "tls", "crypto", "util"],
  resolver: ["net", "crypto"],
  verifier: ["net", "crypto", "fs", "fs/promises", "path"],
  publisher: ["fs", "fs/promises", "child_process", "path", "crypto", "net"],
  store: ["fs", "fs/promises", "path", "crypto", "os"],
  config: ["fs", "fs/promises", "path", "os", "net"],
  driver: ["fs", "fs/promises", "path", "child_process", "crypto", "os", "net"],
};

/** Library -> the one file that may name it. */
const WRAPPED: readonly (readonly [library: RegExp, file: string])[] = [
  [/^(@peculiar\/|pkijs|asn1js|reflect-metadata)/, "pki/peculiar.ts"],
  [/^commander/, "cli/program.ts"],
  [/^node-cron/, "driver/schedule.ts"],
  [/^smol-toml/, "config/toml.ts"],
];

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.replaceAll(path.sep, "/"));

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(path.join(root, file), "utf8");
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?[^"';]*?from\s+"([^"]+)"|import\(\s*"([^"]+)"\s*\)|(?:^|\n)import\s+"([^"]+)"/g;
  return [...text.matchAll(pattern)].map((match) => ({
    file,
    target: match[2] ?? match[3] ?? match[4] ?? "",
    typeOnly: match[1] !== undefined,
  }));
}

const imports = files.flatMap(importsOf);
const folderOf = (file: string): string => (file.includes("/") ? (file.split("/")[0] ?? "") : "");
const targetFile = (one: Import): string =>
  path.posix.normalize(path.posix.join(path.posix.dirname(one.file), one.target));

describe("layers", () => {
  test("the imports were found at all", () => {
    expect(imports.length).toBeGreaterThan(100);
  });

  test("each folder imports only what its row allows", () => {
    const wrong = imports
      .filter((one) => one.target.startsWith("."))
      .filter((one) => {
        const from = folderOf(one.file);
        const to = folderOf(targetFile(one));
        if (from === "" || from === "cli" || to === from || to === "base") return false;
        return !(MAY_IMPORT[from] ?? []).includes(to);
      });
    expect(wrong.map((one) => `${one.file} -> ${one.target}`)).toEqual([]);
  });

  test("where only types may be taken, only types are", () => {
    const wrong = imports
      .filter((one) => one.target.startsWith("."))
      .filter((one) => (TYPES_ONLY[folderOf(one.file)] ?? []).includes(folderOf(targetFile(one))))
      .filter((one) => folderOf(targetFile(one)) !== folderOf(one.file))
      .filter((one) => !one.typeOnly);
    expect(wrong.map((one) => `${one.file} -> ${one.target}`)).toEqual([]);
  });

  test("nothing imports cli, and only cli imports driver and sandbox", () => {
    const wrong = imports
      .filter((one) => one.target.startsWith(".") && folderOf(one.file) !== "cli")
      .filter((one) => {
        const to = folderOf(targetFile(one));
        return (
          to === "cli" ||
          (to === "driver" && folderOf(one.file) !== "driver") ||
          (to === "sandbox" && folderOf(one.file) !== "sandbox")
        );
      });
    expect(wrong.map((one) => `${one.file} -> ${one.target}`)).toEqual([]);
  });

  test("each folder loads only the Node modules its row allows", () => {
    const wrong = imports
      .filter((one) => one.target.startsWith("node:") && !one.typeOnly)
      .filter((one) => !["cli", "sandbox", ""].includes(folderOf(one.file)))
      .filter((one) => !(NODE_MODULES[folderOf(one.file)] ?? []).includes(one.target.slice("node:".length)));
    expect(wrong.map((one) => `${one.file} -> ${one.target}`)).toEqual([]);
  });

  test("each library is named by the one file that wraps it", () => {
    const foreign = imports.filter((one) => !one.target.startsWith(".") && !one.target.startsWith("node:"));
    const wrong = foreign.filter(
      (one) => !WRAPPED.some(([library, file]) => library.test(one.target) && one.file === file),
    );
    expect(wrong.map((one) => `${one.file} -> ${one.target}`)).toEqual([]);
  });

  test("judging a chain and the rollover core are synchronous and see nothing of the outside", () => {
    const pure = files.filter((file) => file.startsWith("rollover/") || file === "verifier/judge.ts");
    const wrong = pure.filter((file) =>
      /\basync\b|\bawait\b|Promise</.test(readFileSync(path.join(root, file), "utf8")),
    );
    expect(wrong).toEqual([]);
    expect(
      imports
        .filter((one) => one.file === "verifier/judge.ts" && one.target.startsWith("node:"))
        .map((one) => one.target),
    ).toEqual([]);
  });
});
