/** Stories of an operator at the command line: what is said first, what is asked, what is done, what is on record. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run as runAbort } from "../../src/cli/commands/abort.ts";
import { run as runDeinit } from "../../src/cli/commands/deinit.ts";
import { run as runFreeze } from "../../src/cli/commands/freeze.ts";
import { run as runHold } from "../../src/cli/commands/hold.ts";
import { run as runHook } from "../../src/cli/commands/hook.ts";
import { run as runOverride } from "../../src/cli/commands/override.ts";
import { run as runResume } from "../../src/cli/commands/resume.ts";
import { run as runRoll } from "../../src/cli/commands/roll.ts";
import { run as runRollback } from "../../src/cli/commands/rollback.ts";
import { run as runStatus } from "../../src/cli/commands/status.ts";
import { run as runThaw } from "../../src/cli/commands/thaw.ts";
import { run as runTimeline } from "../../src/cli/commands/timeline.ts";
import type { Io } from "../../src/cli/io.ts";
import { readJournal } from "../../src/store/journal.ts";
import { readSpool } from "../../src/store/spool.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { leadTo, phaseOf, stateText, tickUntil } from "../driver/steering-world.ts";
import { recordingIo } from "./recording-io.ts";

type Command = (args: readonly string[], options: object, io: Io) => Promise<number>;

interface Said {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

let world: FakeWorld;
let config = "";

/** A configuration over the world's folders, with the same times. */
function configure(lines: readonly string[] = []): void {
  writeFileSync(
    config,
    `version = 1
resolver = "127.0.0.1:1"
deploy_root = "${path.join(world.root, "deploy")}"
[defaults]
ttl = "60s"
propagation_delay = "10s"
publish_safety = "20s"
retire_safety = "10m"
confirm_rounds = 2
confirm_interval = "5s"
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "tsig.key"
[certificate.mx]
source = "live"
services = ["mx.example.org:25"]
reload = ["/bin/true"]
${lines.join("\n")}
`,
  );
}

beforeEach(() => {
  world = createFakeWorld();
  config = path.join(world.root, "daneward.toml");
  configure();
});
afterEach(() => {
  world.remove();
});

async function call(
  command: Command,
  args: readonly string[],
  options: object = {},
  io: Partial<Io> = {},
): Promise<Said> {
  const env = { SUDO_USER: "alice", PATH: "/usr/bin:/bin" };
  const recorder = recordingIo({ cwd: world.root, clock: world.clock, env, ...io });
  const exit = await command(args, { config, stateDir: world.stateDirectory, ...options }, recorder);
  const { out, err } = recorder.said();
  // Folded text is compared as one line; every sentence has a row with a label of its own.
  return { exit, out, err: err.replace(/\n {11}/g, " ") };
}

/** A terminal at which somebody types this. */
function terminal(typed: string): Partial<Io> {
  return { errIsTerminal: true, stdin: Object.assign(Readable.from([typed]), { isTTY: true }) };
}

function keys(): { readonly live: string; readonly next: string } {
  const [live = "", next = ""] = [...world.records].map((record) => (record.split(" ")[3] ?? "").slice(0, 8));
  return { live, next };
}

describe("before it is done", () => {
  test("an override says which clients will refuse until when, and asks", async () => {
    await leadTo(world, "aging");
    const { live, next } = keys();
    const before = stateText(world);
    const no = await call(runOverride, ["mx"], { because: "ns2 is gone for good" }, terminal("n\n"));
    expect(no.exit).toBe(1);
    expect(no.err).toContain(`mx: override\n  will     swap to key ${next} (valid until `);
    expect(no.err).toMatch(/a DANE client that cached 3 1 1 [0-9a-f]{12}… refuses until 20\d\d-\d\d-\d\d \S+Z \(in /);
    expect(no.err).toMatch(/without it the swap comes at 20.*, when every cache knows its record/);
    expect(no.err).toMatch(/override mx\? \[y\/N\] nothing was changed\n$/);
    expect(live).not.toBe("");
    expect(stateText(world)).toBe(before);
    const yes = await call(runOverride, ["mx"], { because: "ns2 is gone for good" }, terminal("y\n"));
    expect(yes.exit).toBe(0);
    expect((await call(runTimeline, ["mx"])).out).toMatch(
      /override +.*by=alice because=ns2 is gone for good from=aging/,
    );
  });

  test.each([
    ["override", runOverride, "aging", { because: "x" }],
    ["deinit", runDeinit, "stable", {}],
    ["roll --emergency", runRoll, "stable", { emergency: true }],
  ] as const)("%s off a terminal is refused without --yes", async (_, command: Command, stage, options) => {
    await leadTo(world, stage);
    const before = stateText(world);
    await expect(call(command, ["mx"], options)).rejects.toMatchObject({
      code: "USAGE",
      hint: "add --yes to do it without a question",
    });
    expect(stateText(world)).toBe(before);
    expect((await call(command, ["mx"], { ...options, yes: true })).exit).toBe(0);
    expect(stateText(world)).not.toBe(before);
  });

  test("an override without a reason is refused", async () => {
    await leadTo(world, "aging");
    await expect(call(runOverride, ["mx"], { yes: true })).rejects.toMatchObject({ code: "USAGE" });
    await expect(call(runOverride, ["mx"], { yes: true, because: " " })).rejects.toMatchObject({ code: "USAGE" });
  });

  test.each([
    ["no answer", ""],
    ["another answer", "perhaps\n"],
    ["an empty line", "\n"],
  ])("%s is a no", async (_, typed) => {
    await leadTo(world, "aging");
    expect((await call(runAbort, ["mx"], {}, terminal(typed))).exit).toBe(1);
    expect(phaseOf(world)).toBe("aging");
  });

  test("a dry run says it, asks nothing and writes nothing", async () => {
    await leadTo(world, "confirming");
    const before = stateText(world);
    const { exit, err } = await call(runRollback, ["mx"], { dryRun: true }, terminal("y\n"));
    expect(exit).toBe(0);
    expect(err).toContain("mx: rollback\n  will     put the files of key ");
    expect(err).toContain(`${path.join(world.root, "deploy/mx")} is flipped, then "/bin/true" is run`);
    expect(err).toContain("mx: would be deploying");
    expect(err).not.toContain("[y/N]");
    expect(stateText(world)).toBe(before);
    expect(readJournal(world.stateDirectory, "mx").entries.at(-1)?.event).not.toBe("rollback");
  });

  test("what does not apply is refused with what to do instead", async () => {
    await leadTo(world, "aging");
    await expect(call(runDeinit, ["mx"], { yes: true })).rejects.toMatchObject({
      code: "NOT_APPLICABLE",
      message: "mx: it is aging, not at rest",
      hint: "daneward abort mx gives the rollover up, or let it finish",
    });
  });
});

describe("what it says", () => {
  test("of an abort names the record that goes and when", async () => {
    await leadTo(world, "aging");
    const { live, next } = keys();
    const { err } = await call(runAbort, ["mx"]);
    expect(err).toContain(`  will     keep key ${live} (valid until `);
    expect(err).toMatch(
      /withdraw 3 1 1 [0-9a-f]{12}… at _25\._tcp\.mx\.example\.org, 10m after every address was proven/,
    );
    expect(err).toContain(`  costs    what was waited so far; another rollover waits anew (2m)\n`);
    expect(err).toContain(
      `key ${next} is not deployed again before the source offers another certificate, or you type daneward resume mx`,
    );
  });

  test("of a rollback after the rollover is its timetable", async () => {
    await leadTo(world, "stable");
    const { live } = keys();
    world.install(await world.issue());
    await tickUntil(world, () => phaseOf(world) === "stable" && world.records.size === 1);
    const { err } = await call(runRollback, ["mx"]);
    expect(err).toMatch(new RegExp(`go back to key ${live} \\(valid until .*\\) by a rollover of its own`));
    expect(err).toMatch(new RegExp(`publish 3 1 1 ${live}[0-9a-f]{4}… at _25\\._tcp\\.mx\\.example\\.org`));
    expect(err).toContain("swap the files 2m after every name server serves its record");
    expect(err).toContain("mx: now announcing");
  });

  test("of a deinit counts what is ours and what stays", async () => {
    world.records.add(`2 1 1 ${"cd".repeat(32)}`);
    await leadTo(world, "stable").catch(() => undefined);
    const { err } = await call(runDeinit, ["mx"], { dryRun: true });
    expect(err).toMatch(/withdraw 3 1 1 [0-9a-f]{12}… at _25\._tcp\.mx\.example\.org, and publish none any more/);
    expect(err).toContain(
      "not ours, stays, and goes on binding clients: 2 1 1 cdcdcdcdcdcd… at _25._tcp.mx.example.org",
    );
    expect(err).toMatch(/caches hold the records up to 20.*Z \(in 1m\)/);
  });

  test("of a hold and a resume is short", async () => {
    await leadTo(world, "aging");
    const held = await call(runHold, ["mx"], { because: "maintenance" });
    expect(held.err).toMatch(/will {5}stop every automatic step \(it is aging\)/);
    expect(held.err).toMatch(/the swap to key \w{8} waits for you \(the wait ends 20/);
    const resumed = await call(runResume, ["mx"]);
    expect(resumed.err).toContain("go on in aging; every gate is asked again");
    expect(resumed.err).toContain("mx: now aging");
  });

  test("as JSON is one document, with the same sentences", async () => {
    await leadTo(world, "aging");
    const { out, err } = await call(runHold, ["mx"], { json: true });
    expect(err).toBe("");
    expect(JSON.parse(out)).toMatchObject({
      schema: "daneward/steer/1",
      certificate: "mx",
      verb: "hold",
      from: "aging",
      phase: "held",
      dryRun: false,
      will: [expect.stringContaining("stop every automatic step") as string],
      costs: expect.any(Array) as string[],
      then: [expect.stringContaining("daneward resume mx") as string],
    });
  });

  test("of a hold that stands, and of a resume of nothing, is one line that is no failure", async () => {
    await leadTo(world, "aging");
    const before = stateText(world);
    const resume = await call(runResume, ["mx"]);
    expect(resume).toEqual({
      exit: 0,
      out: "",
      err: "mx: it is not held: nothing to do (daneward status mx shows what it waits for)\n",
    });
    expect(stateText(world)).toBe(before);
    await call(runHold, ["mx"]);
    const hold = await call(runHold, ["mx"]);
    expect(hold).toMatchObject({
      exit: 0,
      err: "mx: it is held already: OPERATOR_HOLD: nothing to do (daneward resume mx goes on)\n",
    });
    const json = await call(runHold, ["mx"], { json: true });
    expect(JSON.parse(json.out)).toMatchObject({ schema: "daneward/steer/1", verb: "hold", changed: false });
    // What cannot be is a failure as before.
    await expect(call(runDeinit, ["mx"], { yes: true })).rejects.toMatchObject({ code: "NOT_APPLICABLE" });
  });

  test("is silent with --quiet where nothing is asked", async () => {
    await leadTo(world, "aging");
    expect(await call(runHold, ["mx"], { quiet: true })).toEqual({ exit: 0, out: "", err: "" });
  });
});

describe("daneward roll", () => {
  test("without a renew command says what to type", async () => {
    await leadTo(world, "stable");
    const { exit, err } = await call(runRoll, ["mx"]);
    expect(exit).toBe(0);
    expect(err).toContain("type: have your ACME client issue a certificate with a new key for mx.example.org");
    expect(err).toContain('or set renew = "…" in [certificate.mx], and daneward roll runs it');
  });

  test("runs the renew command without a shell, shows what it says, and looks at the certificate", async () => {
    await leadTo(world, "stable");
    const script = path.join(world.root, "renew.sh");
    writeFileSync(script, `#!/bin/sh\nprintf 'order %s\\n\\033[31mred\\n' "$1"; env > ${world.root}/env\n`, {
      mode: 0o755,
    });
    configure([`renew = "${script} 'a b;c'"`]);
    const { exit, err } = await call(runRoll, ["mx"]);
    expect(err).toContain(`will     run "${script} a b;c" (no shell, at most 15m), then look at mx`);
    expect(err).toContain("  | order a b;c\n  |  [31mred\n");
    expect(err).toMatch(/^mx: .*next look/m);
    expect(readFileSync(path.join(world.root, "env"), "utf8")).not.toContain("SUDO_USER");
    expect([0, 1]).toContain(exit);
    expect(readJournal(world.stateDirectory, "mx").entries.some(({ event }) => event === "roll")).toBe(true);
  });

  test("whose command fails says so and goes no further", async () => {
    await leadTo(world, "stable");
    configure(['renew = "/bin/sh -c false"']);
    await expect(call(runRoll, ["mx"])).rejects.toMatchObject({
      code: "RENEW_FAILED",
      message: '"/bin/sh -c false" ended with exit code 1',
    });
  });

  test("--emergency tells what there is to choose, with figures", async () => {
    await leadTo(world, "stable");
    const { live } = keys();
    const { err } = await call(runRoll, ["mx"], { emergency: true, yes: true, because: "backup stolen" });
    expect(err).toContain(`mx: roll --emergency\n  will     count key ${live} as compromised from now on`);
    expect(err).toMatch(/1\. let it run: .*\(2m after .*up to 1m after the old one is gone/);
    expect(err).toMatch(/2\. daneward override mx --because TEXT .* refuse for up to 1m/);
    expect(err).toMatch(/3\. daneward deinit mx .*no DANE meanwhile/);
    expect((await call(runTimeline, ["mx"])).out).toMatch(/emergency +.*by=alice because=backup stolen/);
  });
});

describe("daneward freeze, thaw", () => {
  test("stop everything, are seen in the status, and are on record", async () => {
    await leadTo(world, "aging");
    const frozen = await call(runFreeze, [], { because: "the signer is broken" });
    expect(frozen.exit).toBe(0);
    expect(frozen.err).toContain("everything is frozen since 20");
    expect((await call(runStatus, [])).out).toContain("everything is frozen");
    const word = await call(runHold, ["mx"], { dryRun: true });
    expect(word.err).toMatch(/costs +everything is frozen .*; nothing of this happens before daneward thaw/);
    const json = await call(runThaw, [], { json: true, because: "mended" });
    expect(JSON.parse(json.out)).toMatchObject({ schema: "daneward/thaw/1", frozen: false });
    expect((await call(runStatus, [])).out).not.toContain("frozen");
    const { out } = await call(runTimeline, []);
    expect(out).toMatch(/freeze +.*by=alice because=the signer is broken/);
    expect(out).toMatch(/thaw +.*by=alice because=mended/);
  });

  test("let hooks go on noting renewals", async () => {
    await leadTo(world, "stable");
    await call(runFreeze, []);
    const env = { RENEWED_LINEAGE: path.join(world.root, "live"), RENEWED_DOMAINS: "mx.example.org" };
    expect((await call(runHook, ["certbot"], {}, { env })).exit).toBe(0);
    expect(readSpool(world.stateDirectory).notes).toHaveLength(1);
  });

  test("as a dry run, or answered with no, change nothing", async () => {
    await leadTo(world, "stable");
    const file = path.join(world.stateDirectory, "frozen.json");
    expect((await call(runFreeze, [], { dryRun: true })).exit).toBe(0);
    expect((await call(runFreeze, [], {}, terminal("n\n"))).exit).toBe(1);
    expect(existsSync(file)).toBe(false);
    await call(runFreeze, [], { yes: true, quiet: true });
    expect((await call(runThaw, [], {}, terminal("n\n"))).exit).toBe(1);
    expect(existsSync(file)).toBe(true);
  });

  test("as a dry run say that nothing was changed, as text and as JSON", async () => {
    await leadTo(world, "stable");
    const words = "nothing was changed (--dry-run)";
    expect((await call(runFreeze, [], { dryRun: true })).err).toMatch(
      /^freeze\n[^]*\nnothing was changed \(--dry-run\)\n$/,
    );
    const freeze = await call(runFreeze, [], { dryRun: true, json: true });
    const facts = { dryRun: true, changed: false, message: words, will: expect.any(Array) as string[] };
    expect(JSON.parse(freeze.out)).toMatchObject({ schema: "daneward/freeze/1", frozen: false, ...facts });
    await call(runFreeze, [], { yes: true });
    expect((await call(runThaw, [], { dryRun: true })).err).toContain(`\n${words}\n`);
    const thaw = await call(runThaw, [], { dryRun: true, json: true });
    expect(JSON.parse(thaw.out)).toMatchObject({ schema: "daneward/thaw/1", frozen: true, ...facts });
    expect(existsSync(path.join(world.stateDirectory, "frozen.json"))).toBe(true);
  });

  test("of what is frozen, or thawed, already say so in one line, and end well", async () => {
    await leadTo(world, "stable");
    expect(await call(runThaw, [])).toEqual({ exit: 0, out: "", err: "nothing is frozen: nothing to do\n" });
    const thaw = await call(runThaw, [], { json: true });
    expect(JSON.parse(thaw.out)).toMatchObject({ schema: "daneward/thaw/1", frozen: false, changed: false });
    await call(runFreeze, [], { because: "first" });
    const again = await call(runFreeze, [], { because: "second" });
    expect(again).toMatchObject({
      exit: 0,
      err: expect.stringMatching(/^everything is frozen .*: first: nothing to do\n$/) as string,
    });
    const json = await call(runFreeze, [], { json: true });
    expect(JSON.parse(json.out)).toMatchObject({ schema: "daneward/freeze/1", frozen: true, changed: false });
  });
});
