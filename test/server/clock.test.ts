/**
 * The clock of daneward's host is set wrong in the middle of a rollover, and right again: back an hour, forward a day,
 * and so far forward that signatures look expired. No wait is cut short, nothing is swapped on the word of a wrong clock,
 * `status` names what stands in the way, and no DANE client notices anything. The servers' clocks are right throughout.
 */
import { readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { TTL, makeWard } from "./lab/daneward.ts";
import type { Told, Ward } from "./lab/daneward.ts";
import type { Ended } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { establish, firstSeen, isSettled, tickUntil, witness } from "./lab/rollover.ts";
import type { Sampler } from "./lab/sampler.ts";
import { useWorld } from "./lab/suite.ts";
import { WORLD_PROGRAMS } from "./lab/world.ts";

const SHIFT = fileURLToPath(new URL("lab/clock-shift.cjs", import.meta.url));
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const LONGER_THAN_THE_WAIT_MS = (2 * TTL + 2) * 1000;

function isNoBreakdown(tick: Ended): void {
  if (tick.code !== 0 && tick.code !== 1) throw new Error(`${String(tick.code)}\n${tick.stderr}`);
}

serverSuite("a clock that is set wrong in the middle of a rollover", WORLD_PROGRAMS, () => {
  // Longer than the day that the clock is ahead, shorter than the life of the certificates.
  const lab = useWorld({ signaturesValidity: "P2D" });
  let right: Ward;
  let sampler: Sampler;
  afterAll(() => sampler.stop());

  const wrongBy = (milliseconds: number): Ward =>
    right.under({ NODE_OPTIONS: `--require=${SHIFT}`, DANEWARD_CLOCK_SHIFT: String(milliseconds) });
  const atPhase = (ward: Ward, phase: string): Promise<void> =>
    tickUntil(ward, phase, async () => (await ward.status()).phase === phase, { check: isNoBreakdown });
  /** Ticks by this clock for so long; gives what status said then, when nothing has been swapped. */
  const waitOut = async (ward: Ward, forMs: number): Promise<{ readonly said: string; readonly told: Told }> => {
    const link = readlinkSync(ward.deploy);
    const until = Date.now() + forMs;
    let said = "";
    do {
      const tick = await ward.tick();
      isNoBreakdown(tick);
      said += tick.stderr;
      await delay(200);
    } while (Date.now() < until);
    expect(readlinkSync(ward.deploy)).toBe(link);
    expect(firstSeen(sampler, lab().lineage.spki())).toBeNaN();
    const told = await ward.told();
    return { said, told };
  };

  test("daneward is established, and the records of a renewal age", async () => {
    right = makeWard(lab());
    await establish(lab(), right);
    sampler = witness(lab());
    await lab().lineage.renew();
    await atPhase(right, "aging");
  }, 90_000);

  test("back an hour: the wait begins again, and the renewed certificate is not valid yet", async () => {
    const { said, told } = await waitOut(wrongBy(-HOUR), LONGER_THAN_THE_WAIT_MS);
    expect(told.codes).toContain("SOURCE_UNUSABLE");
    expect(told.text).toMatch(/not valid before \S+, and it is \S+ by the clock of this host/);
    expect(said).toContain("by the clock of this host");
    expect((await right.run(["timeline"])).stdout).toContain("the system clock went backwards");
  }, 60_000);

  test("forward so far that signatures look expired: said of each server, and nothing is believed", async () => {
    const { told } = await waitOut(wrongBy(3 * DAY), TTL * 1000);
    expect(told.codes).toContain("ZONE_BOGUS");
    expect(told.text).toMatch(
      /the signature by key \d+ over the DNSKEY records of example\.test expired at \S+, and is judged at/,
    );
    expect((await right.run(["timeline"])).stdout).toContain("the system clock jumped ahead");
  }, 60_000);

  test("forward a day: the wait begins again; updates are refused for their time, and nothing is lost", async () => {
    const ward = wrongBy(DAY);
    const before = Date.now();
    await tickUntil(ward, "it wants to withdraw", async () => (await ward.status()).phase === "withdrawing", {
      check: isNoBreakdown,
    });
    expect(firstSeen(sampler, lab().lineage.spki()) - before).toBeGreaterThan(2 * TTL * 1000);
    const tick = await ward.run(["tick", "--force"]);
    const told = await ward.told();
    expect(told.codes).toContain("TSIG_BADTIME");
    for (const words of [tick.stderr, told.text]) expect(words).toMatch(/clock/);
  }, 60_000);

  test("right again it is finished, and no client noticed anything", async () => {
    const atRest = async (): Promise<boolean> => (await isSettled(lab())) && (await right.status()).concern === "well";
    await tickUntil(right, "the rollover is complete", atRest, { check: isNoBreakdown });
    await delay(TTL * 1000);
    expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
  }, 60_000);
});
