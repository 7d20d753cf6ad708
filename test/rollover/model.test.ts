import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { instant, seconds } from "../../src/base/time.ts";
import { resume } from "../../src/rollover/operator.ts";
import { RULES } from "../../src/rollover/rules.ts";
import type { Rules } from "../../src/rollover/rules.ts";
import { step } from "../../src/rollover/step.ts";
import { histories, play, policyOf, START } from "./sim/drive.ts";
import type { History } from "./sim/drive.ts";

const RUNS = Number(process.env["DANEWARD_MODEL_RUNS"] ?? 400);

function safe(history: History, rules: Rules = RULES): void {
  const { world } = play(history, rules);
  expect(world.failures).toEqual([]);
}

describe("the rollover in a virtual world", () => {
  test("no cache ever holds an RRset that a served chain fails", () => {
    fc.assert(
      fc.property(histories, (history) => {
        safe(history);
      }),
      { numRuns: RUNS },
    );
  });

  test("with faults gone it comes to rest at the newest certificate with only its record of ours left", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const { world, state, phases } = play(history);
        if (state?.phase.phase === "held") {
          expect(["RELOAD_FAILED", "CONFIRM_FAILED"]).toContain(state.phase.reason);
          expect(resume(state, instant(world.now)).ok).toBe(true);
          return;
        }
        expect(state?.phase, phases.join(" ")).toEqual({ phase: "stable", current: world.source.id });
        const foreign = history.foreign ? [`2 1 1 ${"a".repeat(64)}`] : [];
        expect([...world.primary.records].sort()).toEqual([...foreign, ...world.source.records].sort());
      }),
      { numRuns: RUNS },
    );
  });

  test("everything ever deleted was a record of our own chains", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const { world } = play(history);
        const own = new Set([...world.chains.values()].flatMap((chain) => chain.records));
        expect(world.deleted.filter((record) => !own.has(record))).toEqual([]);
      }),
      { numRuns: RUNS / 4 },
    );
  });

  test("asked again about the same world at the same instant, the core wants no further change of phase", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const { world, state } = play(history);
        const now = instant(world.now);
        const once = step(state, world.observe(), policyOf(history), now);
        const twice = step(once.state, world.observe(), policyOf(history), now);
        expect(twice.state.phase).toEqual(once.state.phase);
        expect(twice.actions).toEqual(once.actions);
      }),
      { numRuns: RUNS / 4 },
    );
  });
});

/** A core that is wrong on purpose must be found out: else the properties above prove nothing. */
describe("mutations that the virtual world catches", () => {
  const mutants: readonly (readonly [name: string, rules: Rules])[] = [
    [
      "half a TTL instead of two",
      {
        agingTime: (ttl) => seconds(Math.floor(ttl * 0.5)),
        cacheLifetime: (ttl) => seconds(Math.floor(ttl * 0.5)),
      },
    ],
    ["no wait at all", { agingTime: () => seconds(0), cacheLifetime: () => seconds(0) }],
  ];
  test.each(mutants)("%s", (_, rules) => {
    const result = fc.check(
      fc.property(histories, (history) => {
        safe(history, rules);
      }),
      { numRuns: 200 },
    );
    expect(result.failed).toBe(true);
  });

  test("the horizon gate alone holds when the clock is ignored", () => {
    fc.assert(
      fc.property(histories, (history) => {
        safe(history, { ...RULES, agingTime: () => seconds(0) });
      }),
      { numRuns: RUNS / 4 },
    );
  });
});

test("the virtual world starts where its histories say", () => {
  expect(play({ ...plain, incidents: [] }).world.now).toBeGreaterThan(START);
});

const plain: History = {
  servers: 2,
  hosts: 1,
  ttl: 300,
  publishTtl: 300,
  negativeTtl: 60,
  foreign: false,
  tickEvery: 60,
  lags: [900],
  workers: [0],
  incidents: [{ at: 1, what: "renew", amount: 1 }],
  crashes: [],
};

test("a lagging secondary delays the swap by its lag", () => {
  const quick = play({ ...plain, lags: [0] });
  const slow = play(plain);
  expect(quick.phases).toEqual(slow.phases);
  expect(slow.phases).toEqual(["confirming", "stable", "announcing", "aging", "confirming", "withdrawing", "stable"]);
});
