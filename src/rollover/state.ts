/**
 * The state of one rollover unit (a certificate, its TLSA owner names, its endpoints), as saved between ticks.
 *
 * ```
 *                 renewed, records change                 every name server serves them, signed
 *     ┌────────┐ ────────────────────────▶ ┌────────────┐ ─────────────────────────▶ ┌───────┐
 *     │ stable │                           │ announcing │                            │ aging │
 *     └────────┘ ◀─ same records: through  └────────────┘ ◀── a server regressed ─── └───┬───┘
 *         ▲         in one step, no wait                                                 │ clock ran out, gates open
 *         │                                                                              ▼
 *     ┌───┴─────────┐  every address proven,  ┌────────────┐  link flipped, reloaded ┌───────────┐
 *     │ withdrawing │ ◀────────────────────── │ confirming │ ◀────────────────────── │ deploying │
 *     └─────────────┘  retire safety over     └─────┬──────┘                         └─────┬─────┘
 *                                                   │ not proven in time                   │ reload failed
 *                                                   ▼                                      ▼
 *                               held(reason): old files back; left only by resume or abort
 * ```
 *
 * Phases are labels for people and for the file. What keeps mail flowing is the cache horizon in {@link OwnerState}.
 */
import type { FaultCode } from "../base/errors.ts";
import type { Instant, Seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import type { ChainFacts, ChainId, RecordText } from "./chain.ts";
import type { KindsSeen } from "./observation.ts";

export interface RolloverState {
  readonly phase: Phase;
  readonly phaseSince: Instant;
  /** Every chain that still matters: current, next, obsolete, and those whose records caches may hold. */
  readonly chains: readonly ChainFacts[];
  readonly owners: readonly OwnerState[];
  readonly endpoints: readonly EndpointState[];
  /** A chain that the operator aborted: not picked up again while the source still offers it. */
  readonly rejected: ChainId | null;
  /** Keys whose records are published before a certificate bears them. */
  readonly standby: readonly StandbyKey[];
  /** Gates that the operator has lifted for one act. */
  readonly override: Override | null;
  /** A key that must go at once. */
  readonly emergency: Emergency | null;
  /** Lower-case hex SHA-256 of the SPKI of each key that was compromised: no chain with one is ever deployed again. */
  readonly compromised: readonly string[];
  /** The records are to go for good; null: they are to stay. */
  readonly teardown: OperatorWord | null;
  /** Since when services are known to present renewals before they are deployed; null: they read the deployed files. */
  readonly bypassedAt: Instant | null;
  /** Standing failures of actions; gone as soon as the action works. */
  readonly troubles: readonly Trouble[];
  /** Instant of the last step: an earlier `now` means that the clock was set back. */
  readonly lastStepAt: Instant;
  /** Uptime of the machine at that step; null where unknown. */
  readonly lastUptime: Seconds | null;
}

/** What an operator said, and when. */
export interface OperatorWord {
  readonly at: Instant;
  /** Why, in the operator's words, with the login name. */
  readonly because: string;
}

/** A key that the next certificate may have. It stays known, and published, while the place it came from cannot be read. */
export interface StandbyKey {
  readonly spkiSha256: string;
  /** One for each configured combination that a key alone makes a record in: usage 1 or 3 with selector 1. */
  readonly records: readonly RecordText[];
}

/** For one act on one chain: it has no effect on any other, and is forgotten when the act is done. */
export interface Override extends OperatorWord {
  /** swap: deploy `chain` now. withdraw: the records that only chains before `chain` need go now. */
  readonly act: "swap" | "withdraw";
  readonly chain: ChainId;
}

export interface Emergency extends OperatorWord {
  /** Lower-case hex SHA-256 of the SPKI of the compromised key. */
  readonly spkiSha256: string;
}

export type ActivePhase =
  /** `current` null: nothing deployed by us yet. */
  | { readonly phase: "stable"; readonly current: ChainId | null }
  | { readonly phase: "announcing"; readonly current: ChainId | null; readonly next: ChainId }
  | {
      readonly phase: "aging";
      readonly current: ChainId | null;
      readonly next: ChainId;
      readonly seenEverywhereAt: Instant;
    }
  | {
      readonly phase: "deploying";
      readonly current: ChainId | null;
      readonly next: ChainId;
      readonly flippedAt: Instant | null;
    }
  | {
      readonly phase: "confirming";
      readonly obsolete: ChainId | null;
      readonly current: ChainId;
      readonly deployedAt: Instant;
      /** Consecutive good rounds, and when the last one was. */
      readonly rounds: number;
      readonly lastRoundAt: Instant | null;
      /** When the last needed round was good: the retire safety runs from here. */
      readonly confirmedAt: Instant | null;
      /** Since when an address has not presented it; null while all do. */
      readonly failingSince: Instant | null;
    }
  | { readonly phase: "withdrawing"; readonly obsolete: ChainId | null; readonly current: ChainId };

export type HoldReason =
  "OPERATOR_HOLD" | "RELOAD_FAILED" | "CONFIRM_FAILED" | "DEPLOY_FAILED" | "FOREIGN_CHAIN_SERVED";

export type Phase =
  | ActivePhase
  | {
      readonly phase: "held";
      readonly resume: ActivePhase;
      readonly reason: HoldReason;
      readonly detail: string;
      /** The chain whose files are to be put back, until that is done. */
      readonly restoring: ChainId | null;
    };

export interface OwnerState {
  readonly owner: DomainName;
  readonly finalOwner: DomainName;
  readonly zone: DomainName;
  /** Largest TTL among the CNAME links. */
  readonly aliasTtl: Seconds;
  /** RDATA that we published: written before the update is sent, so that a crash cannot orphan a record. */
  readonly ours: readonly RecordText[];
  /** Of these, asked for and seen on no name server since: they may turn up at any moment. */
  readonly coming: readonly RecordText[];
  /** Of these, asked to be deleted and not seen gone everywhere: they may vanish at any moment, nothing may rely on them. */
  readonly leaving: readonly RecordText[];
  /** Every RRset that some cache may still hold. */
  readonly horizon: readonly HorizonEntry[];
  /** Since when every name server has served a record without a break. */
  readonly clocks: readonly RecordClock[];
  readonly servers: readonly ServerState[];
  /** Times a record of ours vanished although we did not withdraw it; a second writer is at work from two on. */
  readonly reverted: number;
}

export interface HorizonEntry {
  /** Sorted; empty: a negative answer. */
  readonly records: readonly RecordText[];
  /** The largest TTL it was served with. */
  readonly ttl: Seconds;
  /** When it (re)appeared: a server whose RRset appeared earlier may yet pass through this one. */
  readonly appearedAt: Instant;
  /** Upper bound of the last instant at which a server served it; null while one may still do so. */
  readonly servedUntil: Instant | null;
  /** Some server was seen to serve it; else it may only have been passed through unseen, or be on its way. */
  readonly seen: boolean;
}

export interface RecordClock {
  readonly record: RecordText;
  readonly since: Instant;
  /** TTL_old: the largest TTL of the RRsets without this record that caches may have held at `since`. */
  readonly ttl: Seconds;
}

export interface ServerState {
  readonly server: string;
  readonly address: string;
  readonly excluded: boolean;
  /** Last answer; null when it never answered. */
  readonly records: readonly RecordText[] | null;
  readonly ttl: Seconds;
  readonly serial: number | null;
  readonly answeredAt: Instant | null;
  readonly condition: "in-sync" | "lagging" | "unreachable" | "unsigned" | "not-authoritative";
  readonly conditionSince: Instant;
  readonly detail: string;
}

export interface EndpointState {
  readonly endpoint: string;
  readonly owner: DomainName;
  readonly address: string;
  readonly own: boolean;
  readonly presents: ChainId | null;
  readonly detail: string;
  readonly at: Instant;
  /** The last look that offered every kind of key; absent: none that came through. */
  readonly everyKind?: KindsSeen;
}

export interface Trouble {
  /** What failed: `publish OWNER`, `withdraw OWNER`, `deploy`, `store`, `source`. */
  readonly subject: string;
  readonly code: FaultCode;
  readonly message: string;
  readonly hint: string;
  readonly since: Instant;
  readonly at: Instant;
}

/** Why a transition does not happen now. The refusals are the status page. */
export interface Refusal {
  readonly gate: "policy" | "dane" | "time";
  readonly code: FaultCode;
  /** When it lifts by itself; null when something must change first. */
  readonly until: Instant | null;
  readonly detail: string;
}
