/** What the demo shows at one moment: plain data, so that drawing is a pure function of it. */

/** One step of the renewal; `at` is when it happened, in milliseconds since the start, null while it is to come. */
export interface Milestone {
  readonly label: string;
  readonly at: number | null;
}

export interface ServerLine {
  readonly name: string;
  readonly address: string;
  /** `in-sync`, `lagging`, `unreachable`, …: the words of the rollover's own state. */
  readonly condition: string;
  readonly serial: number | null;
}

export interface SampleCount {
  readonly taken: number;
  readonly failed: number;
  /** The latest outcomes, oldest first: true for a sample that a DANE client would have liked. */
  readonly recent: readonly boolean[];
}

export interface DemoView {
  /** Milliseconds since the start. */
  readonly elapsed: number;
  readonly host: string;
  /** Short texts of the records: what is in use, and what is to follow. */
  readonly from: string | null;
  readonly to: string | null;
  readonly phase: string;
  /** What the phase is for. */
  readonly detail: string;
  /** Why nothing moves right now, in the driver's own words; null when nothing is refused. */
  readonly because: string | null;
  readonly milestones: readonly Milestone[];
  readonly servers: readonly ServerLine[];
  /** What comes next and in how many milliseconds; null when nothing is planned. */
  readonly next: { readonly what: string; readonly inMs: number } | null;
  readonly samples: SampleCount;
}
