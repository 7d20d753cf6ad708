/** A secondary that lags for three TTLs delays the swap by that much, and `status` says which server, since when. */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { TTL, makeWard } from "./lab/daneward.ts";
import { serverSuite } from "./lab/programs.ts";
import { establish, firstSeen, isSettled, ownRecord, tickUntil, witness } from "./lab/rollover.ts";
import { useWorld } from "./lab/suite.ts";
import { OWNERS, WORLD_PROGRAMS } from "./lab/world.ts";
import type { SecondaryKind } from "./lab/world.ts";

const LAG_MS = 3 * TTL * 1000;
const WAIT_MS = 2 * TTL * 1000;

function lagSuite(secondary: SecondaryKind): void {
  serverSuite(`a lagging ${secondary === "nsd" ? "NSD" : "BIND"} secondary`, WORLD_PROGRAMS, () => {
    const lab = useWorld({ secondary });

    test("delays the swap by the lag, is named by status, and costs no client anything", async () => {
      const world = lab();
      const ward = makeWard(world);
      const [mail = ""] = OWNERS;
      await establish(world, ward);
      const sampler = witness(world);
      try {
        world.relay.close();
        await world.lineage.renew();
        const record = ownRecord(world);
        await tickUntil(ward, "the primary serves the new record", async () =>
          (await world.served(mail)).includes(record),
        );
        const published = Date.now();
        await tickUntil(ward, "the lag has lasted three TTLs", () => Date.now() - published > LAG_MS);
        expect(await world.served(mail, world.secondary)).not.toContain(record);
        expect(firstSeen(sampler, world.lineage.spki())).toBeNaN();

        const text = (await ward.run(["status"])).stdout;
        expect(text).toMatch(/ns2\.example\.test/);
        expect(text).toMatch(/since/);
        expect(text).not.toMatch(/ns1\.example\.test[^\n]*lag/);
        const status = await ward.status();
        expect(status.phase).toBe("announcing");
        expect(status.refusals.map(({ code }) => code)).toContain("NS_LAGGING");
        const behind = status.owners[0]?.servers.filter((server) => !server.inSync).map((server) => server.address);
        expect(behind).toEqual([world.secondary.address]);

        world.relay.open();
        await tickUntil(ward, "the secondary follows", async () =>
          (await world.served(mail, world.secondary)).includes(record),
        );
        const followed = Date.now();
        await tickUntil(ward, "the rollover is complete", () => isSettled(world));
        const presented = firstSeen(sampler, world.lineage.spki());
        expect(presented - followed).toBeGreaterThanOrEqual(WAIT_MS - 500); // the moment of following is known to 100 ms or so
        expect(presented - followed).toBeLessThan(WAIT_MS + 6_000);
        await delay(WAIT_MS);
        expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
      } finally {
        await sampler.stop();
      }
    }, 150_000);
  });
}

lagSuite("nsd");
lagSuite("bind");
