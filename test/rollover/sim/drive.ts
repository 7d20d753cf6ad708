/** Drives the core through a virtual world the way the real driver does, with crashes between any two effects. */
import { instant, seconds } from "../../../src/base/time.ts";
import type { Observation } from "../../../src/rollover/observation.ts";
import { abort, hold, resume } from "../../../src/rollover/operator.ts";
import { recordOutcomes } from "../../../src/rollover/outcomes.ts";
import type { Policy } from "../../../src/rollover/policy.ts";
import { RULES } from "../../../src/rollover/rules.ts";
import type { Rules } from "../../../src/rollover/rules.ts";
import type { RolloverState } from "../../../src/rollover/state.ts";
import { step } from "../../../src/rollover/step.ts";
import type { Step } from "../../../src/rollover/step.ts";
import { decodeState, encodeState } from "../../../src/store/format.ts";
import { chain } from "./chains.ts";
import { happen, isStrict } from "./history.ts";
import type { Crash, History, Incident } from "./history.ts";
import { World } from "./world.ts";

export const START = 1_800_000_000_000;
export const FIRST_ISSUER = 900;

export interface Run {
  readonly world: World;
  readonly state: RolloverState | null;
  readonly phases: readonly string[];
  /** Promises of the core about single steps that it broke. */
  readonly broken: readonly string[];
  readonly last: Step | null;
  /** True time of each deployment, from the start, in milliseconds. */
  readonly swaps: readonly number[];
}

/** A core made wrong on purpose, from outside: it sees a falsified world, or its memory is tampered with. */
export interface Tampering {
  readonly rules?: Rules;
  readonly observation?: (seen: Observation, state: RolloverState | null) => Observation;
  readonly memory?: (after: RolloverState, before: RolloverState | null) => RolloverState;
}

export function policyOf(history: History, world: World): Policy {
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
    owners: world.owners.map(({ owner }) => owner),
  };
}

class Play {
  readonly history: History;
  readonly world: World;
  readonly tampering: Tampering;
  state: RolloverState | null = null;
  last: Step | null = null;
  readonly phases: string[] = [];
  readonly broken: string[] = [];
  ticks = 0;
  serial = 1;

  constructor(history: History, tampering: Tampering) {
    this.history = history;
    this.tampering = tampering;
    const first = chain({ certificate: 1, key: 1, issuer: FIRST_ISSUER, notBefore: instant(START - 1000) });
    this.world = new World({ ...history, start: START }, first);
    this.world.strict = isStrict(history);
  }

  /** One tick as the driver does it; `state` is what a restart would read from disk. */
  tick(crash: Crash): void {
    const { world, history, tampering } = this;
    const policy = policyOf(history, world);
    const truth = world.observe();
    const seen = tampering.observation?.(truth, this.state) ?? truth;
    const now = world.wall();
    const stepped = step(this.state, seen, policy, now, tampering.rules ?? RULES);
    this.#examine(stepped, seen, policy);
    const result = { ...stepped, state: tampering.memory?.(stepped.state, this.state) ?? stepped.state };
    if (crash !== "before-save") {
      this.state = result.state;
      this.last = result;
      world.looked();
      for (const action of result.actions) world.intend(action);
      if (crash !== "before-perform") this.#perform(result, crash);
    }
    const { phase } = (this.state ?? result.state).phase;
    if (this.phases.at(-1) !== phase) this.phases.push(phase);
    world.advance(world.now + history.tickEvery * 1000);
    this.ticks++;
  }

  #perform(result: Step, crash: Crash): void {
    const outcomes = [];
    for (const action of result.actions) {
      outcomes.push(this.world.perform(action));
      if (crash === "after-first-action") return;
    }
    if (crash !== "before-record") this.state = recordOutcomes(result.state, outcomes);
  }

  /** What must hold of every single step. */
  #examine(result: Step, seen: Observation, policy: Policy): void {
    const now = this.world.wall();
    const { phase } = result.state.phase;
    const rules = this.tampering.rules ?? RULES;
    if (result.wakeAt <= now) this.broken.push(`${phase}: wakes in the past`);
    if (result.refusals.some(({ until }) => until !== null && until <= now)) {
      this.broken.push(`${phase}: a refusal was to lift in the past`);
    }
    if (phase !== "stable" && result.actions.length === 0 && result.refusals.length === 0) {
      this.broken.push(`${phase}: does nothing and does not say why`);
    }
    if (this.ticks % 11 !== 3) return;
    const again = step(result.state, seen, policy, now, rules);
    const differs =
      JSON.stringify(again.state.phase) !== JSON.stringify(result.state.phase) ||
      JSON.stringify(again.actions) !== JSON.stringify(result.actions);
    if (differs) this.broken.push(`${phase}: asked again, it says otherwise`);
    const saved = {
      certificate: "mx",
      savedAt: now,
      state: result.state,
      wakeAt: result.wakeAt,
      refusals: [],
      unjournalled: [],
    };
    const text = encodeState(saved);
    const read = decodeState(text);
    if (!read.ok || encodeState(read.value) !== text) this.broken.push(`${phase}: the state file does not hold it`);
  }

  incident(incident: Incident): void {
    const { world, state } = this;
    const now = world.wall();
    // What was served before the first look cannot be known to anybody.
    if (this.ticks === 0 && ["server-relapses", "alias-moves"].includes(incident.what)) return;
    const { what } = incident;
    if (what === "hold" || what === "resume" || what === "abort") {
      this.#steer(
        state &&
          { hold: () => hold(state, now, "by hand"), resume: () => resume(state, now), abort: () => abort(state, now) }[
            what
          ](),
      );
    } else if (what === "state-lost") {
      // What was asked for and is on its way cannot be known to anybody either.
      if (!world.calm()) return;
      this.state = null;
      for (const zone of world.zones) for (const record of zone.published) zone.byHand.add(record);
    } else {
      happen(world, incident, (this.serial += 1));
      world.check();
    }
  }

  #steer(result: ReturnType<typeof hold> | null): void {
    if (result?.ok === true) this.state = result.value;
  }

  /** Faults gone, a person at hand who resumes what is held: ticks until the unit is at rest. */
  settle(): void {
    const { world, history } = this;
    world.mend();
    const longest = Math.max(
      history.ttl,
      history.publishTtl,
      history.negativeTtl,
      history.aliasTtl,
      ...history.lags,
      900,
    );
    const ticks = Math.ceil((longest * 12 + 6000) / history.tickEvery);
    for (let count = 0; count < ticks; count++) {
      if (count === Math.floor(ticks / 2)) world.tidyByHand();
      const wasCalm = world.calm();
      if (wasCalm) world.peersFollow();
      this.tick("no");
      const phase = this.state?.phase;
      const stuck = this.state?.owners.some((owner) => owner.reverted >= 2) === true;
      const patient = count < ticks / 4;
      if ((phase?.phase === "held" && (phase.restoring === null || !patient)) || stuck) {
        this.#steer(this.state && resume(this.state, world.wall()));
      }
      if (!wasCalm || !world.calm() || stuck) continue;
      const offered = world.source.id === this.state?.rejected ? null : world.source.id;
      if (phase?.phase === "stable" && phase.current === (offered ?? phase.current) && this.#quiet()) return;
    }
  }

  #quiet(): boolean {
    return this.last !== null && this.last.actions.length === 0 && this.last.state.phase.phase === "stable";
  }
}

/** Plays a history to its end and then lets the world calm down for long enough to come to rest. */
export function play(history: History, tampering: Tampering = {}): Run {
  const game = new Play(history, tampering);
  const last = Math.max(55, ...history.incidents.map((incident) => incident.at + 1));
  for (let count = 0; count < last; count++) {
    for (const incident of history.incidents) if (incident.at === count) game.incident(incident);
    game.tick(history.crashes[count] ?? "no");
  }
  game.settle();
  const { world, state, phases, broken } = game;
  return { world, state, phases, broken, last: game.last, swaps: world.swaps };
}
