import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import { RULES } from "../../src/rollover/rules.ts";
import { play } from "./sim/drive.ts";
import type { Run, Tampering } from "./sim/drive.ts";
import { histories } from "./sim/history.ts";
import { modelRuns } from "./sim/knobs.ts";
import { MUTANTS, withoutNegativeTtl } from "./sim/mutants.ts";
import type { Mutant } from "./sim/mutants.ts";

/** The same histories at every run: whether a mutant is found must not be a matter of luck. */
const SEED = 20_261_122;
/** None may take more histories than this to find. */
const PATIENCE = 2_000;

function symptoms({ world, broken }: Run, shows: Mutant["shows"]): readonly string[] {
  return shows === "steps" ? broken : [...world.failures, ...world.foreign];
}

/** A core that is wrong on purpose must be found out: else the property of the model proves nothing. */
describe("the virtual world catches a core in which", () => {
  test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    "%s",
    (name, { make, stage, shows }) => {
      const found = fc.check(
        fc.property(histories, (history) => {
          const staged = stage?.(history) ?? history;
          expect(symptoms(play(staged, make(staged)), shows)).toEqual([]);
        }),
        { numRuns: PATIENCE, seed: SEED, endOnFailure: true },
      );
      console.info(`caught by history ${String(found.numRuns)}: ${name}`);
      expect(found.failed).toBe(true);
      // And it is the mutation that is caught: the true core lives through the same history.
      for (const history of found.counterexample ?? []) {
        expect(symptoms(play(stage?.(history) ?? history), shows)).toEqual([]);
      }
    },
    120_000,
  );
});

/** What is belt and what is braces. */
describe("the virtual world finds no client let down by a core", () => {
  const equals: readonly (readonly [name: string, tampering: Tampering])[] = [
    [
      "that ignores the clock: the cache horizon alone is safe, the clock is the margin",
      { rules: { ...RULES, agingTime: () => seconds(0) } },
    ],
    [
      "that ignores the TTL of negative answers: who holds one is bound to nothing",
      { observation: withoutNegativeTtl },
    ],
  ];
  test.each(equals)(
    "%s",
    (_, tampering) => {
      fc.assert(
        fc.property(histories, (history) => {
          expect(play(history, tampering).world.failures).toEqual([]);
        }),
        { numRuns: Math.ceil(modelRuns() / 50), seed: SEED },
      );
    },
    240_000,
  );
});
