/** First contact with a unit: what is live, what is there already, and what nobody can know of the time before. */
import { addSeconds, instant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { ChainFacts, ChainId } from "./chain.ts";
import {
  bindsNobody,
  chainOf,
  describeChain,
  isCompromised,
  isHeeded,
  livePresented,
  policyGate,
  serverGate,
} from "./gates.ts";
import type { Scene } from "./gates.ts";
import { clientAccepts } from "./records.ts";
import type { ActivePhase, Refusal } from "./state.ts";
import { moveTo, wakeAtPollOr } from "./turn.ts";
import type { Turn } from "./turn.ts";

export function sourceRefusals(scene: Scene): readonly Refusal[] {
  const { source } = scene.observation;
  if (source.outcome === "chain") {
    if (isCompromised(scene.state, source.chain)) return [compromisedRefusal(scene, source.chain)];
    if (source.chain.id !== scene.state.rejected) return [];
    const detail = `the source offers ${describeChain(scene, source.chain.id)}, which was aborted`;
    return [{ gate: "policy", code: "REJECTED_CHAIN", until: null, detail }];
  }
  return [{ gate: "policy", code: "SOURCE_UNUSABLE", until: null, detail: source.fault.message }];
}

function compromisedRefusal(scene: Scene, chain: ChainFacts): Refusal {
  const detail = `the source offers ${describeChain(scene, chain.id)}, which counts as compromised: a new key is needed`;
  return { gate: "policy", code: "KEY_COMPROMISED", until: null, detail };
}

/** First contact: finds out what is live, and never lets a first swap break an RRset that is already there. */
export function enrol(scene: Scene): Turn {
  const { source, deployed } = scene.observation;
  if (deployed !== null) {
    // Deployed by whomever, perhaps by ourselves before our memory was lost: then the services may not have read it yet.
    const isLive = livePresented(scene) === deployed.id;
    const phase = isLive ? ({ phase: "stable", current: deployed.id } as const) : leftoverPhase(scene, deployed.id);
    return moveTo(scene, phase, "enrolled", `the deployed directory holds ${describeChain(scene, deployed.id)}`);
  }
  const refusals =
    source.outcome === "failed"
      ? sourceRefusals(scene)
      : [...sourceRefusals(scene), ...policyGate(scene, source.chain), ...unseenOwners(scene)];
  if (source.outcome === "failed" || refusals.length > 0) {
    const { state } = scene;
    return { kind: "stay", state, actions: [], refusals, events: [], wakeAt: wakeAtPollOr(scene, refusals) };
  }
  const next = source.chain.id;
  const name = describeChain(scene, next);
  const live = livePresented(scene);
  const unknown = live === next ? [] : formerAliasRefusals(scene);
  if (unknown.length > 0 && bindsNobody(scene)) {
    const { state } = scene;
    return { kind: "stay", state, actions: [], refusals: unknown, events: [], wakeAt: wakeAtPollOr(scene, unknown) };
  }
  if (live === next || bindsNobody(scene)) {
    const why = live === next ? "it is what the servers present" : "no TLSA record binds any client yet";
    return moveTo(scene, { phase: "deploying", current: null, next, flippedAt: null }, "enrolling", `${name}: ${why}`);
  }
  const phase = { phase: "announcing", current: acceptedLive(scene), next } as const;
  return moveTo(scene, phase, "announcing", `${name}, TLSA records exist already`);
}

/** The chain that every address of this host presents, if clients take it whatever RRset they hold: its records are wanted. */
export function acceptedLive(scene: Scene): ChainId | null {
  const live = chainOf(scene, livePresented(scene));
  if (live === null) return null;
  const isAccepted = scene.state.owners.every((owner) =>
    owner.horizon.every(({ records }) => !isHeeded(scene, records) || clientAccepts(records, live.certificates)),
  );
  return isAccepted ? live.id : null;
}

/** Where an alias led before the first look nobody knows, and caches may still follow it there. */
function formerAliasRefusals(scene: Scene): readonly Refusal[] {
  return scene.state.owners.flatMap((owner): readonly Refusal[] => {
    const first = Math.min(...owner.horizon.map(({ appearedAt }) => appearedAt));
    const until = addSeconds(instant(Number.isFinite(first) ? first : scene.now), owner.aliasTtl);
    if (until <= scene.now) return [];
    const detail = `${displayName(owner.owner)} is an alias: caches may know it as leading elsewhere`;
    return [{ gate: "time", code: "CLOCK_RUNNING", until, detail }];
  });
}

export function unseenOwners(scene: Scene): readonly Refusal[] {
  return serverGate(scene, []).filter(({ code }) => code === "ZONE_UNKNOWN" || code === "ZONE_BOGUS");
}

/** Nothing was deployed by us, yet it must be proven: before leftover records go, and after a hand moved the link. */
export function leftoverPhase(scene: Scene, current: ChainId): Extract<ActivePhase, { phase: "confirming" }> {
  return {
    phase: "confirming",
    obsolete: null,
    current,
    deployedAt: scene.now,
    rounds: 0,
    lastRoundAt: null,
    confirmedAt: null,
    failingSince: null,
  };
}
