/** How each phase moves on, up to the deployment: stable, announcing, aging, deploying. */
import { addSeconds, formatSecond, instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { Action } from "./actions.ts";
import type { ChainFacts, ChainId, RecordText } from "./chain.ts";
import { endingSignatures } from "./deadlines.ts";
import { acceptedLive, enrol, leftoverPhase, sourceRefusals, unseenOwners } from "./enrolment.ts";
import {
  agedAt,
  bindsNobody,
  chainOf,
  changesNothing,
  describeChain,
  horizonGate,
  isCompromised,
  isOverridden,
  livePresented,
  leavingGate,
  policyGate,
  serverGate,
  sourceFaults,
  timeGate,
  validatedGate,
} from "./gates.ts";
import type { Scene } from "./gates.ts";
import { entryExpires, servedRecords } from "./horizon.ts";
import {
  nothingPublished,
  publication,
  removableRecords,
  unneededRecords,
  wantedRecords,
  withoutStandby,
} from "./publication.ts";
import { combinationOf, matchedCombinations, union } from "./records.ts";
import type { ActivePhase, OwnerState, Refusal } from "./state.ts";
import { moveTo, wakeAtPollOr } from "./turn.ts";
import type { Turn } from "./turn.ts";

type PhaseOf<Name extends ActivePhase["phase"]> = Extract<ActivePhase, { phase: Name }>;

/** What the ACME client offers that is neither deployed nor aborted; null when there is nothing to do. */
function candidate(scene: Scene, current: ChainId | null): ChainFacts | null {
  const { source } = scene.observation;
  if (source.outcome === "failed") return null;
  const { chain } = source;
  if (chain.id === current || chain.id === scene.state.rejected || isCompromised(scene.state, chain)) return null;
  return chain;
}

/** The swap changes nothing for any DANE client, so neither DNS nor a wait can stand against it. */
function isHarmless(scene: Scene, next: ChainFacts, current: ChainFacts | null): boolean {
  return (
    (current !== null && changesNothing(scene, next, current)) || isUnbound(scene) || livePresented(scene) === next.id
  );
}

/** No TLSA record binds anybody, as far as this very look shows: while a zone cannot be looked at, a hand may have added one. */
function isUnbound(scene: Scene): boolean {
  return bindsNobody(scene) && unseenOwners(scene).length === 0;
}

/** Everything that must hold at the instant of the swap; asked again each time, also right before it. */
export function deployGates(scene: Scene, next: ChainFacts, current: ChainFacts | null): readonly Refusal[] {
  if (isHarmless(scene, next, current) || isOverridden(scene, "swap", next.id)) return policyGate(scene, next);
  return [
    ...policyGate(scene, next),
    ...serverGate(scene, next.records),
    ...leavingGate(scene, next.records),
    ...horizonGate(scene, next, current),
    ...validatedGate(scene, next),
    ...timeGate(scene, next.records),
  ];
}

function storeAction(scene: Scene, next: ChainId): readonly Action[] {
  const { source, stored } = scene.observation;
  const offered = source.outcome === "chain" && source.chain.id === next && source.faults.length === 0;
  return offered && !stored.includes(next) ? [{ kind: "store", chain: next }] : [];
}

/** Nothing is begun that ends at a copy which could not be kept: a full disk, a folder that is not ours. */
function storedGate({ observation, state }: Scene, next: ChainId): readonly Refusal[] {
  const failed = state.troubles.some(({ subject }) => subject === "store");
  if (observation.stored.includes(next) || !failed) return [];
  return [{ gate: "policy", code: "SOURCE_UNUSABLE", until: null, detail: "no copy of it could be kept yet" }];
}

/** A wait that ends after the current certificate does is worth an alarm, never an early swap. */
function deadlineRefusals(current: ChainFacts | null, until: Instant): readonly Refusal[] {
  if (current === null || until < current.notAfter) return [];
  const detail = `the current certificate expires ${formatSecond(current.notAfter)}, the wait ends ${formatSecond(until)}`;
  return [{ gate: "time", code: "DEADLINE_NEAR", until: null, detail }];
}

export function advanceStable(scene: Scene, { current }: PhaseOf<"stable">): Turn {
  if (current === null) return enrol(scene);
  const chain = chainOf(scene, current);
  const { deployed, source } = scene.observation;
  if (deployed !== null && deployed.id !== current) {
    if (deployed.id === scene.state.rejected && scene.observation.stored.includes(current)) {
      const back = { phase: "deploying", current: deployed.id, next: current, flippedAt: null } as const;
      return moveTo(scene, back, "deploying", `${describeChain(scene, deployed.id)} was aborted: the way back`);
    }
    const detail = `the deployed link was moved to ${describeChain(scene, deployed.id)} by somebody else`;
    return moveTo(scene, leftoverPhase(scene, deployed.id), "deployed-changed", detail);
  }
  if (scene.state.teardown !== null && scene.state.owners.some((owner) => isAnythingLeft(scene, owner))) {
    const detail = "every record of ours goes for good";
    return moveTo(scene, { phase: "withdrawing", obsolete: null, current }, "tearing-down", detail);
  }
  if (isLeaving(scene)) {
    const detail = "a record whose deletion was asked for has not gone yet";
    return moveTo(scene, { phase: "withdrawing", obsolete: null, current }, "withdrawing", detail);
  }
  const next = candidate(scene, current);
  const faults = source.outcome === "chain" && next !== null ? source.faults : [];
  if (next !== null && faults.length === 0) {
    const known = chain !== null && changesNothing(scene, next, chain);
    const detail = `${describeChain(scene, current)} -> ${describeChain(scene, next.id)}`;
    const isFree = known || isUnbound(scene);
    // With no records to announce, nobody waits for a certificate that may not be deployed yet but this certificate.
    if (isFree && (scene.state.teardown === null || policyGate(scene, next).length === 0)) {
      const phase = { phase: "deploying", current, next: next.id, flippedAt: null } as const;
      return moveTo(scene, phase, "deploying", `${detail}, no TLSA record has to change first`);
    }
    // Else tidied up first, below; without records there is nothing to announce, only caches to wait for.
    if (scene.state.teardown === null && obstacles(scene, chain, next).length === 0) {
      return moveTo(scene, { phase: "announcing", current, next: next.id }, "announcing", detail);
    }
  }
  const published = publication(scene, wantedRecords(scene));
  const leftovers = scene.state.owners.some((owner) => removableRecords(scene, owner, chain?.records ?? []).length > 0);
  if (leftovers && published.actions.length === 0) {
    return moveTo(scene, leftoverPhase(scene, current), "tidying", "records of ours that no chain needs are left");
  }
  const refusals: readonly Refusal[] = [
    ...sourceRefusals(scene),
    ...(next === null ? [] : sourceFaults(scene, next)),
    ...published.refusals,
    ...serverRefusals(scene, published.refusals),
    ...teardownRefusals(scene, next, chain),
  ];
  const copies = storeAction(scene, current);
  const missingLink = deployed === null && (copies.length > 0 || scene.observation.stored.includes(current));
  const relink: readonly Action[] = missingLink ? [...copies, { kind: "deploy", chain: current }] : [];
  const actions: readonly Action[] = [...published.actions, ...relink];
  const calm = addSeconds(scene.now, scene.policy.observeInterval);
  const wakeAt = actions.length + refusals.length > 0 ? wakeAtPollOr(scene, refusals) : calm;
  return { kind: "stay", state: published.state, actions, refusals, events: [], wakeAt };
}

/**
 * A deletion was asked for and not seen to be done: it may be done at the primary, be on its way, or be lost. Whoever wants
 * the record again must see it gone first, and so must whoever does not: else nothing may ever rely on it.
 */
function isLeaving({ state }: Scene): boolean {
  return state.owners.some(({ leaving, ours }) => leaving.some((record) => ours.includes(record)));
}

function isAnythingLeft(scene: Scene, owner: OwnerState): boolean {
  const reachable = union(owner.coming, owner.leaving, servedRecords(owner));
  return unneededRecords(scene, owner, []).some((record) => reachable.includes(record));
}

/** While records are not asked for, no server lags because it has none. */
function serverRefusals(scene: Scene, unpublished: readonly Refusal[]): readonly Refusal[] {
  return serverGate(scene, wantedRecords(scene)).filter(
    ({ code }) => code !== "NS_LAGGING" || unpublished.length === 0,
  );
}

/** What is left to wait for when our records are gone: a renewal, and whoever wants to change the servers by hand. */
function teardownRefusals(scene: Scene, next: ChainFacts | null, current: ChainFacts | null): readonly Refusal[] {
  const { teardown } = scene.state;
  if (teardown === null) return [];
  const waits = next === null ? [] : [...policyGate(scene, next), ...horizonGate(scene, next, current)];
  const ends = scene.state.owners.flatMap((owner) =>
    owner.horizon
      .filter(({ records }) => records.length > 0)
      .map((entry) => entryExpires(entry, owner, scene.policy, scene.rules)),
  );
  const known = ends.filter((end) => end !== null);
  const last = known.length > 0 && known.length === ends.length ? instant(Math.max(...known)) : null;
  // Past only while the zone cannot be looked at.
  const until = last !== null && last > scene.now ? last : null;
  const caches = ends.length > 0 ? "caches may still hold them: keep the certificate" : "no cache holds them any more";
  const detail = `our TLSA records are gone since ${formatSecond(teardown.at)} (${teardown.because}); ${caches}`;
  return [...waits, { gate: "policy", code: "TORN_DOWN", until, detail }];
}

/**
 * Records of ours that neither chain needs, in a combination in which `next` has none (the configured parameters
 * changed): with them in DNS the swap would break that combination (RFC 7671 §8).
 */
export function obstacles(scene: Scene, current: ChainFacts | null, next: ChainFacts): readonly RecordText[] {
  if (current === null) return [];
  const keep = union(current.records, next.records);
  return scene.state.owners.flatMap((owner) => {
    const matched = matchedCombinations(union(servedRecords(owner), next.records), next.certificates);
    return removableRecords(scene, owner, keep).filter((record) => !matched.has(combinationOf(record)));
  });
}

/** A newer certificate before the swap takes the place of `next`; the source going back ends the rollover. */
function superseded(scene: Scene, phase: PhaseOf<"announcing" | "aging" | "deploying">): Turn | null {
  const { source } = scene.observation;
  if (source.outcome === "failed" || source.faults.length > 0 || source.chain.id === phase.next) return null;
  const { id } = source.chain;
  if (id === scene.state.rejected || isCompromised(scene.state, source.chain)) return null;
  if (phase.current === null) {
    return moveTo(
      scene,
      { phase: "stable", current: null },
      "superseded",
      "a newer certificate before the first deployment",
    );
  }
  if (id === phase.current) {
    const detail = `the source offers the current certificate again`;
    const live = livePresented(scene);
    if (scene.observation.deployed?.id === id && live !== null && live !== id) {
      // Its files are in place, but the reload that was to show them did not go well: once more.
      const again = { phase: "deploying", current: phase.next, next: id, flippedAt: null } as const;
      return moveTo(scene, again, "deploying", detail);
    }
    return moveTo(scene, { phase: "stable", current: id }, "given-up", detail);
  }
  const detail = `${describeChain(scene, phase.next)} -> ${describeChain(scene, id)} before it was deployed`;
  // Without records there is nothing to announce.
  if (scene.state.teardown !== null)
    return moveTo(scene, { phase: "stable", current: phase.current }, "superseded", detail);
  return moveTo(scene, { phase: "announcing", current: phase.current, next: id }, "superseded", detail);
}

export function advanceAnnouncing(scene: Scene, phase: PhaseOf<"announcing">): Turn {
  const other = superseded(scene, phase) ?? linkMoved(scene, phase.current, [phase.current, phase.next]);
  if (other !== null) return other;
  const next = chainOf(scene, phase.next);
  if (next === null || isOutOfReach(scene, next.id)) return lostNext(scene, phase);
  // Nobody could be asked at first contact, and now somebody answers.
  const found = phase.current === null ? acceptedLive(scene) : null;
  if (found !== null && found !== phase.next) {
    const detail = `${describeChain(scene, found)} is what the servers present`;
    return moveTo(scene, { phase: "announcing", current: found, next: phase.next }, "found-live", detail);
  }
  const current = chainOf(scene, phase.current);
  const overridden = isOverridden(scene, "swap", next.id);
  if ((overridden || isHarmless(scene, next, current)) && policyGate(scene, next).length === 0) {
    const deploying = { phase: "deploying", current: phase.current, next: phase.next, flippedAt: null } as const;
    const why = overridden ? "the operator overrides the gates" : "no TLSA record has to change first";
    return moveTo(scene, deploying, overridden ? "overridden" : "deploying", why);
  }
  const { deployed } = scene.observation;
  const inTheWay = deployed === null || deployed.id === phase.current ? obstacles(scene, current, next) : [];
  if (inTheWay.length > 0) {
    const detail = `${inTheWay.join(", ")} must be withdrawn first`;
    return moveTo(scene, { phase: "stable", current: phase.current }, "given-up", detail);
  }
  const leaving = leavingGate(scene, union(next.records, wantedRecords(scene)));
  if (leaving.length > 0 && current !== null && deployed?.id === current.id) {
    const why = leaving.map((refusal) => refusal.detail).join("; ");
    return moveTo(scene, { phase: "withdrawing", obsolete: null, current: current.id }, "withdrawing", why);
  }
  const published = publication(scene, wantedRecords(scene));
  const starts = scene.state.owners.map((owner) => agedAt(scene, owner, next.records));
  const allSeen = scene.state.owners.length === scene.policy.owners.length && starts.every((at) => at !== null);
  const missing = [...serverGate(scene, next.records), ...leaving];
  const { actions, refusals: unpublished } = withoutStandby(scene, published);
  if (actions.length === 0 && unpublished.length === 0 && allSeen && missing.length === 0) {
    const seenEverywhereAt = instant(Math.max(0, ...scene.state.owners.flatMap((owner) => clockStarts(owner, next))));
    return moveTo(
      scene,
      { phase: "aging", current: phase.current, next: phase.next, seenEverywhereAt },
      "seen-everywhere",
      `every name server serves the records of ${describeChain(scene, phase.next)} since ${formatSecond(seenEverywhereAt)}`,
    );
  }
  const shown = missing.filter(({ code }) => code !== "NS_LAGGING" || published.refusals.length === 0);
  const refusals = [...policyGate(scene, next), ...published.refusals, ...shown];
  return {
    kind: "stay",
    state: published.state,
    actions: [...storeAction(scene, phase.next), ...published.actions],
    refusals,
    events: [],
    wakeAt: wakeAtPollOr(scene, refusals),
  };
}

function clockStarts(owner: Scene["state"]["owners"][number], next: ChainFacts): readonly number[] {
  return owner.clocks.filter((clock) => next.records.includes(clock.record)).map((clock) => clock.since);
}

/**
 * The deployed link shows a chain that has no part in this phase: a hand moved it, and any restart of a service makes it
 * live. It is taken for the current chain, whose records are wanted, and what the source offers is announced anew.
 */
export function linkMoved(scene: Scene, current: ChainId | null, parts: readonly (ChainId | null)[]): Turn | null {
  const { deployed } = scene.observation;
  if (deployed === null || parts.includes(deployed.id)) return null;
  const detail = `the deployed link was moved to ${describeChain(scene, deployed.id)} by somebody else`;
  return moveTo(scene, { phase: "stable", current }, "given-up", detail);
}

/** The source went on to something that cannot be taken in its place, before a copy was kept: it can never be deployed. */
function isOutOfReach(scene: Scene, next: ChainId): boolean {
  const { source, stored } = scene.observation;
  return source.outcome === "chain" && source.chain.id !== next && !stored.includes(next);
}

function lostNext(scene: Scene, phase: PhaseOf<"announcing" | "aging" | "deploying">): Turn {
  return moveTo(scene, { phase: "stable", current: phase.current }, "given-up", "of the next chain no copy is left");
}

export function advanceAging(scene: Scene, phase: PhaseOf<"aging">): Turn {
  const other = superseded(scene, phase) ?? linkMoved(scene, phase.current, [phase.current, phase.next]);
  if (other !== null) return other;
  const next = chainOf(scene, phase.next);
  if (next === null || isOutOfReach(scene, next.id)) return lostNext(scene, phase);
  const current = chainOf(scene, phase.current);
  const ends = scene.state.owners.map((owner) => agedAt(scene, owner, next.records));
  if (ends.some((end) => end === null)) {
    const missing = [...serverGate(scene, next.records), ...leavingGate(scene, next.records)];
    const why = missing.map((refusal) => refusal.detail);
    const again = { phase: "announcing", current: phase.current, next: phase.next } as const;
    return moveTo(scene, again, "regressed", why.join("; ") || "a name server stopped serving the new record");
  }
  const published = publication(scene, wantedRecords(scene));
  const gates = [...deployGates(scene, next, current), ...storedGate(scene, next.id)];
  const actions = [...storeAction(scene, phase.next), ...published.actions];
  if (gates.length === 0 && withoutStandby(scene, published).actions.length === 0) {
    const deploying = { phase: "deploying", current: phase.current, next: phase.next, flippedAt: null } as const;
    return moveTo(scene, deploying, "deploying", `all gates are open for ${describeChain(scene, phase.next)}`);
  }
  const until = instant(Math.max(0, ...ends.map((end) => end ?? 0)));
  const endings = endingSignatures(scene.observation.owners, until, scene.now);
  const refusals = [...gates, ...published.refusals, ...deadlineRefusals(current, until), ...endings];
  return { kind: "stay", state: published.state, actions, refusals, events: [], wakeAt: wakeAtPollOr(scene, refusals) };
}

export function advanceDeploying(scene: Scene, phase: PhaseOf<"deploying">): Turn {
  const next = chainOf(scene, phase.next);
  if (next === null) return lostNext(scene, phase);
  const flipped = scene.observation.deployed?.id === phase.next;
  if (!flipped) {
    const other = superseded(scene, phase);
    if (other !== null) return other;
    const gates = deployGates(scene, next, chainOf(scene, phase.current));
    if (gates.length > 0) {
      const back = { phase: "announcing", current: phase.current, next: phase.next } as const;
      const why = gates.map((refusal) => refusal.detail).join("; ");
      const isQuiet = scene.state.teardown !== null || (phase.current === null && bindsNobody(scene));
      return isQuiet
        ? moveTo(scene, { phase: "stable", current: phase.current }, "deploy-refused", why)
        : moveTo(scene, back, "deploy-refused", why);
    }
  }
  // A first RRset waits until the servers are proven.
  const published = bindsNobody(scene) ? nothingPublished(scene) : publication(scene, wantedRecords(scene));
  return {
    kind: "stay",
    state: { ...published.state, phase: { ...phase, flippedAt: flipped ? (phase.flippedAt ?? scene.now) : null } },
    // Asked again after a crash: the flip is then a no-op, and the reload that may be missing is run.
    actions: [...storeAction(scene, phase.next), ...published.actions, { kind: "deploy", chain: phase.next }],
    refusals: published.refusals,
    events: [],
    wakeAt: wakeAtPollOr(scene, []),
  };
}
