/**
 * Keeps wanted records in DNS: whatever no name server serves is published (again). Asking twice is harmless, so this
 * runs in every phase and is also what repairs a record that somebody else deleted.
 */
import { seconds } from "../base/time.ts";
import type { Seconds } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { Action } from "./actions.ts";
import type { ChainFacts, RecordText } from "./chain.ts";
import { companionRecords, companionsAt, companionsPublished } from "./companions.ts";
import { alsoPresents, chainOf, ownersSharing, seenOwner } from "./gates.ts";
import type { Scene } from "./gates.ts";
import { countingServers, expectRrset, isLost, servedRecords } from "./horizon.ts";
import type { EndpointObservation } from "./observation.ts";
import {
  bindsClients,
  clientAccepts,
  combinationOf,
  matchesChain,
  matchesEach,
  newCombinations,
  recordIn,
  union,
  without,
} from "./records.ts";
import type { Policy } from "./policy.ts";
import type { OwnerState, Refusal, RolloverState } from "./state.ts";
import { relevantChains } from "./turn.ts";

export interface Publication {
  /** With what is about to be published journalled as ours and counted into the horizon. */
  readonly state: RolloverState;
  readonly actions: readonly Action[];
  readonly refusals: readonly Refusal[];
}

interface PublicationAt {
  readonly owner: OwnerState;
  readonly action: Action | null;
  readonly refusal: Refusal | null;
}

/** Reverts by somebody else after which we stop writing (and say so). */
const REVERTS_TOLERATED = 2;

/** What must be in DNS: see {@link recordsOfState}. */
export function wantedRecords(scene: Scene): readonly RecordText[] {
  return recordsOfState(scene.state, scene.policy);
}

/**
 * The records of every chain that matters in the present phase, and of the standby keys; none when they are to go for
 * good. Standby keys stand back where all together would be too many: they save a wait, no more.
 */
export function recordsOfState(
  state: Pick<RolloverState, "phase" | "chains" | "standby" | "teardown">,
  policy: Pick<Policy, "maxRecords">,
): readonly RecordText[] {
  if (state.teardown !== null) return [];
  const relevant = relevantChains(state.phase);
  const chains = union(...state.chains.filter(({ id }) => relevant.includes(id)).map(({ records }) => records), []);
  // Before the first deployment there is nothing that a first RRset could rest on.
  if (chains.length === 0) return chains;
  // Known from an earlier look they may be of combinations that the configuration has no more: such bind the live chain.
  const combinations = new Set(chains.map(combinationOf));
  const ahead = state.standby.flatMap(({ records }) => records.filter((one) => combinations.has(combinationOf(one))));
  const all = union(chains, ahead);
  return all.length > policy.maxRecords ? chains : all;
}

/** Every address behind the RRset of `owner`, under whichever owner name. */
function endpointsBehind(scene: Scene, owner: OwnerState): readonly EndpointObservation[] {
  const names = ownersSharing(scene, owner).map((one) => one.owner);
  return (scene.observation.endpoints ?? [])
    .filter((endpoint) => names.includes(endpoint.owner))
    .flatMap((endpoint) => [endpoint, ...(endpoint.beside ?? []).map((presents) => ({ ...endpoint, presents }))]);
}

/** An address of a shared service at which this look did not ask for the certificates of other kinds. */
function unaskedKinds(scene: Scene, owner: OwnerState): Refusal | null {
  if (companionsAt(scene.observation, owner).length === 0) return null;
  const unasked = endpointsBehind(scene, owner).find(({ beside }) => beside === undefined);
  if (unasked === undefined) return null;
  const detail = `${unasked.endpoint} at ${unasked.address}: certificates of other kinds are looked at first`;
  return { gate: "dane", code: "KINDS_UNASKED", until: null, detail };
}

/**
 * What has to be published together with `missing`: in combinations that are new at the name (all are, in a first
 * RRset) the records of companions, since these combinations bind the clients of every kind.
 */
function together(scene: Scene, owner: OwnerState, missing: readonly RecordText[]): readonly RecordText[] {
  const served = servedRecords(owner);
  const combinations = newCombinations(bindsClients(served) ? served : [], missing);
  const theirs = companionRecords(scene.observation, owner).filter(
    (record) =>
      combinations.includes(combinationOf(record)) && !served.includes(record) && !owner.leaving.includes(record),
  );
  return union(missing, theirs);
}

/**
 * A first RRset binds every client that sees it: each address behind the name must already present a chain that it
 * matches, or mail stops at that address (the wait of a rollover is not needed, the live chain's record is).
 */
function firstSetRefusal(scene: Scene, owner: OwnerState, records: readonly RecordText[]): Refusal | null {
  const unasked = unaskedKinds(scene, owner);
  if (unasked !== null) return unasked;
  const behind = endpointsBehind(scene, owner);
  const combinations = newCombinations([], records);
  const wrong = behind.filter(
    ({ presents }) => presents.outcome === "failed" || !matchesEach(combinations, records, presents.certificates),
  );
  if (behind.length > 0 && wrong.length === 0) return null;
  const isPeers = wrong.length > 0 && wrong.every(({ own, presents }) => !own && presents.outcome === "chain");
  const which = wrong.map((endpoint) => wrongPresented(endpoint, combinations));
  const detail = `${displayName(owner.owner)}: ${which.join("; ") || "no address of the service could be probed"}`;
  return { gate: "dane", code: isPeers ? "FIRST_SET_WITHOUT_PEER" : "FIRST_SET_WITHOUT_LIVE", until: null, detail };
}

/**
 * What stands in the way of a first RRset at one address. Another host's key is named with its records: they must be
 * published with ours, and not by us alone, since nothing proves here that it is that host which answered.
 */
function wrongPresented(
  { endpoint, address, own, presents }: EndpointObservation,
  combinations: readonly string[],
): string {
  const where = `${endpoint} at ${address}`;
  if (presents.outcome === "failed") return `${where}: ${presents.detail}`;
  if (presents.second !== undefined) return `${where} ${alsoPresents(presents.second, presents.certificates)}`;
  const records = combinations.flatMap((combination) => recordIn(combination, presents.certificates) ?? []);
  const key = presents.certificates[0]?.spkiSha256.slice(0, 8) ?? "?";
  const whose = own ? "" : ` (another host, to which "${records.join('", "')}" would belong)`;
  return `${where}${whose} presents another key, ${key}`;
}

/**
 * Another record of a combination that is there does no harm. A new combination binds clients anew (RFC 7671 §8), and
 * a stronger digest hides the weaker ones (RFC 7671 §9): every chain that may be live must have a record in it.
 */
function combinationRefusal(scene: Scene, owner: OwnerState, added: readonly RecordText[]): Refusal | null {
  const served = servedRecords(owner);
  const combinations = newCombinations(served, added);
  if (combinations.length === 0) return null;
  const unasked = unaskedKinds(scene, owner);
  if (unasked !== null) return unasked;
  const behind = endpointsBehind(scene, owner);
  const presented = behind.flatMap(({ presents }) => (presents.outcome === "chain" ? [presents] : []));
  const after = union(served, added);
  const lost = [...liveChains(scene), ...presented].filter(
    ({ certificates }) => clientAccepts(served, certificates) && !matchesEach(combinations, after, certificates),
  );
  const silent = behind.filter(({ presents }) => presents.outcome === "failed");
  if (lost.length === 0 && silent.length === 0) return null;
  const why =
    lost.length > 0
      ? `certificate ${[...new Set(lost.map(({ id }) => id.slice(0, 8)))].join(", ")} has no such record`
      : `${silent.map(({ endpoint, address }) => `${endpoint} at ${address}`).join(", ")} cannot be asked what it presents`;
  const detail = `${displayName(owner.owner)}: ${combinations.join(", ")} would be new there, and ${why}`;
  return { gate: "dane", code: "COMBINATION_UNMATCHED", until: null, detail };
}

/** Chains that servers of ours may be presenting, whatever was probed. */
function liveChains(scene: Scene): readonly ChainFacts[] {
  const { phase } = scene.state;
  const active = phase.phase === "held" ? phase.resume : phase;
  const staged = active.phase === "announcing" || active.phase === "aging" ? active.next : null;
  return relevantChains(active)
    .filter((id) => id !== staged || scene.observation.deployed?.id === id)
    .map((id) => chainOf(scene, id))
    .filter((chain) => chain !== null);
}

/** Records without which clients refuse a chain that is live, as some server serves the RRset now. */
function urgentRecords(
  scene: Scene,
  answers: readonly (readonly RecordText[])[],
  missing: readonly RecordText[],
): readonly RecordText[] {
  const refused = liveChains(scene).filter(({ certificates }) =>
    answers.some((records) => !clientAccepts(records, certificates)),
  );
  return missing.filter((record) => refused.some((chain) => matchesChain(record, chain.certificates)));
}

/** With records of others at the name their TTL counts too: the larger one serves both. */
function publishingTtl(scene: Scene, owner: OwnerState, add: readonly RecordText[]): Seconds {
  const known = union(owner.ours, add, companionsPublished(scene.observation, owner));
  const foreign = without(servedRecords(owner), known).length > 0;
  const served = owner.servers.filter((server) => !server.excluded && (server.records?.length ?? 0) > 0);
  return seconds(Math.max(scene.policy.ttl, ...(foreign ? served.map((server) => server.ttl) : [])));
}

function publishAt(scene: Scene, owner: OwnerState, wanted: readonly RecordText[]): PublicationAt {
  const seen = seenOwner(scene, owner);
  const answered = seen === null ? [] : countingServers(owner).filter(({ answeredAt }) => answeredAt === scene.now);
  const answers = answered.flatMap(({ records }) => (records === null ? [] : [records]));
  // What a silent server showed last may be what the update comes upon.
  const known = countingServers(owner).flatMap(({ records }) => (records === null ? [] : [records]));
  // One that is being withdrawn comes back when it is gone from every server: no server then passes through its absence.
  const missing = wanted.filter((record) => isLost(answered, record) && !owner.leaving.includes(record));
  // What was asked for and has come nowhere is asked for again: it arrives with the rest, or it was lost and now is not.
  const again = owner.coming.filter((record) => owner.ours.includes(record) && !owner.leaving.includes(record));
  const nothing: PublicationAt = { owner, action: null, refusal: null };
  const isClosing = scene.state.phase.phase === "withdrawing" || scene.state.teardown !== null;
  if (answers.length === 0 || (missing.length === 0 && (again.length === 0 || isClosing))) return nothing;
  const refuse = (code: Refusal["code"], detail: string): Refusal => ({
    gate: "policy",
    code,
    until: null,
    detail: `${displayName(owner.owner)}: ${detail}`,
  });
  // A record that is wanted again while it is on its way out may be gone at the primary already, whatever servers show:
  // what were added now might stand there alone.
  const leaving = owner.leaving.filter((record) => wanted.includes(record));
  if (leaving.length > 0) {
    const detail = `${displayName(owner.owner)}: nothing is added before ${leaving.join(", ")} is gone everywhere and comes back`;
    return { ...nothing, refusal: { gate: "dane", code: "HORIZON_UNSAFE", until: null, detail } };
  }
  // What clients need at this moment is published whoever objects.
  const urgent = urgentRecords(scene, answers, missing);
  const publish = (asked: readonly RecordText[], refusal: Refusal | null): PublicationAt => {
    const add = union(asked, again);
    const ttl = publishingTtl(scene, owner, add);
    const { finalOwner, zone } = owner;
    const journalled = { ...owner, ours: union(owner.ours, add), coming: union(owner.coming, add) };
    return {
      // A set that holds all of it already is an older one: the update makes nothing new of that.
      owner: known
        .filter((set) => without(add, set).length > 0)
        .reduce((state, set) => expectRrset(state, union(set, add), ttl, scene.now), journalled),
      action: { kind: "publish", owner: owner.owner, finalOwner, zone, ttl, add },
      refusal,
    };
  };
  const refused = (refusal: Refusal): PublicationAt =>
    urgent.length === 0 ? { ...nothing, refusal } : publish(urgent, refusal);
  if (owner.reverted >= REVERTS_TOLERATED) {
    const detail = `records of ours were removed ${String(owner.reverted)} times: ${missing.join(", ")}`;
    return refused(refuse("SECOND_WRITER", detail));
  }
  const served = servedRecords(owner);
  const added = together(scene, owner, missing);
  const size = union(served, added).length;
  if (size > scene.policy.maxRecords) {
    const detail = `${String(size)} records, at most ${String(scene.policy.maxRecords)} allowed`;
    return refused(refuse("TOO_MANY_RECORDS", detail));
  }
  const refusal = bindsClients(served) ? combinationRefusal(scene, owner, added) : firstSetRefusal(scene, owner, added);
  return refusal === null ? publish(added, null) : { ...nothing, refusal };
}

/** What of `published` is for the chains in play: a swap does not wait for standby keys, it rests on none of them. */
export function withoutStandby(scene: Scene, published: Publication): Publication {
  const { state, policy } = scene;
  if (state.standby.length === 0) return published;
  return publication(scene, recordsOfState({ ...state, standby: [] }, policy));
}

export function nothingPublished(scene: Scene): Publication {
  return { state: scene.state, actions: [], refusals: [] };
}

/** Publishes at each owner name what of `wanted` no name server serves. */
export function publication(scene: Scene, wanted: readonly RecordText[]): Publication {
  const results = scene.state.owners.map((owner) => publishAt(scene, owner, wanted));
  return {
    state: { ...scene.state, owners: results.map((result) => result.owner) },
    actions: results.map((result) => result.action).filter((action) => action !== null),
    refusals: results.map((result) => result.refusal).filter((refusal) => refusal !== null),
  };
}

/** What we published at this owner, still there as far as is known, and neither `keep` nor a companion needs. */
export function removableRecords(scene: Scene, owner: OwnerState, keep: readonly RecordText[]): readonly RecordText[] {
  const served = servedRecords(owner);
  return unneededRecords(scene, owner, keep).filter((record) => served.includes(record));
}

/** What we or companions published at this owner, served or not, beyond `keep`, the standby keys' and what companions want. */
export function unneededRecords(scene: Scene, owner: OwnerState, keep: readonly RecordText[]): readonly RecordText[] {
  const { state, observation } = scene;
  const theirs = companionRecords(observation, owner);
  // What another owner name with the same target, or a companion, published and none needs goes along, in one update: each alone would leave the other's record of a
  // combination to clients that it does not match (RFC 7671 §8), and neither would ever move.
  const ours = ownersSharing(scene, owner).map((one) => one.ours);
  const published = union(...ours, companionsPublished(observation, owner));
  if (state.teardown !== null) return without(published, theirs);
  return without(published, union(keep, theirs, ...state.standby.map(({ records }) => records)));
}
