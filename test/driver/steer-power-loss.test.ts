/**
 * Power loss at every file operation of what an operator says: afterwards it was said or it was not, the journal agrees,
 * and a stop is a stop.
 */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { considerSteering, freezeAll, steer, thawAll } from "../../src/driver/steer.ts";
import type { SteerInput } from "../../src/driver/steer.ts";
import { journalFreeze, readFreeze } from "../../src/store/freeze.ts";
import { readJournal } from "../../src/store/journal.ts";
import { completeJournal } from "../../src/store/store.ts";
import { createDisk } from "../fakes/disk.ts";
import type { Image, Loss, Operation } from "../fakes/disk.ts";
import { recordDisk } from "../fakes/disk-recorder.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { leadTo, phaseOf } from "./steering-world.ts";

let stop: () => void = () => undefined;
afterEach(() => {
  stop();
});

function restore(world: FakeWorld, image: Image): void {
  rmSync(world.stateDirectory, { recursive: true, force: true });
  for (const [name, entry] of image) {
    const file = path.join(world.root, name);
    if (entry.kind === "directory") mkdirSync(file);
    else if (entry.kind === "link") symlinkSync(entry.target, file);
    else writeFileSync(file, entry.content);
    if (entry.kind !== "link") chmodSync(file, entry.kind === "directory" ? 0o700 : entry.mode);
  }
}

/** Runs `work` in aging and then `judge` on what is left of each cut of the power within it. */
async function strike(
  work: (world: FakeWorld) => Promise<unknown>,
  judge: (world: FakeWorld, isOver: boolean) => void,
): Promise<number> {
  const world = createFakeWorld();
  const operations: Operation[] = [];
  // What removes folders keeps the functions that it finds when it is first used: not those of the recorder.
  const spare = path.join(world.root, "spare");
  mkdirSync(path.join(spare, "folder"), { recursive: true });
  rmSync(spare, { recursive: true });
  const recorder = recordDisk(world.root, ["state"], (operation) => operations.push(operation));
  stop = () => {
    recorder.stop();
    world.remove();
  };
  await leadTo(world, "aging");
  const first = operations.length;
  await work(world);
  const recorded = [...operations];
  recorder.stop();
  const losses: readonly Loss[] = ["all", "nothing", (count) => count >> 1, (count) => count - 1];
  const disk = createDisk();
  recorded.forEach((operation, at) => {
    disk.apply(operation);
    if (at < first - 1) return;
    for (const loss of losses) {
      restore(world, disk.crash(loss));
      judge(world, at === recorded.length - 1);
    }
  });
  return recorded.length - first;
}

function events(world: FakeWorld, ...kinds: readonly string[]): readonly string[] {
  return readJournal(world.stateDirectory).entries.flatMap(({ event }) => (kinds.includes(event) ? [event] : []));
}

function inputOf({ certificate, stateDirectory, clock }: FakeWorld): SteerInput {
  return { verb: "hold", certificate, stateDirectory, clock, who: "alice", because: "" };
}

test("a word about a certificate is said and on record, or neither", async () => {
  const operations = await strike(
    async (world) => steer(inputOf(world), considerSteering(inputOf(world))),
    (world, isOver) => {
      const isHeld = phaseOf(world) === "held";
      if (isOver) expect(isHeld).toBe(true);
      completeJournal(world.stateDirectory, "mx");
      expect(events(world, "hold")).toEqual(isHeld ? ["hold"] : []);
    },
  );
  expect(operations).toBeGreaterThan(10);
});

test("a freeze holds or was never there, is on record once, and nothing half written thaws it", async () => {
  const operations = await strike(
    async (world) => freezeAll(inputOf(world)),
    (world, isOver) => {
      const freeze = readFreeze(world.stateDirectory);
      if (isOver) expect(freeze).not.toBeNull();
      expect(freeze?.damage ?? null).toBeNull();
      journalFreeze(world.stateDirectory);
      // Killed between the two, the line is written twice rather than not at all.
      const said = events(world, "freeze");
      expect(said.length).toBeGreaterThanOrEqual(freeze === null ? 0 : 1);
      expect(said.length).toBeLessThanOrEqual(freeze === null ? 0 : 2);
    },
  );
  expect(operations).toBeGreaterThan(10);
});

test("a thaw is on record before anything goes on", async () => {
  await strike(
    async (world) => {
      await freezeAll(inputOf(world));
      await thawAll(inputOf(world));
    },
    (world, isOver) => {
      const frozen = readFreeze(world.stateDirectory) !== null;
      if (isOver) expect(frozen).toBe(false);
      const said = events(world, "freeze", "thaw");
      if (!frozen && said.includes("freeze")) expect(said.at(-1)).toBe("thaw");
    },
  );
});
