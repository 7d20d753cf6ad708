/** The commands around the driver, over a state that a whole tick made. No network: nothing answers at the resolver's port. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run as runAbort } from "../../src/cli/commands/abort.ts";
import { run as runExplain } from "../../src/cli/commands/explain.ts";
import { run as runHook } from "../../src/cli/commands/hook.ts";
import { run as runHold } from "../../src/cli/commands/hold.ts";
import { run as runPlan } from "../../src/cli/commands/plan.ts";
import { run as runResume } from "../../src/cli/commands/resume.ts";
import { run as runStatus } from "../../src/cli/commands/status.ts";
import { run as runTick } from "../../src/cli/commands/tick.ts";
import { run as runTimeline } from "../../src/cli/commands/timeline.ts";
import { run as runRun } from "../../src/cli/commands/run.ts";
import { reportFailure } from "../../src/cli/failure.ts";
import type { Io } from "../../src/cli/io.ts";
import { instant } from "../../src/base/time.ts";
import { tick } from "../../src/driver/tick.ts";
import { acquireLock } from "../../src/store/lock.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { recordingIo } from "./recording-io.ts";

type Command = (args: readonly string[], options: object, io: Io) => Promise<number>;

let world: FakeWorld;
let config = "";

beforeEach(() => {
  world = createFakeWorld();
  config = path.join(world.root, "daneward.toml");
  const key = 'key "n" { algorithm hmac-sha256; secret "c2VjcmV0"; };\n';
  writeFileSync(path.join(world.root, "tsig.key"), key, { mode: 0o600 });
  writeFileSync(
    config,
    `version = 1
resolver = "127.0.0.1:1"
deploy_root = "${path.join(world.root, "deploy")}"
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
});
afterEach(() => {
  world.remove();
});

async function call(
  command: Command,
  args: readonly string[] = [],
  options: object = {},
  changes: Partial<Io> = {},
): Promise<{ readonly exit: number; readonly out: string; readonly err: string }> {
  const io = recordingIo({
    cwd: world.root,
    clock: world.clock,
    env: { SUDO_USER: "alice", PATH: "/usr/bin:/bin" },
    ...changes,
  });
  const exit = await command(args, { config, stateDir: world.stateDirectory, ...options }, io);
  return { exit, ...io.said() };
}

/** A first deployment, confirmed, and a renewal that ages. */
async function aRenewalUnderWay(): Promise<void> {
  const issued = await world.issue();
  world.serve(issued);
  world.install(issued);
  await tick(world.input());
  world.advance(30);
  await tick(world.input());
  world.install(await world.issue());
  await tick(world.input());
}

describe("daneward status", () => {
  test("shows what the last tick saw, asking nobody", async () => {
    await aRenewalUnderWay();
    const { exit, out, err } = await call(runStatus, ["mx"]);
    expect([exit, err]).toEqual([0, ""]);
    expect(out.split("\n")[0]).toBe("mx  aging, safe to leave alone");
    expect(out).toContain("CLOCK_RUNNING");
    expect(out).toContain("2 of 2 name server addresses in sync");
    expect(out).toContain("mx.example.org:25 192.0.2.10  presents the live certificate");
  });

  test("as JSON is one document", async () => {
    await aRenewalUnderWay();
    const { out } = await call(runStatus, [], { json: true });
    expect(JSON.parse(out)).toMatchObject({
      schema: "daneward/status/1",
      certificates: [
        {
          name: "mx",
          phase: "aging",
          refusals: expect.arrayContaining([
            expect.objectContaining({ code: "CLOCK_RUNNING", gate: "time" }),
          ]) as object,
          owners: [{ owner: "_25._tcp.mx.example.org", zone: "example.org", ttl: 60 }],
          endpoints: [{ host: "mx.example.org", port: 25, protocol: "smtp", verdict: "in-order" }],
        },
      ],
    });
  });

  test("knows of a renewal that a hook noted and no tick has looked at", async () => {
    await aRenewalUnderWay();
    const env = { RENEWED_LINEAGE: path.join(world.root, "live"), RENEWED_DOMAINS: "mx.example.org" };
    await call(runHook, ["certbot"], {}, { env });
    const { out } = await call(runStatus);
    expect(out).toContain("renewal  noted ");
    expect(out).toContain("look     due: the next daneward tick looks");
    expect(JSON.parse((await call(runStatus, [], { json: true })).out)).toMatchObject({
      certificates: [{ renewalNoted: "2026-11-22T12:00:30Z" }],
    });
  });

  test("tells a record of somebody else's that nothing needs, with the command that removes it", async () => {
    const stale = `3 1 1 ${"cd".repeat(32)}`;
    world.records.add(stale);
    await aRenewalUnderWay();
    const { out } = await call(runStatus);
    expect(out.split("to remove it: ")).toHaveLength(2);
    expect(out).toContain(`to remove it: daneward withdraw _25._tcp.mx.example.org "${stale}"\n`);
  });

  test("before the first tick says what to type", async () => {
    expect((await call(runStatus)).out).toContain("daneward tick mx");
  });

  test("of a name that is not configured is an error", async () => {
    const wanted = { code: "CERTIFICATE_UNKNOWN", message: 'no certificate "mz" is configured (did you mean "mx"?)' };
    await expect(call(runStatus, ["mz"])).rejects.toMatchObject(wanted);
  });

  test("of a damaged state file shows the others and the way out", async () => {
    mkdirSync(path.join(world.stateDirectory, "certificates"), { recursive: true });
    writeFileSync(path.join(world.stateDirectory, "certificates/mx.json"), "{");
    const { exit, out } = await call(runStatus);
    expect(out).toContain("state unreadable");
    expect(exit).toBe(1);
    expect((await call(runStatus, [], { json: true })).exit).toBe(1);
  });
});

describe("daneward hold, resume, abort", () => {
  test("say what is so now, and are on record", async () => {
    await aRenewalUnderWay();
    const held = await call(runHold, ["mx"], { because: "maintenance" });
    expect([held.exit, held.out]).toEqual([0, ""]);
    expect(held.err).toContain("mx: now held");
    expect((await call(runStatus)).out).toContain("OPERATOR_HOLD: maintenance (by alice)");
    expect((await call(runResume, ["mx"], { json: true })).out).toContain('"phase":"aging"');
    expect((await call(runAbort, ["mx"], { dryRun: true })).err).toContain("mx: would be stable");
    expect((await call(runAbort, ["mx"], { quiet: true })).err).toBe("");
    const { out } = await call(runTimeline, ["mx"]);
    expect(out).toMatch(/hold +by=alice because=maintenance from=aging to=held/);
    expect(out).toMatch(/abort +by=alice from=aging to=stable/);
  });

  test("know who is at work when no variable says so", async () => {
    await aRenewalUnderWay();
    await call(runHold, ["mx"], {}, { env: {} });
    const { out } = await call(runTimeline, ["mx"]);
    expect(out).toContain(`by=${userInfo().username} `);
  });

  test("refuse while a tick is at work", async () => {
    await aRenewalUnderWay();
    const lock = acquireLock(world.stateDirectory, world.clock());
    await expect(call(runHold, ["mx"])).rejects.toMatchObject({ code: "LOCK_HELD" });
    lock.release();
  });
});

describe("daneward timeline", () => {
  test("needs no configuration", async () => {
    await aRenewalUnderWay();
    const { exit, out } = await call(runTimeline, [], { config: "/nonexistent.toml", json: true });
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ schema: "daneward/timeline/1", damagedLines: [] });
    expect(out).toContain('"event": "announcing"');
  });

  test("of a name that neither the configuration nor the journal knows says which may be meant, and fails", async () => {
    const { exit, out } = await call(runTimeline, ["mx"]);
    expect([exit, out]).toEqual([0, 'nothing has happened yet to "mx"\n']);
    await aRenewalUnderWay();
    const unknown = { code: "CERTIFICATE_UNKNOWN", message: expect.stringContaining('did you mean "mx"?') as string };
    await expect(call(runTimeline, ["mz"])).rejects.toMatchObject(unknown);
    await expect(call(runTimeline, ["mz"], { config: "/nonexistent.toml" })).rejects.toMatchObject(unknown);
    // What is on record may be configured no more.
    expect((await call(runTimeline, ["mx"], { config: "/nonexistent.toml" })).exit).toBe(0);
    expect((await call(runTimeline, ["mx"])).out).toMatch(/\(now\) +aging for /);
  });
});

describe("daneward tick", () => {
  test("off a terminal says nothing while all goes on by itself, even when nothing answers", async () => {
    world.install(await world.issue());
    const { exit, out, err } = await call(runTick);
    expect([exit, out, err]).toEqual([0, "", ""]);
    expect((await call(runStatus)).out).toContain("ZONE_UNKNOWN");
  });

  test("with nothing due ends without the configuration being read, and says so to a person", async () => {
    world.install(await world.issue());
    await call(runTick);
    world.advance(6);
    const line = "mx: not due, next look in 54s (daneward tick --force looks now)\n";
    expect(await call(runTick, [], {}, { errIsTerminal: true })).toEqual({ exit: 0, out: "", err: line });
    expect(await call(runTick, [], { verbose: true })).toEqual({ exit: 0, out: "", err: line });
    expect(await call(runTick, [], { quiet: true }, { errIsTerminal: true })).toEqual({ exit: 0, out: "", err: "" });
    expect(await call(runTick)).toEqual({ exit: 0, out: "", err: "" });
  });

  test("of a named certificate looks at once", async () => {
    world.install(await world.issue());
    await call(runTick);
    world.advance(6);
    const { err } = await call(runTick, ["mx"], { verbose: true });
    expect(err).toMatch(/^mx: stable, .*; next look in 1m\n$/);
    expect(err).not.toContain("not due");
  });

  test("tells a person of each event as it happens, a line each", async () => {
    await aRenewalUnderWay();
    rmSync(path.join(world.root, "deploy"), { recursive: true });
    const { err } = await call(runTick, [], { force: true, verbose: true });
    expect(err).toMatch(/^mx: given up: |^mx: copied the certificate and its key into the deployment store$/m);
    expect(err.trimEnd().split("\n").at(-1)).toMatch(/^mx: [a-z]+,? .*next look in /);
  });

  test("on a terminal says where each certificate stands", async () => {
    world.install(await world.issue());
    const { err } = await call(runTick, ["mx"], {}, { errIsTerminal: true });
    expect(err).toMatch(/^mx: stable, .*; next look in /m);
  });

  test("reports a standing failure in one block, once a day, and ends with 1 all the time", async () => {
    mkdirSync(path.join(world.stateDirectory, "certificates"), { recursive: true });
    writeFileSync(path.join(world.stateDirectory, "certificates/mx.json"), "{");
    const first = await call(runTick);
    expect(first.exit).toBe(1);
    expect(first.err).toMatch(/^daneward: mx: .*mx\.json: not JSON.* \[STATE_DAMAGED\]\n {2}safe: {2}.*\n {2}do: {4}/);
    const second = await call(runTick);
    expect([second.exit, second.err]).toEqual([1, ""]);
    world.advance(3600);
    expect(await call(runTick)).toMatchObject({ exit: 1, err: "" });
    world.advance(86_400);
    expect((await call(runTick)).err).toContain("STATE_DAMAGED");
    for (const [names, options] of [
      [["mx"], {}],
      [[], { force: true }],
      [[], { verbose: true }],
    ] as const) {
      expect(await call(runTick, names, options)).toMatchObject({
        exit: 1,
        err: expect.stringContaining("STATE_DAMAGED") as string,
      });
    }
    expect(await call(runTick)).toEqual({ exit: 1, out: "", err: "" });
  });

  test("as JSON says how each came out", async () => {
    world.install(await world.issue());
    const { out } = await call(runTick, [], { json: true });
    expect(JSON.parse(out)).toMatchObject({
      schema: "daneward/tick/1",
      certificates: [{ name: "mx", outcome: "looked", phase: "stable" }],
    });
  });

  test("as a dry run leaves no trace", async () => {
    world.install(await world.issue());
    const { exit, out } = await call(runTick, [], { dryRun: true });
    expect(exit).toBe(0);
    expect(out).toContain("mx: stable");
    expect(existsSync(world.stateDirectory)).toBe(false);
  });

  test.each([
    ["that is not there", "gone.key", "CONFIG_INVALID"],
    ["that holds none", "daneward.toml", "TRUST_ANCHOR_INVALID"],
  ])("with a file of trust anchors %s ends with 78, as a fault of the configuration", async (_, file, code) => {
    writeFileSync(config, `${readFileSync(config, "utf8")}[dnssec]\ntrust_anchors = "${file}"\n`);
    world.install(await world.issue());
    const io = recordingIo();
    const error: unknown = await call(runTick, [], { force: true }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(reportFailure(error, io, { json: false, plugin: false })).toBe(78);
  });

  test("with a configuration that is missing or wrong is refused before anything is written", async () => {
    await expect(call(runTick, [], { config: "nowhere.toml" })).rejects.toMatchObject({ code: "CONFIG_MISSING" });
    writeFileSync(config, "version = 2\n");
    await expect(call(runTick)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    expect(existsSync(world.stateDirectory)).toBe(false);
  });
});

describe("daneward plan", () => {
  test("says what stands in the way when nothing can be seen", async () => {
    world.install(await world.issue());
    const { exit, out } = await call(runPlan, ["mx"]);
    expect(exit).toBe(0);
    expect(out).toContain("blocked");
    expect(JSON.parse((await call(runPlan, [], { json: true })).out)).toMatchObject({ schema: "daneward/plan/1" });
  });
});

describe("daneward run", () => {
  test("ticks at once and ends with 0 when told to", async () => {
    world.install(await world.issue());
    const stop = new AbortController();
    const running = call(runRun, [], {}, { signal: stop.signal, clock: () => instant(world.clock()) });
    while (!existsSync(path.join(world.stateDirectory, "due.index"))) await new Promise((done) => setImmediate(done));
    stop.abort();
    expect((await running).exit).toBe(0);
  });
});

describe("daneward explain", () => {
  test("says what a code means, in any spelling, and knows the nearest of a misspelt one", async () => {
    expect((await call(runExplain, ["ns-lagging"])).out).toMatch(
      /^NS_LAGGING\n {2}means {4}a name server does [^]*\n {2}why {6}[^]*\n {2}lifts {4}[^]*\n {2}until {4}[^]*\n {2}do {7}check NOTIFY/,
    );
    const wrong = await call(runExplain, ["NS_LAGING"]);
    expect([wrong.exit, wrong.out]).toEqual([2, ""]);
    expect(wrong.err).toContain('did you mean "NS_LAGGING"?');
  });

  test("without a code lists them all", async () => {
    const { out } = await call(runExplain);
    expect(out).toContain("RELOAD_FAILED");
    expect(out).toMatch(/^rollover: why not now\n/);
    expect(JSON.parse((await call(runExplain, [], { json: true })).out)).toMatchObject({
      schema: "daneward/explain/1",
    });
  });
});
