/** The figures that an operator is told before a verb is carried out, out of saved state alone. */
import { addSeconds, instant, seconds } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { CachedSet, Outlook } from "../report/steer-model.ts";
import type { ChainFacts, RecordText } from "../rollover/chain.ts";
import { entryExpires, recordState } from "../rollover/horizon.ts";
import type { Policy } from "../rollover/policy.ts";
import { clientAccepts, without } from "../rollover/records.ts";
import { RULES } from "../rollover/rules.ts";
import type { OwnerState, RolloverState } from "../rollover/state.ts";

/** About the chain that the phase leads to; where none is on its way, about a renewal with a new key. */
export function outlookOf(state: RolloverState, policy: Policy, now: Instant): Outlook {
  const target = targetOf(state);
  const { owners } = state;
  const ready = target === null ? [] : owners.map((owner) => knownAt(owner, target.records, policy));
  const isCounting = ready.length > 0 && ready.every((at) => at !== null);
  const last = owners.flatMap((owner) =>
    cachedSets(owner, policy).map((set) => set.until ?? addSeconds(now, set.lifetime)),
  );
  return {
    readyAt: isCounting ? instant(Math.max(...ready)) : null,
    wait: seconds(Math.max(...owners.map((owner) => waitAt(owner, target, policy)), agedAfter(policy.ttl, policy))),
    refusing: target === null ? [] : owners.flatMap((owner) => refusingSets(owner, target, policy)),
    forgottenAt: instant(Math.max(now, ...last)),
    standby: state.standby.map(({ spkiSha256, records }) => ({
      spkiSha256,
      everywhere:
        owners.length > 0 &&
        owners.every((owner) => records.every((record) => recordState(owner, record) === "omnipresent")),
    })),
  };
}

/** What is to be live next; while the swap is proven, what is live. */
function targetOf({ phase, chains }: RolloverState): ChainFacts | null {
  const active = phase.phase === "held" ? phase.resume : phase;
  if (active.phase === "stable") return null;
  const id = "next" in active ? active.next : active.current;
  return chains.find((chain) => chain.id === id) ?? null;
}

function agedAfter(ttl: number, policy: Policy): number {
  return RULES.agingTime(seconds(ttl), policy);
}

function knownAt(owner: OwnerState, records: readonly RecordText[], policy: Policy): Instant | null {
  let latest = 0;
  for (const record of records) {
    const clock = owner.clocks.find((one) => one.record === record);
    if (clock === undefined) return null;
    latest = Math.max(latest, addSeconds(clock.since, RULES.agingTime(clock.ttl, policy)));
  }
  return instant(latest);
}

/** The largest TTL of what lacks a record of the chain decides, as it does when the clock starts. */
function waitAt(owner: OwnerState, target: ChainFacts | null, policy: Policy): number {
  const lacking = owner.horizon.filter(({ records }) => target === null || without(target.records, records).length > 0);
  return agedAfter(Math.max(owner.aliasTtl, policy.cacheFloor, ...lacking.map(({ ttl }) => ttl)), policy);
}

/** The RRsets that caches may hold; that there are none is no RRset. */
function cachedSets(owner: OwnerState, policy: Policy): readonly CachedSet[] {
  return owner.horizon
    .filter(({ records }) => records.length > 0)
    .map((entry) => ({
      owner: owner.owner,
      records: entry.records,
      until: entryExpires(entry, owner, policy, RULES),
      lifetime: RULES.cacheLifetime(seconds(Math.max(entry.ttl, owner.aliasTtl)), policy),
    }));
}

function refusingSets(owner: OwnerState, target: ChainFacts, policy: Policy): readonly CachedSet[] {
  return cachedSets(owner, policy).filter(({ records }) => !clientAccepts(records, target.certificates));
}
