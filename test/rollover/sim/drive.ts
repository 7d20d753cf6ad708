/**
 * Drives the core through a virtual world the way the real driver does: started by cron, it looks when the last step said
 * so (or a hook, a command or a set clock asks for it), takes step after step while something moves, and may be killed
 * between any two effects.
 */
import { CATALOGUE } from "../../../src/base/errors.ts";
import { instant, seconds } from "../../../src/base/time.ts";
import type { Instant } from "../../../src/base/time.ts";
import type { ActionOutcome, Observation } from "../../../src/rollover/observation.ts";
import { recordOutcomes } from "../../../src/rollover/outcomes.ts";
import type { Policy } from "../../../src/rollover/policy.ts";
import { RULES } from "../../../src/rollover/rules.ts";
import type { Rules } from "../../../src/rollover/rules.ts";
import type { Action } from "../../../src/rollover/actions.ts";
import type { RolloverState } from "../../../src/rollover/state.ts";
import { step } from "../../../src/rollover/step.ts";
import type { Step } from "../../../src/rollover/step.ts";
import { decodeState, encodeState } from "../../../src/store/format.ts";
import { chain } from "./chains.ts";
import { happen, mend, peersFollow, renewal, tidyByHand, wakes } from "./happenings.ts";
import { isStrict, isVerb, SLOTS } from "./history.ts";
import type { Crash, Event, History, Incident, Verb } from "./history.ts";
import { checkLift } from "./lift.ts";
import { lookAt } from "./look.ts";
import { say } from "./operator.ts";
import { World } from "./world.ts";

const START = 1_800_000_000_000;
const FIRST_ISSUER = 900;
/** So many starts of the program after the last time, peers take over what our hosts present. */
const PEERS_FOLLOW = 9;
/** What was served before the first look cannot be known to anybody, when it is gone by then. */
const UNKNOWABLE_AT_FIRST: readonly Event[] = ["server-relapses", "alias-moves", "record-deleted", "ttl-edited"];
/** The driver takes no more steps than this in one go. */
const PASSES = 6;

export interface Run {
  readonly world: World;
  readonly state: RolloverState | null;
  readonly phases: readonly string[];
  /** Promises of the core about single steps that it broke. */
  readonly broken: readonly string[];
  readonly last: Step | null;
  /** What happened, and how often. */
  readonly census: ReadonlyMap<string, number>;
  readonly steps: number;
}

/** A core made wrong on purpose, from outside: its rules, what it sees, what it remembers, or what it does are tampered with. */
export interface Tampering {
  readonly rules?: Rules;
  readonly observation?: (seen: Observation, state: RolloverState | null) => Observation;
  readonly memory?: (after: RolloverState, before: RolloverState | null) => RolloverState;
  readonly actions?: (actions: readonly Action[], seen: Observation) => readonly Action[];
}

function policyOf(history: History, world: World): Policy {
  const { tickEvery, pollEvery } = history;
  return {
    ttl: seconds(history.publishTtl),
    propagationDelay: seconds(0),
    publishSafety: seconds(0),
    retireSafety: seconds(120),
    confirmRounds: 2,
    confirmInterval: seconds(10),
    confirmPatience: seconds(300),
    pollInterval: seconds(tickEvery * pollEvery),
    observeInterval: seconds(tickEvery * pollEvery * 6),
    cacheFloor: seconds(history.cacheFloor),
    maxRecords: 12,
    owners: world.owners.map(({ owner }) => owner),
  };
}

export class Play {
  readonly history: History;
  readonly world: World;
  readonly policy: Policy;
  readonly phases: string[] = [];
  readonly broken: string[] = [];
  readonly census = new Map<string, number>();
  state: RolloverState | null = null;
  last: Step | null = null;
  steps = 0;
  serial = 1;
  readonly #tampering: Tampering;
  #wakeAt: Instant | null = null;
  /** A hook, a command or a crash asks for a look at the next start. */
  #woken = true;
  #lastActions = "";
  #lookedAt = 0;
  /** The memory was lost: what was cached before is not known. */
  #forgot = false;

  constructor(history: History, tampering: Tampering) {
    this.history = history;
    this.#tampering = tampering;
    const first = chain({ certificate: 1, key: 1, issuer: FIRST_ISSUER, notBefore: instant(START - 1000) });
    this.world = new World({ ...history, start: START }, first);
    this.world.strict = isStrict(history);
    if (history.ahead) this.world.readyKeys([499]);
    this.policy = policyOf(history, this.world);
  }

  count(what: string, times = 1): void {
    this.census.set(what, (this.census.get(what) ?? 0) + times);
  }

  #isDue(): boolean {
    const wall = this.world.wall();
    if (this.#woken || this.state === null || this.#wakeAt === null || this.#wakeAt <= wall) return true;
    // Set back: what was to be in a minute may now seem to be in an hour.
    return wall < this.state.lastStepAt;
  }

  wake(): void {
    this.#woken = true;
  }

  /** One start by cron, which may be killed; then time passes until the next. */
  slot(crash: Crash, tickEvery: number): void {
    const { world } = this;
    const end = world.now + tickEvery * 1000;
    if (this.#isDue()) {
      let deadly = crash;
      for (let count = 0; count < PASSES && (count === 0 || world.now < end); count++) {
        const { again, killed } = this.pass(deadly);
        if (killed) {
          this.#woken = true;
          break;
        }
        // A kill between the first save and the next waits for a step that acts.
        if (deadly === "before-save") deadly = "no";
        if (!again) break;
      }
    }
    world.advance(Math.max(end, world.now));
  }

  /** One look, step and save, as the driver does it; `state` is what a restart would read from disk. */
  pass(crash: Crash): { readonly again: boolean; readonly killed: boolean } {
    const { world } = this;
    const truth = lookAt(world);
    this.#lookedAt = world.now;
    const mustAlarm = !this.#forgot && this.state !== null && world.isRefused();
    const presented = world.hosts.map(({ presents }) => presents);
    const seen = this.#tampering.observation?.(truth, this.state) ?? truth;
    this.#linger();
    const now = world.wall();
    const before = this.state;
    const stepped = step(before, seen, this.policy, now, this.#tampering.rules ?? RULES);
    this.steps++;
    this.#examine(stepped, seen);
    const alarms = stepped.refusals.some(({ code }) => code === "LIVE_MISMATCH");
    if (mustAlarm && !alarms) this.broken.push("misses that clients refuse an address");
    const isFalse = alarms && !mustAlarm && !world.overridden && !world.wasEverRefused(presented);
    if (isFalse) this.broken.push("says that clients refuse an address, and none ever did");
    if (crash === "before-save") return this.#killed(crash);
    const state = this.#tampering.memory?.(stepped.state, before) ?? stepped.state;
    const actions = this.#tampering.actions?.(stepped.actions, truth) ?? stepped.actions;
    this.#save({ ...stepped, state, actions }, seen, now);
    for (const action of actions) world.intend(action);
    const outcomes: ActionOutcome[] = [];
    if (actions.length > 0 && crash === "before-perform") return this.#killed(crash);
    for (const action of actions) {
      this.#linger();
      const outcome = world.perform(action);
      outcomes.push(outcome);
      if (outcome.fault === null) this.count(action.kind);
      if (crash === "after-first-action") return this.#killed(crash);
    }
    if (actions.length > 0 && crash === "before-record") return this.#killed(crash);
    this.state = recordOutcomes(state, outcomes);
    const text = actions.length === 0 ? "" : JSON.stringify(actions);
    const isNew = actions.length > 0 && text !== this.#lastActions && outcomes.every((one) => one.fault === null);
    this.#lastActions = text;
    return { again: isNew, killed: false };
  }

  #linger(): void {
    const { world, history } = this;
    if (history.slowness > 0) world.advance(world.now + history.slowness * 1000);
  }

  #killed(crash: Crash): { readonly again: boolean; readonly killed: boolean } {
    this.count(`crash ${crash}`);
    return { again: false, killed: true };
  }

  #save(result: Step, seen: Observation, now: Instant): void {
    const { phase } = result.state.phase;
    this.state = result.state;
    this.last = result;
    const isHalf = seen.source.outcome === "failed";
    this.#wakeAt = isHalf ? instant(Math.min(result.wakeAt, now + this.policy.pollInterval * 1000)) : result.wakeAt;
    this.#woken = false;
    for (const { event } of result.events) this.count(event);
    if (this.phases.at(-1) !== phase) this.phases.push(phase);
    this.world.looked();
    this.#examineHorizon(result.state);
  }

  /**
   * Whatever a cache may hold, and could be known from the looks that were saved, is in the horizon: on this rests both the
   * safety of a swap and every claim about who is protected since when.
   */
  #examineHorizon(state: RolloverState): void {
    const { world } = this;
    if (this.#forgot || world.overridden || this.steps % 2 === 0) return;
    for (const { owner, target, blindUntil } of world.owners) {
      // Aliases of one name share its RRset, and what is known of it.
      const sharing = state.owners.filter((one) => one.finalOwner === target.name);
      if (sharing.length === 0 || blindUntil > world.now) continue;
      const horizon = sharing.flatMap((one) => one.horizon.map(({ records }) => records.join()));
      const lost = target
        .cacheable(Infinity)
        .find(({ records, known, from }) => known && from < this.#lookedAt && !horizon.includes(records.join()));
      if (lost !== undefined)
        this.broken.push(`forgets that caches may hold ${owner} ${lost.records.join() || "(none)"}`);
    }
  }

  /** What must hold of every single step. */
  #examine(result: Step, seen: Observation): void {
    const now = this.world.wall();
    const { phase } = result.state.phase;
    if (result.wakeAt <= now) this.broken.push(`${phase}: wakes in the past`);
    for (const { until, code, detail } of result.refusals) {
      if (until !== null && until <= now) this.broken.push(`${phase}: ${code} was to lift in the past`);
      if (detail === "" || CATALOGUE[code].hint === "")
        this.broken.push(`${phase}: ${code} does not say what lifts it`);
    }
    if (phase !== "stable" && result.actions.length === 0 && result.refusals.length === 0) {
      this.broken.push(`${phase}: does nothing and does not say why`);
    }
    // Dear, so not of each.
    if (this.steps % 67 !== this.history.incidents.length) return;
    const again = step(result.state, seen, this.policy, now, this.#tampering.rules ?? RULES);
    const differs =
      JSON.stringify(again.state.phase) !== JSON.stringify(result.state.phase) ||
      JSON.stringify(again.actions) !== JSON.stringify(result.actions);
    if (differs) this.broken.push(`${phase}: asked again, it says otherwise`);
    const { state, wakeAt } = result;
    const text = encodeState({ certificate: "mx", savedAt: now, state, wakeAt, refusals: [], unjournalled: [] });
    const read = decodeState(text);
    if (!read.ok || encodeState(read.value) !== text) this.broken.push(`${phase}: the state file does not hold it`);
  }

  incident(incident: Incident): void {
    const { world, state } = this;
    const { what, amount } = incident;
    if (state === null && UNKNOWABLE_AT_FIRST.includes(what)) return;
    if (isVerb(what)) {
      this.say(what);
    } else if (what === "state-lost") {
      // What was asked for and is on its way cannot be known to anybody either.
      if (!world.calm() || state === null) return;
      this.state = null;
      this.#forgot = true;
      for (const zone of world.zones) for (const record of zone.published) zone.byHand.add(record);
      this.count(what);
    } else {
      happen(world, what, amount, (this.serial += 1));
      if (wakes(incident)) this.#woken = true;
    }
  }

  /** The operator speaks; false: it does not apply. */
  say(verb: Verb): boolean {
    if (this.state === null) return false;
    const said = say(verb, this.state, this.world);
    if (said === null) return false;
    this.state = said;
    this.#woken = true;
    this.count(verb);
    return true;
  }

  /** Faults gone, a person at hand who does what refusals ask for: until the unit is at rest. */
  settle(): void {
    const { world, history } = this;
    mend(world);
    this.#woken = true;
    const { ttl, publishTtl, negativeTtl, aliasTtl, cacheFloor, lags, tickEvery, pollEvery } = history;
    const longest = Math.max(ttl, publishTtl, negativeTtl, aliasTtl, cacheFloor, ...lags, 900);
    // Nothing happens any more that had to be met at the worst moment: cron may be slower.
    const every = tickEvery * 4;
    const slots = Math.ceil((longest * 12 + 6000) / every) + 40 * pollEvery;
    for (let count = 0; count < slots; count++) {
      if (count === Math.floor(slots / 2) || count === Math.floor(slots * 0.75)) tidyByHand(world);
      const wasCalm = world.calm();
      if (wasCalm) peersFollow(world);
      const before = this.steps;
      this.slot("no", every);
      this.#help(count < slots / 4);
      // Records of others at the name may still bind clients: then a teardown keeps renewals waiting for good.
      if (count === Math.floor(slots / 2) && this.state?.teardown) this.say("resume");
      const hasLooked = this.steps > before;
      if (hasLooked && wasCalm && world.calm() && this.#isAtRest()) return;
    }
  }

  #help(isPatient: boolean): void {
    const { state, world } = this;
    const { phase } = state ?? {};
    const isHeld = phase?.phase === "held" && (phase.restoring === null || !isPatient);
    if (isHeld || state?.owners.some((owner) => owner.reverted >= 2) === true) this.say("resume");
    if (this.last?.refusals.some(({ code }) => code === "KEY_COMPROMISED") === true) {
      renewal(world, (this.serial += 1), { key: this.serial });
      this.#woken = true;
    }
  }

  #isAtRest(): boolean {
    const { state, last, world } = this;
    if (state?.phase.phase !== "stable" || last === null || last.actions.length > 0) return false;
    if (last.state.phase.phase !== "stable" || this.#woken) return false;
    const offered = world.source.id === state.rejected ? null : world.source.id;
    return state.phase.current === (offered ?? state.phase.current);
  }
}

/** Plays a history to its end, lifts one refusal, and lets the world calm down for long enough to come to rest. */
export function play(history: History, tampering: Tampering = {}): Run {
  const game = new Play(history, tampering);
  const last = Math.max(SLOTS, ...history.incidents.map((incident) => incident.at + 1));
  for (let count = 0; count < last; count++) {
    for (const incident of history.incidents) if (incident.at === count) game.incident(incident);
    // Peers do not take for ever.
    if (count % PEERS_FOLLOW === PEERS_FOLLOW - 1) peersFollow(game.world);
    game.slot(history.crashes[count] ?? "no", history.tickEvery);
  }
  checkLift(game);
  game.settle();
  const { world, state, phases, broken, census, steps } = game;
  return { world, state, phases, broken, last: game.last, census, steps };
}
