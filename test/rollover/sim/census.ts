/** What the played histories were made of: a property that holds because nothing happened proves nothing. */
import type { History } from "./history.ts";
import type { Run } from "./drive.ts";

/**
 * Kinds of histories, and how many of a hundred must at least be of the kind. Counted is what took place, not what was
 * drawn: an abort that did not apply, or a crash with nothing to do, is none.
 */
export const KINDS = {
  "a renewal was deployed": 70,
  "records were withdrawn": 40,
  "a wait for caches": 45,
  "killed before it saved": 5,
  "killed between saving and acting": 3,
  "killed between two acts, or before it noted what it did": 5,
  "two renewals in one rollover": 8,
  "a renewal with another issuer": 10,
  "a key that was published ahead came to be used": 2,
  "the clock was set": 2,
  "a name server regressed, or a record vanished": 1.5,
  "a hidden primary": 30,
  "servers that lag": 40,
  "several addresses": 50,
  "a peer behind the same name": 20,
  "caches with a floor": 15,
  "other parameters": 3,
  "an operator's hold": 3,
  "an abort": 1,
  "a rollback": 1,
  "a teardown": 1,
  "an emergency": 3,
  "an override": 1,
  "frozen for a while": 2,
  "a lost state": 1,
  "a refusal was lifted": 20,
} as const;

export type Kind = keyof typeof KINDS;

/** Whether the rollover got anywhere beyond its enrolment. */
export function counts({ census }: Run): boolean {
  return census.has("announcing") || census.has("withdraw") || (census.get("deploy") ?? 0) > 1;
}

export function kindsOf(history: History, { census, world }: Run): readonly Kind[] {
  const someOf = (...names: readonly string[]): boolean => names.some((one) => census.has(one));
  const has = (...names: readonly string[]): boolean => history.incidents.some(({ what }) => names.includes(what));
  const renewed = world.swaps.slice(1);
  const leaves = renewed.map(({ chain }) => world.chains.get(chain)?.certificates[0]?.spkiSha256.slice(-3));
  const tests: Readonly<Record<Kind, boolean>> = {
    "a renewal was deployed": renewed.length > 0,
    "records were withdrawn": someOf("withdraw"),
    "a wait for caches": someOf("seen-everywhere"),
    "killed before it saved": someOf("crash before-save"),
    "killed between saving and acting": someOf("crash before-perform"),
    "killed between two acts, or before it noted what it did": someOf(
      "crash after-first-action",
      "crash before-record",
    ),
    "two renewals in one rollover": someOf("superseded"),
    "a renewal with another issuer": has("renew-issuer") && renewed.length > 0,
    // Numbers from 499 on are those of keys that are published ahead.
    "a key that was published ahead came to be used":
      history.ahead && leaves.some((key) => Number.parseInt(key ?? "0", 16) >= 499),
    "the clock was set": someOf("clock-set"),
    "a name server regressed, or a record vanished": someOf("regressed", "record-vanished"),
    "a hidden primary": history.hiddenPrimary,
    "servers that lag": history.lags.some((lag) => lag > history.tickEvery) && history.servers > 1,
    "several addresses": history.hosts + history.peers > 1,
    "a peer behind the same name": history.peers > 0,
    "caches with a floor": history.cacheFloor > 0,
    "other parameters": has("reconfigured"),
    "an operator's hold": someOf("hold"),
    "an abort": someOf("abort"),
    "a rollback": someOf("roll-back"),
    "a teardown": someOf("torn-down"),
    "an emergency": someOf("emergency"),
    "an override": someOf("overridden"),
    "frozen for a while": has("freeze"),
    "a lost state": someOf("state-lost"),
    "a refusal was lifted": someOf("lifted"),
  };
  return Object.entries(tests).flatMap(([kind, is]) => (is && isKind(kind) ? [kind] : []));
}

function isKind(text: string): text is Kind {
  return text in KINDS;
}

/** A table for people: how many of a hundred histories were of each kind. */
export function describeCensus(found: ReadonlyMap<Kind, number>, runs: number): string {
  const rows = [...found].sort(([, left], [, right]) => right - left);
  return rows.map(([kind, count]) => `${((100 * count) / runs).toFixed(1).padStart(6)} %  ${kind}`).join("\n");
}

/** Kinds so rare among `runs` that they prove nothing. */
export function rareKinds(found: ReadonlyMap<Kind, number>, runs: number): readonly string[] {
  return Object.entries(KINDS).flatMap(([kind, least]) => {
    const share = isKind(kind) ? (100 * (found.get(kind) ?? 0)) / runs : 0;
    return share >= least
      ? []
      : [`${kind}: ${share.toFixed(2)} % of the histories, at least ${String(least)} are needed`];
  });
}
