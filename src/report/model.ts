/**
 * What is known of the certificates, in the order in which people ask: what is live, what is next, why not now, is it
 * safe to leave alone. Made from saved state alone, so that it can be looked at at any time and by any renderer;
 * renderers are pure functions from here to text.
 */
import { seconds } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import type { ChainFacts, ChainId, RecordText } from "../rollover/chain.ts";
import type { Standing } from "../rollover/deadlines.ts";
import type {
  ActivePhase,
  Emergency,
  EndpointState,
  OperatorWord,
  Override,
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
  /** Everything is stopped; null or absent: it is not. */
  readonly frozen?: FreezeReport | null;
  readonly certificates: readonly CertificateReport[];
}

/** Who stopped everything, when and why. */
export interface FreezeReport {
  readonly at: Instant;
  /** Login name; empty: not known. */
  readonly by: string;
  /** Empty: not said. */
  readonly because: string;
  /** Why that cannot be read; null: it can. */
  readonly damage: string | null;
}

export type CertificateReport =
  | { readonly outcome: "known"; readonly name: string; readonly status: CertificateStatus }
  /** Configured, but no tick has looked at it yet. */
  | { readonly outcome: "never-seen"; readonly name: string; readonly renewalNoted: Instant | null }
  | { readonly outcome: "unreadable"; readonly name: string; readonly message: string; readonly hint: string };

export interface CertificateStatus {
  readonly phase: Phase["phase"];
  readonly phaseSince: Instant;
  /** How long this phase takes when nothing goes wrong; null: it may last for ever. */
  readonly expected: Seconds | null;
  /** The phase with all that belongs to it. */
  readonly detail: Phase;
  readonly hold: Extract<Phase, { phase: "held" }> | null;
  readonly current: ChainFacts | null;
  readonly next: ChainFacts | null;
  readonly obsolete: ChainFacts | null;
  readonly lookedAt: Instant;
  readonly wakeAt: Instant | null;
  /** When a hook noted a renewal that no tick has looked at yet; null: none did. */
  readonly renewalNoted: Instant | null;
  /** The directory that servers are to read. */
  readonly deploy: string;
  readonly footing: Footing;
  /** What the operator gave up, and is left alone while the source still offers it. */
  readonly rejected: ChainFacts | null;
  readonly standby: readonly StandbyReport[];
  readonly override: Override | null;
  readonly emergency: Emergency | null;
  readonly teardown: OperatorWord | null;
  /** Since when services are known to present renewals before they are deployed; null: they are not. */
  readonly bypassedAt: Instant | null;
  /** How the waits and the end of the live certificate go together; null: nothing is live. */
  readonly standing: Standing | null;
  readonly refusals: readonly StandingRefusal[];
  readonly troubles: readonly Trouble[];
  readonly owners: readonly OwnerReport[];
  readonly endpoints: readonly EndpointReport[];
}

/** What there is to fall back on, whatever happens to this program. */
export interface Footing {
  /** Some name server serves a TLSA record, or one was asked for. */
  readonly published: boolean;
  /** There are files of the certificate that is replaced or about to be. */
  readonly oldFiles: boolean;
}

/** A key that the next certificate may have. */
export interface StandbyReport {
  readonly spkiSha256: string;
  readonly records: readonly RecordText[];
  /** Of the record that is furthest from being known everywhere. */
  readonly state: RecordState;
}

export interface OwnerReport {
  readonly owner: DomainName;
  readonly finalOwner: DomainName;
  readonly zone: DomainName;
  /** Largest TTL of the RRsets that are served now; 0 when there is none. */
  readonly ttl: Seconds;
  readonly records: readonly RecordReport[];
  readonly servers: readonly ServerState[];
}

export interface RecordReport {
  readonly text: RecordText;
  readonly state: RecordState;
  readonly ours: boolean;
  /** Some name server was last seen to serve it. */
  readonly served: boolean;
  /** Not ours, and of no use to any certificate that is presented or in play. */
  readonly stale: boolean;
  /** The certificate beside this one, of another kind of key, that wants the record or has published it; absent: none. */
  readonly companion?: string;
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
  /** The certificate that shares an owner name and wants a record there, or has published it; null: none. */
  readonly companionOf: (owner: OwnerState, record: RecordText) => string | null;
  /** Whether a record matches a chain. */
  readonly matches: (record: RecordText, chain: ChainFacts) => boolean;
  /** The configured directory that servers read. */
  readonly deploy: string;
  readonly renewalNoted: Instant | null;
  readonly standing: Standing | null;
  readonly expected: Seconds | null;
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
    expected: lookups.expected,
    detail: state.phase,
    hold: state.phase.phase === "held" ? state.phase : null,
    current: chain(roles.current),
    next: chain(roles.next),
    obsolete: chain(roles.obsolete),
    lookedAt: state.lastStepAt,
    wakeAt: saved.wakeAt,
    renewalNoted: lookups.renewalNoted,
    deploy: lookups.deploy,
    footing: footingOf(state),
    rejected: chain(state.rejected),
    standby: state.standby.map((key) => describeStandby(key, state, lookups)),
    override: state.override,
    emergency: state.emergency,
    teardown: state.teardown,
    bypassedAt: state.bypassedAt,
    standing: lookups.standing,
    refusals: saved.refusals,
    troubles: state.troubles,
    owners: state.owners.map((owner) => describeOwner(owner, state, lookups)),
    endpoints: state.endpoints.map((endpoint) => ({
      ...endpoint,
      protocol: lookups.protocolOf(endpoint.endpoint),
      verdict: verdictOf(endpoint, roles),
    })),
  };
}

const CLOSENESS: readonly RecordState[] = ["hidden", "unretentive", "rumoured", "omnipresent"];

function describeStandby(
  { spkiSha256, records }: RolloverState["standby"][number],
  { owners }: RolloverState,
  { stateOf }: Lookups,
): StandbyReport {
  const states = owners.flatMap((owner) => records.map((record) => CLOSENESS.indexOf(stateOf(owner, record))));
  return { spkiSha256, records, state: CLOSENESS[Math.min(...states)] ?? "hidden" };
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

function describeOwner(owner: OwnerState, state: RolloverState, lookups: Lookups): OwnerReport {
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
    records: [...new Set(texts)].sort().map((text) => {
      const ours = owner.ours.includes(text);
      const companion = ours ? null : lookups.companionOf(owner, text);
      return {
        text,
        // Asked for and shown by no server yet: it is on its way in, whatever the horizon makes of that.
        state: owner.coming.includes(text) ? "rumoured" : lookups.stateOf(owner, text),
        ours,
        served: counting.some(({ records }) => records?.includes(text) === true),
        stale: companion === null && isStale(text, owner, state, lookups),
        ...(companion === null ? {} : { companion }),
      };
    }),
    servers: owner.servers,
  };
}

/** Of RRsets alone: the TTL of a negative answer says nothing about any record. */
function largestTtl(servers: readonly ServerState[]): Seconds {
  return servers
    .filter(({ records }) => records !== null && records.length > 0)
    .reduce<Seconds>((largest, server) => (server.ttl > largest ? server.ttl : largest), seconds(0));
}

/** Said only when it is known what every address behind the name presents: in doubt a record is of use to somebody. */
function isStale(record: RecordText, owner: OwnerState, state: RolloverState, lookups: Lookups): boolean {
  if (owner.ours.includes(record) || !owner.servers.some(({ records }) => records?.includes(record) === true)) {
    return false;
  }
  const { current, next, obsolete } = rolesOf(state.phase);
  const presented = state.endpoints
    .filter((endpoint) => endpoint.owner === owner.owner)
    .map(({ presents }) => presents);
  if (presented.length === 0) return false;
  const known = presented.map((id) => state.chains.find((chain) => chain.id === id));
  const inPlay = state.chains.filter(({ id }) => id === current || id === next || id === obsolete);
  return (
    known.every((chain) => chain !== undefined && !lookups.matches(record, chain)) &&
    inPlay.every((chain) => !lookups.matches(record, chain))
  );
}

/** What a state has to fall back on. */
export function footingOf(state: RolloverState): Footing {
  const active: ActivePhase = state.phase.phase === "held" ? state.phase.resume : state.phase;
  const old = "obsolete" in active ? active.obsolete : "next" in active ? active.current : null;
  return {
    published: state.owners.some(
      (owner) => owner.ours.length > 0 || owner.servers.some(({ records }) => records !== null && records.length > 0),
    ),
    oldFiles: state.chains.some((chain) => chain.id === old && chain.hasFiles),
  };
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
  if (awaitsServices(status) || status.refusals.some((refusal) => isAlarming(refusal))) return "attention";
  if (status.standing !== null && isOutOfTime(status.standing)) return "attention";
  return status.phase === "stable" && status.refusals.length === 0 ? "well" : "waiting";
}

/** Beyond twice its usual time a phase is no wait any more, but stuck; small ones may be late by this much, in milliseconds. */
const LATENESS = { times: 2, leastMs: 3_600_000 } as const;

/** A phase that lasts more than twice as long as it should. First deployed files wait for a person, however long. */
export function isStuck(status: CertificateStatus, at: Instant): boolean {
  const { expected, phaseSince } = status;
  if (expected === null || awaitsServices(status)) return false;
  return at - phaseSince > Math.max(LATENESS.times * expected * 1000, LATENESS.leastMs);
}

/** No waiting leads to a swap before the certificate ends. */
export function isOutOfTime(standing: Standing): boolean {
  return standing.kind === "infeasible" || standing.kind === "expired" || (standing.kind === "staged" && standing.late);
}

/**
 * The first files are deployed, but the services go on with what they had: no waiting brings them to read these, and
 * until they do nothing is published.
 */
export function awaitsServices({ detail, owners, refusals }: CertificateStatus): boolean {
  if (detail.phase !== "confirming" || detail.obsolete !== null) return false;
  if (detail.rounds > 0 || detail.confirmedAt !== null) return false;
  const ours = owners.some(({ records }) => records.some((record) => record.ours));
  return !ours && refusals.some(({ code }) => UNREAD.has(code));
}

/** Records of ours that the live certificate does not need. */
export function leftovers({ owners, current }: CertificateStatus): readonly RecordText[] {
  return owners.flatMap(({ records }) =>
    records.filter(({ ours, text }) => ours && current?.records.includes(text) !== true).map(({ text }) => text),
  );
}

/** What stands in the way. Where nothing is to be withdrawn the retire safety keeps nothing waiting. */
export function standingRefusals(status: CertificateStatus): readonly StandingRefusal[] {
  const { detail, refusals } = status;
  const isFirst = detail.phase === "confirming" && detail.obsolete === null && leftovers(status).length === 0;
  return isFirst ? refusals.filter(({ code }) => code !== "RETIRE_RUNNING") : refusals;
}

/** Refusals that say that an address does not present the deployed chain. */
export function isUnread(refusal: Refusal): boolean {
  return UNREAD.has(refusal.code);
}

const UNREAD: ReadonlySet<string> = new Set<Refusal["code"]>(["ENDPOINT_UNPROVEN", "FIRST_SET_WITHOUT_LIVE"]);

/** Refusals that no waiting will lift. */
const ALARMING: ReadonlySet<string> = new Set<Refusal["code"]>([
  "SOURCE_UNUSABLE",
  "PUBLISHER_UNUSABLE",
  "NEXT_KEY_UNUSABLE",
  "FIRST_SET_WITHOUT_LIVE",
  "FIRST_SET_WITHOUT_PEER",
  "SECOND_WRITER",
  "TOO_MANY_RECORDS",
  "DEADLINE_NEAR",
  "RECORD_VANISHED",
  "FOREIGN_CHAIN_SERVED",
  "LIVE_MISMATCH",
  "SECOND_CERTIFICATE",
  "SAME_KIND_SHARED",
  "DEPLOY_BYPASSED",
  "SIGNATURE_ENDS_EARLY",
  "ZONE_BOGUS",
  "DEADLINE_MISSED",
  "KEY_COMPROMISED",
  "FREEZE_DAMAGED",
]);

export function isAlarming(refusal: Refusal): boolean {
  return ALARMING.has(refusal.code);
}
