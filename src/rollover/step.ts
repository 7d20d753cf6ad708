/**
 * The core: `step(state, observation, policy, now)` says what the state is now, what to do, why not more, and when to
 * look again. Pure and synchronous: no clock, no I/O, no chance. A tick may be killed anywhere; the next one observes
 * afresh, and what is observed beats what was intended.
 */
import { earliest, instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { assert, assertNever } from "../base/assert.ts";
import type { Action } from "./actions.ts";
import type { ChainFacts, ChainId, RecordText } from "./chain.ts";
import { settleOwnership, withNews } from "./companions.ts";
import { advanceConfirming, advanceHeld, advanceWithdrawing } from "./closing.ts";
import type { Scene } from "./gates.ts";
import { isCompromised, seenOwner } from "./gates.ts";
import { assessServers, foldOwner, isLost, restartClocks, servedRecords } from "./horizon.ts";
import { bypassedSince, bypassRefusals, mismatchRefusals, publisherRefusals } from "./mismatch.ts";
import type { EndpointObservation, Observation } from "./observation.ts";
import type { Policy } from "./policy.ts";
import { recordsOfState, wantedRecords } from "./publication.ts";
import { combinationOf, matchesChain, recordIn, union } from "./records.ts";
import { RULES } from "./rules.ts";
import type { Rules } from "./rules.ts";
import type { ActivePhase, OwnerState, Refusal, RolloverState } from "./state.ts";
import { advanceAging, advanceAnnouncing, advanceDeploying, advanceStable } from "./transitions.ts";
import { relevantChains, wakeAtPollOr } from "./turn.ts";
import type { RolloverEvent, Turn } from "./turn.ts";

export interface Step {
  readonly state: RolloverState;
  readonly actions: readonly Action[];
  /** Look again then at the latest. */
  readonly wakeAt: Instant;
  readonly refusals: readonly Refusal[];
  readonly events: readonly RolloverEvent[];
}

/** More moves than this in one step would be a circle. */
const MOVES = 16;

/** Wall time may jitter; a step earlier than the last one by more than this means that the clock was set back. */
const CLOCK_TOLERANCE_MS = 2_000;
/** Wall time that ran this much ahead of the machine's uptime was set forward. */
const JUMP_MS = 10_000;

/** `state` null: this unit has never been looked at. */
export function step(
  before: RolloverState | null,
  observation: Observation,
  policy: Policy,
  now: Instant,
  rules: Rules = RULES,
): Step {
  const { state: folded, events: noticed } = fold(before, observation, policy, now, rules);
  const events: RolloverEvent[] = [...noticed];
  let scene: Scene = { state: folded, observation, policy, now, rules };
  const bypassedAt = bypassedSince(folded, scene);
  if (bypassedAt !== null && folded.bypassedAt === null) {
    events.push({ event: "bypassed", detail: "a renewed certificate is on the wire before it was deployed" });
  }
  scene = { ...scene, state: { ...folded, bypassedAt } };
  const { halted } = observation;
  if (halted !== undefined) {
    const refusal: Refusal = { gate: "policy", code: halted.code, until: null, detail: halted.message };
    const refusals = [refusal, ...mismatchRefusals(scene)];
    return { state: finish(scene, []), actions: [], wakeAt: wakeAtPollOr(scene, []), refusals, events };
  }
  for (let moves = 0; moves < MOVES; moves++) {
    const turn = advance(scene);
    events.push(...turn.events);
    if (turn.kind === "stay") {
      const state = finish({ ...scene, state: turn.state }, turn.actions);
      const alarms = [
        ...mismatchRefusals(scene),
        ...bypassRefusals({ ...scene, state }),
        ...publisherRefusals({ ...scene, state }),
      ];
      // An alarm that time ends is looked at again when it does.
      const ends = alarms.map(({ until }) => until).filter((until) => until !== null && until > now);
      const wakeAt = earliest(turn.wakeAt, ...ends) ?? turn.wakeAt;
      return { state, actions: turn.actions, wakeAt, refusals: [...turn.refusals, ...alarms], events };
    }
    scene = { ...scene, state: turn.state };
  }
  assert(false, `the rollover does not come to rest: ${events.map((event) => event.event).join(" -> ")}`);
}

function advance(scene: Scene): Turn {
  const { phase } = scene.state;
  switch (phase.phase) {
    case "stable":
      return advanceStable(scene, phase);
    case "announcing":
      return advanceAnnouncing(scene, phase);
    case "aging":
      return advanceAging(scene, phase);
    case "deploying":
      return advanceDeploying(scene, phase);
    case "confirming":
      return advanceConfirming(scene, phase);
    case "withdrawing":
      return advanceWithdrawing(scene, phase);
    case "held":
      return advanceHeld(scene, phase);
    default:
      return assertNever(phase);
  }
}

export function initialState(now: Instant): RolloverState {
  return {
    phase: { phase: "stable", current: null },
    phaseSince: now,
    chains: [],
    owners: [],
    endpoints: [],
    rejected: null,
    standby: [],
    override: null,
    emergency: null,
    compromised: [],
    teardown: null,
    bypassedAt: null,
    troubles: [],
    lastStepAt: now,
    lastUptime: null,
  };
}

interface Folded {
  readonly state: RolloverState;
  readonly events: readonly RolloverEvent[];
}

/** Takes the observation into the state: chains, horizons, clocks, endpoints, and trouble with the system clock. */
function fold(known: RolloverState | null, seen: Observation, policy: Policy, now: Instant, rules: Rules): Folded {
  const before = withNews(known ?? initialState(now), seen, known === null);
  const clock = clockTrouble(before, seen, now);
  const calm = clock === null ? before : withRestartedClocks(before, now);
  const owners = policy.owners.flatMap((name): readonly OwnerState[] => {
    const known = calm.owners.find((owner) => owner.owner === name);
    const view = seen.owners.find((owner) => owner.owner === name);
    if (view?.outcome === "seen") return [foldOwner(known, view, { policy, rules, now })];
    return known === undefined ? [] : [known];
  });
  const vanished = vanishedRecords(calm, owners, policy);
  const chains = foldChains(calm.chains, seen);
  const standby = foldStandby(calm.standby, seen);
  const wanted = recordsOfState({ ...calm, chains, standby }, policy);
  const counted = owners.map((owner) => {
    const settled = settleOwnership(owner, seen, wanted);
    const isReverted = vanished.some((one) => one.owner === owner.owner);
    return isReverted ? { ...settled, reverted: settled.reverted + 1 } : settled;
  });
  const state: RolloverState = {
    ...calm,
    chains,
    owners: counted,
    endpoints: seen.endpoints === null ? calm.endpoints : seen.endpoints.map((endpoint) => foldEndpoint(endpoint, now)),
    rejected: stillRejected(calm.rejected, seen),
    standby,
    override: stillOverridden(calm),
    emergency: stillUrgent({ ...calm, chains }, seen),
    lastStepAt: now,
    lastUptime: seen.uptime,
  };
  const events = [
    ...(clock === null ? [] : [{ event: "clock-set", detail: clock }]),
    ...vanished.map(({ owner, records }) => ({
      event: "record-vanished",
      detail: `${owner}: ${records.join(", ")} is gone from the name servers`,
    })),
    ...owners.flatMap((owner) => movedOwner(calm, owner)),
    ...calm.owners.flatMap((owner) => droppedOwner(owner, policy)),
  ];
  return { state, events };
}

function movedOwner(before: RolloverState, owner: OwnerState): readonly RolloverEvent[] {
  const known = before.owners.find((one) => one.owner === owner.owner);
  if (known === undefined || known.finalOwner === owner.finalOwner) return [];
  const left = known.ours.length === 0 ? "" : `; left there: ${known.ours.join(", ")}`;
  return [
    { event: "owner-moved", detail: `${owner.owner} now leads to ${owner.finalOwner}, not ${known.finalOwner}${left}` },
  ];
}

/** Out of the configuration, not out of DNS: what stands there will match nothing after the next rollover. */
function droppedOwner({ owner, ours }: OwnerState, policy: Policy): readonly RolloverEvent[] {
  if (ours.length === 0 || policy.owners.includes(owner)) return [];
  return [{ event: "owner-dropped", detail: `${owner} is looked after no more; left there: ${ours.join(", ")}` }];
}

function clockTrouble(before: RolloverState, seen: Observation, now: Instant): string | null {
  const elapsed = now - before.lastStepAt;
  if (elapsed < -CLOCK_TOLERANCE_MS) return "the system clock went backwards: every wait starts again";
  if (before.lastUptime === null || seen.uptime === null || seen.uptime < before.lastUptime) return null;
  const up = (seen.uptime - before.lastUptime) * 1000;
  return elapsed - up > JUMP_MS ? "the system clock jumped ahead: every wait starts again" : null;
}

function withRestartedClocks(state: RolloverState, now: Instant): RolloverState {
  const { phase } = state;
  return {
    ...state,
    phaseSince: instant(Math.min(state.phaseSince, now)),
    owners: state.owners.map((owner) => restartClocks(owner, now)),
    phase:
      phase.phase === "held" ? { ...phase, resume: restartedPhase(phase.resume, now) } : restartedPhase(phase, now),
  };
}

function restartedPhase(phase: ActivePhase, now: Instant): ActivePhase {
  if (phase.phase === "aging") return { ...phase, seenEverywhereAt: now };
  if (phase.phase !== "confirming") return phase;
  const failingSince = phase.failingSince === null ? null : instant(Math.min(phase.failingSince, now));
  return { ...phase, deployedAt: now, rounds: 0, lastRoundAt: null, confirmedAt: null, failingSince };
}

/** Wanted records of ours that some server served and none serves now: somebody else took them away. */
function vanishedRecords(
  before: RolloverState,
  owners: readonly OwnerState[],
  policy: Policy,
): readonly { readonly owner: string; readonly records: readonly string[] }[] {
  const wanted = new Set(recordsOfState(before, policy));
  return owners.flatMap((owner) => {
    const known = before.owners.find((one) => one.owner === owner.owner);
    if (known === undefined || known.finalOwner !== owner.finalOwner) return [];
    const was = servedRecords(known);
    const gone = owner.ours.filter(
      (record) =>
        wanted.has(record) && was.includes(record) && !isLost(known.servers, record) && isLost(owner.servers, record),
    );
    return gone.length === 0 ? [] : [{ owner: owner.owner, records: gone }];
  });
}

function stillRejected(rejected: ChainId | null, seen: Observation): ChainId | null {
  return seen.source.outcome === "chain" && seen.source.chain.id !== rejected ? null : rejected;
}

function foldStandby(known: RolloverState["standby"], { standby }: Observation): RolloverState["standby"] {
  if (standby === undefined) return [];
  return standby.outcome === "keys" ? standby.keys : known;
}

/** An override is for one act on one chain: when that is done, or another chain's turn has come, it is spent. */
function stillOverridden({ override, phase }: RolloverState): RolloverState["override"] {
  const active = phase.phase === "held" ? phase.resume : phase;
  if (override === null || active.phase === "stable") return null;
  const [act, chain] = "next" in active ? ["swap", active.next] : ["withdraw", active.current];
  return override.act === act && override.chain === chain ? override : null;
}

/** Over when another key is live, the records of the compromised one are withdrawn, and the source offers it no more. */
function stillUrgent(state: RolloverState, seen: Observation): RolloverState["emergency"] {
  const { phase } = state;
  if (phase.phase !== "stable" || phase.current === null) return state.emergency;
  const current = state.chains.find(({ id }) => id === phase.current);
  const chains = [
    ...(current === undefined ? [] : [current]),
    ...(seen.source.outcome === "chain" ? [seen.source.chain] : []),
  ];
  return chains.length < 2 || chains.some((chain) => isCompromised(state, chain)) ? state.emergency : null;
}

/** Facts read afresh win over stored ones: the wanted records change when the configured parameters do. */
function foldChains(known: readonly ChainFacts[], seen: Observation): readonly ChainFacts[] {
  const chains = new Map(known.map((chain) => [chain.id, chain]));
  const proven = union(
    ...seen.owners.map((owner) =>
      owner.outcome === "seen" && owner.validated.status === "secure" ? owner.validated.records : [],
    ),
  );
  for (const endpoint of seen.endpoints ?? []) {
    const live = liveChain(endpoint, proven);
    const before = live === null ? undefined : chains.get(live.id);
    if (live !== null && (before === undefined || before.records.length === 0)) chains.set(live.id, live);
  }
  const fresh = [
    ...(seen.source.outcome === "chain" ? [seen.source.chain] : []),
    ...(seen.deployed === null ? [] : [seen.deployed]),
  ];
  const combinations = [...new Set(fresh.flatMap(({ records }) => records.map(combinationOf)))];
  for (const chain of chains.values()) {
    if (chain.records.length > 0 && combinations.length > 0) chains.set(chain.id, reconfigured(chain, combinations));
  }
  for (const chain of fresh) chains.set(chain.id, chain);
  return [...chains.values()];
}

/** A chain that is not read afresh wants a record in each combination that the configuration has now, and in no other. */
function reconfigured(chain: ChainFacts, combinations: readonly string[]): ChainFacts {
  const kept = chain.records.filter((record) => combinations.includes(combinationOf(record)));
  const covered = new Set(kept.map(combinationOf));
  const missing = combinations.filter((combination) => !covered.has(combination));
  if (missing.length === 0 && kept.length === chain.records.length) return chain;
  const made = missing.map((combination) => recordIn(combination, chain.certificates));
  const records = made.filter((record) => record !== null);
  return { ...chain, records: union(records.length === made.length ? kept : chain.records, records) };
}

/**
 * A chain known from the wire alone wants the records that match it in a DNSSEC-validated answer. Without one it wants
 * none: whoever sits between us and the service must not get a key of his published.
 */
function liveChain(endpoint: EndpointObservation, proven: readonly RecordText[]): ChainFacts | null {
  const { presents } = endpoint;
  if (!endpoint.own || presents.outcome === "failed") return null;
  return {
    id: presents.id,
    certificates: presents.certificates,
    records: proven.filter((record) => matchesChain(record, presents.certificates)),
    subject: presents.subject,
    notBefore: presents.notBefore,
    notAfter: presents.notAfter,
    hasFiles: false,
  };
}

function foldEndpoint(endpoint: EndpointObservation, now: Instant): RolloverState["endpoints"][number] {
  const { presents } = endpoint;
  return {
    endpoint: endpoint.endpoint,
    owner: endpoint.owner,
    address: endpoint.address,
    own: endpoint.own,
    presents: presents.outcome === "chain" ? presents.id : null,
    detail: presents.outcome === "chain" ? "" : presents.detail,
    at: now,
    ...(endpoint.everyKind === undefined ? {} : { everyKind: endpoint.everyKind }),
  };
}

/** Judges the servers against what is wanted now; forgets chains that nothing refers to, and troubles with nothing asked for. */
function finish(scene: Scene, actions: readonly Action[]): RolloverState {
  const wanted = wantedRecords(scene);
  const owners = scene.state.owners.map((owner) => {
    const seen = seenOwner(scene, owner);
    return seen === null ? owner : assessServers(owner, seen, wanted, scene.now);
  });
  const cached = new Set(owners.flatMap((owner) => owner.horizon.flatMap((entry) => entry.records)));
  const needed = new Set<string>(relevantChains(scene.state.phase));
  // Renewals that kept the key all have the same records: the one in play stands for the others.
  const covered = new Set(scene.state.chains.filter(({ id }) => needed.has(id)).flatMap(({ records }) => records));
  const chains = scene.state.chains.filter(
    (chain) =>
      needed.has(chain.id) ||
      chain.id === scene.state.rejected ||
      chain.records.some((record) => cached.has(record) && !covered.has(record)) ||
      scene.state.endpoints.some((endpoint) => endpoint.own && endpoint.presents === chain.id),
  );
  const asked = new Set(actions.map((action) => ("owner" in action ? `${action.kind} ${action.owner}` : action.kind)));
  const troubles = scene.state.troubles.filter((trouble) => asked.has(trouble.subject));
  return { ...scene.state, owners, chains, troubles };
}
