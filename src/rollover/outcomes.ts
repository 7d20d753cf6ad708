/** Takes the outcomes of performed actions into the state, before it is saved a second time. */
import { assertNever } from "../base/assert.ts";
import type { Fault } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { ActionOutcome } from "./observation.ts";
import { without } from "./records.ts";
import type { RolloverState, Trouble } from "./state.ts";

type WithdrawOutcome = Extract<ActionOutcome, { kind: "publish" | "withdraw" }>;
type DeployOutcome = Extract<ActionOutcome, { kind: "deploy" }>;

/** Folds outcomes in order. Publishing is only noted: what is published shows in the next observation. */
export function recordOutcomes(state: RolloverState, outcomes: readonly ActionOutcome[]): RolloverState {
  return outcomes.reduce((folded, outcome): RolloverState => {
    switch (outcome.kind) {
      case "withdraw":
        return withdrawn(withTrouble(folded, `withdraw ${outcome.owner}`, outcome.fault, outcome.at), outcome);
      case "publish":
        return withTrouble(folded, `${outcome.kind} ${outcome.owner}`, outcome.fault, outcome.at);
      case "store":
        return withTrouble(folded, "store", outcome.fault, outcome.at);
      case "deploy":
        return deployed(withTrouble(folded, "deploy", outcome.fault, outcome.at), outcome);
      default:
        return assertNever(outcome);
    }
  }, state);
}

function withTrouble(state: RolloverState, subject: string, fault: Fault | null, at: Instant): RolloverState {
  const others = state.troubles.filter((trouble) => trouble.subject !== subject);
  if (fault === null) return { ...state, troubles: others };
  const standing = state.troubles.find((trouble) => trouble.subject === subject && trouble.code === fault.code);
  const trouble: Trouble = { subject, ...fault, since: standing?.since ?? at, at };
  return { ...state, troubles: [...others, trouble] };
}

/** Done on condition that the RRset was as seen: what was on its way and to be deleted can come no more. */
function withdrawn(state: RolloverState, { owner, fault }: WithdrawOutcome): RolloverState {
  if (fault !== null) return state;
  const owners = state.owners.map((one) =>
    one.owner === owner ? { ...one, coming: without(one.coming, one.leaving) } : one,
  );
  return { ...state, owners };
}

function deployed(state: RolloverState, outcome: DeployOutcome): RolloverState {
  const { phase } = state;
  const done = outcome.flipped && outcome.reloaded;
  if (phase.phase === "held" && phase.restoring === outcome.chain) {
    return done ? { ...state, phase: { ...phase, restoring: null } } : state;
  }
  if (phase.phase !== "deploying" || phase.next !== outcome.chain || !outcome.flipped) return state;
  if (done) {
    return {
      ...state,
      phaseSince: outcome.at,
      phase: {
        phase: "confirming",
        obsolete: phase.current,
        current: phase.next,
        deployedAt: outcome.at,
        rounds: 0,
        lastRoundAt: null,
        confirmedAt: null,
        failingSince: null,
      },
    };
  }
  // The files are in place but a service may not have read them: put the old ones back and let a person look. Free,
  // because the old records are still in every cache.
  // On the way back from an aborted chain there is nothing older: the way back itself is tried again.
  const safe = phase.current === state.rejected ? phase.next : phase.current;
  const current = state.chains.find((chain) => chain.id === safe);
  return {
    ...state,
    phaseSince: outcome.at,
    phase: {
      phase: "held",
      resume: { phase: "announcing", current: phase.current, next: phase.next },
      reason: "RELOAD_FAILED",
      detail: outcome.fault?.message ?? "a reload action failed",
      restoring: current?.hasFiles === true ? current.id : null,
    },
  };
}
