/** What may happen in the virtual world, as data small enough to shrink and to read. */
import fc from "fast-check";
import { instant } from "../../../src/base/time.ts";
import { chain, recordsOf } from "./chains.ts";
import type { Parameters } from "./chains.ts";
import { GARBAGE } from "./world.ts";
import type { World } from "./world.ts";

/** Where a tick dies: before anything is saved, after the intent is saved, or after so many of its actions. */
export type Crash = "no" | "before-save" | "before-perform" | "after-first-action" | "before-record";

/** What the ACME client, the outside and other people do. */
const EVENTS = [
  "renew",
  "renew-same-key",
  "renew-old-key",
  "renew-issuer",
  "renew-early",
  "source-back",
  "source-fails",
  "silence",
  "server-dies",
  "server-added",
  "server-relapses",
  "zone-unknown",
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
] as const;
const VERBS = ["hold", "resume", "abort"] as const;

export type Event = (typeof EVENTS)[number] | (typeof VERBS)[number];

export interface Incident {
  /** In ticks from the start. */
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
  readonly parameters: Parameters;
  readonly before: readonly ("garbage" | "live")[];
  readonly tickEvery: number;
  readonly lags: readonly number[];
  readonly workers: readonly number[];
  readonly incidents: readonly Incident[];
  readonly crashes: readonly Crash[];
}

const ttls = fc.constantFrom(20, 60, 120, 300);
const parameters = fc.constantFrom<Parameters>("311", "311", "311+211", "211", "312");

const event = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<Event>("renew", "renew-same-key", "renew-issuer") },
  { weight: 5, arbitrary: fc.constantFrom<Event>(...EVENTS) },
  { weight: 1, arbitrary: fc.constantFrom<Event>(...VERBS) },
);

const incident = fc.record({
  at: fc.integer({ min: 0, max: 50 }),
  what: event,
  amount: fc.integer({ min: 1, max: 500 }),
});

const crash = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Crash>("no") },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Crash>("before-save", "before-perform", "after-first-action", "before-record"),
  },
);

export const histories: fc.Arbitrary<History> = fc.record({
  owners: fc.integer({ min: 1, max: 2 }),
  shared: fc.boolean(),
  servers: fc.integer({ min: 1, max: 3 }),
  hiddenPrimary: fc.boolean(),
  hosts: fc.integer({ min: 1, max: 2 }),
  peers: fc.constantFrom(0, 0, 1),
  ttl: ttls,
  publishTtl: ttls,
  negativeTtl: ttls,
  aliasTtl: fc.constantFrom(0, 0, 60, 300),
  parameters,
  before: fc.subarray(["garbage" as const, "live" as const]),
  tickEvery: fc.constantFrom(15, 30, 60),
  lags: fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 3 }),
  workers: fc.array(fc.integer({ min: 0, max: 120 }), { minLength: 1, maxLength: 2 }),
  incidents: fc.array(incident, { minLength: 1, maxLength: 7 }),
  crashes: fc.array(crash, { maxLength: 55 }),
});

function renewal(world: World, serial: number, change: { key?: number; issuer?: number; early?: number }): void {
  const { leaf, issuer } = world.planOf(world.source);
  const notBefore = instant(world.wall() + (change.early ?? 0) * 1000);
  world.renew(chain({ certificate: serial, key: change.key ?? leaf, issuer: change.issuer ?? issuer, notBefore }));
}

/** Lets it happen. `serial` is fresh for each incident. Verbs of the operator are not for the world. */
export function happen(world: World, { what, amount }: Incident, serial: number): void {
  const owner = world.owners[amount % world.owners.length];
  if (owner === undefined) return;
  const zone = owner.target;
  const inMilliseconds = world.now + amount * 1000;
  switch (what) {
    case "renew": {
      renewal(world, serial, { key: serial });
      return;
    }
    case "renew-same-key": {
      renewal(world, serial, {});
      return;
    }
    case "renew-old-key": {
      renewal(world, serial, { key: 1 + (amount % serial) });
      return;
    }
    case "renew-issuer": {
      renewal(world, serial, { issuer: 900 + (amount % 3), ...(amount % 2 === 0 ? { key: serial } : {}) });
      return;
    }
    case "renew-early": {
      renewal(world, serial, { key: serial, early: amount });
      return;
    }
    case "source-back":
      if (world.deployed !== null) world.source = world.chains.get(world.deployed) ?? world.source;
      return;
    case "source-fails":
      world.sourceFails = true;
      return;
    case "silence": {
      const server = zone.servers[amount % zone.servers.length];
      if (server) server.silentUntil = inMilliseconds;
      return;
    }
    case "server-dies": {
      const server = zone.servers[amount % zone.servers.length];
      // Not one that is ahead of the others: what it alone has would turn up in them later, as if from nowhere.
      if (server && zone.calm() && zone.servers.some((other) => other !== server && !other.dead)) server.dead = true;
      return;
    }
    case "server-added": {
      zone.addServer();
      return;
    }
    case "server-relapses": {
      zone.relapse(amount, amount % 3, 1 + (amount % 4));
      return;
    }
    case "zone-unknown":
      owner.blindUntil = inMilliseconds;
      return;
    case "alias-moves":
      // From servers that were never heard nobody learns what caches hold.
      if (zone.servers.some((server) => server.silentUntil > world.now)) return;
      {
        world.moveAlias(owner, amount % 3 > 0);
        return;
      }
    case "host-down": {
      const host = world.hosts[amount % world.hosts.length];
      if (host) host.downUntil = inMilliseconds;
      return;
    }
    case "peers-follow": {
      world.peersFollow();
      return;
    }
    case "reload-breaks":
      world.reloadFails = true;
      return;
    case "publisher-breaks":
      world.publisher = "refuses";
      return;
    case "publisher-mute":
      world.publisher = "mute";
      return;
    case "mended": {
      world.mend();
      return;
    }
    case "ttl-edited": {
      zone.edit([], [], [20, 60, 120, 300][amount % 4]);
      return;
    }
    case "record-deleted": {
      // Of what was never seen before it went, nobody knows that caches hold it.
      if (owner.blindUntil > world.now) return;
      const record = zone.primary.records[amount % Math.max(1, zone.primary.records.length)];
      zone.edit([], record === undefined ? [] : [record]);
      return;
    }
    case "record-added": {
      const facts = [...world.chains.values()][amount % world.chains.size];
      if (facts === undefined) return;
      const added = recordsOf(facts, "311");
      if (!world.breaks([...zone.primary.records, ...added])) zone.edit(added, []);
      return;
    }
    case "garbage-edited":
      if (zone.primary.records.includes(GARBAGE)) zone.edit([], [GARBAGE]);
      else zone.edit([GARBAGE], []);
      return;
    case "files-lost":
      for (const id of world.stored) if (id !== world.deployed) world.stored.delete(id);
      return;
    case "link-moved":
      if (world.deployed !== null) world.deployed = [...world.stored][amount % world.stored.size] ?? world.deployed;
      return;
    case "clock-jumps":
      world.clockError += (amount % 2 === 0 ? -1 : 1) * (15 + amount * 7) * 1000;
      return;
    case "reconfigured":
      world.parameters = (["311", "311+211", "211", "312"] as const)[amount % 4] ?? world.parameters;
      return;
    case "state-lost":
    case "hold":
    case "resume":
    case "abort":
      return;
  }
}

/** Histories in which clients that know one combination alone may be let down by what other people do. */
export function isStrict(history: History): boolean {
  const lax: readonly Event[] = ["reconfigured", "record-added", "record-deleted", "server-relapses", "state-lost"];
  return history.peers === 0 && !history.incidents.some((one) => lax.includes(one.what));
}
