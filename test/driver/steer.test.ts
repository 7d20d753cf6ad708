/** What an operator says in each phase: what comes of it, who is on record, and that the next tick acts on it. */
import { cpSync, rmSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { considerSteering, freezeAll, steer } from "../../src/driver/steer.ts";
import type { SteerInput, SteerVerb, Steering } from "../../src/driver/steer.ts";
import { tick } from "../../src/driver/tick.ts";
import { readJournal } from "../../src/store/journal.ts";
import { loadState, saveState } from "../../src/store/store.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { leadTo, phaseOf, stateOf, stateText, tickUntil } from "./steering-world.ts";
import type { Stage } from "./steering-world.ts";

function inputOf(world: FakeWorld, verb: SteerVerb, changes: Partial<SteerInput> = {}): SteerInput {
  const { certificate, stateDirectory, clock } = world;
  return { verb, certificate, stateDirectory, clock, who: "alice", because: "a reason", ...changes };
}

/** The phase right after the verb; null: refused. */
const OUTCOMES: Readonly<Record<SteerVerb, Readonly<Record<Stage, string | null>>>> = {
  hold: {
    stable: "held",
    announcing: "held",
    aging: "held",
    deploying: "held",
    confirming: "held",
    withdrawing: "held",
    held: null,
    "reload failed": null,
    aborted: "held",
  },
  resume: {
    stable: null,
    announcing: null,
    aging: null,
    deploying: null,
    confirming: null,
    withdrawing: null,
    held: "aging",
    "reload failed": "announcing",
    aborted: "stable",
  },
  abort: {
    stable: null,
    announcing: "stable",
    aging: "stable",
    deploying: "deploying",
    confirming: "deploying",
    withdrawing: null,
    held: "stable",
    "reload failed": "deploying",
    aborted: null,
  },
  rollback: {
    stable: null,
    announcing: "stable",
    aging: "stable",
    deploying: "deploying",
    confirming: "deploying",
    withdrawing: null,
    held: "stable",
    "reload failed": "deploying",
    aborted: "announcing",
  },
  override: {
    stable: null,
    announcing: "announcing",
    aging: "aging",
    deploying: "deploying",
    confirming: "confirming",
    withdrawing: "withdrawing",
    held: "aging",
    "reload failed": "announcing",
    aborted: null,
  },
  roll: {
    stable: "stable",
    announcing: "announcing",
    aging: "aging",
    deploying: "deploying",
    confirming: "confirming",
    withdrawing: "withdrawing",
    held: null,
    "reload failed": null,
    aborted: "stable",
  },
  emergency: {
    stable: "stable",
    announcing: "announcing",
    aging: "aging",
    deploying: "deploying",
    confirming: "confirming",
    withdrawing: "withdrawing",
    held: "held",
    "reload failed": "held",
    aborted: "stable",
  },
  deinit: {
    stable: "stable",
    announcing: null,
    aging: null,
    deploying: null,
    confirming: null,
    withdrawing: null,
    held: null,
    "reload failed": null,
    aborted: "stable",
  },
};

const STAGES: readonly Stage[] = [
  "stable",
  "announcing",
  "aging",
  "deploying",
  "confirming",
  "withdrawing",
  "held",
  "reload failed",
  "aborted",
];
const VERBS: readonly SteerVerb[] = ["hold", "resume", "abort", "rollback", "override", "roll", "emergency", "deinit"];

describe.each(STAGES)("in %s", (stage) => {
  let shared: FakeWorld;
  beforeAll(async () => {
    shared = createFakeWorld();
    await leadTo(shared, stage);
    cpSync(shared.stateDirectory, `${shared.stateDirectory}.before`, { recursive: true });
  });
  afterAll(() => {
    shared.remove();
  });

  test.each(VERBS)("%s", async (verb) => {
    rmSync(shared.stateDirectory, { recursive: true });
    cpSync(`${shared.stateDirectory}.before`, shared.stateDirectory, { recursive: true });
    const from = phaseOf(shared);
    const before = stateText(shared);
    const expected = OUTCOMES[verb][stage];
    const input = inputOf(shared, verb);
    if (expected === null) {
      expect(() => considerSteering(input)).toThrow(
        expect.objectContaining({ code: "NOT_APPLICABLE", hint: expect.stringMatching(/./) as string }),
      );
      return;
    }
    const told = considerSteering(input);
    expect(told.after.phase.phase).toBe(expected);
    expect(stateText(shared)).toBe(before);
    await steer(input, told);
    expect(phaseOf(shared)).toBe(expected);
    expect(loadState(shared.stateDirectory, "mx")?.wakeAt).toBe(shared.clock());
    expect(readJournal(shared.stateDirectory, "mx").entries.at(-1)).toMatchObject({
      at: shared.clock(),
      event: verb,
      detail: { by: "alice", because: "a reason", from, to: expected },
    });
  });
});

let world: FakeWorld;
beforeEach(() => {
  world = createFakeWorld();
});
afterEach(() => {
  world.remove();
});

async function say(verb: SteerVerb, changes: Partial<SteerInput> = {}): Promise<Steering> {
  const input = inputOf(world, verb, changes);
  return steer(input, considerSteering(input));
}

describe("what was said", () => {
  test("is not done when the rollover went on meanwhile", async () => {
    await leadTo(world, "aging");
    const told = considerSteering(inputOf(world, "abort"));
    await tickUntil(world, () => phaseOf(world) === "confirming");
    await expect(steer(inputOf(world, "abort"), told)).rejects.toMatchObject({
      code: "STEER_OVERTAKEN",
      message: "mx went on meanwhile: it was aging and is confirming now",
    });
    expect(phaseOf(world)).toBe("confirming");
  });

  test("is done although another round of proof came in between", async () => {
    await leadTo(world, "confirming");
    const told = considerSteering(inputOf(world, "hold"));
    world.advance(10);
    await tick(world.input());
    await steer(inputOf(world, "hold"), told);
    expect(phaseOf(world)).toBe("held");
  });

  test("needs a first look", () => {
    expect(() => considerSteering(inputOf(world, "hold"))).toThrow(
      expect.objectContaining({ code: "NEVER_SEEN", hint: "daneward tick mx takes the first look" }),
    );
  });
});

function served(): string {
  return world.served();
}

describe("what comes of it", () => {
  test("rollback after a finished rollover is a rollover back, and the rejected chain stays away", async () => {
    await leadTo(world, "stable");
    const [first] = world.records;
    const old = served();
    world.install(await world.issue());
    await tickUntil(world, () => phaseOf(world) === "stable" && world.records.size === 1);
    const renewed = served();
    const [second] = world.records;
    expect(renewed).not.toBe(old);
    await say("rollback");
    await tick(world.input());
    expect([...world.records].sort()).toEqual([first, second].sort());
    expect(served()).toBe(renewed);
    await tickUntil(world, () => phaseOf(world) === "stable" && world.records.size === 1);
    expect(served()).toBe(old);
    expect([...world.records]).toEqual([first]);
    await say("resume");
    await tickUntil(world, () => phaseOf(world) === "stable" && served() === renewed && world.records.size === 1);
    expect([...world.records]).toEqual([second]);
  });

  test("override in aging swaps at the next tick", async () => {
    await leadTo(world, "aging");
    const old = served();
    await say("override");
    expect(stateOf(world).override).toMatchObject({ act: "swap", because: "a reason (by alice)" });
    await tick(world.input());
    expect(phaseOf(world)).toBe("confirming");
    expect(served()).not.toBe(old);
    expect(stateOf(world).override).toBeNull();
  });

  test("override in confirming withdraws at the next tick, with what it is about on record", async () => {
    await leadTo(world, "confirming");
    expect(world.records.size).toBe(2);
    await say("override");
    expect(readJournal(world.stateDirectory, "mx").entries.at(-1)?.detail).toMatchObject({ act: "withdraw" });
    await tick(world.input());
    expect(world.records.size).toBe(1);
  });

  test("deinit takes our records away and leaves the others and the files; resume brings them back", async () => {
    await leadTo(world, "stable");
    const [ours = ""] = world.records;
    const live = served();
    const foreign = `3 1 1 ${"cd".repeat(32)}`;
    world.records.add(foreign);
    await say("deinit");
    await tickUntil(world, () => world.records.size === 1 && phaseOf(world) === "stable").catch(() => undefined);
    // Somebody else's record alone would shut this certificate out: then ours stays.
    expect([...world.records].sort()).toEqual([ours, foreign].sort());
    world.records.delete(foreign);
    await tickUntil(world, () => world.records.size === 0 && phaseOf(world) === "stable");
    expect(served()).toBe(live);
    await say("resume");
    await tickUntil(world, () => world.records.size === 1);
    expect([...world.records]).toEqual([ours]);
  });

  test("an emergency keeps the compromised key from ever coming back, and does not wait to retire it", async () => {
    await leadTo(world, "stable");
    await say("emergency");
    const [key] = [...world.records].map((record) => record.split(" ")[3]);
    expect(stateOf(world).emergency).toMatchObject({ spkiSha256: key, because: "a reason (by alice)" });
    world.install(await world.issue());
    await tickUntil(world, () => phaseOf(world) === "confirming");
    const swappedAt = world.clock();
    await tickUntil(world, () => phaseOf(world) === "stable" && world.records.size === 1);
    expect(world.clock() - swappedAt).toBeLessThan(world.certificate.policy.retireSafety * 1000);
    await expect(say("rollback")).rejects.toMatchObject({ code: "NOT_APPLICABLE" });
  });

  test("roll without a command of ours takes an aborted chain up again; with one it leaves that alone", async () => {
    await leadTo(world, "aborted");
    await say("roll", { certificate: { ...world.certificate, renew: ["certbot"] } });
    expect(stateOf(world).rejected).not.toBeNull();
    await say("roll");
    expect(stateOf(world).rejected).toBeNull();
    await tick(world.input());
    expect(phaseOf(world)).toBe("aging");
  });
});

test("roll runs nothing while everything is frozen; an emergency is noted all the same", async () => {
  await leadTo(world, "stable");
  await freezeAll(inputOf(world, "roll", { because: "test" }));
  const certificate = { ...world.certificate, renew: ["certbot"] };
  await expect(say("roll", { certificate })).rejects.toMatchObject({
    code: "NOT_APPLICABLE",
    hint: "daneward thaw first, or renew by hand",
  });
  await say("emergency", { certificate });
  expect(stateOf(world).emergency).not.toBeNull();
});

test("acts at the next tick, whatever was waited for", async () => {
  await leadTo(world, "stable");
  await say("hold");
  world.advance(1);
  await tick(world.input());
  expect(stateOf(world).lastStepAt).toBe(world.clock());
});

test("what a killed word could not write to the journal is there before the next one", async () => {
  await leadTo(world, "aging");
  const saved = loadState(world.stateDirectory, "mx");
  const entry = { at: world.clock(), certificate: "mx", event: "hold", detail: { by: "bob" } };
  saveState(world.stateDirectory, { ...(saved ?? expect.fail("no state")), unjournalled: [entry] });
  await say("abort");
  const { entries } = readJournal(world.stateDirectory, "mx");
  expect(entries.slice(-2).map(({ event, detail }) => [event, detail["by"]])).toEqual([
    ["hold", "bob"],
    ["abort", "alice"],
  ]);
});
