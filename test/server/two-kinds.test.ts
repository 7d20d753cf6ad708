/**
 * An RSA and an ECDSA certificate of the same services, on real programs: Postfix and nginx present both, each
 * certificate has a section of its own, and clients of either kind never meet a moment in which they would refuse.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { TTL, makeWard } from "./lab/daneward.ts";
import type { Ward } from "./lab/daneward.ts";
import { makeLineage } from "./lab/lineage.ts";
import type { Lineage } from "./lab/lineage.ts";
import { until } from "./lab/poll.ts";
import { serverSuite } from "./lab/programs.ts";
import { servedEverywhere, tickUntil } from "./lab/rollover.ts";
import { startSampler } from "./lab/sampler.ts";
import type { SampledService } from "./lab/sampler.ts";
import { useWorld } from "./lab/suite.ts";
import { MX, OWNERS, WORLD_PROGRAMS, WWW } from "./lab/world.ts";
import type { World } from "./lab/world.ts";

const SIGALGS = { rsa: "rsa_pss_rsae_sha256:RSA+SHA256", ecdsa: "ECDSA+SHA256" } as const;

/** Each service once for each kind of client. */
const SAMPLED: readonly SampledService[] = [MX, WWW].flatMap((service) =>
  Object.values(SIGALGS).map((sigalgs) => ({ ...service, sigalgs })),
);

/** The certificate sections of both kinds; the ECDSA one is that of every suite. */
function configureBoth(world: World, ward: Ward, rsa: Lineage, deploy: string): void {
  const words = [world.postfix, world.nginx].map(({ reload }) => JSON.stringify(reload.join(" ")));
  ward.configure({
    extra: [
      "[certificate.rsa]",
      `source = "${rsa.live}"`,
      `deploy = "${deploy}"`,
      `services = ["${MX.host}:${String(MX.port)}/smtp", "${WWW.host}:${String(WWW.port)}/tls"]`,
      `reload = [${words.join(", ")}]`,
    ],
  });
}

serverSuite("an RSA and an ECDSA certificate of one service", WORLD_PROGRAMS, () => {
  const lab = useWorld();

  test("roll at the same moment and one after the other without one failed sample for either kind", async () => {
    const world = lab();
    const names = [MX.host, WWW.host];
    const rsa = await makeLineage(join(world.folder, "letsencrypt"), world.authority, "rsa", names, "rsa");
    for (const service of [world.postfix, world.nginx]) await service.readFrom(world.lineage.live, [rsa.live]);
    const ward = makeWard(world);
    const deployRsa = join(world.folder, "daneward", "deployed", "rsa");
    configureBoth(world, ward, rsa, deployRsa);
    const isSettled = async (): Promise<boolean> => {
      const records = [rsa, world.lineage].map((lineage) => `3 1 1 ${lineage.spki()}`).sort();
      return JSON.stringify(await servedEverywhere(world)) === JSON.stringify([records, records]);
    };
    const atRest = async (): Promise<boolean> => {
      const status = await ward.run(["status", "--json"]);
      return [...status.stdout.matchAll(/"phase": "([a-z]+)"/g)].every(([, phase]) => phase === "stable");
    };
    const settle = (what: string): Promise<void> =>
      tickUntil(ward, what, async () => (await isSettled()) && (await atRest()), {
        check: (tick) => {
          // The first one to come waits for the other: said once, before there is any record.
          if (tick.code !== 0 && !tick.stderr.includes("FIRST_SET_WITHOUT_LIVE")) throw new Error(tick.stderr);
        },
      });

    await settle("the first publication holds both records");
    expect([ward.deploy, deployRsa].every((link) => existsSync(link))).toBe(true);
    for (const service of [world.postfix, world.nginx]) await service.readFrom(ward.deploy, [deployRsa]);
    await until("clients know the first records", async () =>
      (await Promise.all(OWNERS.map((owner) => world.served(owner, world.resolver)))).every((set) => set.length === 2),
    );

    const sampler = startSampler(world.resolver, SAMPLED);
    const keys: string[] = [rsa.spki(), world.lineage.spki()];
    try {
      await Promise.all([rsa.renew(), world.lineage.renew()]);
      keys.push(rsa.spki(), world.lineage.spki());
      await settle("both have rolled at the same moment");
      await rsa.renew();
      keys.push(rsa.spki());
      // The other one begins while the first is under way.
      await tickUntil(ward, "three records", async () => (await world.served(OWNERS[0] ?? "")).length === 3);
      await world.lineage.renew();
      keys.push(world.lineage.spki());
      await settle("they have rolled one after the other");
      await delay(TTL * 1000); // until every cache has forgotten the old records
    } finally {
      await sampler.stop();
    }
    expect(sampler.failures()).toEqual([]);
    expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
    for (const key of keys) expect(sampler.seen(key)).toBeGreaterThan(5);
  }, 90_000);
});
