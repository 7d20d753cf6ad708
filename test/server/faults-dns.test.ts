/**
 * DNS fails in the middle of a rollover: the primary is down for three TTLs while the records age, and the resolver that
 * daneward asks is gone. Nothing is swapped meanwhile, `status` says what is wrong and where, the rollover goes on when
 * it is mended, and no DANE client notices anything.
 */
import { readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { TTL, hostPort, makeWard } from "./lab/daneward.ts";
import type { Told, Ward } from "./lab/daneward.ts";
import type { Ended } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { startRelay } from "./lab/relay.ts";
import { establish, firstSeen, isSettled, tickUntil, witness } from "./lab/rollover.ts";
import type { Sampler } from "./lab/sampler.ts";
import { useWorld } from "./lab/suite.ts";
import { WORLD_PROGRAMS } from "./lab/world.ts";

/** A tick that failed, or found nothing to do; never one that broke. */
function isNoBreakdown(tick: Ended): void {
  if (tick.code !== 0 && tick.code !== 1) throw new Error(`${String(tick.code)}\n${tick.stderr}`);
}

serverSuite("DNS fails while the records age", WORLD_PROGRAMS, () => {
  const lab = useWorld({ parentsApart: true });
  let ward: Ward;
  let sampler: Sampler;
  afterAll(() => sampler.stop());

  /** DNS fails for so long while the records age; gives what status said at the end, when nothing has been swapped. */
  const outage = async (forMs: number, fail: () => void, mend: () => void): Promise<Told> => {
    await tickUntil(ward, "the records age", async () => (await ward.status()).phase === "aging", {
      check: isNoBreakdown,
    });
    const link = readlinkSync(ward.deploy);
    const began = Date.now();
    fail();
    try {
      do {
        isNoBreakdown(await ward.tick({ timeoutMs: 60_000 }));
        await delay(100);
      } while (Date.now() - began < forMs);
      expect(readlinkSync(ward.deploy)).toBe(link);
      expect(firstSeen(sampler, lab().lineage.spki())).toBeNaN();
      return await ward.told();
    } finally {
      mend();
    }
  };

  test("daneward is established, and a renewal is announced", async () => {
    ward = makeWard(lab());
    await establish(lab(), ward);
    sampler = witness(lab());
    await lab().lineage.renew();
  }, 90_000);

  test("a primary that is down for three TTLs is named with its address", async () => {
    const { primaryDaemon, primary } = lab();
    const { text, json, codes } = await outage(
      3 * TTL * 1000,
      () => {
        primaryDaemon.signal("SIGSTOP");
      },
      () => {
        primaryDaemon.signal("SIGCONT");
      },
    );
    expect(codes).toContain("NS_UNREACHABLE");
    expect(text).toMatch(/ns1\.example\.test\.? \(127\.0\.0\.1\) .{0,80}did not answer/);
    expect(text).toContain(`ns1.example.test ${primary.address} unreachable since`);
    expect(text).not.toMatch(/ns2\.example\.test[^,]*unreachable/);
    expect(json.concern).toBe("waiting");
  }, 120_000);

  test("a resolver that is down is named as such, and nothing is concluded from its silence", async () => {
    const { resolver } = lab();
    const at = { address: resolver.address.replace(/\d+$/, "55"), port: resolver.port };
    const relay = await startRelay(at, resolver);
    try {
      ward.configure({ resolver: at });
      const { text, codes, json } = await outage(TTL * 1000, relay.close, relay.open);
      expect(codes).toContain("ZONE_UNKNOWN");
      expect(text).toMatch(
        new RegExp(`${hostPort(at).replaceAll(".", "\\.")} .{0,160}; the resolver was given up after`),
      );
      expect(json.concern).toBe("waiting");
    } finally {
      ward.configure();
      await relay.stop();
    }
  }, 120_000);

  test("when all is mended the rollover is finished, and no client noticed anything", async () => {
    const world = lab();
    const atRest = async (): Promise<boolean> => (await isSettled(world)) && (await ward.status()).concern === "well";
    await tickUntil(ward, "the rollover is complete", atRest, { check: isNoBreakdown });
    await delay(TTL * 1000);
    expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
    expect(sampler.seen(world.lineage.spki())).toBeGreaterThan(10);
  }, 90_000);
});
