/**
 * SIGKILL of the tick wherever it hurts: just before and just after each operation that the outside can notice, and at
 * moments drawn by lot. Started again it still ends right, and no DANE client ever meets a failure.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { TTL, makeWard } from "./lab/daneward.ts";
import type { Ward } from "./lab/daneward.ts";
import type { Ended } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { assertQuiet, establish, isSettled, witness } from "./lab/rollover.ts";
import { useWorld } from "./lab/suite.ts";
import { WORLD_PROGRAMS } from "./lab/world.ts";
import type { World } from "./lab/world.ts";

const KILL_SWITCH = fileURLToPath(new URL("lab/kill-switch.cjs", import.meta.url));
const SEED = Number(process.env["DANEWARD_TEST_SEED"] ?? "20261122");

/** mulberry32: the same moments in each run of the same seed. */
function lots(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The phase as saved, without running anything. */
function savedPhase(ward: Ward): string {
  try {
    return (
      /"phase":\s*"([a-z]+)"/.exec(readFileSync(join(ward.stateDir, "certificates", "lab.json"), "utf8"))?.[1] ?? "?"
    );
  } catch {
    return "new";
  }
}

/** One renewal under ticks that `strike` may kill; gives the number of ticks killed. */
async function renewUnderFire(
  world: World,
  ward: Ward,
  strike: () => Promise<Ended>,
  deadlineMs: number,
): Promise<number> {
  await world.lineage.renew();
  const deadline = Date.now() + deadlineMs;
  let killed = 0;
  while (!((await isSettled(world)) && savedPhase(ward) === "stable")) {
    if (Date.now() > deadline)
      throw new Error(`not settled after ${String(killed)} kills:\n${(await ward.run(["status"])).stdout}`);
    const tick = await strike();
    if (tick.signal === "SIGKILL") killed += 1;
    else assertQuiet(tick);
  }
  return killed;
}

serverSuite("SIGKILL of the tick", WORLD_PROGRAMS, () => {
  const lab = useWorld();
  let ward: Ward;

  test("daneward is established", async () => {
    ward = makeWard(lab());
    await establish(lab(), ward);
  }, 90_000);

  test("killed once at each distinct operation, it ends right with zero failures", async () => {
    const world = lab();
    const places = join(world.folder, "kill-places");
    mkdirSync(world.folder, { recursive: true });
    writeFileSync(places, "");
    const sampler = witness(world);
    try {
      const strike = (): Promise<Ended> =>
        ward.tick({
          env: {
            NODE_OPTIONS: `--require=${KILL_SWITCH}`,
            DANEWARD_KILL_PLACES: places,
            DANEWARD_KILL_CONTEXT: savedPhase(ward),
          },
        });
      // Twice: what the first kill of a kind prevented (a journal entry is tried once) is reached by the second renewal.
      let killed = 0;
      for (let renewal = 0; renewal < 2; renewal += 1) killed += await renewUnderFire(world, ward, strike, 120_000);
      await delay(2 * TTL * 1000);
      const distinct = readFileSync(places, "utf8").trim().split("\n");
      console.info(`killed ${String(killed)} times at ${String(distinct.length)} distinct places`);
      expect(distinct.length).toBeGreaterThanOrEqual(20);
      expect(killed).toBe(distinct.length);
      expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
    } finally {
      await sampler.stop();
    }
  }, 300_000);

  test(`killed at random moments (seed ${String(SEED)}), it ends right with zero failures`, async () => {
    const world = lab();
    const draw = lots(SEED);
    const sampler = witness(world);
    const moments = new Set<number>();
    try {
      const typical = (await ward.tick()).durationMs;
      const strike = async (): Promise<Ended> => {
        if (draw() < 0.1) return await ward.tick();
        const killAfterMs = Math.round(draw() * typical * 1.2);
        moments.add(killAfterMs);
        return await ward.tick({ killAfterMs });
      };
      let killed = 0;
      while (killed < 20) killed += await renewUnderFire(world, ward, strike, 120_000);
      await delay(2 * TTL * 1000);
      console.info(`killed ${String(killed)} times at random moments; a tick takes ${String(typical)} ms`);
      expect(moments.size).toBeGreaterThanOrEqual(20);
      expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
    } finally {
      await sampler.stop();
    }
  }, 300_000);
});
