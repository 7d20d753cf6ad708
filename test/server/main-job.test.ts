/**
 * The main job on real programs: a certbot lineage gets a new key, only `daneward tick` runs, and a DANE client that asks
 * through Unbound never meets a moment in which it would refuse.
 */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { TTL, makeWard } from "./lab/daneward.ts";
import type { Ward } from "./lab/daneward.ts";
import { until } from "./lab/poll.ts";
import { must } from "./lab/process.ts";
import { program, serverSuite } from "./lab/programs.ts";
import {
  FOREIGN_TEXT,
  assertQuiet,
  establish,
  firstSeen,
  foreignRecord,
  isSettled,
  ownRecord,
  servedEverywhere,
  tickUntil,
  witness,
} from "./lab/rollover.ts";
import { useWorld } from "./lab/suite.ts";
import { MX, OWNERS, WORLD_PROGRAMS } from "./lab/world.ts";

serverSuite("the main job on BIND, NSD, Unbound, Postfix and nginx", [...WORLD_PROGRAMS, "dig"], () => {
  const lab = useWorld();
  let ward: Ward;

  test("the first publication puts the live chain's record beside foreign ones, and deploys it", async () => {
    ward = makeWard(lab());
    await establish(lab(), ward);
    expect(await servedEverywhere(lab())).toEqual([
      [ownRecord(lab())],
      [foreignRecord(lab()), ownRecord(lab())].sort(),
    ]);
  }, 90_000);

  test("at rest a tick does nothing and says nothing", async () => {
    const before = await servedEverywhere(lab());
    assertQuiet(await ward.tick());
    expect(await servedEverywhere(lab())).toEqual(before);
  });

  test("a renewal with a new key is carried through without one failed sample", async () => {
    const world = lab();
    const sampler = witness(world);
    try {
      await delay(2 * TTL * 1000); // the witness looks at the old state for a while
      const [oldKey, oldRecord] = [world.lineage.spki(), ownRecord(world)];
      await world.lineage.renew();
      const newKey = world.lineage.spki();
      expect(newKey).not.toBe(oldKey);
      const published = until(
        "the primary serves the new record",
        async () => ((await world.served(OWNERS[0] ?? "")).includes(ownRecord(world)) ? Date.now() : null),
        { deadlineMs: 60_000 },
      );
      await tickUntil(ward, "the old record is withdrawn everywhere", () => isSettled(world));
      await tickUntil(ward, "daneward is at rest", async () => (await ward.status()).phase === "stable");
      await delay(2 * TTL * 1000); // and at the new one until every cache has forgotten the old records

      expect(sampler.failures()).toEqual([]);
      expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
      expect(sampler.samples().length).toBeGreaterThan(100);
      expect(sampler.seen(oldKey)).toBeGreaterThan(10);
      expect(sampler.seen(newKey)).toBeGreaterThan(10);
      // A sample bears the time of its beginning, and the primary is looked at every 50 ms: half a second of blur.
      expect(firstSeen(sampler, newKey) - (await published)).toBeGreaterThanOrEqual(2 * TTL * 1000 - 500);
      const [mail, web] = await servedEverywhere(world);
      expect(mail).toEqual([ownRecord(world)]);
      expect(web).toEqual([foreignRecord(world), ownRecord(world)].sort());
      expect(mail).not.toContain(oldRecord);
    } finally {
      await sampler.stop();
    }
  }, 120_000);

  test("text records at the owner names are untouched", async () => {
    const { address, port } = lab().primary;
    for (const owner of OWNERS) {
      const said = await must(program("dig"), [`@${address}`, "-p", String(port), "+short", "+norec", owner, "TXT"]);
      expect(said.trim()).toBe(FOREIGN_TEXT);
    }
  });

  test("a renewal that keeps the key is deployed at once, without a change in DNS", async () => {
    const world = lab();
    const before = await servedEverywhere(world);
    const serial = async (): Promise<string> => {
      const host = world.mailAddresses[0] ?? "";
      const connect = ["s_client", "-connect", `${host}:${String(MX.port)}`, "-starttls", "smtp"];
      const presented = await must(program("openssl"), connect);
      return await must(program("openssl"), ["x509", "-noout", "-serial"], { input: presented });
    };
    const told = async (): Promise<string> => (await ward.run(["timeline"])).stdout;
    const history = await told();
    expect(history).toContain("seen-everywhere");
    const old = await serial();
    await world.lineage.renew({ reuseKey: true });
    await tickUntil(ward, "the renewed certificate is presented", async () => (await serial()) !== old, {
      deadlineMs: 30_000,
    });
    expect((await told()).slice(history.length)).not.toContain("seen-everywhere");
    expect(await servedEverywhere(world)).toEqual(before);
    await tickUntil(ward, "daneward is at rest", async () => (await ward.status()).phase === "stable");
  }, 60_000);
});
