/** What one look at a phase comes to: stay with actions and refusals, or move on to another phase. */
import { addSeconds, earliest } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { Action } from "./actions.ts";
import type { ChainId } from "./chain.ts";
import type { Scene } from "./gates.ts";
import type { Phase, Refusal, RolloverState } from "./state.ts";

/** Something worth a line in the journal. */
export interface RolloverEvent {
  /** lower-case words: `announcing`, `superseded`, `record-vanished`. */
  readonly event: string;
  readonly detail: string;
}

export type Turn =
  | {
      readonly kind: "stay";
      readonly state: RolloverState;
      readonly actions: readonly Action[];
      readonly refusals: readonly Refusal[];
      readonly events: readonly RolloverEvent[];
      readonly wakeAt: Instant;
    }
  | { readonly kind: "move"; readonly state: RolloverState; readonly events: readonly RolloverEvent[] };

export function moveTo(scene: Scene, phase: Phase, event: string, detail: string): Turn {
  return {
    kind: "move",
    state: { ...scene.state, phase, phaseSince: scene.now },
    events: [{ event, detail }],
  };
}

/** The instant at which the next poll is due, or an earlier one at which a refusal lifts by itself. */
export function wakeAtPollOr(scene: Scene, refusals: readonly Refusal[]): Instant {
  const poll = addSeconds(scene.now, scene.policy.pollInterval);
  const lifts = refusals.map((refusal) => refusal.until).filter((until) => until !== null && until > scene.now);
  return earliest(poll, ...lifts) ?? poll;
}

/** The chains whose records must be in DNS during a phase. */
export function relevantChains(phase: Phase): readonly ChainId[] {
  const ids = ((): readonly (ChainId | null)[] => {
    switch (phase.phase) {
      case "stable":
      case "withdrawing":
        return [phase.current];
      case "announcing":
      case "aging":
      case "deploying":
        return [phase.current, phase.next];
      case "confirming":
        return [phase.obsolete, phase.current];
      case "held":
        return relevantChains(phase.resume);
    }
  })();
  return ids.filter((id) => id !== null);
}
