/**
 * What an operator says, on real programs: back after a finished rollover, an override of the wait, a stop of everything,
 * an emergency, the end of DANE. An independent witness watches both services all the time.
 */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { makeWard } from "./lab/daneward.ts";
import type { Ward } from "./lab/daneward.ts";
import { until } from "./lab/poll.ts";
import type { Ended } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { ownRecord, servedEverywhere, tickUntil, witness } from "./lab/rollover.ts";
import { presentedSpki } from "./lab/sampler.ts";
import { useWorld } from "./lab/suite.ts";
import { OWNERS, WORLD_PROGRAMS, WWW } from "./lab/world.ts";
import type { World } from "./lab/world.ts";

/** The shortest waits that still are waits. */
const HASTE = ['ttl = "1s"', 'propagation_delay = "0s"', 'publish_safety = "0s"', 'retire_safety = "1s"'];

serverSuite("what an operator says", WORLD_PROGRAMS, () => {
  const lab = useWorld();
  let ward: Ward;

  /** A verb that has to end well. */
  async function say(...args: readonly string[]): Promise<Ended> {
    const ended = await ward.run(args);
    expect({ args, code: ended.code, said: ended.stderr }).toMatchObject({ code: 0 });
    return ended;
  }

  async function serves(world: World, ...records: readonly string[]): Promise<boolean> {
    const sorted = [...records].sort();
    return JSON.stringify(await servedEverywhere(world)) === JSON.stringify([sorted, sorted]);
  }

  async function isAtRest(world: World, ...records: readonly string[]): Promise<boolean> {
    return (await serves(world, ...records)) && (await ward.status()).phase === "stable";
  }

  function presented(world: World): Promise<string> {
    const [address = ""] = world.webAddresses;
    return presentedSpki({ address, port: WWW.port }, WWW.host, false);
  }

  test("a first certificate is published and deployed", async () => {
    const world = lab();
    ward = makeWard(world);
    ward.configure({ extra: HASTE });
    await tickUntil(ward, "the first records", async () => existsSync(ward.deploy) && serves(world, ownRecord(world)));
    for (const service of [world.postfix, world.nginx]) await service.readFrom(ward.deploy);
    await tickUntil(ward, "rest", () => isAtRest(world, ownRecord(world)));
    await until("clients know them", async () =>
      (await Promise.all(OWNERS.map((owner) => world.served(owner, world.resolver)))).every((set) => set.length === 1),
    );
  }, 60_000);

  test("frozen in the wait nothing happens, thawed it goes on, and rollback leads all the way back: zero failures", async () => {
    const world = lab();
    const first = ownRecord(world);
    const firstKey = world.lineage.spki();
    const sampler = witness(world);
    try {
      await world.lineage.renew();
      const second = ownRecord(world);
      await tickUntil(ward, "the wait", async () => (await ward.status()).phase === "aging");
      await say("freeze", "--because", "test");
      await until("the wait would be over", () => sampler.seen(second) > 22);
      for (let count = 0; count < 2; count++) await ward.tick();
      expect(await presented(world)).toBe(firstKey);
      expect(await serves(world, first, second)).toBe(true);
      const status = await say("status");
      expect(status.stdout).toMatch(/^everything is frozen since .*by \w+: test/s);
      expect(status.stdout).toContain("lab  aging");
      await say("thaw", "--now");
      await tickUntil(ward, "the rollover is over", () => isAtRest(world, second));
      expect(await presented(world)).toBe(world.lineage.spki());

      const back = await say("rollback", "lab", "--because", "test");
      expect(back.stderr).toContain(`go back to key ${firstKey.slice(0, 8)}`);
      await tickUntil(ward, "the way back is over", () => isAtRest(world, first));
      expect(await presented(world)).toBe(firstKey);
    } finally {
      await sampler.stop();
    }
    expect(sampler.samples().filter(({ outcome }) => outcome !== "match")).toEqual([]);
  }, 90_000);

  test("in an emergency an override swaps at once, and nothing brings the compromised key back", async () => {
    const world = lab();
    const compromised = world.lineage.spki(1);
    const refused = await ward.run(["roll", "lab", "--emergency"]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("add --yes") as string]);
    const told = await say("roll", "lab", "--emergency", "--yes", "--because", "stolen");
    expect(told.stderr).toContain(`count key ${compromised.slice(0, 8)} as compromised`);
    await world.lineage.renew();
    await tickUntil(ward, "the new record", async () => (await servedEverywhere(world))[0]?.length === 2, {
      check: () => undefined,
    });
    // The tick that follows says, with 1, what the operator took upon himself.
    const swap = await ward.run(["override", "lab", "--yes", "--because", "no time to lose", "--now"]);
    expect(swap.stderr).toContain(`swap to key ${world.lineage.spki().slice(0, 8)}`);
    expect(await presented(world)).toBe(world.lineage.spki());
    await tickUntil(ward, "the compromised key is gone", () => isAtRest(world, ownRecord(world)), {
      check: () => undefined,
    });
    const again = await ward.run(["rollback", "lab", "--dry-run"]);
    expect(again.stderr).not.toContain(`key ${compromised.slice(0, 8)}`);
  }, 60_000);

  test("after deinit no record is left, the certificate is still presented, and nobody was turned away", async () => {
    const world = lab();
    await tickUntil(ward, "rest", () => isAtRest(world, ownRecord(world)));
    const sampler = witness(world);
    try {
      await say("deinit", "lab", "--yes", "--because", "test");
      await tickUntil(ward, "no record is left", () => serves(world));
      await until(
        "clients know that",
        () => sampler.samples().filter(({ outcome }) => outcome === "absent").length > 4,
      );
    } finally {
      await sampler.stop();
    }
    expect(sampler.failures()).toEqual([]);
    expect(await presented(world)).toBe(world.lineage.spki());
    expect((await say("timeline", "lab")).stdout).toMatch(/deinit.*because=test/);
  }, 60_000);
});
