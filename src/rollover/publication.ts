/**
 * Keeps wanted records in DNS: whatever no name server serves is published (again). Asking twice is harmless, so this
 * runs in every phase and is also what repairs a record that somebody else deleted.
 */
import { seconds } from "../base/time.ts";
import type { Seconds } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { Action } from "./actions.ts";
import type { RecordText } from "./chain.ts";
import { chainOf, seenOwner } from "./gates.ts";
import type { Scene } from "./gates.ts";
import { expectRrset, servedRecords } from "./horizon.ts";
import { clientAccepts, union, without } from "./records.ts";
import type { OwnerState, Phase, Refusal, RolloverState } from "./state.ts";
import { relevantChains } from "./turn.ts";

export interface Publication {
  /** With what is about to be published journalled as ours and counted into the horizon. */
  readonly state: RolloverState;
  readonly actions: readonly Action[];
  readonly refusals: readonly Refusal[];
}

/** Reverts by somebody else after which we stop writing (and say so). */
const REVERTS_TOLERATED = 2;

/** The records of every chain that matters in `phase`. */
export function wantedRecords(scene: Scene, phase: Phase = scene.state.phase): readonly RecordText[] {
  return union(...relevantChains(phase).map((id) => chainOf(scene, id)?.records ?? []));
}

/**
 * A first RRset binds every client that sees it: each address behind the name must already present a chain that it
 * matches, or mail stops at that address (the wait of a rollover is not needed, the live chain's record is).
 */
function firstSetRefusal(scene: Scene, owner: OwnerState, records: readonly RecordText[]): Refusal | null {
  const behind = (scene.observation.endpoints ?? []).filter((endpoint) => endpoint.owner === owner.owner);
  const wrong = behind.filter(
    ({ presents }) => presents.outcome === "failed" || !clientAccepts(records, presents.certificates),
  );
  if (behind.length > 0 && wrong.length === 0) return null;
  const which = wrong.map(({ endpoint, address, presents }) => {
    const what =
      presents.outcome === "failed" ? presents.detail : `presents another certificate (${presents.id.slice(0, 8)})`;
    return `${endpoint} at ${address} ${what}`;
  });
  const detail = `${displayName(owner.owner)}: ${which.join("; ") || "no address of the service could be probed"}`;
  return { gate: "dane", code: "FIRST_SET_WITHOUT_LIVE", until: null, detail };
}

/** With records of others at the name their TTL counts too: the larger one serves both. */
function publishingTtl(scene: Scene, owner: OwnerState): Seconds {
  const foreign = without(servedRecords(owner), owner.ours).length > 0;
  const served = owner.servers.filter((server) => !server.excluded && (server.records?.length ?? 0) > 0);
  return seconds(Math.max(scene.policy.ttl, ...(foreign ? served.map((server) => server.ttl) : [])));
}

function publishAt(
  scene: Scene,
  owner: OwnerState,
  wanted: readonly RecordText[],
): { readonly owner: OwnerState; readonly action: Action | null; readonly refusal: Refusal | null } {
  const seen = seenOwner(scene, owner);
  const answers = (seen?.servers ?? []).flatMap(({ said, excluded }) =>
    said.outcome === "answer" && !excluded ? [union(said.records)] : [],
  );
  const missing = without(wanted, union(...answers));
  const nothing = { owner, action: null, refusal: null };
  if (answers.length === 0 || missing.length === 0) return nothing;
  const refuse = (code: Refusal["code"], detail: string): { owner: OwnerState; action: null; refusal: Refusal } => ({
    owner,
    action: null,
    refusal: { gate: "policy", code, until: null, detail: `${displayName(owner.owner)}: ${detail}` },
  });
  if (owner.reverted >= REVERTS_TOLERATED) {
    return refuse(
      "SECOND_WRITER",
      `records of ours were removed ${String(owner.reverted)} times: ${missing.join(", ")}`,
    );
  }
  const served = servedRecords(owner);
  const size = union(served, missing).length;
  if (size > scene.policy.maxRecords) {
    return refuse("TOO_MANY_RECORDS", `${String(size)} records, at most ${String(scene.policy.maxRecords)} allowed`);
  }
  if (served.length === 0) {
    const refusal = firstSetRefusal(scene, owner, missing);
    if (refusal !== null) return { ...nothing, refusal };
  }
  const ttl = publishingTtl(scene, owner);
  const { finalOwner, zone } = owner;
  const journalled = { ...owner, ours: union(owner.ours, missing) };
  return {
    owner: answers.reduce((state, set) => expectRrset(state, union(set, missing), ttl, scene.now), journalled),
    action: { kind: "publish", owner: owner.owner, finalOwner, zone, ttl, add: missing },
    refusal: null,
  };
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

/** What we published at this owner, still there as far as is known, and no chain of `keep` needs. */
export function removableRecords(owner: OwnerState, keep: readonly RecordText[]): readonly RecordText[] {
  const served = servedRecords(owner);
  return without(owner.ours, keep).filter((record) => served.includes(record));
}
