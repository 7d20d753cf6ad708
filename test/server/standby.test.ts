/**
 * Keys known in advance, on real programs: daneward makes the next key and publishes it, a request is signed by an
 * authority, and the certificate that comes of it is live with the next tick, without a wait and without one sample of a
 * DANE client that would refuse. The ACME client never has a key.
 */
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { TTL, makeWard } from "./lab/daneward.ts";
import type { Ward } from "./lab/daneward.ts";
import { spkiSha256 } from "./lab/lineage.ts";
import { until } from "./lab/poll.ts";
import { must } from "./lab/process.ts";
import { program, serverSuite } from "./lab/programs.ts";
import { assertQuiet, servedEverywhere, tickUntil, witness } from "./lab/rollover.ts";
import { useWorld } from "./lab/suite.ts";
import { OWNERS, WORLD_PROGRAMS } from "./lab/world.ts";
import type { World } from "./lab/world.ts";

/** Has the authority sign a request, and puts certificate and chain, but no key, where the source points. */
async function sign(world: World, request: string): Promise<string> {
  const { folder } = world.authority;
  const [issuer, issuerKey] = ["intermediate.pem", "intermediate.key"].map((name) => join(folder, name));
  const words = ["x509", "-req", "-in", request, "-CA", issuer ?? "", "-CAkey", issuerKey ?? "", "-days", "7"];
  const certificate = await must(program("openssl"), [...words, "-copy_extensions", "copy"]);
  const at = (name: string): string => join(world.lineage.live, name);
  rmSync(at("privkey.pem"), { force: true });
  writeFileSync(at("fullchain.pem.new"), `${certificate}${readFileSync(issuer ?? "", "utf8")}`);
  renameSync(at("fullchain.pem.new"), at("fullchain.pem"));
  return spkiSha256(certificate);
}

/** `daneward csr` once the record of its key is known everywhere. */
async function requestOf(ward: Ward, file: string): Promise<string> {
  await tickUntil(ward, "the next key is known everywhere", async () => {
    const ended = await ward.run(["csr", "lab", "--dry-run"]);
    return ended.stderr.includes("known everywhere: the certificate is deployed as soon as it is there");
  });
  const ended = await ward.run(["csr", "lab", "--output", file]);
  expect([ended.code, ended.stdout]).toEqual([0, ""]);
  return file;
}

serverSuite("keys known in advance on BIND, NSD, Unbound, Postfix and nginx", WORLD_PROGRAMS, () => {
  const lab = useWorld();

  test("a certificate for a key of our own is live with one tick, without one failed sample", async () => {
    const world = lab();
    const ward = makeWard(world);
    ward.configure({ extra: ['next = "prepublish"'] });
    const served = async (): Promise<readonly string[]> => {
      const [mail = [], web = []] = await servedEverywhere(world);
      return JSON.stringify(mail) === JSON.stringify(web) ? mail : [];
    };
    const isStable = async (): Promise<boolean> => (await ward.status()).phase === "stable";
    await tickUntil(ward, "the current and the next key are published", async () => (await served()).length === 2);
    for (const service of [world.postfix, world.nginx]) await service.readFrom(ward.deploy);
    await tickUntil(ward, "daneward is at rest", isStable);
    await until("clients know both records", async () =>
      (await Promise.all(OWNERS.map((owner) => world.served(owner, world.resolver)))).every((set) => set.length === 2),
    );

    const sampler = witness(world);
    const former = world.lineage.spki();
    let key = "";
    try {
      key = await sign(world, await requestOf(ward, join(world.folder, "lab.csr")));
      expect(await served()).toEqual([former, key].map((digest) => `3 1 1 ${digest}`).sort());
      assertQuiet(await ward.tick());
      expect(spkiSha256(readFileSync(join(ward.deploy, "cert.pem"), "utf8"))).toBe(key);
      await tickUntil(ward, "the former record is gone", async () => {
        const records = await served();
        return records.length === 2 && !records.includes(`3 1 1 ${former}`) && (await isStable());
      });
      await delay(TTL * 1000); // until every cache has forgotten the former record
    } finally {
      await sampler.stop();
    }
    expect(sampler.failures()).toEqual([]);
    expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
    for (const digest of [former, key]) expect(sampler.seen(digest)).toBeGreaterThan(5);
    // The key after it is published, ready for the next request; the client never had one of them.
    const next = (await served()).find((record) => record !== `3 1 1 ${key}`) ?? "";
    const vault = readdirSync(join(ward.stateDir, "vault", "lab"));
    expect(vault).toContain(`${next.slice("3 1 1 ".length)}.pem`);
    expect(existsSync(join(world.lineage.live, "privkey.pem"))).toBe(false);
  }, 60_000);
});
