/**
 * The timetable: the same `step` under a virtual clock, with every action succeeding and every name server following
 * within the propagation delay. What it prints is what the driver will do if nothing goes wrong.
 */
import { addSeconds, earliest, instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { Action } from "./actions.ts";
import type { CertificateDigests, ChainFacts, RecordText } from "./chain.ts";
import { chainId, recordText } from "./chain.ts";
import { isAlarm } from "./mismatch.ts";
import type { ActionOutcome, EndpointObservation, Observation, OwnerObservation } from "./observation.ts";
import { recordOutcomes } from "./outcomes.ts";
import type { Policy } from "./policy.ts";
import { combinationOf, sameSet, union, without } from "./records.ts";
import type { Phase, RolloverState } from "./state.ts";
import { step } from "./step.ts";
import type { Step } from "./step.ts";

export interface ForecastEntry {
  readonly at: Instant;
  readonly phase: Phase["phase"];
  /** An event of the core, `publish`, `withdraw`, `deploy`, or `blocked` when only a person can go on. */
  readonly event: string;
  readonly detail: string;
}

interface World {
  readonly observation: Observation;
  /** RRset changes that the name servers will show from `at` on; null: none, but then caches follow what they serve. */
  readonly coming: readonly {
    readonly at: Instant;
    readonly owner: string;
    readonly records: readonly RecordText[] | null;
  }[];
}

const STEPS = 500;

/** What will happen from `now` on; ends when the unit is stable with nothing left to do, or with a `blocked` entry. */
export function forecast(
  state: RolloverState | null,
  observation: Observation,
  policy: Policy,
  now: Instant,
): readonly ForecastEntry[] {
  const entries: ForecastEntry[] = [];
  const asked = new Set<string>();
  let world: World = { observation: { ...observation, uptime: null }, coming: catchingUp(observation, policy, now) };
  let current = state;
  let at = now;
  for (let count = 0; count < STEPS; count++) {
    world = arrive(world, policy, at);
    const result = step(current, world.observation, policy, at);
    // What was asked for and has not arrived yet is asked for again at each look: that is no news.
    const fresh = result.actions.filter((action) => !asked.has(keyOf(action, result.state)));
    for (const action of fresh) asked.add(keyOf(action, result.state));
    entries.push(...entriesOf({ ...result, actions: fresh }, at));
    const performed = perform(world, { ...result, actions: fresh }, policy, at);
    world = performed.world;
    current = recordOutcomes(result.state, performed.outcomes);
    if (fresh.length > 0) {
      at = instant(at + 1);
      continue;
    }
    const calm = result.state.phase.phase === "stable" && result.refusals.every(isAlarm);
    if (calm && world.coming.length === 0) return entries;
    const lifts = [...result.refusals.map((refusal) => refusal.until), ...world.coming.map((change) => change.at)];
    const next = earliest(...lifts.filter((lift) => lift !== null && lift > at));
    if (next === null) return [...entries, blockedEntry(result, at)];
    at = next;
  }
  return entries;
}

/** A publication is one act however often it is repeated; a deployment in another phase is another one. */
function keyOf(action: Action, state: RolloverState): string {
  return action.kind === "deploy" ? `${state.phase.phase} ${action.chain}` : JSON.stringify(action);
}

function blockedEntry(result: Step, at: Instant): ForecastEntry {
  const why = result.refusals.filter((refusal) => refusal.until === null && !isAlarm(refusal));
  const detail = why.map((refusal) => `${refusal.code}: ${refusal.detail}`).join("; ");
  return { at, phase: result.state.phase.phase, event: "blocked", detail };
}

/** Name servers that are silent or behind at present are taken to follow the newest within the propagation delay. */
function catchingUp(observation: Observation, policy: Policy, now: Instant): World["coming"] {
  return observation.owners.flatMap((owner): World["coming"] => {
    if (owner.outcome === "failed") return [];
    const answers = owner.servers.flatMap(({ said, excluded }) =>
      said.outcome === "answer" && !excluded ? [said] : [],
    );
    const newest = answers.reduce<(typeof answers)[number] | undefined>(
      (best, said) => (best === undefined || (said.serial ?? 0) > (best.serial ?? 0) ? said : best),
      undefined,
    );
    if (newest === undefined) return [];
    const together =
      answers.length === owner.servers.filter((server) => !server.excluded).length &&
      answers.every((said) => sameSet(union(said.records), union(newest.records)));
    // A resolver that still answers from its cache follows when the TTL has run out.
    const cached = "fault" in owner.validated ? null : union(owner.validated.records);
    if (together && cached !== null && sameSet(cached, union(newest.records))) return [];
    if (together) return [{ at: addSeconds(now, newest.ttl), owner: owner.owner, records: null }];
    return [{ at: addSeconds(now, policy.propagationDelay), owner: owner.owner, records: union(newest.records) }];
  });
}

function entriesOf(result: Step, at: Instant): readonly ForecastEntry[] {
  const { phase } = result.state.phase;
  return [
    ...result.events.map(({ event, detail }) => ({ at, phase, event, detail })),
    ...result.actions.flatMap((action): readonly ForecastEntry[] => {
      switch (action.kind) {
        case "publish":
          return [{ at, phase, event: "publish", detail: `${action.add.join(", ")} at ${displayName(action.owner)}` }];
        case "withdraw":
          return [
            { at, phase, event: "withdraw", detail: `${action.remove.join(", ")} at ${displayName(action.owner)}` },
          ];
        case "deploy":
          return [{ at, phase, event: "deploy", detail: "swap the files, reload, prove every address" }];
        case "store":
          return [];
      }
    }),
  ];
}

/** Lets every change whose time has come show on all servers of its owner. */
function arrive(world: World, policy: Policy, at: Instant): World {
  const due = world.coming.filter((change) => change.at <= at);
  if (due.length === 0) return world;
  const owners = world.observation.owners.map((owner): OwnerObservation => {
    const changes = due.filter((one) => one.owner === owner.owner);
    if (changes.length === 0 || owner.outcome === "failed") return owner;
    const records = changes.findLast((one) => one.records !== null)?.records ?? null;
    // By then something else may be published than the caches were behind with.
    if (records === null) return { ...owner, validated: { status: "secure", records: servedBy(owner.servers) } };
    const said = {
      outcome: "answer",
      records,
      ttl: policy.ttl,
      authoritative: true,
      signed: true,
      serial: null,
    } as const;
    return {
      ...owner,
      servers: owner.servers.map((server) => ({ ...server, said })),
      validated: { status: "secure", records },
    };
  });
  return { observation: { ...world.observation, owners }, coming: world.coming.filter((change) => change.at > at) };
}

function servedBy(servers: Extract<OwnerObservation, { outcome: "seen" }>["servers"]): readonly RecordText[] {
  return union(
    ...servers.flatMap(({ said, excluded }) => (said.outcome === "answer" && !excluded ? [said.records] : [])),
  );
}

function perform(
  world: World,
  result: Step,
  policy: Policy,
  at: Instant,
): { readonly world: World; readonly outcomes: readonly ActionOutcome[] } {
  let changed = world;
  const outcomes = result.actions.map((action): ActionOutcome => {
    changed = apply(changed, action, result.state, policy, at);
    switch (action.kind) {
      case "publish":
      case "withdraw":
        return { kind: action.kind, owner: action.owner, at, fault: null };
      case "store":
        return { kind: "store", chain: action.chain, at, fault: null };
      case "deploy":
        return { kind: "deploy", chain: action.chain, at, flipped: true, reloaded: true, fault: null };
    }
  });
  return { world: changed, outcomes };
}

function apply(world: World, action: Action, state: RolloverState, policy: Policy, at: Instant): World {
  const { observation } = world;
  switch (action.kind) {
    case "publish":
    case "withdraw": {
      const owner = state.owners.find((one) => one.owner === action.owner);
      const served = union(...(owner?.servers.map((server) => server.records ?? []) ?? []));
      const records = action.kind === "publish" ? union(served, action.add) : without(action.expected, action.remove);
      const change = { at: addSeconds(at, policy.propagationDelay), owner: action.owner, records };
      return { ...world, coming: [...world.coming, change] };
    }
    case "store":
      return { ...world, observation: { ...observation, stored: [...observation.stored, action.chain] } };
    case "deploy": {
      const chain = state.chains.find((one) => one.id === action.chain);
      if (chain === undefined) return world;
      const endpoints = observation.endpoints?.map((endpoint) => presenting(endpoint, chain)) ?? null;
      return { ...world, observation: { ...observation, deployed: { ...chain, hasFiles: true }, endpoints } };
    }
  }
}

function presenting(endpoint: EndpointObservation, chain: ChainFacts): EndpointObservation {
  if (!endpoint.own) return endpoint;
  const { id, certificates, subject, notBefore, notAfter } = chain;
  return { ...endpoint, presents: { outcome: "chain", id, certificates, subject, notBefore, notAfter } };
}

/**
 * The timetable of a renewal that comes at `at`, when there is nothing to renew yet: under the key that is published
 * ahead, or a new one. What it says of an invented key is `the renewed key`.
 */
export function forecastRenewal(
  state: RolloverState | null,
  observation: Observation,
  policy: Policy,
  at: Instant,
): readonly ForecastEntry[] {
  return forecast(state, withImaginedRenewal(observation, at), policy, at).map((entry) => ({
    ...entry,
    detail: entry.detail.replace(PLACEHOLDER, "the renewed key"),
  }));
}

/** The invented digests, whole in records, with `key ` before their beginning in sentences. */
const PLACEHOLDER = /(?:key )?(?<![0-9a-f])f{8,128}(?![0-9a-f])/g;

/**
 * The same observation with a renewal at `now`, for a timetable before there is anything to renew: its key is the one
 * that is published ahead, other digests of the invented leaf are all `f`, its life is as long as the current one's.
 */
function withImaginedRenewal(observation: Observation, now: Instant): Observation {
  const base = observation.deployed ?? (observation.source.outcome === "chain" ? observation.source.chain : null);
  if (base === null) return observation;
  const [ahead] = observation.standby?.outcome === "keys" ? observation.standby.keys : [];
  const known = (head: string): RecordText | undefined => ahead?.records.find((one) => one.startsWith(`${head} `));
  const long = ahead?.records.find((one) => / 1 2 /.test(one))?.slice("3 1 2 ".length);
  const invented = "f".repeat(64);
  const leaf: CertificateDigests = {
    certSha256: invented,
    certSha512: invented.repeat(2),
    spkiSha256: ahead?.spkiSha256 ?? invented,
    spkiSha512: long ?? invented.repeat(2),
  };
  const chain: ChainFacts = {
    ...base,
    id: chainId(invented),
    certificates: base.certificates.map((certificate, depth) => (depth === 0 ? leaf : certificate)),
    records: base.records.map(
      (record) =>
        known(combinationOf(record)) ??
        recordText(record.replace(/^([13] \d \d) .*/, (_, head: string) => inventedRecord(head))),
    ),
    notBefore: now,
    notAfter: instant(now + (base.notAfter - base.notBefore)),
  };
  return { ...observation, source: { outcome: "chain", chain, faults: [] } };
}

function inventedRecord(head: string): string {
  return `${head} ${"f".repeat(head.endsWith("2") ? 128 : 64)}`;
}
