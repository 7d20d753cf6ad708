/** What an operator may do to a rollover. Each verb says no with a reason where it would be unsafe or senseless. */
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import type { ChainId } from "./chain.ts";
import type { ActivePhase, Phase, RolloverState } from "./state.ts";

function enter(state: RolloverState, phase: Phase, now: Instant): RolloverState {
  return { ...state, phase, phaseSince: now };
}

/** Stops every automatic step until {@link resume} or {@link abort}. */
export function hold(state: RolloverState, now: Instant, detail: string): Result<RolloverState, Fault> {
  if (state.phase.phase === "held") {
    return failure(
      fault("NOT_APPLICABLE", `it is held already: ${state.phase.reason}`, "daneward resume CERT goes on"),
    );
  }
  const phase: Phase = { phase: "held", resume: state.phase, reason: "OPERATOR_HOLD", detail, restoring: null };
  return success(enter(state, phase, now));
}

/**
 * Goes on after a hold; after a failed deployment the gates are asked again and the deployment is tried again. When it
 * is not held: takes back an abort, and forgets that others removed our records.
 */
export function resume(state: RolloverState, now: Instant): Result<RolloverState, Fault> {
  const owners = state.owners.map((owner) => ({ ...owner, reverted: 0 }));
  // What was aborted stays aborted until a second word.
  if (state.phase.phase === "held") return success({ ...enter(state, state.phase.resume, now), owners });
  const lifted = state.rejected !== null || state.owners.some((owner) => owner.reverted > 0);
  if (lifted) return success({ ...state, rejected: null, owners });
  return failure(fault("NOT_APPLICABLE", "it is not held", "daneward status CERT shows what it waits for"));
}

/**
 * Gives the rollover up and returns to the current chain. Free before the withdrawal: the current (or, after a swap,
 * the obsolete) chain's records are still in every cache.
 */
export function abort(state: RolloverState, now: Instant): Result<RolloverState, Fault> {
  const { phase } = state;
  const active: ActivePhase = phase.phase === "held" ? phase.resume : phase;
  const restoring = phase.phase === "held" && phase.restoring !== null;
  switch (active.phase) {
    case "stable":
      return failure(fault("NOT_APPLICABLE", "no rollover is under way", "daneward status CERT shows the state"));
    case "withdrawing":
      return failure(
        fault("NOT_APPLICABLE", "the old record is being withdrawn: there is no way back", "let it finish, then renew"),
      );
    case "announcing":
    case "aging":
      if (restoring) return swapBack(state, active.next, active.current, now);
      return success({ ...enter(state, { phase: "stable", current: active.current }, now), rejected: active.next });
    case "deploying":
      return swapBack(state, active.next, active.current, now);
    case "confirming":
      return swapBack(state, active.current, active.obsolete, now);
  }
}

function swapBack(state: RolloverState, from: ChainId, to: ChainId | null, now: Instant): Result<RolloverState, Fault> {
  const target = state.chains.find((chain) => chain.id === to);
  if (target?.hasFiles !== true) {
    return failure(
      fault("NOT_APPLICABLE", "there are no files of an earlier chain to go back to", "renew the certificate instead"),
    );
  }
  const phase: Phase = { phase: "deploying", current: from, next: target.id, flippedAt: null };
  return success({ ...enter(state, phase, now), rejected: from });
}
