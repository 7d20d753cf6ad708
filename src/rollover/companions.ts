/**
 * Units that share a service: one certificate for each kind of key (RSA beside ECDSA), each with a rollover of its own,
 * and one TLSA RRset for both. Each unit is proven by the clients of its kind alone. What they must know of each other:
 *
 * - A first RRset binds the clients of every kind at once, and so does a new combination (RFC 7671 §8). Neither can be
 *   published by one unit for itself alone: whoever comes first publishes the other's records in the same update.
 * - What one of them has published, the other may need (their own records, the issuer's that both want). A record that a
 *   companion wants is not removed; a unit takes over what it wants and a companion published, and that one then lets go.
 * - What one has seen or asked for at the owner name (cached RRsets, records coming or leaving) is so for the other.
 *
 * The driver lets companions look one after the other, and each sees the others as they were last saved.
 */
import { instant, seconds } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import type { ChainFacts, RecordText } from "./chain.ts";
import type { Observation } from "./observation.ts";
import { sameSet, union } from "./records.ts";
import type { HorizonEntry, OwnerState, RolloverState } from "./state.ts";
import { relevantChains } from "./turn.ts";

/** Another unit, as last saved. */
export interface Companion {
  readonly certificate: string;
  /** Every TLSA owner name that it serves. */
  readonly names: readonly DomainName[];
  /** The chains whose records must be in DNS in its present phase. */
  readonly chains: readonly ChainFacts[];
  readonly owners: readonly OwnerState[];
  /** Records of keys that it publishes ahead. */
  readonly standby: readonly RecordText[];
  /** Its records are to go for good. */
  readonly leaves: boolean;
  /** Null: it has never been looked at. */
  readonly lastStepAt: Instant | null;
}

/** A unit as its companions see it; `state` null: it has none yet. */
export function companionOf(certificate: string, names: readonly DomainName[], state: RolloverState | null): Companion {
  if (state === null) {
    return { certificate, names, chains: [], owners: [], standby: [], leaves: false, lastStepAt: null };
  }
  const leaves = state.teardown !== null;
  const relevant = relevantChains(state.phase);
  return {
    certificate,
    names,
    chains: state.chains.filter(({ id }) => relevant.includes(id)),
    owners: state.owners,
    standby: union(...state.standby.map(({ records }) => records), []),
    leaves,
    lastStepAt: state.lastStepAt,
  };
}

type Name = Pick<OwnerState, "owner" | "finalOwner">;

function ownersAt(companion: Companion, { owner, finalOwner }: Name): readonly OwnerState[] {
  return companion.owners.filter((one) => one.owner === owner || one.finalOwner === finalOwner);
}

/** Those that share an owner name. */
export function companionsAt(observation: Observation, owner: Name): readonly Companion[] {
  return (observation.companions ?? []).filter(
    (companion) => companion.names.includes(owner.owner) || ownersAt(companion, owner).length > 0,
  );
}

/** The records that companions want at an owner name. */
export function companionRecords(observation: Observation, owner: Name): readonly RecordText[] {
  const staying = companionsAt(observation, owner).filter(({ leaves }) => !leaves);
  return union(...staying.flatMap(({ chains, standby }) => [...chains.map(({ records }) => records), standby]), []);
}

/** What companions have published there. */
export function companionsPublished(observation: Observation, owner: Name): readonly RecordText[] {
  const owners = companionsAt(observation, owner).flatMap((companion) => ownersAt(companion, owner));
  return union(...owners.map(({ ours }) => ours), []);
}

/** Takes over what `wanted` holds and a companion published; lets go of what a companion wants and has taken over. */
export function settleOwnership(
  owner: OwnerState,
  observation: Observation,
  wanted: readonly RecordText[],
): OwnerState {
  const published = companionsPublished(observation, owner);
  if (published.length === 0) return owner;
  const theirs = companionRecords(observation, owner).filter((record) => published.includes(record));
  const kept = owner.ours.filter((record) => wanted.includes(record) || !theirs.includes(record));
  return {
    ...owner,
    ours: union(
      kept,
      wanted.filter((record) => published.includes(record)),
    ),
  };
}

/**
 * The state with what companions have learnt of the owner names since this unit last looked.
 *
 * Each look begins with the account of whoever looked last before, and adds what it sees: so that account is the whole
 * story of all of them, also of what has been forgotten since by right.
 */
export function withNews(before: RolloverState, observation: Observation, isNew: boolean): RolloverState {
  const since = isNew ? -Infinity : before.lastStepAt;
  const news = (observation.companions ?? []).flatMap((companion): readonly News[] =>
    companion.lastStepAt !== null && companion.lastStepAt >= since ? [{ companion, at: companion.lastStepAt }] : [],
  );
  if (news.length === 0) return before;
  const known = before.owners.map((owner) => {
    const accounts = latest(
      news.flatMap(({ companion, at }) =>
        ownersAt(companion, owner)
          .filter(({ finalOwner }) => finalOwner === owner.finalOwner)
          .map((account) => ({ account, at })),
      ),
    );
    const [first] = accounts;
    const isLater = first !== undefined && first.at > since;
    return accounts.map(({ account }) => account).reduce(mergeOwner, isLater ? takeOver(owner, first.account) : owner);
  });
  const names = new Set<DomainName>(known.map(({ owner }) => owner));
  const added = observation.owners
    .filter(({ owner }) => !names.has(owner))
    .flatMap(({ owner }): readonly OwnerState[] => {
      const accounts = latest(
        news.flatMap(({ companion, at }) =>
          companion.owners.filter((one) => one.owner === owner).map((account) => ({ account, at })),
        ),
      );
      const [first, ...more] = accounts.map(({ account }) => account);
      // Nothing there is ours, and every wait begins anew; what caches may hold and what is on its way stays.
      return first === undefined ? [] : [more.reduce(mergeOwner, { ...first, ours: [], clocks: [], reverted: 0 })];
    });
  return { ...before, owners: [...known, ...added] };
}

interface Account {
  readonly account: OwnerState;
  readonly at: Instant;
}

/** Those of the last look; several where looks were at the same instant. */
function latest(accounts: readonly Account[]): readonly Account[] {
  const last = Math.max(...accounts.map(({ at }) => at));
  return accounts.filter(({ at }) => at === last);
}

interface News {
  readonly companion: Companion;
  readonly at: Instant;
}

/** The account of the last who looked, in the place of an older one; waits run from the later of both beginnings. */
function takeOver(owner: OwnerState, account: OwnerState): OwnerState {
  const { coming, leaving, horizon, servers } = account;
  const clocks = owner.clocks.flatMap((clock) => {
    const theirs = account.clocks.find(({ record }) => record === clock.record);
    // Its clock stands still when a server regressed meanwhile: then so does this one.
    if (theirs === undefined) return [];
    const ttl = seconds(Math.max(clock.ttl, theirs.ttl));
    return [{ ...clock, since: instant(Math.max(clock.since, theirs.since)), ttl }];
  });
  return { ...owner, coming, leaving, horizon, servers, clocks };
}

function mergeOwner(owner: OwnerState, other: OwnerState): OwnerState {
  if (owner.finalOwner !== other.finalOwner) return owner;
  return {
    ...owner,
    coming: union(owner.coming, other.coming),
    leaving: union(owner.leaving, other.leaving),
    horizon: other.horizon.reduce(mergeEntry, owner.horizon),
  };
}

/** Of two accounts of one RRset the one counts under which caches hold it longer. */
function mergeEntry(horizon: readonly HorizonEntry[], entry: HorizonEntry): readonly HorizonEntry[] {
  const same = (one: HorizonEntry): boolean => one.ttl === entry.ttl && sameSet(one.records, entry.records);
  const known = horizon.find(same);
  if (known === undefined) return [...horizon, entry];
  const never = known.servedUntil === null || entry.servedUntil === null;
  const merged: HorizonEntry = {
    ...known,
    servedUntil: never ? null : instant(Math.max(known.servedUntil, entry.servedUntil)),
    seen: known.seen || entry.seen,
  };
  return horizon.map((one) => (same(one) ? merged : one));
}
