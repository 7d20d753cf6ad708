/** `daneward csr` over a state that real ticks made. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run } from "../../src/cli/commands/csr.ts";
import { OperationalError } from "../../src/base/errors.ts";
import { tick } from "../../src/driver/tick.ts";
import { listVault, spkiDigest, vaultOf } from "../../src/driver/vault.ts";
import { readCredentials } from "../../src/pki/certificate.ts";
import { acquireLock } from "../../src/store/lock.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { recordingIo } from "./recording-io.ts";

let world: FakeWorld;
let config = "";

beforeEach(() => {
  world = createFakeWorld({ next: "prepublish" });
  config = path.join(world.root, "daneward.toml");
  writeFileSync(
    config,
    `version = 1
deploy_root = "${path.join(world.root, "deploy")}"
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "tsig.key"
[certificate.mx]
source = "live"
next = "prepublish"
services = ["mx.example.org:25", "smtp.example.org:465"]
propagation_delay = "10s"
publish_safety = "20s"
reload = ["/bin/true"]
`,
  );
});
afterEach(() => {
  world.remove();
});

async function csr(
  options: object = {},
): Promise<{ readonly exit: number; readonly out: string; readonly err: string }> {
  const io = recordingIo({ cwd: world.root, clock: world.clock, env: { SUDO_USER: "alice" } });
  const exit = await run(["mx"], { config, stateDir: world.stateDirectory, ...options }, io);
  return { exit, ...io.said() };
}

async function codeOf(options: object): Promise<string> {
  return csr(options).then(
    () => "done",
    (error: unknown) => (error instanceof OperationalError ? error.code : String(error)),
  );
}

function keys(): readonly string[] {
  return listVault(vaultOf(world.stateDirectory, "mx")).map(({ spkiSha256 }) => spkiSha256);
}

/** The digest of the key of a request, as readers of requests find it. */
function keyIn(pem: string): string {
  const read = readCredentials(new TextEncoder().encode(pem));
  const [key] = read.ok ? read.value.keys : [];
  return key === undefined ? "none" : spkiDigest(key.spki);
}

function openssl(pem: string, ...words: readonly string[]): string {
  return execFileSync("openssl", ["req", "-noout", ...words], { input: pem, encoding: "utf8", stdio: "pipe" });
}

async function establish(): Promise<void> {
  const issued = await world.issue();
  world.serve(issued);
  world.install(issued);
  for (let looks = 0; looks < 8; looks++) {
    await tick(world.input({ named: ["mx"] }));
    world.advance(300);
  }
}

describe("a request", () => {
  test("of a key that is known everywhere says that its certificate will not wait", async () => {
    await establish();
    const { exit, out, err } = await csr();
    expect([exit, keyIn(out)]).toEqual([0, keys()[0]]);
    expect(world.records).toContain(`3 1 1 ${keyIn(out)}`);
    expect(err).toContain("its record is known everywhere: the certificate is deployed as soon as it is there\n");
    expect(err).toContain(
      "note: the present certificate does not name smtp.example.org; --name smtp.example.org adds it",
    );
    expect(err).toContain(`put certificate and chain to ${path.join(world.root, "live")}; the key stays here\n`);
    expect(keyIn((await csr()).out)).toBe(keyIn(out));
  });

  test("of a key that is not known everywhere yet says when it will be", async () => {
    const issued = await world.issue();
    world.serve(issued);
    world.install(issued);
    await tick(world.input());
    world.advance(30);
    await tick(world.input());
    expect((await csr()).err).toContain("known everywhere from 2026-11-22 12:02:");
  });

  test.each([
    [undefined, "EC P-256", "P-256"],
    ["ecdsa:p384", "EC P-384", "P-384"],
    ["rsa:3072", "RSA 3072", "3072 bit"],
  ])("of the kind %s is signed by its key, with the names in it", async (keyType, algorithm, text) => {
    const { out } = await csr({ name: ["*.Example.org"], ...(keyType === undefined ? {} : { keyType }) });
    expect(openssl(out, "-verify", "-text")).toContain(text);
    const shown = openssl(out, "-text");
    expect(shown).toContain("DNS:mx.example.org, DNS:smtp.example.org, DNS:*.example.org");
    expect(openssl(out, "-subject").replaceAll(" ", "").trim()).toBe("subject=CN=mx.example.org");
    expect(JSON.parse((await csr({ json: true })).out)).toMatchObject({
      schema: "daneward/csr/1",
      keyAlgorithm: algorithm,
      spkiSha256: keyIn(out),
      made: false,
      announced: "not-published",
    });
  });

  test("goes to a file that clients of other users may read, and says nothing with -q", async () => {
    const { exit, out, err } = await csr({ output: "mx.csr", quiet: true });
    expect([exit, out, err]).toEqual([0, "", ""]);
    const file = path.join(world.root, "mx.csr");
    expect(keyIn(readFileSync(file, "utf8"))).toBe(keys()[0]);
    expect(statSync(file).mode & 0o777).toBe(0o644);
  });

  test("for a new key tells which request is void", async () => {
    const { out } = await csr();
    const { err } = await csr({ newKey: true });
    expect(err).toContain(`a request for the key ${keyIn(out).slice(0, 16)}… should not be signed any more`);
  });

  test("with a common name that is too long for one has none, and its names are critical", async () => {
    const long = `${"a".repeat(60)}.example.org`;
    world.install(await world.issue());
    writeFileSync(
      config,
      readFileSync(config, "utf8")
        .replace('"mx.example.org:25"', `"${long}:25"`)
        .replace('source = "live"', 'source = "none"'),
    );
    const { out } = await csr();
    expect(openssl(out, "-subject").replaceAll(" ", "").trim()).toBe("subject=");
    expect(openssl(out, "-text")).toContain("Subject Alternative Name: critical");
  });

  test("in a dry run makes nothing", async () => {
    const { exit, out, err } = await csr({ dryRun: true });
    expect([exit, out]).toEqual([0, ""]);
    expect(err).toContain("mx: would be a request for a new key, mx.example.org, smtp.example.org\n");
    expect(existsSync(vaultOf(world.stateDirectory, "mx"))).toBe(false);
    const json = await csr({ dryRun: true, json: true });
    const names = ["mx.example.org", "smtp.example.org"];
    expect(JSON.parse(json.out)).toMatchObject({ schema: "daneward/csr/1", dryRun: true, wouldMake: true, names });
  });

  test("never shows the key", async () => {
    const answers = [await csr({ json: true }), await csr(), await csr({ dryRun: true })];
    const folder = vaultOf(world.stateDirectory, "mx");
    const [file = ""] = readdirSync(folder);
    const secret = readFileSync(path.join(folder, file), "utf8").split("\n").slice(1, -2);
    const journal = readFileSync(path.join(world.stateDirectory, "events.jsonl"), "utf8");
    for (const line of secret) expect(`${JSON.stringify(answers)}${journal}`).not.toContain(line);
    expect(secret.length).toBeGreaterThan(1);
  });
});

describe("what cannot be is refused", () => {
  test.each([
    ["a kind of key that is not made here", { keyType: "ed25519" }, "USAGE"],
    ["a name that is none", { name: ["a..b"] }, "USAGE"],
    ["a place that cannot be written", { output: "no/such/folder/mx.csr" }, "STATE_UNWRITABLE"],
  ])("%s", async (_, options, code) => {
    expect(await codeOf(options)).toBe(code);
  });

  test("a new key while something else holds the lock; the one that is ready can be had", async () => {
    await csr();
    const lock = acquireLock(world.stateDirectory, world.clock());
    try {
      expect(await codeOf({})).toBe("done");
      expect(await codeOf({ newKey: true })).toBe("LOCK_HELD");
    } finally {
      lock.release();
    }
  });
});
