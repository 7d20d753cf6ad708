/**
 * A disk that is full, as a real small one: that of the state and that of the deployed files. Nothing is lost or half
 * written, the full disk is named, it goes on by itself as room comes back page by page, and no DANE client notices.
 */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TTL, makeWard } from "./lab/daneward.ts";
import type { Ward } from "./lab/daneward.ts";
import { expectError } from "./lab/expect-error.ts";
import { must, run } from "./lab/process.ts";
import type { Ended } from "./lab/process.ts";
import { findProgram, program, serverSuite } from "./lab/programs.ts";
import { establish, firstSeen, isSettled, servedEverywhere, tickUntil, witness } from "./lab/rollover.ts";
import { useWorld } from "./lab/suite.ts";
import { WORLD_PROGRAMS } from "./lab/world.ts";

/** Why these tests cannot run here, or null. A mount needs a capability that some containers lack. */
async function mountRefused(): Promise<string | null> {
  const mount = findProgram("mount");
  if (mount === null) return "mount is not installed";
  const folder = mkdtempSync(join(tmpdir(), "daneward-mount-"));
  try {
    const tried = await run(mount, ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]);
    if (tried.code !== 0) return `tmpfs cannot be mounted here: ${tried.stderr.trim()}`;
    await must(program("umount"), [folder]);
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const PAGE = 4096;

/** Fills a disk to the last page; gives a function that frees one page, and whether there was one to free. */
async function fill(folder: string): Promise<() => boolean> {
  const filler = join(folder, "filler");
  await run("dd", ["if=/dev/zero", `of=${filler}`, `bs=${String(PAGE)}`]); // ends when the disk is full
  return () => {
    const { size } = statSync(filler);
    truncateSync(filler, Math.max(0, size - PAGE));
    return size > 0;
  };
}

const refused = await mountRefused();
const needed = refused === null || process.env["DANEWARD_TEST_SERVERS"] === "required";
serverSuite(refused === null ? "a full disk" : `a full disk (skipped: ${refused})`, WORLD_PROGRAMS, () => {
  const lab = useWorld();
  let ward: Ward;
  const mounted: string[] = [];

  const mount = async (folder: string, options: string): Promise<void> => {
    mkdirSync(folder, { recursive: true });
    await must(program("mount"), ["-t", "tmpfs", "-o", options, "tmpfs", folder]);
    mounted.push(folder);
  };
  beforeAll(async () => {
    if (!needed) return;
    expect(refused).toBeNull();
    ward = makeWard(lab());
    await mount(ward.stateDir, "size=96k,mode=0700");
    await mount(dirname(ward.deploy), "size=256k,mode=0711");
    await establish(lab(), ward);
  }, 90_000);
  afterAll(async () => {
    for (const folder of mounted) await must(program("umount"), ["-l", folder]);
  });

  const isNoBreakdown = (tick: Ended): void => {
    if (![0, 1, 75].includes(tick.code ?? -1)) throw new Error(`${String(tick.code)}\n${tick.stderr}`);
  };
  const isAtRest = async (): Promise<boolean> => (await isSettled(lab())) && (await ward.status()).concern === "well";
  /** One page more before each tick, so that every write is cut short somewhere. */
  const finishAsRoomComesBack = (free: () => boolean): Promise<void> =>
    tickUntil(ward, "the rollover is complete", isAtRest, {
      check: (tick) => {
        isNoBreakdown(tick);
        free();
        expect(tick.durationMs).toBeLessThan(20_000); // the confirmation included; none waits for a failure to go away
      },
    });

  test.runIf(needed)(
    "of the state: nothing is changed anywhere, and the tick says so",
    async () => {
      const sampler = witness(lab());
      try {
        const free = await fill(ward.stateDir);
        const state = join(ward.stateDir, "certificates", "lab.json");
        const inventory = async (): Promise<unknown> => [
          readFileSync(state, "utf8"),
          readlinkSync(ward.deploy),
          await servedEverywhere(lab()),
        ];
        const before = await inventory();
        await lab().lineage.renew();
        for (let time = 0; time < 3; time += 1) {
          expectError(await ward.run(["tick", "--force"]), 75, /no space|disk.*full|ENOSPC/i);
          expect(await inventory()).toEqual(before);
        }
        expect((await ward.status()).phase).toBe("stable"); // the last state that could be saved
        await finishAsRoomComesBack(free);
        expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
      } finally {
        await sampler.stop();
        rmSync(join(ward.stateDir, "filler"), { force: true });
      }
    },
    150_000,
  );

  test.runIf(needed)(
    "of the deployed files: nothing is swapped until there is a complete copy",
    async () => {
      const sampler = witness(lab());
      const folder = dirname(ward.deploy);
      try {
        const free = await fill(folder);
        const link = readlinkSync(ward.deploy);
        await lab().lineage.renew();
        const until = Date.now() + (2 * TTL + 2) * 1000; // longer than the whole wait
        let said = "";
        while (Date.now() < until) {
          const tick = await ward.tick();
          isNoBreakdown(tick);
          said += tick.stderr;
          await delay(200);
        }
        expect(readlinkSync(ward.deploy)).toBe(link);
        expect(firstSeen(sampler, lab().lineage.spki())).toBeNaN();
        const { text, json, codes } = await ward.told();
        expect(codes).toContain("DISK_FULL");
        expect(json.concern).toBe("attention");
        for (const words of [said, text]) expect(words).toContain(folder);
        await finishAsRoomComesBack(free);
        expect(sampler.samples().filter((sample) => sample.outcome !== "match")).toEqual([]);
        // What was cut short is gone again.
        expect(readdirSync(folder, { recursive: true }).filter((name) => String(name).includes("tmp"))).toEqual([]);
      } finally {
        await sampler.stop();
        rmSync(join(folder, "filler"), { force: true });
      }
    },
    150_000,
  );
});
