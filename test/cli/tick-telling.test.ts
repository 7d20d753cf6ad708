/** What a tick by timer tells: the journal of systemd what it does, and people that the configuration is broken. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run as runRun } from "../../src/cli/commands/run.ts";
import { run as runTick } from "../../src/cli/commands/tick.ts";
import type { Io } from "../../src/cli/io.ts";
import { tick } from "../../src/driver/tick.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { startHttpApi } from "../fakes/http-api.ts";
import { recordingIo } from "./recording-io.ts";

let world: FakeWorld;
let config = "";
let told = "";

beforeEach(async () => {
  world = createFakeWorld();
  config = path.join(world.root, "daneward.toml");
  told = path.join(world.root, "told");
  writeFileSync(path.join(world.root, "tsig.key"), 'key "n" { algorithm hmac-sha256; secret "c2VjcmV0"; };\n', {
    mode: 0o600,
  });
  // Nothing answers at the resolver's port.
  writeFileSync(
    config,
    `version = 1
resolver = "127.0.0.1:1"
deploy_root = "${path.join(world.root, "deploy")}"
[notify]
exec = ["/bin/sh", "-c", "cat >>${told}"]
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "tsig.key"
[certificate.mx]
source = "live"
services = ["mx.example.org:25"]
reload = ["/bin/true"]
`,
  );
  world.install(await world.issue());
});
afterEach(() => {
  world.remove();
});

async function call(names: readonly string[], options: object = {}, changes: Partial<Io> = {}): Promise<string> {
  const io = recordingIo({ cwd: world.root, clock: world.clock, env: { PATH: "/usr/bin:/bin" }, ...changes });
  await runTick(names, { config, stateDir: world.stateDirectory, ...options }, io);
  return io.said().err;
}

describe("the journal of systemd", () => {
  const errIsJournal = true;
  /** Deployed files that went away, for something to happen when nothing can be asked. */
  const lostFiles = async (): Promise<void> => {
    const issued = await world.issue();
    world.serve(issued);
    world.install(issued);
    await tick(world.input());
    world.advance(30);
    await tick(world.input());
    world.install(await world.issue());
    await tick(world.input());
    rmSync(path.join(world.root, "deploy"), { recursive: true });
  };

  test("is told what happens and how grave it is", async () => {
    await lostFiles();
    const lines = (await call([], { force: true }, { errIsJournal })).trimEnd().split("\n");
    expect(lines.some((line) => line.startsWith("<5>mx: "))).toBe(true);
    for (const line of lines) expect(line).toMatch(/^<5>mx: |^<3>(daneward|mx| )/);
  });

  test("is reminded in one line of what stands on, so that systemctl status shows why it failed", async () => {
    rmSync(path.join(world.root, "live"), { recursive: true });
    expect(await call([], {}, { errIsJournal })).toMatch(/^<3>daneward: mx: /m);
    const reminder = /^<3>daneward: mx: [A-Z_, ]+ still stands; daneward status says more\n$/;
    expect(await call([], {}, { errIsJournal })).toMatch(reminder);
    expect(await call([])).toBe("");
  });

  test("is told nothing but failures when it is to be quiet", async () => {
    await lostFiles();
    expect(await call([], { force: true, quiet: true }, { errIsJournal })).not.toContain("<5>");
  });
});

describe("a broken configuration", () => {
  const events = (): readonly string[] => readFileSync(told, "utf8").match(/(?<="event":")[a-z]+(?=")/g) ?? [];

  test("is told once, and that it is good again, though nothing is due", async () => {
    await call([]);
    const kept = `${config}.kept`;
    renameSync(config, kept);
    writeFileSync(config, "version =\n");
    await expect(call([])).rejects.toMatchObject({ code: "CONFIG_SYNTAX" });
    await expect(call([])).rejects.toMatchObject({ code: "CONFIG_SYNTAX" });
    expect(events()).toEqual(["failed"]);
    // The very file of before: by all that can be seen of it, it never changed.
    renameSync(kept, config);
    expect(await call([], {}, { errIsJournal: true })).toBe("<5>configuration: over: CONFIG_SYNTAX\n");
    expect(events()).toEqual(["failed", "recovered"]);
    expect(await call([], {}, { errIsJournal: true })).toBe("");
  });

  test("is told by the resident process too, which then ends", async () => {
    await call([]);
    writeFileSync(config, "version =\n");
    const io = recordingIo({ cwd: world.root, clock: world.clock, env: { PATH: "/usr/bin:/bin" } });
    const running = runRun([], { config, stateDir: world.stateDirectory }, io);
    await expect(running).rejects.toMatchObject({ code: "CONFIG_SYNTAX" });
    expect(events()).toEqual(["failed"]);
  });

  test("is told to nobody else when somebody looks on", async () => {
    await call([]);
    writeFileSync(config, "version =\n");
    await expect(call([], {}, { errIsTerminal: true })).rejects.toMatchObject({ code: "CONFIG_SYNTAX" });
    await expect(call(["mx"])).rejects.toMatchObject({ code: "CONFIG_SYNTAX" });
    expect(existsSync(told)).toBe(false);
  });
});

test("a healthchecks server hears that work began before it is done, and of an idle tick only that it was", async () => {
  const seen: string[] = [];
  const api = await startHttpApi(({ path: place }) => {
    const states = readdirSync(path.join(world.stateDirectory, "certificates"));
    seen.push(`${place} ${states.includes("mx.json") ? "done" : "to do"}`);
    return { status: 200 };
  });
  writeFileSync(config, readFileSync(config, "utf8").replace("[notify]", `[notify]\nhealthchecks = "${api.url}/id"`));
  await call([]);
  expect(seen[0]).toMatch(/^\/id\/start /);
  expect(seen.slice(1)).toEqual(["/id done"]);
  await call([]);
  expect(seen.slice(2).every((sign) => sign === "/id done")).toBe(true);
});

test("the resident process gives signs of life when nothing is due, as a tick does", async () => {
  const metrics = path.join(world.root, "daneward.prom");
  writeFileSync(
    config,
    readFileSync(config, "utf8").replace("[notify]", `prometheus_textfile = "${metrics}"\n[notify]`),
  );
  await call([]);
  rmSync(metrics);
  utimesSync(path.join(world.stateDirectory, "sign-of-life"), new Date(0), new Date(0));
  const stop = new AbortController();
  const { signal } = stop;
  const io = recordingIo({ cwd: world.root, clock: world.clock, env: { PATH: "/usr/bin:/bin" }, signal });
  const running = runRun([], { config, stateDir: world.stateDirectory }, io);
  const deadline = performance.now() + 10_000;
  while (!existsSync(metrics) && performance.now() < deadline) await new Promise((done) => setImmediate(done));
  stop.abort();
  expect(await running).toBe(0);
  expect(existsSync(metrics)).toBe(true);
  expect(io.said().err).toBe("");
});
