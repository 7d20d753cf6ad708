/** Counts the work that one question causes, whoever does it, and says when it is too much. */
import type { ValidationLimits } from "./policy.ts";

/** What is counted; the names are those of {@link ValidationLimits}. */
export type WorkKind = "questions" | "verifications" | "hashes";

export interface Work {
  /** Takes one unit, or says false: there is none left. */
  readonly spend: (kind: WorkKind) => boolean;
  /** How much of a kind is left. */
  readonly left: (kind: WorkKind) => number;
  /** The first kind that ran out; null while nothing did. */
  readonly exhausted: () => WorkKind | null;
}

export function createWork(limits: ValidationLimits): Work {
  const left = { questions: limits.questions, verifications: limits.verifications, hashes: limits.hashes };
  let first: WorkKind | null = null;
  return {
    spend: (kind) => {
      if (left[kind] > 0) {
        left[kind] -= 1;
        return true;
      }
      first ??= kind;
      return false;
    },
    left: (kind) => left[kind],
    exhausted: () => first,
  };
}
