/** What is wrong, or doubtful, with a configuration, and where. */
import type { Fault } from "../base/errors.ts";

export interface Place {
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

export interface Problem extends Fault {
  /** A `fault` keeps the configuration from being used, a `warning` does not. */
  readonly severity: "fault" | "warning";
  /** Null: about no place in particular. */
  readonly place: Place | null;
}

/** `file:line:column`. */
export function formatPlace(place: Place): string {
  return `${place.file}:${String(place.line)}:${String(place.column)}`;
}

/** `file:line:column: message`. */
export function formatProblem(problem: Problem): string {
  return problem.place === null ? problem.message : `${formatPlace(problem.place)}: ${problem.message}`;
}
