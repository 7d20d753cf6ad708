/** Drives the core through a virtual world the way the real driver does, with crashes between any two effects. */
import fc from "fast-check";
import { instant, seconds } from "../../../src/base/time.ts";
import type { Policy } from "../../../src/rollover/policy.ts";
import { recordOutcomes } from "../../../src/rollover/outcomes.ts";
import { RULES } from "../../../src/rollover/rules.ts";
import type { Rules } from "../../../src/rollover/rules.ts";
import type { RolloverState } from "../../../src/rollover/state.ts";
import { step } from "../../../src/rollover/step.ts";
import { chain, OWNER, World } from "./world.ts";

export const START = 1_800_000_000_000;

/** Where a tick dies: before anything is saved, after the intent is saved, or after so many of its actions. */
export type Crash = "no" | "before-save" | "before-perform" | "after-first-action" | "before-record";

export interface Incident {
  /** In ticks from the start of the observed part. */
  readonly at: number;
  readonly what: "renew" | "renew-same-key" | "silence" | "host-down" | "reload-breaks" | "reload-mends";
  readonly amount: number;
}

export interface History {
  readonly servers: number;
  readonly hosts: number;
  readonly ttl: number;
  readonly publishTtl: number;
  readonly negativeTtl: number;
  readonly foreign: boolean;
  readonly tickEvery: number;
  readonly lags: readonly number[];
  readonly workers: readonly number[];
  readonly incidents: readonly Incident[];
  readonly crashes: readonly Crash[];
}

const ttls = fc.constantFrom(20, 60, 120, 300);

export const histories: fc.Arbitrary<History> = fc.record({
  servers: fc.integer({ min: 1, max: 4 }),
  hosts: fc.integer({ min: 1, max: 3 }),
  ttl: ttls,
  publishTtl: ttls,
  negativeTtl: ttls,
  foreign: fc.boolean(),
  tickEvery: fc.constantFrom(10, 30, 60),
  lags: fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 3 }),
  workers: fc.array(fc.integer({ min: 0, max: 120 }), { minLength: 1, maxLength: 3 }),
  incidents: fc.array(
    fc.record({
      at: fc.integer({ min: 0, max: 60 }),
      what: fc.constantFrom(
        "renew" as const,
        "renew" as const,
        "renew-same-key" as const,
        "silence" as const,
        "host-down" as const,
        "reload-breaks" as const,
        "reload-mends" as const,
      ),
      amount: fc.integer({ min: 1, max: 900 }),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  crashes: fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant<Crash>("no") },
      {
        weight: 1,
        arbitrary: fc.constantFrom<Crash>("before-save", "before-perform", "after-first-action", "before-record"),
      },
    ),
    { maxLength: 80 },
  ),
});

export interface Run {
  readonly world: World;
  readonly state: RolloverState | null;
  readonly phases: readonly string[];
}

export function policyOf(history: History): Policy {
  return {
    ttl: seconds(history.publishTtl),
    propagationDelay: seconds(0),
    publishSafety: seconds(0),
    retireSafety: seconds(120),
    confirmRounds: 3,
    confirmInterval: seconds(10),
    confirmPatience: seconds(300),
    pollInterval: seconds(history.tickEvery),
    observeInterval: seconds(history.tickEvery),
    cacheFloor: seconds(0),
    maxRecords: 12,
    owners: [OWNER],
  };
}

function happen(world: World, incident: Incident, serial: number): void {
  switch (incident.what) {
    case "renew":
      world.renew(chain(serial, serial, instant(world.now)));
      return;
    case "renew-same-key": {
      const key = Number.parseInt(world.source.certificates[0]?.spkiSha256.replace(/^b*/, "") ?? "0", 16);
      world.renew(chain(serial, key, instant(world.now)));
      return;
    }
    case "silence":
      world.silence(incident.amount, incident.amount);
      return;
    case "host-down": {
      const host = world.hosts[incident.amount % world.hosts.length];
      if (host) host.downUntil = world.now + incident.amount * 1000;
      return;
    }
    case "reload-breaks":
      world.reloadFails = true;
      return;
    case "reload-mends":
      world.reloadFails = false;
  }
}

/** One tick as the driver does it; returns what a restart would read from disk. */
function tick(
  world: World,
  saved: RolloverState | null,
  crash: Crash,
  context: { readonly policy: Policy; readonly rules: Rules; readonly history: History },
): RolloverState | null {
  const { history, policy, rules } = context;
  const result = step(saved, world.observe(), policy, instant(world.now), rules);
  if (crash === "before-save") return saved;
  if (crash === "before-perform") return result.state;
  const outcomes = [];
  for (const action of result.actions) {
    outcomes.push(world.perform(action, history.lags, history.workers));
    if (crash === "after-first-action") return result.state;
  }
  if (crash === "before-record") return result.state;
  return recordOutcomes(result.state, outcomes);
}

/** Plays a history to its end and then lets the world calm down for long enough to come to rest. */
export function play(history: History, rules: Rules = RULES): Run {
  const first = chain(1, 1, instant(START));
  const world = new World(
    {
      start: START,
      servers: history.servers,
      hosts: history.hosts,
      ttl: history.ttl,
      negativeTtl: history.negativeTtl,
      foreign: history.foreign ? [`2 1 1 ${"a".repeat(64)}`] : [],
    },
    first,
  );
  // The administrator's servers run with the first certificate before daneward is told about them.
  for (const host of world.hosts) host.presents = first.id;
  const context = { policy: policyOf(history), rules, history };
  const phases: string[] = [];
  let state: RolloverState | null = null;
  const run = (crash: Crash): void => {
    state = tick(world, state, crash, context);
    const phase = (state as RolloverState | null)?.phase.phase ?? "none";
    if (phases.at(-1) !== phase) phases.push(phase);
    world.advance(world.now + history.tickEvery * 1000);
  };
  for (let count = 0; count < 25; count++) run("no");
  let serial = 1;
  const last = Math.max(70, ...history.incidents.map((incident) => incident.at + 1));
  for (let count = 0; count < last; count++) {
    for (const incident of history.incidents) {
      if (incident.at === count) happen(world, incident, (serial += 1));
    }
    run(history.crashes[count] ?? "no");
  }
  world.reloadFails = false;
  settle(world, run, () => state, history);
  return { world, state, phases };
}

/** Faults gone: ticks until the unit is at rest, or held for a person to decide. */
function settle(world: World, run: (crash: Crash) => void, state: () => RolloverState | null, history: History): void {
  const longest = Math.max(history.ttl, history.publishTtl, history.negativeTtl, ...history.lags, 900);
  const ticks = Math.ceil((longest * 8 + 4000) / history.tickEvery);
  for (let count = 0; count < ticks; count++) {
    run("no");
    const phase = state()?.phase;
    if (phase?.phase === "held" && phase.restoring === null) return;
    if (phase?.phase === "stable" && phase.current === world.source.id && world.calm()) return;
  }
}
