/** One share of the histories of the model test: several files, so that they are played side by side. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counts, describeCensus, kindsOf, rareKinds } from "./census.ts";
import type { Kind } from "./census.ts";
import { play } from "./drive.ts";
import { histories } from "./history.ts";
import type { History } from "./history.ts";
import { modelRuns, modelSeed, SHARDS } from "./knobs.ts";
import { judge } from "./verdict.ts";

/** Fewer histories say nothing about how often something happens. */
const ENOUGH = 400;
/** Histories in which nothing comes about are played on top: so many times as many, and at least so many more. */
const SPARE = 1.03;
const SPARE_AT_LEAST = 50;

/** Plays the histories of one shard. */
export function playShard(shard: number): void {
  const runs = Math.ceil(modelRuns() / SHARDS);
  describe(`the rollover in a virtual world, part ${String(shard + 1)} of ${String(SHARDS)}`, () => {
    test(
      "never lets a DANE client fail, deletes only what is ours, says what lifts each refusal, and comes to rest",
      () => {
        const found = new Map<Kind, number>();
        let counted = 0;
        const holds = (history: History): void => {
          const run = play(history);
          expect(judge(history, run)).toEqual({ safety: [], steps: [], liveness: [] });
          if (!counts(run)) return;
          counted++;
          for (const kind of kindsOf(history, run)) found.set(kind, (found.get(kind) ?? 0) + 1);
        };
        const numRuns = Math.max(runs + SPARE_AT_LEAST, Math.ceil(runs * SPARE));
        fc.assert(fc.property(histories, holds), { numRuns, ...modelSeed(shard) });
        console.info(`${String(counted)} histories count, of these:\n${describeCensus(found, counted)}`);
        expect(counted).toBeGreaterThanOrEqual(runs);
        if (counted >= ENOUGH) expect(rareKinds(found, counted)).toEqual([]);
      },
      Math.max(120_000, runs * 100),
    );
  });
}
