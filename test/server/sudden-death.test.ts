/**
 * SIGKILL of the tick wherever it hurts: just before and just after each operation that the outside can notice. Started
 * again it still ends right, and no DANE client ever meets a failure.
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
import { establish, witness } from "./lab/rollover.ts";
import { useWorld } from "./lab/suite.ts";
import { renewUnderFire, savedPhase } from "./lab/under-fire.ts";
import { WORLD_PROGRAMS } from "./lab/world.ts";

const KILL_SWITCH = fileURLToPath(new URL("lab/kill-switch.cjs", import.meta.url));

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
      for (let renewal = 0; renewal < 2; renewal += 1) killed += await renewUnderFire(world, ward, strike, 200_000);
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
});
