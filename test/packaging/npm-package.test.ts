/** The npm package and the single file, as somebody gets them: nothing but Node and what is in them. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../store/temporary-folder.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const CERTIFICATE = path.join(ROOT, "fixtures/certs/mx.example.test.pem");
const { version } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as { readonly version: string };

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

function must(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: ROOT, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? ""}${stdout}${stderr}`);
  return stdout;
}

/** A PATH in which there is Node and nothing else. */
function nodeAlone(folder: string): NodeJS.ProcessEnv {
  const bin = path.join(folder, "only-node");
  mkdirSync(bin);
  symlinkSync(process.execPath, path.join(bin, "node"));
  // env(1) of the first line.
  return { PATH: bin, HOME: folder };
}

/** Three commands that together need most of the program: no more than the environment may be there for them. */
function tryProgram(program: string, folder: string, env: NodeJS.ProcessEnv): void {
  expect(must(program, ["--version"], env)).toBe(`${version}\n`);
  const records = must(program, ["tlsa", CERTIFICATE, "--name", "mx.example.test", "--params", "3 1 1"], env);
  expect(records).toMatch(/^_25\._tcp\.mx\.example\.test\. 3600 IN TLSA 3 1 1 [0-9a-f]{64}$/im);
  const key = path.join(folder, "tsig.key");
  writeFileSync(key, 'key "k" { algorithm hmac-sha256; secret "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"; };\n');
  chmodSync(key, 0o600);
  const source = path.join(folder, "live");
  mkdirSync(source, { recursive: true });
  cpSync(CERTIFICATE, path.join(source, "fullchain.pem"));
  const configuration = path.join(folder, "daneward.toml");
  const example = readFileSync(path.join(ROOT, "src/share/examples/daneward.toml"), "utf8");
  writeFileSync(
    configuration,
    example
      .replace("/etc/daneward/tsig.key", key)
      .replace("/etc/letsencrypt/live/mx.example.org", source)
      .replace('reload = ["postfix"]', "reload = []"),
  );
  const checked = must(program, ["check-config", "--config", configuration, "--json"], env);
  const { ok, problems } = JSON.parse(checked) as { readonly ok: boolean; readonly problems: readonly unknown[] };
  expect({ ok, problems }).toEqual({ ok: true, problems });
  // The help is commander's, the codes' explanations are a part of their own.
  expect(must(program, ["--help"], env)).toContain("check-config");
  expect(must(program, ["explain", "NS_LAGGING"], env)).toContain("NS_LAGGING");
}

describe("the npm package", () => {
  test("installs with no network and no build tools, runs with Node alone, and brings its manual pages", () => {
    const folder = temporaryFolder();
    const packed = must("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder]);
    const [{ filename, files }] = JSON.parse(packed) as readonly [Packed];
    const names = files.map((file) => file.path);
    const tops = new Set(names.map((name) => name.split("/")[0]));
    expect([...tops].sort()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "bin", "dist", "package.json"]);
    const shipped = new Set(names.flatMap((name) => /^dist\/share\/([^/]+)/.exec(name)?.[1] ?? []));
    const built = readdirSync(path.join(ROOT, "dist/share"));
    expect([...shipped].sort()).toEqual([...built].sort());
    expect(names.filter((name) => /\.map$|\.ts$(?<!\.d\.ts)|\.test\.|^dist\/package/.test(name))).toEqual([]);

    const prefix = path.join(folder, "prefix");
    const env = { PATH: process.env["PATH"], HOME: folder, npm_config_cache: path.join(folder, "cache") };
    const install = ["install", "--global", "--offline", "--no-audit", "--no-fund", "--prefix", prefix];
    must("npm", [...install, path.join(folder, filename)], env);
    expect(readdirSync(path.join(prefix, "lib/node_modules"))).toEqual(["daneward"]);
    expect(readdirSync(path.join(prefix, "share/man/man8"))).toEqual(["daneward.8"]);
    const program = path.join(prefix, "bin/daneward");
    expect(readFileSync(program, "utf8").split("\n")[0]).toBe("#!/usr/bin/env node");
    tryProgram(program, folder, nodeAlone(folder));
  });

  test("has no scripts that run at an installation, and nothing to be installed beside it", () => {
    const parsed = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
      readonly scripts: Readonly<Record<string, string>>;
      readonly dependencies?: unknown;
    };
    expect(Object.keys(parsed.scripts).filter((name) => /install|prepare$/.test(name))).toEqual([]);
    expect(parsed.dependencies).toBeUndefined();
  });
});

interface Sbom {
  readonly bomFormat: string;
  readonly components: readonly {
    readonly "bom-ref": string;
    readonly name: string;
    readonly purl: string;
    readonly licenses: readonly unknown[];
    readonly hashes: readonly unknown[];
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

describe("what is handed out beside it", () => {
  test("a single file that runs wherever it is put, and a bill of materials of what is in it", () => {
    const folder = temporaryFolder();
    const env = nodeAlone(folder);
    // No npm, as that of Debian 13 knows less than the one that this was written with, and no dpkg-deb.
    must(process.execPath, ["test/config/package.mjs", "--into", folder], env);
    tryProgram(path.join(folder, "daneward.mjs"), folder, env);

    const sbom = JSON.parse(readFileSync(path.join(folder, "sbom.cdx.json"), "utf8")) as Sbom;
    expect(sbom.bomFormat).toBe("CycloneDX");
    const names = sbom.components.map(({ purl }) => decodeURIComponent(purl.replace(/^pkg:npm\/|@[^@]*$/g, "")));
    const runtime = ["@peculiar/x509", "asn1js", "commander", "node-cron", "reflect-metadata", "smol-toml"];
    expect(names).toEqual(expect.arrayContaining(runtime));
    for (const tool of ["vitest", "typescript", "eslint", "rolldown"]) expect(names).not.toContain(tool);
  });

  test("the bill of materials says of each package what npm says, where npm has that command", () => {
    const folder = temporaryFolder();
    must(process.execPath, ["test/config/package.mjs", "sbom", "--into", folder], nodeAlone(folder));
    const ours = JSON.parse(readFileSync(path.join(folder, "sbom.cdx.json"), "utf8")) as Sbom;
    const asked = ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"];
    const { status, stdout, stderr } = spawnSync("npm", asked, { cwd: ROOT, encoding: "utf8" });
    if (status !== 0 && /unknown command/i.test(stdout + stderr)) return;
    expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
    const theirs = JSON.parse(stdout) as Sbom;
    const parts = new Map(theirs.components.map((one) => [one["bom-ref"], one]));
    expect(ours.components.length).toBeGreaterThan(10);
    for (const one of ours.components) {
      expect(parts.get(one["bom-ref"])).toMatchObject({ purl: one.purl, licenses: one.licenses, hashes: one.hashes });
    }
    const refs = new Set(ours.components.map((one) => one["bom-ref"]));
    const links = new Map(theirs.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
    for (const { ref, dependsOn } of ours.dependencies) {
      const bundled = links.get(ref)?.filter((one) => refs.has(one)) ?? [];
      expect({ ref, dependsOn }).toEqual({ ref, dependsOn: [...bundled].sort() });
    }
  });
});

test("the change log has an entry for this version", () => {
  const log = readFileSync(path.join(ROOT, "CHANGELOG.md"), "utf8");
  expect(log).toMatch(new RegExp(`^## \\[${version.replaceAll(".", "\\.")}\\] - \\d{4}-\\d\\d-\\d\\d$`, "m"));
});
