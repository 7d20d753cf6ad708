/** A state that was lost at any stage is made anew, and the rollover ends with no moment at which a client would refuse. */
import { createHash, X509Certificate } from "node:crypto";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { carryOutAdoption, considerAdoption } from "../../src/driver/adoption.ts";
import type { Adoption, AdoptionInput } from "../../src/driver/adoption.ts";
import { subjectOf } from "../../src/driver/rollover-unit.ts";
import { tick } from "../../src/driver/tick.ts";
import { recordText } from "../../src/rollover/chain.ts";
import { readJournal } from "../../src/store/journal.ts";
import { loadState, saveState, stateFile } from "../../src/store/store.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { leadTo, phaseOf, stateOf } from "./steering-world.ts";
import type { Stage } from "./steering-world.ts";

let world: FakeWorld;

beforeEach(() => {
  world = createFakeWorld();
});
afterEach(() => {
  world.remove();
});

const FOREIGN = `3 1 1 ${"ab".repeat(32)}`;

function inputOf(records: readonly string[] | null = null): AdoptionInput {
  const { configuration, stateDirectory, clock, signal, reread } = world.input();
  const setting = { configuration, stateDirectory, clock, signal, reread, sharers: () => [] };
  const made = world.input().makeWorld(configuration, clock, signal);
  return {
    subject: subjectOf({ ...setting, world: made }, world.certificate),
    records: records?.map(recordText) ?? null,
    who: "alice",
    because: "test",
    stateDirectory,
    clock,
  };
}

function damage(): void {
  writeFileSync(stateFile(world.stateDirectory, "mx"), '{"version":2,');
}

async function adoptAll(records: readonly string[] | null = null): Promise<Adoption> {
  const told = await considerAdoption(inputOf(records));
  await carryOutAdoption(inputOf(records), told);
  return told;
}

function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "done",
    (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
  );
}

function served(): string {
  const spki = new X509Certificate(world.served()).publicKey.export({ type: "spki", format: "der" });
  return `3 1 1 ${createHash("sha256").update(spki).digest("hex")}`;
}

describe("a damaged state file", () => {
  test.each<Stage>(["stable", "announcing", "aging", "deploying", "confirming", "withdrawing", "aborted"])(
    "lost in %s is made anew, moved aside, and the rollover ends with our records alone",
    async (stage) => {
      await leadTo(world, stage);
      const records = [...world.records].sort();
      damage();
      const told = await adoptAll();
      expect(told.damaged?.file).toBe(stateFile(world.stateDirectory, "mx"));
      expect([...world.records].sort()).toEqual(records);
      // A secondary may still serve what the primary has no more.
      expect(stateOf(world).owners.flatMap(({ ours }) => ours)).toEqual(expect.arrayContaining(records));
      const kept = readdirSync(path.join(world.stateDirectory, "certificates"));
      expect(kept.filter((name) => name.startsWith("mx.json.damaged-2026"))).toHaveLength(1);
      for (const server of ["ns1.example.org.", "ns2.example.org."]) world.freeze(server, false);
      for (let turn = 0; turn < 200; turn++) {
        await tick(world.input());
        expect(world.records, `turn ${String(turn)}`).toContain(served());
        if (phaseOf(world) === "stable" && world.records.size === 1 && turn > 3) break;
        world.advance(20);
      }
      expect([phaseOf(world), [...world.records]]).toEqual(["stable", [served()]]);
    },
  );

  test("is put back where it was when the name servers cannot be asked any more", async () => {
    await leadTo(world, "stable");
    damage();
    const told = await considerAdoption(inputOf());
    const input = inputOf();
    const blind = { ...input.subject.world, viewOwner: () => Promise.reject(new Error("a defect")) };
    await expect(carryOutAdoption({ ...input, subject: { ...input.subject, world: blind } }, told)).rejects.toThrow();
    expect(await codeOf(Promise.resolve().then(() => loadState(world.stateDirectory, "mx")))).toBe("STATE_DAMAGED");
  });

  test("that somebody mended meanwhile is left alone", async () => {
    await leadTo(world, "stable");
    const whole = stateFile(world.stateDirectory, "mx");
    damage();
    const told = await considerAdoption(inputOf());
    await adoptAll();
    expect(existsSync(whole)).toBe(true);
    expect(await codeOf(carryOutAdoption(inputOf(), told))).toBe("STEER_OVERTAKEN");
  });
});

describe("records of others", () => {
  test("are listed and stay, until they are named", async () => {
    await leadTo(world, "stable");
    world.records.add(FOREIGN);
    await tick(world.input({ force: true }));
    const told = await considerAdoption(inputOf());
    expect(told.places).toMatchObject([{ take: [], ours: [served()], foreign: [FOREIGN] }]);
    const named = await adoptAll([FOREIGN]);
    expect(named.strangers).toEqual([FOREIGN]);
    expect(stateOf(world).owners[0]?.ours).toContain(FOREIGN);
    const entries = readJournal(world.stateDirectory, "mx").entries.filter(({ event }) => event === "adopt");
    expect(entries).toMatchObject([{ detail: { by: "alice", because: "test", records: [FOREIGN] } }]);
    for (let turn = 0; turn < 100 && world.records.has(FOREIGN); turn++) {
      world.advance(20);
      await tick(world.input());
    }
    expect([...world.records]).toEqual([served()]);
  });

  test("are taken without a name when they match a certificate of ours, although no state is there yet", async () => {
    const first = await world.issue();
    world.serve(first);
    world.install(first);
    world.records.add(served());
    const told = await adoptAll();
    expect(told).toMatchObject({ damaged: null, strangers: [], places: [{ take: [served()], foreign: [] }] });
    expect(stateOf(world).owners[0]?.ours).toEqual([served()]);
  });

  test("of another certificate of ours at the same service are no strangers", async () => {
    await leadTo(world, "stable");
    world.records.add(FOREIGN);
    const saved = loadState(world.stateDirectory, "mx");
    if (saved === null) throw new Error("no state");
    const owners = saved.state.owners.map((owner) => ({ ...owner, ours: [recordText(FOREIGN)] }));
    saveState(world.stateDirectory, { ...saved, certificate: "rsa", state: { ...saved.state, owners } });
    const input = inputOf();
    const sharers = [{ ...world.certificate, name: "rsa" }];
    const told = await considerAdoption({ ...input, subject: { ...input.subject, sharers } });
    expect(told.places).toMatchObject([{ take: [], foreign: [] }]);
  });

  test("that nobody serves cannot be named", async () => {
    await leadTo(world, "stable");
    expect(await codeOf(considerAdoption(inputOf([FOREIGN])))).toBe("NOT_APPLICABLE");
  });
});
