/** How each phase moves on after the deployment: confirming, withdrawing, and held. */
import { addSeconds, formatSecond, instant, seconds } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { Action } from "./actions.ts";
import type { ChainFacts, RecordText } from "./chain.ts";
import {
  bindsNobody,
  chainOf,
  describeChain,
  endpointRefusal,
  horizonGate,
  isCompromised,
  isOverridden,
  leavingGate,
  ownersSharing,
  seenOwner,
  serverGate,
} from "./gates.ts";
import type { Scene } from "./gates.ts";
import { expectRrset, isNowhere, servedRecords } from "./horizon.ts";
import type { EndpointObservation } from "./observation.ts";
import { nothingPublished, publication, removableRecords, unneededRecords, wantedRecords } from "./publication.ts";
import { mayRemain, sameSet, union, without } from "./records.ts";
import type { ActivePhase, HoldReason, OwnerState, Phase, Refusal } from "./state.ts";
import { linkMoved, obstacles } from "./transitions.ts";
import { moveTo, wakeAtPollOr } from "./turn.ts";
import type { Turn } from "./turn.ts";

type Confirming = Extract<ActivePhase, { phase: "confirming" }>;
type Withdrawing = Extract<ActivePhase, { phase: "withdrawing" }>;
type Held = Extract<Phase, { phase: "held" }>;

/** How long a good round may be old before the next one is due although all rounds are done. */
const WATCH_EVERY = seconds(600);

function ownEndpoints(scene: Scene): readonly EndpointObservation[] {
  return (scene.observation.endpoints ?? []).filter((endpoint) => endpoint.own);
}

const NOT_PROBED = "no address of this host was probed: is any of those in `verify` an address of its names in DNS?";

/** One refusal for each address of this host that does not present `current` in this observation. */
function unproven(scene: Scene, current: ChainFacts): readonly Refusal[] {
  const own = ownEndpoints(scene);
  if (own.length === 0) {
    return [{ gate: "dane", code: "ENDPOINT_UNPROVEN", until: null, detail: NOT_PROBED }];
  }
  return own.map((endpoint) => endpointRefusal(scene, endpoint, current.id)).filter((refusal) => refusal !== null);
}

/**
 * Peers behind the same names must do without the records that are about to go. For one that has the current chain too
 * {@link remainderRefusals} speaks.
 */
function peerRefusals(scene: Scene, { id, records: keep }: ChainFacts): readonly Refusal[] {
  return (scene.observation.endpoints ?? []).flatMap((endpoint): readonly Refusal[] => {
    const owner = scene.state.owners.find((one) => one.owner === endpoint.owner);
    if (endpoint.own || owner === undefined) return [];
    const going = ownersSharing(scene, owner).flatMap((one) => removableRecords(scene, one, keep));
    if (going.length === 0) return [];
    const served = servedRecords(owner);
    const { presents } = endpoint;
    if (presents.outcome === "chain" && presents.id === id) return [];
    if (presents.outcome === "chain" && mayRemain(served, without(served, going), presents.certificates)) return [];
    const what = presents.outcome === "failed" ? presents.detail : "presents a chain that only the old record matches";
    const detail = `${endpoint.endpoint} at ${endpoint.address} ${what}`;
    return [{ gate: "dane", code: "PEER_DEPENDS", until: null, detail }];
  });
}

/** What stays after the withdrawal must match the chain that is live, at every owner name. */
function remainderRefusals(scene: Scene, current: ChainFacts): readonly Refusal[] {
  return scene.state.owners.flatMap((owner): readonly Refusal[] => {
    const going = goingRecords(scene, owner, current.records);
    const remaining = without(servedRecords(owner), going);
    if (going.length === 0) return [];
    // After a teardown none at all binds nobody; what others have there must match. What was asked to go may be gone.
    const isAsked = going.every((record) => owner.leaving.includes(record));
    const isEnough = remaining.length > 0 || scene.state.teardown !== null || isAsked;
    if (isEnough && mayRemain(servedRecords(owner), remaining, current.certificates)) return [];
    const detail = `${displayName(owner.owner)}: what would be left (${remaining.join(", ") || "nothing"}) does not match the live chain`;
    return [{ gate: "dane", code: "HORIZON_UNSAFE", until: null, detail }];
  });
}

function needsWithdrawal(scene: Scene, current: ChainFacts): boolean {
  return scene.state.owners.some((owner) => removableRecords(scene, owner, current.records).length > 0);
}

/** Counts a good round, or takes note since when it is not good. */
function countRound(scene: Scene, phase: Confirming, failures: readonly Refusal[]): Confirming {
  if (failures.length > 0) {
    // A host that is down proves nothing either way: only another chain on the wire starts the retire safety anew.
    const other = ownEndpoints(scene).some(
      ({ presents }) => presents.outcome === "chain" && presents.id !== phase.current,
    );
    return {
      ...phase,
      rounds: 0,
      lastRoundAt: null,
      confirmedAt: other ? null : phase.confirmedAt,
      failingSince: phase.failingSince ?? scene.now,
    };
  }
  const due = phase.lastRoundAt === null || scene.now >= addSeconds(phase.lastRoundAt, scene.policy.confirmInterval);
  const rounds = due ? phase.rounds + 1 : phase.rounds;
  const complete = rounds >= scene.policy.confirmRounds;
  return {
    ...phase,
    rounds,
    lastRoundAt: due ? scene.now : phase.lastRoundAt,
    confirmedAt: phase.confirmedAt ?? (complete ? scene.now : null),
    failingSince: null,
  };
}

/** The servers had long enough: the old files go back, which is free while the old records are everywhere. */
function giveUp(scene: Scene, phase: Confirming, failures: readonly Refusal[]): Turn | null {
  if (phase.failingSince === null || phase.obsolete === null) return null;
  const obsolete = chainOf(scene, phase.obsolete);
  const deadline = addSeconds(instant(Math.max(phase.failingSince, phase.deployedAt)), scene.policy.confirmPatience);
  const own = ownEndpoints(scene);
  const wrong = own.filter(({ presents }) => presents.outcome === "chain" && presents.id !== phase.current);
  // Once proven, an outage is an outage: the chain on disk is right.
  const down = phase.confirmedAt === null && own.some(({ presents }) => presents.outcome === "failed");
  if (scene.now < deadline || (wrong.length === 0 && !down)) return null;
  const foreign = wrong.some(({ presents }) => presents.outcome === "chain" && presents.id !== phase.obsolete);
  const reason: HoldReason = foreign ? "FOREIGN_CHAIN_SERVED" : "CONFIRM_FAILED";
  // An aborted chain is not put back: the way back from it is what did not work.
  const isOld = obsolete !== null && obsolete.id !== scene.state.rejected;
  const restorable = !foreign && isOld && scene.observation.stored.includes(obsolete.id);
  const detail = failures.map((failure) => failure.detail).join("; ");
  const held: Held = {
    phase: "held",
    resume: { phase: "announcing", current: phase.obsolete, next: phase.current },
    reason,
    detail,
    restoring: restorable ? obsolete.id : null,
  };
  return moveTo(scene, held, "held", `${reason}: ${detail}`);
}

export function advanceConfirming(scene: Scene, before: Confirming): Turn {
  const current = chainOf(scene, before.current);
  if (current === null)
    return moveTo(scene, { phase: "stable", current: before.current }, "given-up", "the chain is not known");
  // While only leftovers are tidied up nothing was deployed: a new certificate need not wait for that.
  const interrupted =
    linkMoved(scene, before.current, [before.current]) ?? (before.obsolete === null ? renewal(scene, current) : null);
  if (interrupted !== null) return interrupted;
  const failures = unproven(scene, current);
  const phase = countRound(scene, before, failures);
  const given = giveUp(scene, phase, failures);
  if (given !== null) return given;
  const withPhase: Scene = { ...scene, state: { ...scene.state, phase } };
  // A first RRset binds every client at once: one good look at servers that are just changing over is too little.
  const tooEarly = phase.rounds < scene.policy.confirmRounds && bindsNobody(scene);
  const published = tooEarly ? nothingPublished(withPhase) : publication(withPhase, wantedRecords(withPhase));
  const refusals = [...failures, ...published.refusals];
  // Of leftovers that are tidied up nobody wants to hear that they were proven.
  const isNews = before.obsolete === null || before.confirmedAt === null;
  const confirmation = `every address presents ${describeChain(scene, current.id)}`;
  const isConfirmedNow = before.obsolete !== null && before.confirmedAt === null && phase.confirmedAt !== null;
  const events = isConfirmedNow ? [{ event: "confirmed", detail: confirmation }] : [];
  const withNews = (turn: Turn): Turn => ({ ...turn, events: [...events, ...turn.events] });
  const proven = failures.length === 0 && phase.rounds >= scene.policy.confirmRounds && phase.confirmedAt !== null;
  if (proven && published.actions.length === 0 && !needsWithdrawal(withPhase, current)) {
    const [event, detail] = isNews ? ["confirmed", confirmation] : ["settled", "there is nothing of ours to withdraw"];
    return moveTo(withPhase, { phase: "stable", current: current.id }, event, detail);
  }
  // The time to go back free of cost: not with a key that must go. Workers that are late still count.
  const compromised = chainOf(scene, phase.obsolete);
  const isUrgent = compromised !== null && isCompromised(scene.state, compromised);
  const { retireSafety, confirmPatience } = scene.policy;
  const safety = isUrgent ? seconds(Math.min(retireSafety, confirmPatience)) : retireSafety;
  const until = addSeconds(phase.confirmedAt ?? scene.now, safety);
  if (isOverridden(scene, "withdraw", current.id) && remainderRefusals(withPhase, current).length === 0) {
    const next = { phase: "withdrawing", obsolete: phase.obsolete, current: phase.current } as const;
    return withNews(moveTo(withPhase, next, "overridden", "the operator overrides the gates"));
  }
  if (proven) {
    const closing = [
      ...serverGate(scene, current.records),
      ...peerRefusals(scene, current),
      ...remainderRefusals(scene, current),
    ];
    if (until <= scene.now && closing.length === 0 && published.actions.length === 0) {
      const next = { phase: "withdrawing", obsolete: phase.obsolete, current: phase.current } as const;
      return withNews(moveTo(withPhase, next, "withdrawing", `proven since ${formatSecond(phase.confirmedAt)}`));
    }
    refusals.push(...closing, ...retireRefusal(scene, until));
  } else if (failures.length === 0) {
    refusals.push(roundsRefusal(scene, phase));
  }
  // Whatever keeps the old record here (a peer that never follows, a host that is down): no renewal waits for that.
  const overdue = phase.confirmedAt !== null && until <= scene.now ? renewal(withPhase, current) : null;
  if (overdue !== null) return withNews(overdue);
  const wakeAt = proven
    ? instant(Math.min(addSeconds(scene.now, WATCH_EVERY), until > scene.now ? until : wakeAtPollOr(scene, [])))
    : instant(Math.min(addSeconds(scene.now, scene.policy.confirmInterval), wakeAtPollOr(scene, refusals)));
  return { kind: "stay", state: published.state, actions: published.actions, refusals, events, wakeAt };
}

/** A newer certificate ends this phase; what is left to withdraw is withdrawn at the end of the next rollover. */
function renewal(scene: Scene, current: ChainFacts): Turn | null {
  const { source } = scene.observation;
  if (source.outcome === "failed" || source.faults.length > 0) return null;
  const { chain } = source;
  if (chain.id === current.id || chain.id === scene.state.rejected) return null;
  if (isCompromised(scene.state, chain)) return null;
  if (obstacles(scene, current, chain).length > 0 || leavingGate(scene, chain.records).length > 0) return null;
  const detail = `${describeChain(scene, chain.id)} is there`;
  return moveTo(scene, { phase: "stable", current: current.id }, "renewed", detail);
}

function retireRefusal(scene: Scene, until: Instant): readonly Refusal[] {
  if (until <= scene.now) return [];
  const detail = "the old record stays for a while, so that there is a way back";
  return [{ gate: "time", code: "RETIRE_RUNNING", until, detail }];
}

function roundsRefusal(scene: Scene, phase: Confirming): Refusal {
  const due = addSeconds(phase.lastRoundAt ?? scene.now, scene.policy.confirmInterval);
  // With no interval between them the next round is due at once, which is never now.
  const until = instant(Math.max(due, scene.now + 1));
  const detail = `${String(phase.rounds)} of ${String(scene.policy.confirmRounds)} rounds good`;
  return { gate: "time", code: "ROUNDS_MISSING", until, detail };
}

/** What goes at an owner name, with what was asked to go before and is still there. */
function goingRecords(scene: Scene, owner: OwnerState, keep: readonly RecordText[]): readonly RecordText[] {
  const served = servedRecords(owner);
  const asked = owner.leaving.filter((record) => owner.ours.includes(record) && served.includes(record));
  return union(removableRecords(scene, owner, keep), asked);
}

/** One exact deletion, under the condition that the RRset is what every server was seen to serve. */
function withdrawAt(
  scene: Scene,
  owner: OwnerState,
  keep: readonly RecordText[],
): { readonly owner: OwnerState; readonly action: Action | null; readonly refusal: Refusal | null } {
  const served = goingRecords(scene, owner, keep);
  // Asked for and seen nowhere: deleted on condition that it is there nowhere, which proves that it will not come.
  const unseen = unneededRecords(scene, owner, keep).filter((record) => owner.coming.includes(record));
  const remove = union(served, unseen);
  const answers = (seenOwner(scene, owner)?.servers ?? []).flatMap(({ said, excluded }) =>
    said.outcome === "answer" && !excluded ? [union(said.records)] : [],
  );
  const still =
    served.length === 0 ? answers : answers.filter((records) => records.some((one) => remove.includes(one)));
  const [expected] = still;
  if (expected === undefined || remove.length === 0) return { owner, action: null, refusal: null };
  // Some servers have it no more: the update was taken, the others follow.
  if (still.length < answers.length) {
    const detail = `${displayName(owner.owner)}: ${String(still.length)} of ${String(answers.length)} servers still serve the old record`;
    return { owner, action: null, refusal: { gate: "dane", code: "NS_LAGGING", until: null, detail } };
  }
  if (!still.every((records) => sameSet(records, expected))) {
    const detail = `${displayName(owner.owner)}: the name servers serve different RRsets`;
    return { owner, action: null, refusal: { gate: "dane", code: "NS_LAGGING", until: null, detail } };
  }
  const { finalOwner, zone } = owner;
  const ttl = seconds(Math.max(...owner.servers.filter((server) => !server.excluded).map((server) => server.ttl)));
  return {
    owner: expectRrset({ ...owner, leaving: union(owner.leaving, remove) }, without(expected, remove), ttl, scene.now),
    action: {
      kind: "withdraw",
      owner: owner.owner,
      finalOwner,
      zone,
      ttl,
      remove: remove.filter((record) => expected.includes(record) || unseen.includes(record)),
      expected,
    },
    refusal: null,
  };
}

/** What we published beyond `keep` is gone from every server, as far as each was ever heard. */
function isTidy(scene: Scene, owner: OwnerState, keep: readonly RecordText[]): boolean {
  return (
    unneededRecords(scene, owner, keep).every((record) => isNowhere(owner, record) && !owner.coming.includes(record)) &&
    !owner.leaving.some((record) => owner.ours.includes(record))
  );
}

export function advanceWithdrawing(scene: Scene, phase: Withdrawing): Turn {
  const current = chainOf(scene, phase.current);
  if (current === null)
    return moveTo(scene, { phase: "stable", current: phase.current }, "given-up", "the chain is not known");
  const moved = linkMoved(scene, phase.current, [phase.current]);
  if (moved !== null) return moved;
  const keep = current.records;
  if (scene.state.owners.every((owner) => isTidy(scene, owner, keep))) {
    // What nobody was asked to delete stays ours: servers that lag or were restored may show it again.
    const gone = scene.state.owners.map((owner) => ({ ...owner, reverted: 0 }));
    const state = { ...scene.state, owners: gone };
    const isTornDown = scene.state.teardown !== null;
    const detail = isTornDown
      ? "no record of ours is left"
      : `only the records of ${describeChain(scene, current.id)} are left of ours`;
    const event = isTornDown ? "torn-down" : "withdrawn";
    return moveTo({ ...scene, state }, { phase: "stable", current: current.id }, event, detail);
  }
  const patience = addSeconds(scene.state.phaseSince, scene.policy.confirmPatience);
  const overdue = patience <= scene.now ? renewal(scene, current) : null;
  if (overdue !== null) return overdue;
  const published = publication(scene, wantedRecords(scene));
  const gates = withdrawGates(scene, current);
  const withdrawals = gates.length > 0 ? [] : published.state.owners.map((owner) => withdrawAt(scene, owner, keep));
  const refusals = [
    ...gates,
    ...published.refusals,
    ...withdrawals.map((one) => one.refusal).filter((refusal) => refusal !== null),
    ...serverGate(scene, wantedRecords(scene)).filter((refusal) => refusal.code !== "NS_LAGGING"),
  ];
  const asked = withdrawals.map((one) => one.action).filter((action) => action !== null);
  // Owner names that share their target would ask twice.
  const once = asked.filter((one, at) => asked.findIndex((other) => isSameWithdrawal(one, other)) === at);
  const actions = [...published.actions, ...once];
  const owners = gates.length > 0 ? published.state.owners : withdrawals.map((one) => one.owner);
  const state = { ...published.state, owners };
  return { kind: "stay", state, actions, refusals, events: [], wakeAt: wakeAtPollOr(scene, []) };
}

function isSameWithdrawal(one: Action, other: Action): boolean {
  return one.kind === "withdraw" && other.kind === "withdraw" && one.finalOwner === other.finalOwner;
}

/** Whoever presents what now relies on the records that are to go; nobody, when none are to be left. */
function withdrawGates(scene: Scene, current: ChainFacts): readonly Refusal[] {
  const remainder = remainderRefusals(scene, current);
  if (scene.state.teardown !== null || isOverridden(scene, "withdraw", current.id)) return remainder;
  return [...unproven(scene, current), ...peerRefusals(scene, current), ...remainder];
}

/** Nothing moves but the repair: old files go back, vanished records come back (not when the operator said stop). */
export function advanceHeld(scene: Scene, phase: Held): Turn {
  const refusal: Refusal = { gate: "policy", code: phase.reason, until: null, detail: phase.detail };
  const idle = phase.reason === "OPERATOR_HOLD";
  const published = idle ? { state: scene.state, actions: [], refusals: [] } : publication(scene, wantedRecords(scene));
  // Going back is free as long as the old records are everywhere, and is not done when somebody has taken them away.
  const old = chainOf(scene, phase.restoring);
  const unsafe = old === null ? [] : horizonGate({ ...scene, state: published.state }, old, null);
  const restore: readonly Action[] =
    phase.restoring === null || unsafe.length > 0 ? [] : [{ kind: "deploy", chain: phase.restoring }];
  const actions = [...published.actions, ...restore];
  const wakeAt = actions.length > 0 ? wakeAtPollOr(scene, []) : addSeconds(scene.now, scene.policy.observeInterval);
  return {
    kind: "stay",
    state: published.state,
    actions,
    refusals: [refusal, ...unsafe, ...published.refusals],
    events: [],
    wakeAt,
  };
}
