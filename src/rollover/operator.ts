/** What an operator may do to a rollover. Each verb says no with a reason where it would be unsafe or senseless. */
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import { formatSecond } from "../base/time.ts";
import type { ChainFacts, ChainId, RecordText } from "./chain.ts";
import { isCompromised } from "./gates.ts";
import { servedRecords } from "./horizon.ts";
import { union } from "./records.ts";
import type { ActivePhase, Override, Phase, RolloverState } from "./state.ts";

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
 * is not held: takes back an abort, a rollback or a teardown, and forgets that others removed our records, or that
 * services did not wait for the deployment: whoever says so has mended it.
 */
export function resume(state: RolloverState, now: Instant): Result<RolloverState, Fault> {
  const mended = { owners: state.owners.map((owner) => ({ ...owner, reverted: 0 })), bypassedAt: null };
  // What was aborted stays aborted until a second word.
  if (state.phase.phase === "held") return success({ ...enter(state, state.phase.resume, now), ...mended });
  const isReverted = state.owners.some((owner) => owner.reverted > 0);
  const lifted = state.rejected !== null || state.teardown !== null || isReverted || state.bypassedAt !== null;
  if (lifted) return success({ ...state, rejected: null, teardown: null, ...mended });
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

/**
 * Goes back to the chain before the present one. Before the withdrawal that is {@link abort}, at once and free; after it
 * a rollover of its own, since the old records are in no cache any more. `stored`: every chain of which complete files are
 * kept, the newest first.
 */
export function rollBack(
  state: RolloverState,
  stored: readonly ChainFacts[],
  now: Instant,
): Result<RolloverState, Fault> {
  const active = activePhase(state);
  const isAtRest = active.phase === "stable" || (active.phase === "confirming" && active.obsolete === null);
  if (active.phase === "withdrawing") {
    const hint = "when it is stable, daneward rollback CERT goes back by a rollover of its own";
    return failure(fault("NOT_APPLICABLE", "the old record is being withdrawn: it can be relied on no more", hint));
  }
  if (!isAtRest) return abort(state, now);
  if (state.teardown !== null) {
    const hint = "daneward resume CERT publishes them again; a rollback is possible after that";
    return failure(fault("NOT_APPLICABLE", "its TLSA records go, or are gone, for good", hint));
  }
  const { current } = active;
  const usable = stored.filter((chain) => chain.id !== current && !isCompromised(state, chain));
  const target = usable.find((chain) => chain.notAfter > now);
  if (current === null || target === undefined) {
    const isLeft = stored.some((chain) => chain.id !== current);
    const why =
      usable[0] !== undefined
        ? `the earlier certificate expired ${formatSecond(usable[0].notAfter)}`
        : isLeft
          ? "the key of the earlier certificate was declared compromised"
          : "of no earlier certificate files are kept";
    return failure(fault("NOT_APPLICABLE", why, "renew the certificate instead"));
  }
  const chains = [...state.chains.filter(({ id }) => id !== target.id), target];
  const phase: Phase = { phase: "announcing", current, next: target.id };
  return success({ ...enter(state, phase, now), chains, rejected: current });
}

/**
 * Lifts the gates of DNS, of the servers and of time before the next act: what the operator answers for. What is never
 * lifted: files that are missing or do not fit together, and what would leave no record that matches.
 */
export function override(state: RolloverState, now: Instant, because: string): Result<RolloverState, Fault> {
  const active = activePhase(state);
  const going = (act: Override["act"], chain: ChainId): Result<RolloverState, Fault> => {
    const resumed = state.phase.phase === "held" ? enter(state, active, now) : state;
    return success({ ...resumed, override: { act, chain, at: now, because } });
  };
  switch (active.phase) {
    case "stable":
      return failure(
        fault(
          "NOT_APPLICABLE",
          "no rollover is under way",
          "an override lifts the gates of a rollover; roll starts one",
        ),
      );
    case "announcing":
    case "aging":
    case "deploying":
      return going("swap", active.next);
    case "confirming":
    case "withdrawing":
      return going("withdraw", active.current);
  }
}

/** The key that is live counts as compromised: nothing with it is deployed any more, and its records go as soon as they can. */
export function declareEmergency(state: RolloverState, now: Instant, because: string): Result<RolloverState, Fault> {
  const active = activePhase(state);
  const current = state.chains.find(({ id }) => id === active.current);
  const spkiSha256 = current?.certificates[0]?.spkiSha256;
  if (spkiSha256 === undefined) {
    return failure(fault("NOT_APPLICABLE", "no certificate has been deployed yet", "daneward tick CERT enrols it"));
  }
  const urgent: RolloverState = {
    ...state,
    emergency: { spkiSha256, at: now, because },
    compromised: [...state.compromised.filter((key) => key !== spkiSha256), spkiSha256],
  };
  const staged = active.phase === "announcing" || active.phase === "aging" ? active.next : null;
  const next = state.chains.find(({ id }) => id === staged);
  const isSame = next !== undefined && isCompromised(urgent, next);
  return success(isSame ? enter(urgent, { phase: "stable", current: active.current }, now) : urgent);
}

/** Every record of ours goes for good; {@link resume} takes that back. */
export function tearDown(state: RolloverState, now: Instant, because: string): Result<RolloverState, Fault> {
  if (state.teardown !== null) {
    return failure(
      fault("NOT_APPLICABLE", "that is under way, or done, already", "daneward resume CERT takes it back"),
    );
  }
  if (state.phase.phase !== "stable") {
    const hint = "daneward abort CERT gives the rollover up, or let it finish";
    return failure(fault("NOT_APPLICABLE", `it is ${state.phase.phase}, not at rest`, hint));
  }
  if (state.phase.current === null) {
    const hint = "take it out of the configuration; nothing was published for it";
    return failure(fault("NOT_APPLICABLE", "nothing was deployed for it yet", hint));
  }
  return success({ ...state, teardown: { at: now, because } });
}

/**
 * Takes records for ours that the name servers serve: after a lost state, or when daneward takes over from somebody. From
 * then on they are withdrawn when no chain needs them. A record that no server was seen to serve cannot be taken.
 */
export function adopt(state: RolloverState, records: readonly RecordText[]): Result<RolloverState, Fault> {
  const served = state.owners.map(servedRecords);
  const unknown = records.filter((record) => !served.some((set) => set.includes(record)));
  if (unknown.length > 0) {
    const hint = "daneward propagation OWNER shows what every name server serves";
    return failure(fault("NOT_APPLICABLE", `no name server was seen to serve ${unknown.join(", ")}`, hint));
  }
  const owners = state.owners.map((owner, at) => ({
    ...owner,
    ours: union(
      owner.ours,
      records.filter((record) => served[at]?.includes(record)),
    ),
  }));
  return success({ ...state, owners });
}

function activePhase({ phase }: RolloverState): ActivePhase {
  return phase.phase === "held" ? phase.resume : phase;
}

function swapBack(state: RolloverState, from: ChainId, to: ChainId | null, now: Instant): Result<RolloverState, Fault> {
  const target = state.chains.find((chain) => chain.id === to);
  if (target !== undefined && isCompromised(state, target)) {
    return failure(fault("NOT_APPLICABLE", "the earlier key counts as compromised", "renew the certificate instead"));
  }
  if (target?.hasFiles !== true) {
    return failure(
      fault("NOT_APPLICABLE", "there are no files of an earlier chain to go back to", "renew the certificate instead"),
    );
  }
  const phase: Phase = { phase: "deploying", current: from, next: target.id, flippedAt: null };
  return success({ ...enter(state, phase, now), rejected: from });
}
