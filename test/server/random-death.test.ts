/**
 * SIGKILL of the tick at two hundred moments drawn by lot, over several renewals, with a witness that asks all the time:
 * each renewal ends right, and no DANE client ever meets a failure. `DANEWARD_TEST_SEED` draws other moments.
 */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { TTL, makeWard } from "./lab/daneward.ts";
import type { Ended } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { establish, isSettled, witness } from "./lab/rollover.ts";
import { useWorld } from "./lab/suite.ts";
import { renewUnderFire } from "./lab/under-fire.ts";
import { WORLD_PROGRAMS } from "./lab/world.ts";

const SEED = Number(process.env["DANEWARD_TEST_SEED"] ?? "20261122");
const KILLS = 200;

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

serverSuite(`SIGKILL of the tick at ${String(KILLS)} random moments (seed ${String(SEED)})`, WORLD_PROGRAMS, () => {
  const lab = useWorld();

  test("every renewal ends right, with zero failures", async () => {
    const world = lab();
    const ward = makeWard(world);
    await establish(world, ward);
    const draw = lots(SEED);
    const sampler = witness(world);
    const kills: number[] = [];
    let renewals = 0;
    try {
      const look = async (): Promise<number> => (await ward.run(["tick", "--force"])).durationMs;
      // The shortest one: on a busy machine the others say little.
      const typical = Math.min(await look(), await look(), await look(), 400);
      const strike = async (): Promise<Ended> => {
        if (kills.length >= KILLS || draw() < 0.1) return await ward.tick();
        // Forced, so that it looks whatever the time is. One that deploys goes on for longer than others.
        const killAfterMs = Math.round(draw() * typical * (draw() < 0.15 ? 2 : 0.8));
        const tick = await ward.run(["tick", "--force"], { killAfterMs });
        if (tick.signal === "SIGKILL") kills.push(killAfterMs);
        return tick;
      };
      for (; kills.length < KILLS; renewals += 1) await renewUnderFire(world, ward, strike, 120_000);
      expect(await isSettled(world)).toBe(true);
      expect((await ward.status()).concern).toBe("well");
      await delay(TTL * 1000);
      console.info(
        `seed ${String(SEED)}: killed ${String(kills.length)} times at ${String(new Set(kills).size)} different ` +
          `moments in ${String(renewals)} renewals; an undisturbed look takes ${String(typical)} ms`,
      );
      expect(renewals).toBeGreaterThanOrEqual(3);
      expect(new Set(kills).size).toBeGreaterThanOrEqual(KILLS / 4);
      expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
    } finally {
      await sampler.stop();
    }
  }, 300_000);
});
