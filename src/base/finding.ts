/** What an examination of an installation comes to, one thing at a time. */
import type { FaultCode } from "./errors.ts";

export type Grade = "ok" | "warning" | "failure";

/** One thing that was looked at. */
export interface Finding {
  /** `clock`, `resolver`, `deploy mx` … */
  readonly subject: string;
  readonly grade: Grade;
  readonly said: string;
  /** Where the catalogue has one. */
  readonly code?: FaultCode;
  /** Commands, to be typed as they stand; empty: no command mends it, or nothing is to be done. */
  readonly type: readonly string[];
  /** What is to be done by hand, in sentences; absent or empty: nothing. */
  readonly advice?: readonly string[];
}

export function fine(subject: string, said: string): Finding {
  return { subject, grade: "ok", said, type: [] };
}

export function doubtful(subject: string, said: string, ...type: readonly string[]): Finding {
  return { subject, grade: "warning", said, type };
}

export function failing(subject: string, said: string, ...type: readonly string[]): Finding {
  return { subject, grade: "failure", said, type };
}

/** The same with what is to be done by hand. */
export function advised(finding: Finding, ...advice: readonly string[]): Finding {
  return advice.length === 0 ? finding : { ...finding, advice: [...(finding.advice ?? []), ...advice] };
}
