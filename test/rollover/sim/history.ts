/** What may happen in the virtual world, as data small enough to shrink and to read. */
import fc from "fast-check";
import type { Parameters } from "./chains.ts";

/** Where a tick dies: before anything is saved, after the intent is saved, or after so many of its actions. */
export type Crash = "no" | "before-save" | "before-perform" | "after-first-action" | "before-record";

const RENEWALS = ["renew", "renew-same-key", "renew-old-key", "renew-issuer", "renew-early", "renew-standby"] as const;

/** What the ACME client, the outside and other people do. */
const EVENTS = [
  ...RENEWALS,
  "source-back",
  "source-fails",
  "standby-burned",
  "standby-fails",
  "silence",
  "server-dies",
  "server-added",
  "server-relapses",
  "zone-unknown",
  "resolver-changes",
  "alias-moves",
  "host-down",
  "peers-follow",
  "reload-breaks",
  "publisher-breaks",
  "publisher-mute",
  "mended",
  "ttl-edited",
  "record-deleted",
  "record-added",
  "garbage-edited",
  "files-lost",
  "link-moved",
  "state-lost",
  "clock-jumps",
  "reconfigured",
  "freeze",
  "thaw",
] as const;
const VERBS = ["hold", "resume", "abort", "roll-back", "tear-down", "emergency", "override"] as const;

export type WorldEvent = (typeof EVENTS)[number];
export type Verb = (typeof VERBS)[number];
export type Event = WorldEvent | Verb;

export function isVerb(event: Event): event is Verb {
  return VERBS.some((verb) => verb === event);
}

export interface Incident {
  /** In ticks of cron from the start. */
  readonly at: number;
  readonly what: Event;
  /** Means something else for each event. */
  readonly amount: number;
}

export interface History {
  readonly owners: number;
  readonly shared: boolean;
  readonly servers: number;
  readonly hiddenPrimary: boolean;
  readonly hosts: number;
  readonly peers: number;
  readonly ttl: number;
  readonly publishTtl: number;
  readonly negativeTtl: number;
  readonly aliasTtl: number;
  /** The shortest time for which caches of this world keep anything; the policy knows it. */
  readonly cacheFloor: number;
  readonly parameters: Parameters;
  /** Records of the next key are published before a certificate has it. */
  readonly ahead: boolean;
  readonly before: readonly ("garbage" | "live")[];
  /** How often cron starts the program, in seconds. */
  readonly tickEvery: number;
  /** Ticks of cron between two looks while something is under way, and while nothing is. */
  readonly pollEvery: number;
  /** Seconds that pass between a look, the step and each of its actions. */
  readonly slowness: number;
  readonly lags: readonly number[];
  readonly workers: readonly number[];
  readonly incidents: readonly Incident[];
  readonly crashes: readonly Crash[];
}

/** How many ticks of cron a history lasts before everything is mended. */
export const SLOTS = 26;

const ttls = fc.constantFrom(20, 60, 120, 300);
const parameters = fc.constantFrom<Parameters>("311", "311", "311", "311+211", "211", "312", "301", "201");
const at = fc.integer({ min: 0, max: SLOTS - 4 });
const amount = fc.integer({ min: 1, max: 500 });

const event = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<Event>("renew", "renew-same-key", "renew-issuer", "renew-standby") },
  { weight: 6, arbitrary: fc.constantFrom<Event>(...EVENTS) },
  { weight: 2, arbitrary: fc.constantFrom<Event>(...VERBS.filter((verb) => verb !== "override")) },
);

const renewal = fc.record({ at, what: fc.constantFrom<Event>(...RENEWALS), amount });
const others = fc.array(fc.record({ at, what: event, amount }), { minLength: 0, maxLength: 6 });
/** The operator lifts a gate in few of them: no more can then be asked of the core than that it comes to rest. */
const overrides = fc.oneof(
  { weight: 14, arbitrary: fc.constant<readonly Incident[]>([]) },
  { weight: 1, arbitrary: fc.record({ at, what: fc.constant<Event>("override"), amount }).map((one) => [one]) },
);

const crash = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Crash>("no") },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Crash>("before-save", "before-perform", "after-first-action", "before-record"),
  },
);

/** Each has at least one renewal. */
export const histories: fc.Arbitrary<History> = fc.record({
  owners: fc.constantFrom(1, 1, 2),
  shared: fc.boolean(),
  servers: fc.constantFrom(1, 2, 2, 3),
  hiddenPrimary: fc.boolean(),
  hosts: fc.integer({ min: 1, max: 2 }),
  peers: fc.constantFrom(0, 0, 1),
  ttl: ttls,
  publishTtl: ttls,
  negativeTtl: ttls,
  aliasTtl: fc.constantFrom(0, 0, 60, 300),
  cacheFloor: fc.constantFrom(0, 0, 0, 90),
  parameters,
  ahead: fc.constantFrom(false, false, true),
  before: fc.subarray(["garbage" as const, "live" as const]),
  tickEvery: fc.constantFrom(20, 40, 60, 120),
  pollEvery: fc.constantFrom(1, 1, 2, 4),
  slowness: fc.constantFrom(0, 0, 1, 4),
  lags: fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 3 }),
  workers: fc.array(fc.integer({ min: 0, max: 120 }), { minLength: 1, maxLength: 2 }),
  incidents: fc.tuple(renewal, others, overrides).map(([first, more, last]) => [first, ...more, ...last]),
  crashes: fc.array(crash, { maxLength: SLOTS }),
});

/** Histories in which clients that know one combination alone may be let down by what other people do. */
export function isStrict(history: History): boolean {
  const lax: readonly Event[] = ["reconfigured", "record-added", "record-deleted", "server-relapses", "state-lost"];
  return history.peers === 0 && !history.incidents.some((one) => lax.includes(one.what));
}
