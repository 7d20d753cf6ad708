/**
 * What is known of the certificates, in the order in which people ask: what is live, what is next, why not now, is it
 * safe to leave alone. Made from saved state alone, so that it can be looked at at any time and by any renderer;
 * renderers are pure functions from here to text.
 */
import { seconds } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import type { ChainFacts, ChainId, RecordText } from "../rollover/chain.ts";
import type {
  ActivePhase,
  EndpointState,
  OwnerState,
  Phase,
  Refusal,
  RolloverState,
  ServerState,
  Trouble,
} from "../rollover/state.ts";

export type RecordState = "hidden" | "rumoured" | "omnipresent" | "unretentive";

/** A refusal as saved, with the time since which it has stood. */
export interface StandingRefusal extends Refusal {
  readonly since: Instant;
}

export interface StatusReport {
  readonly at: Instant;
  readonly certificates: readonly CertificateReport[];
}

export type CertificateReport =
  | { readonly outcome: "known"; readonly name: string; readonly status: CertificateStatus }
  /** Configured, but no tick has looked at it yet. */
  | { readonly outcome: "never-seen"; readonly name: string }
  | { readonly outcome: "unreadable"; readonly name: string; readonly message: string; readonly hint: string };

export interface CertificateStatus {
  readonly phase: Phase["phase"];
  readonly phaseSince: Instant;
  /** The phase with all that belongs to it. */
  readonly detail: Phase;
  readonly hold: Extract<Phase, { phase: "held" }> | null;
  readonly current: ChainFacts | null;
  readonly next: ChainFacts | null;
  readonly obsolete: ChainFacts | null;
  readonly lookedAt: Instant;
  readonly wakeAt: Instant | null;
  readonly refusals: readonly StandingRefusal[];
  readonly troubles: readonly Trouble[];
  readonly owners: readonly OwnerReport[];
  readonly endpoints: readonly EndpointReport[];
}

export interface OwnerReport {
  readonly owner: DomainName;
  readonly finalOwner: DomainName;
  readonly zone: DomainName;
  /** Largest TTL served now; 0 when nothing is. */
  readonly ttl: Seconds;
  readonly records: readonly { readonly text: RecordText; readonly state: RecordState; readonly ours: boolean }[];
  readonly servers: readonly ServerState[];
}

/** `in-order`: presents what it should. `failed`: could not be asked. */
export interface EndpointReport extends EndpointState {
  /** How TLS starts there, as configured; null when it no longer is. */
  readonly protocol: string | null;
  readonly verdict: "in-order" | "previous" | "upcoming" | "foreign" | "failed";
}

/** What a saved state does not say by itself. */
export interface Lookups {
  /** A record's state, read off the horizon. */
  readonly stateOf: (owner: OwnerState, record: RecordText) => RecordState;
  /** The configured protocol of an endpoint label. */
  readonly protocolOf: (endpoint: string) => string | null;
}

/** What one saved state says. */
export function describeState(
  saved: {
    readonly state: RolloverState;
    readonly savedAt: Instant;
    readonly wakeAt: Instant | null;
    readonly refusals: readonly StandingRefusal[];
  },
  lookups: Lookups,
): CertificateStatus {
  const { state } = saved;
  const roles = rolesOf(state.phase);
  const chain = (id: ChainId | null): ChainFacts | null => state.chains.find((one) => one.id === id) ?? null;
  return {
    phase: state.phase.phase,
    phaseSince: state.phaseSince,
    detail: state.phase,
    hold: state.phase.phase === "held" ? state.phase : null,
    current: chain(roles.current),
    next: chain(roles.next),
    obsolete: chain(roles.obsolete),
    lookedAt: state.lastStepAt,
    wakeAt: saved.wakeAt,
    refusals: saved.refusals,
    troubles: state.troubles,
    owners: state.owners.map((owner) => describeOwner(owner, lookups.stateOf)),
    endpoints: state.endpoints.map((endpoint) => ({
      ...endpoint,
      protocol: lookups.protocolOf(endpoint.endpoint),
      verdict: verdictOf(endpoint, roles),
    })),
  };
}

interface Roles {
  readonly current: ChainId | null;
  readonly next: ChainId | null;
  readonly obsolete: ChainId | null;
}

/** Which chain plays which part; a hold keeps the parts of the phase that it interrupted. */
function rolesOf(phase: Phase): Roles {
  const active: ActivePhase = phase.phase === "held" ? phase.resume : phase;
  return {
    current: active.current,
    next: "next" in active ? active.next : null,
    obsolete: "obsolete" in active ? active.obsolete : null,
  };
}

function describeOwner(
  owner: OwnerState,
  stateOf: (owner: OwnerState, record: RecordText) => RecordState,
): OwnerReport {
  const counting = owner.servers.filter((server) => !server.excluded);
  const texts = [
    ...owner.ours,
    ...owner.horizon.flatMap((entry) => entry.records),
    ...counting.flatMap((server) => server.records ?? []),
  ];
  return {
    owner: owner.owner,
    finalOwner: owner.finalOwner,
    zone: owner.zone,
    ttl: largestTtl(counting),
    records: [...new Set(texts)].sort().map((text) => ({
      text,
      state: stateOf(owner, text),
      ours: owner.ours.includes(text),
    })),
    servers: owner.servers,
  };
}

function largestTtl(servers: readonly ServerState[]): Seconds {
  return servers.reduce<Seconds>((largest, server) => (server.ttl > largest ? server.ttl : largest), seconds(0));
}

function verdictOf(endpoint: EndpointState, roles: Roles): EndpointReport["verdict"] {
  const { presents } = endpoint;
  if (presents === null) return "failed";
  if (presents === roles.current) return "in-order";
  if (presents === roles.next) return "upcoming";
  return presents === roles.obsolete ? "previous" : "foreign";
}

/** How much of an operator's attention a certificate wants. */
export type Concern = "well" | "waiting" | "attention";

/** `attention`: a person must act; `waiting`: it goes on by itself. */
export function concernOf(status: CertificateStatus): Concern {
  if (status.hold !== null || status.troubles.length > 0) return "attention";
  if (status.refusals.some((refusal) => isAlarming(refusal))) return "attention";
  return status.phase === "stable" && status.refusals.length === 0 ? "well" : "waiting";
}

/** Refusals that no waiting will lift. */
const ALARMING: ReadonlySet<string> = new Set<Refusal["code"]>([
  "SOURCE_UNUSABLE",
  "FIRST_SET_WITHOUT_LIVE",
  "SECOND_WRITER",
  "TOO_MANY_RECORDS",
  "DEADLINE_NEAR",
  "RECORD_VANISHED",
  "FOREIGN_CHAIN_SERVED",
]);

export function isAlarming(refusal: Refusal): boolean {
  return ALARMING.has(refusal.code);
}
