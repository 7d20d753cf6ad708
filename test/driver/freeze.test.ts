/** While everything is frozen every tick looks, and does nothing; thawed, it goes on from where it was. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freezeAll, thawAll } from "../../src/driver/steer.ts";
import type { Saying } from "../../src/driver/steer.ts";
import { tick } from "../../src/driver/tick.ts";
import { readJournal } from "../../src/store/journal.ts";
import { acquireLock } from "../../src/store/lock.ts";
import { loadState } from "../../src/store/store.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { leadTo, phaseOf, stateOf, tickUntil } from "./steering-world.ts";

let folder = "";
let holdFile = "";
let world: FakeWorld;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "daneward-freeze-"));
  holdFile = path.join(folder, "mx");
  world = createFakeWorld({ holdFile });
});
afterEach(() => {
  world.remove();
  rmSync(folder, { recursive: true, force: true });
});

function saying(because = "the signer is broken"): Saying {
  return { who: "alice", because, stateDirectory: world.stateDirectory, clock: world.clock };
}

/** Everything that a tick may change outside the state directory. */
function outside(): string {
  const deploy = path.join(world.root, "deploy");
  const files = existsSync(deploy) ? readdirSync(deploy, { recursive: true, encoding: "utf8" }).sort() : [];
  return JSON.stringify([[...world.records].sort(), world.served(), files]);
}

async function tickFor(times: number): Promise<void> {
  for (let count = 0; count < times; count++) {
    world.advance(120);
    await tick(world.input());
  }
}

function refusals(): readonly string[] {
  return (loadState(world.stateDirectory, "mx")?.refusals ?? []).map(({ code, detail }) => `${code}: ${detail}`);
}

test("in aging nothing is done while it lasts, and the swap comes at once after it", async () => {
  await leadTo(world, "aging");
  const before = outside();
  expect(await freezeAll(saying())).toBeNull();
  await tickFor(10);
  expect(outside()).toBe(before);
  expect(phaseOf(world)).toBe("aging");
  expect(stateOf(world).lastStepAt).toBe(world.clock());
  expect(refusals()[0]).toMatch(/^FROZEN: everything is frozen since .* by alice: the signer is broken$/);
  const lifted = await thawAll(saying("mended"));
  expect(lifted).toMatchObject({ by: "alice", because: "the signer is broken" });
  world.advance(60);
  await tick(world.input());
  expect(phaseOf(world)).toBe("confirming");
  const events = readJournal(world.stateDirectory).entries.filter(({ certificate }) => certificate === null);
  expect(events.map(({ event, detail }) => [event, detail["because"]])).toEqual([
    ["freeze", "the signer is broken"],
    ["thaw", "mended"],
  ]);
});

test("a renewal, and a record that somebody removed, are seen and left alone; the hold file only ever goes", async () => {
  await leadTo(world, "stable");
  await tick(world.input({ force: true }));
  expect(existsSync(holdFile)).toBe(true);
  await freezeAll(saying());
  const shown = readFileSync(holdFile, "utf8");
  await tick(world.input({ force: true }));
  expect(readFileSync(holdFile, "utf8")).toBe(shown);
  rmSync(holdFile);
  await tick(world.input({ force: true }));
  expect(existsSync(holdFile)).toBe(false);
  writeFileSync(holdFile, shown);
  world.records.clear();
  world.install(await world.issue());
  const before = outside();
  await tickFor(3);
  expect(outside()).toBe(before);
  expect(phaseOf(world)).toBe("stable");
  // What it names is no longer what the source holds: nobody may copy that to a server.
  expect(existsSync(holdFile)).toBe(false);
  await thawAll(saying());
  await tickUntil(world, () => world.records.size === 1 && existsSync(holdFile));
});

test("a first deployment does not happen, and live mismatches still raise the alarm", async () => {
  await leadTo(world, "stable");
  await freezeAll(saying());
  world.serve(await world.issue());
  await tick(world.input({ force: true }));
  expect(refusals().some((text) => text.startsWith("LIVE_MISMATCH"))).toBe(true);
  const fresh = createFakeWorld();
  try {
    const issued = await fresh.issue();
    fresh.serve(issued);
    fresh.install(issued);
    await freezeAll({ ...saying(), stateDirectory: fresh.stateDirectory });
    await tick(fresh.input());
    expect(existsSync(path.join(fresh.root, "deploy"))).toBe(false);
    expect(fresh.records.size).toBe(0);
  } finally {
    fresh.remove();
  }
});

test("a tick that is at work is stopped before its next act, and puts on record who stopped it", async () => {
  await leadTo(world, "aging");
  world.advance(120);
  const before = outside();
  const lock = acquireLock(world.stateDirectory, world.clock());
  expect(await freezeAll(saying())).toMatch(/another daneward|process/);
  expect(readJournal(world.stateDirectory).entries.some(({ event }) => event === "freeze")).toBe(false);
  lock.release();
  await tick(world.input());
  expect(outside()).toBe(before);
  expect(readJournal(world.stateDirectory).entries.filter(({ event }) => event === "freeze")).toHaveLength(1);
});

test("frozen between its look and its act, a tick leaves undone what it meant to do", async () => {
  await leadTo(world, "aging");
  world.advance(120);
  const before = outside();
  // The intent is journalled before anything is done: the switch is thrown at that very moment.
  let thrown = false;
  await tick(
    world.input({
      onEvent: (entry) => {
        if (entry.event !== "deploying" || thrown) return;
        thrown = true;
        const file = { version: 1, at: "2026-11-22T12:00:00.000Z", by: "alice", because: "", journalled: false };
        writeFileSync(path.join(world.stateDirectory, "frozen.json"), JSON.stringify(file));
      },
    }),
  );
  expect(thrown).toBe(true);
  expect(outside()).toBe(before);
  expect(phaseOf(world)).toBe("deploying");
  await thawAll(saying());
  await tickUntil(world, () => phaseOf(world) === "stable" && world.records.size === 1);
});

test("a damaged file stops everything too, until it is thawed", async () => {
  await leadTo(world, "aging");
  const before = outside();
  writeFileSync(path.join(world.stateDirectory, "frozen.json"), "{");
  await tickFor(3);
  expect(outside()).toBe(before);
  expect(refusals()[0]).toMatch(/^FREEZE_DAMAGED: everything counts as frozen since /);
  expect((await thawAll(saying())).damage).toBe("it is not JSON");
  await tickFor(1);
  expect(phaseOf(world)).toBe("confirming");
});

test("twice is refused, and so is a thaw of what is not frozen", async () => {
  await expect(thawAll(saying())).rejects.toMatchObject({ code: "NOT_APPLICABLE", message: "nothing is frozen" });
  await freezeAll(saying());
  await expect(freezeAll(saying("again"))).rejects.toMatchObject({
    code: "NOT_APPLICABLE",
    message: expect.stringContaining("the signer is broken") as string,
    hint: "daneward thaw lets it go on",
  });
  await thawAll(saying());
});
