/**
 * The cache horizon of an owner name: every RRset that some cache may still hold, and since when every name server
 * has served a record without a break. Folded from observations of the servers; nothing here asks anybody.
 *
 * Bounds are always taken on the safe side. A server that stopped serving an RRset between two observations counts as
 * having served it until the later one; a silent server, or one that still shows an older RRset, counts as serving
 * everything that appeared since (secondaries behind secondaries pass through each version, unseen by us); an RRset
 * that we asked for counts as served from that moment. RRsets that differ in TTL alone are different entries, so that a large old
 * TTL is waited for and then forgotten (a lowered TTL helps only after the old one has run out).
 */
import { addSeconds, instant, seconds } from "../base/time.ts";
import type { Instant, Seconds } from "../base/time.ts";
import type { RecordText } from "./chain.ts";
import type { OwnerObservation, ServerObservation } from "./observation.ts";
import type { Policy } from "./policy.ts";
import { sameSet, union, without } from "./records.ts";
import type { Rules } from "./rules.ts";
import type { HorizonEntry, OwnerState, RecordClock, ServerState } from "./state.ts";

type SeenOwner = Extract<OwnerObservation, { outcome: "seen" }>;

/** The words of BIND's keymgr for one record, read off the horizon. */
export type RecordState = "hidden" | "rumoured" | "omnipresent" | "unretentive";

/** When the last cache drops this entry; null while a server still serves it. */
export function entryExpires(entry: HorizonEntry, owner: OwnerState, policy: Policy, rules: Rules): Instant | null {
  if (entry.servedUntil === null) return null;
  return addSeconds(entry.servedUntil, rules.cacheLifetime(effectiveTtl(entry.ttl, owner.aliasTtl), policy));
}

/** With a CNAME in front the largest TTL of the links counts (RFC 7671 §7 leads through them). */
function effectiveTtl(ttl: Seconds, aliasTtl: Seconds): Seconds {
  return seconds(Math.max(ttl, aliasTtl));
}

/** Servers that count: all but those excluded by configuration. */
export function countingServers(owner: Pick<OwnerState, "servers">): readonly ServerState[] {
  return owner.servers.filter((server) => !server.excluded);
}

/** Every record that some counting server serves, as far as is known. */
export function servedRecords(owner: Pick<OwnerState, "servers">): readonly RecordText[] {
  return union(...countingServers(owner).map((server) => server.records ?? []));
}

/** Whether every counting server has answered at some time, and none of them serves the record any more. */
export function isNowhere(owner: Pick<OwnerState, "servers">, record: RecordText): boolean {
  const counting = countingServers(owner);
  return counting.length > 0 && counting.every(({ records }) => records !== null && !records.includes(record));
}

/** RFC 1982 §3.2 for 32 bits: whether one serial is later than the other. */
function isLater(serial: number, than: number): boolean {
  return ((serial - than) | 0) > 0;
}

/**
 * Whether the record is gone at the source: no server serves it, or one without it has a later serial than all that
 * still serve it (these lag, and will lose it too).
 */
export function isLost(servers: readonly ServerState[], record: RecordText): boolean {
  const known = servers.filter(({ excluded, records }) => !excluded && records !== null);
  const holding = known.filter(({ records }) => records?.includes(record));
  const lacking = known.filter(({ records }) => !records?.includes(record));
  return lacking.some(({ serial }) =>
    holding.every((other) => serial !== null && other.serial !== null && isLater(serial, other.serial)),
  );
}

/** hidden: in no cache. rumoured: newly served, not yet everywhere. omnipresent: in all. unretentive: on its way out. */
export function recordState(owner: OwnerState, record: RecordText): RecordState {
  const holding = owner.horizon.filter((entry) => entry.records.includes(record));
  if (holding.length === 0) return "hidden";
  if (holding.length === owner.horizon.length) return "omnipresent";
  return servedRecords(owner).includes(record) ? "rumoured" : "unretentive";
}

/** Judges one answer against the records that should be served. */
export function conditionOf(
  said: ServerObservation["said"],
  wanted: readonly RecordText[],
): Pick<ServerState, "condition" | "detail"> {
  if (said.outcome === "failed") return { condition: "unreachable", detail: said.fault.message };
  if (!said.authoritative) return { condition: "not-authoritative", detail: "answers without the AA bit" };
  const missing = without(wanted, said.records);
  if (missing.length > 0) {
    const serial = said.serial === null ? "" : ` (serial ${String(said.serial)})`;
    return { condition: "lagging", detail: `does not serve ${missing.join(", ")}${serial}` };
  }
  if (!said.signed) return { condition: "unsigned", detail: "serves the RRset without a valid RRSIG" };
  return { condition: "in-sync", detail: "" };
}

/** The answers of the servers; what they lack is judged by {@link assessServers} when it is known what is wanted. */
function foldServer(seen: ServerObservation, before: ServerState | undefined, now: Instant): ServerState {
  const shared = {
    server: seen.server,
    address: seen.address,
    excluded: seen.excluded,
    condition: before?.condition ?? "in-sync",
    conditionSince: before?.conditionSince ?? now,
    detail: before?.detail ?? "",
  };
  if (seen.said.outcome === "failed") {
    return {
      ...shared,
      records: before?.records ?? null,
      ttl: before?.ttl ?? seconds(0),
      serial: before?.serial ?? null,
      answeredAt: before?.answeredAt ?? null,
    };
  }
  const { records, ttl, serial } = seen.said;
  return { ...shared, records: union(records), ttl, serial, answeredAt: now };
}

/** Judges each server against the records that it should serve now; `conditionSince` moves only with the condition. */
export function assessServers(
  owner: OwnerState,
  seen: SeenOwner,
  wanted: readonly RecordText[],
  now: Instant,
): OwnerState {
  const servers = owner.servers.map((server) => {
    const view = seen.servers.find((other) => other.server === server.server && other.address === server.address);
    if (view === undefined) return server;
    const judged = conditionOf(view.said, wanted);
    return {
      ...server,
      ...judged,
      conditionSince: judged.condition === server.condition ? server.conditionSince : now,
    };
  });
  return { ...owner, servers };
}

interface FoldScene {
  readonly policy: Policy;
  readonly rules: Rules;
  readonly now: Instant;
}

type OwnerWithoutHorizon = Omit<OwnerState, "horizon" | "clocks">;

/** What the counting servers serve, each set once; one that was there all along keeps the time of its appearance. */
function servedEntries(
  owner: OwnerWithoutHorizon,
  before: readonly HorizonEntry[],
  now: Instant,
): readonly HorizonEntry[] {
  const entries: HorizonEntry[] = [];
  for (const server of owner.servers) {
    const { records, ttl } = server;
    if (server.excluded || records === null) continue;
    const same = (entry: HorizonEntry): boolean => entry.ttl === ttl && sameSet(entry.records, records);
    if (entries.some(same)) continue;
    const known = before.find((entry) => entry.servedUntil === null && same(entry));
    const appearedAt =
      known?.appearedAt ?? (isOutdated(owner, records) ? (before.find(same)?.appearedAt ?? instant(0)) : now);
    entries.push({ records, ttl, appearedAt, servedUntil: null, seen: true });
  }
  return entries;
}

/** A server with a later serial shows another RRset: whoever shows this one was restored from an old copy, or lags. */
function isOutdated({ servers }: OwnerWithoutHorizon, records: readonly RecordText[]): boolean {
  const known = servers.filter((server) => !server.excluded && server.records !== null);
  const showing = known.filter((server) => sameSet(server.records ?? [], records));
  return known.some(({ serial }) =>
    showing.every((other) => serial !== null && other.serial !== null && isLater(serial, other.serial)),
  );
}

/**
 * Until when an RRset that no server shows now may have been served: up to now by a server that changed since its
 * last answer (it may have passed through it unseen); still by a server that is silent, or whose own RRset is older.
 */
function servedUntil(
  entry: HorizonEntry,
  owner: OwnerWithoutHorizon,
  earlier: readonly ServerState[],
  served: readonly HorizonEntry[],
  now: Instant,
): Instant | null {
  // It holds what was asked for and has come nowhere yet: whatever servers show, its time is still ahead.
  if (entry.records.some((record) => owner.coming.includes(record))) return null;
  let until = entry.servedUntil ?? now;
  for (const server of owner.servers) {
    if (server.excluded) continue;
    const last = earlier.find((other) => other.server === server.server && other.address === server.address);
    const answeredBefore = last?.answeredAt ?? null;
    const couldHave = answeredBefore === null || entry.servedUntil === null || entry.servedUntil >= answeredBefore;
    const shown = served.find((other) => other.ttl === server.ttl && sameSet(other.records, server.records ?? []));
    const silent = server.answeredAt !== now;
    // While all show one RRset it is the newest there is, however late we came to see another. What appeared in one look
    // may have come in either order.
    const behind = served.length > 1 && shown !== undefined && shown.appearedAt <= entry.appearedAt;
    if (couldHave && (silent || behind)) return null;
    const changed =
      last?.records === undefined || last.records === null || !sameSet(last.records, server.records ?? []);
    if (couldHave && changed) until = instant(Math.max(until, now));
  }
  return until;
}

function foldHorizon(
  owner: OwnerWithoutHorizon,
  before: readonly HorizonEntry[],
  earlier: readonly ServerState[],
  scene: FoldScene,
): readonly HorizonEntry[] {
  const served = servedEntries(owner, before, scene.now);
  const left = before
    .filter((entry) => !served.some((other) => other.ttl === entry.ttl && sameSet(other.records, entry.records)))
    .map((entry) => ({ ...entry, servedUntil: servedUntil(entry, owner, earlier, served, scene.now) }));
  const state: OwnerState = { ...owner, horizon: [], clocks: [] };
  const alive = left.filter((entry) => {
    const expires = entryExpires(entry, state, scene.policy, scene.rules);
    return expires === null || expires > scene.now;
  });
  return [...served, ...alive];
}

/** The largest TTL of the RRsets without `record` that a cache may hold at this moment. */
function ttlOld(record: RecordText, horizon: readonly HorizonEntry[], owner: SeenOwner, policy: Policy): Seconds {
  const lacking = horizon.filter((entry) => !entry.records.includes(record));
  return seconds(Math.max(0, ...lacking.map((entry) => Math.max(entry.ttl, owner.aliasTtl, policy.cacheFloor))));
}

function foldClocks(
  horizon: readonly HorizonEntry[],
  before: OwnerState | undefined,
  seen: SeenOwner,
  scene: { readonly policy: Policy; readonly now: Instant },
): readonly RecordClock[] {
  const counting = seen.servers.filter((server) => !server.excluded);
  const answers = counting.flatMap((server) => (server.said.outcome === "answer" ? [server.said] : []));
  return union(...answers.map((said) => said.records)).flatMap((record): readonly RecordClock[] => {
    // Deleted at the primary already, perhaps, and only not gone yet.
    if (before?.leaving.includes(record) === true) return [];
    // A server that shows the record no more, or unsigned, starts the wait again (a cache may just have asked it).
    if (!answers.every((said) => said.authoritative && said.signed && said.records.includes(record))) return [];
    const running = before?.clocks.find((clock) => clock.record === record);
    if (running) return [running];
    // A silent server keeps the clock from starting, but does not stop one that runs: the gates ask again anyway.
    if (answers.length < counting.length) return [];
    // Never looked before: what stood there until a moment ago is unknown, so the present TTL stands for the old one.
    const ttl =
      before === undefined
        ? seconds(Math.max(seen.aliasTtl, ...answers.map((said) => said.ttl)))
        : ttlOld(record, horizon, seen, scene.policy);
    return [{ record, since: scene.now, ttl }];
  });
}

/** Folds one look at an owner name into what is known of it. `now` is taken after the observation was complete. */
export function foldOwner(
  before: OwnerState | undefined,
  seen: SeenOwner,
  scene: { readonly policy: Policy; readonly rules: Rules; readonly now: Instant },
): OwnerState {
  const moved = before !== undefined && before.finalOwner !== seen.finalOwner;
  const known = moved ? undefined : before;
  const servers = seen.servers.map((server) =>
    foldServer(
      server,
      known?.servers.find((other) => other.server === server.server && other.address === server.address),
      scene.now,
    ),
  );
  // What has not come yet can still come.
  const deleted = without(known?.leaving ?? [], known?.coming ?? []).filter((record) => isNowhere({ servers }, record));
  const owner = {
    owner: seen.owner,
    finalOwner: seen.finalOwner,
    zone: seen.zone,
    aliasTtl: seen.aliasTtl,
    ours: without(known?.ours ?? [], deleted),
    coming: without(known?.coming ?? [], servedRecords({ servers })),
    leaving: without(known?.leaving ?? [], deleted),
    servers,
    reverted: known?.reverted ?? 0,
  };
  // While the old CNAME is cached, clients go on asking for the RRset that it led to.
  const entries = moved
    ? before.horizon.map((entry) => ({ ...entry, servedUntil: addSeconds(scene.now, before.aliasTtl) }))
    : (before?.horizon ?? []);
  const horizon = foldHorizon(owner, entries, known?.servers ?? [], scene);
  return { ...owner, horizon, clocks: foldClocks(horizon, known && { ...known, leaving: owner.leaving }, seen, scene) };
}

/** Counts an RRset that we are about to ask for as served from now on, whatever becomes of the update. */
export function expectRrset(owner: OwnerState, records: readonly RecordText[], ttl: Seconds, now: Instant): OwnerState {
  const isIt = (entry: HorizonEntry): boolean => entry.ttl === ttl && sameSet(entry.records, records);
  const known = owner.horizon.find((entry) => isIt(entry) && entry.servedUntil === null);
  const others = owner.horizon.filter((entry) => !isIt(entry));
  const entry: HorizonEntry = {
    records: union(records),
    ttl,
    // Anew, where servers show it no more.
    appearedAt: now,
    servedUntil: null,
    seen: known?.seen ?? false,
  };
  return { ...owner, horizon: [...others, entry] };
}

/** After the clock was set: every wait starts again at `now`. */
export function restartClocks(owner: OwnerState, now: Instant): OwnerState {
  return {
    ...owner,
    clocks: owner.clocks.map((clock) => ({ ...clock, since: now })),
    horizon: owner.horizon.map((entry) => ({
      ...entry,
      appearedAt: instant(Math.min(entry.appearedAt, now)),
      servedUntil: entry.servedUntil === null ? null : now,
    })),
    servers: owner.servers.map((server) => ({
      ...server,
      conditionSince: instant(Math.min(server.conditionSince, now)),
      answeredAt: server.answeredAt === null ? null : instant(Math.min(server.answeredAt, now)),
    })),
  };
}
