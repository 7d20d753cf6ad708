/** What each event of a history does to the virtual world. */
import { instant } from "../../../src/base/time.ts";
import type { RecordText } from "../../../src/rollover/chain.ts";
import { chain, PARAMETERS, recordsOf } from "./chains.ts";
import type { Parameters } from "./chains.ts";
import type { Incident, WorldEvent } from "./history.ts";
import { GARBAGE } from "./world.ts";
import type { Owner, Resolver, World } from "./world.ts";
import type { Zone } from "./zone.ts";

interface Moment {
  readonly world: World;
  readonly amount: number;
  /** Fresh for each incident. */
  readonly serial: number;
  readonly owner: Owner;
  readonly zone: Zone;
  /** So many seconds from now, in milliseconds. */
  readonly later: number;
}

export function renewal(
  world: World,
  serial: number,
  change: { readonly key?: number; readonly issuer?: number; readonly early?: number },
): void {
  const { leaf, issuer } = world.planOf(world.source);
  const notBefore = instant(world.wall() + (change.early ?? 0) * 1000);
  world.renew(chain({ certificate: serial, key: change.key ?? leaf, issuer: change.issuer ?? issuer, notBefore }));
}

/** The keys that are published ahead have numbers of their own. */
const AHEAD = 500;

/** The next certificate has the key that was published ahead, and the key after that takes its place. */
function renewAhead({ world, serial }: Moment): void {
  const [key, ...others] = world.standby ?? [];
  renewal(world, serial, { key: key ?? serial });
  if (key !== undefined) world.readyKeys([...others, AHEAD + serial]);
}

function choice<Value>(values: readonly Value[], amount: number): Value | undefined {
  return values[amount % values.length];
}

/** What was there before the first look nobody can know, nor what a server had that answers no more. */
const HAPPENINGS: Readonly<Record<Exclude<WorldEvent, "state-lost">, (moment: Moment) => void>> = {
  renew: ({ world, serial }) => {
    renewal(world, serial, { key: serial });
  },
  "renew-same-key": ({ world, serial }) => {
    renewal(world, serial, {});
  },
  "renew-old-key": ({ world, serial, amount }) => {
    renewal(world, serial, { key: 1 + (amount % serial) });
  },
  "renew-issuer": ({ world, serial, amount }) => {
    renewal(world, serial, { issuer: 900 + (amount % 3), ...(amount % 2 === 0 ? { key: serial } : {}) });
  },
  "renew-early": ({ world, serial, amount }) => {
    renewal(world, serial, { key: serial, early: amount });
  },
  "renew-standby": renewAhead,
  "source-back": ({ world }) => {
    if (world.deployed !== null) world.source = world.chains.get(world.deployed) ?? world.source;
  },
  "source-fails": ({ world }) => {
    world.sourceFails = true;
  },
  "standby-burned": ({ world, serial }) => {
    if (world.standby !== null) world.readyKeys([...world.standby.slice(1), AHEAD + serial]);
  },
  "standby-fails": ({ world }) => {
    world.standbyFails = true;
  },
  silence: ({ zone, amount, later }) => {
    const server = choice(zone.servers, amount);
    if (server) server.silentUntil = later;
  },
  "server-dies": ({ zone, amount }) => {
    const server = choice(zone.servers, amount);
    // Not one that is ahead of the others: what it alone has would turn up in them later, as if from nowhere.
    if (server && zone.calm() && zone.servers.some((other) => other !== server && !other.dead)) server.dead = true;
  },
  "server-added": ({ zone }) => {
    zone.addServer();
    zone.note();
  },
  "server-relapses": ({ zone, amount }) => {
    zone.relapse(amount, amount % 3, 1 + (amount % 4));
  },
  "zone-unknown": ({ owner, later }) => {
    owner.blindUntil = later;
  },
  "resolver-changes": ({ world, amount }) => {
    world.resolver = choice<Resolver>(["stale", "bogus", "insecure", "fresh"], amount) ?? "fresh";
  },
  "alias-moves": ({ world, owner, zone, amount }) => {
    // From servers that were never heard nobody learns what caches hold.
    if (zone.servers.some((server) => server.silentUntil > world.now)) return;
    world.moveAlias(owner, amount % 3 > 0);
  },
  "host-down": ({ world, amount, later }) => {
    const host = choice(world.hosts, amount);
    if (host) host.downUntil = later;
  },
  "peers-follow": ({ world }) => {
    peersFollow(world);
  },
  "reload-breaks": ({ world }) => {
    world.reloadFails = true;
  },
  "publisher-breaks": ({ world }) => {
    world.publisher = "refuses";
  },
  "publisher-mute": ({ world }) => {
    world.publisher = "mute";
  },
  mended: ({ world }) => {
    mend(world);
  },
  "ttl-edited": ({ zone, amount }) => {
    zone.edit([], [], choice([20, 60, 120, 300], amount));
  },
  "record-deleted": ({ world, owner, zone, amount }) => {
    // Of what was never seen before it went, nobody knows that caches hold it.
    if (owner.blindUntil > world.now) return;
    const record = choice(zone.primary.records, amount);
    zone.edit([], record === undefined ? [] : [record]);
  },
  "record-added": ({ world, zone, amount }) => {
    const facts = choice([...world.chains.values()], amount);
    if (facts === undefined) return;
    const added = recordsOf(facts, "311");
    if (!world.breaks([...zone.primary.records, ...added])) zone.edit(added, []);
  },
  "garbage-edited": ({ zone }) => {
    if (zone.primary.records.includes(GARBAGE)) zone.edit([], [GARBAGE]);
    else zone.edit([GARBAGE], []);
  },
  "files-lost": ({ world }) => {
    for (const id of world.stored) if (id !== world.deployed) world.stored.delete(id);
  },
  // Nobody moves it to a chain whose records are being withdrawn: clients would refuse it at once.
  "link-moved": ({ world, amount }) => {
    const safe = [...world.stored].filter((id) => !world.isBeingWithdrawn(id));
    if (world.deployed !== null) world.deployed = choice(safe, amount) ?? world.deployed;
  },
  "clock-jumps": ({ world, amount }) => {
    const some = (amount % 2 === 0 ? -1 : 1) * (15 + amount * 7);
    world.clockError += (amount % 5 === 0 ? 86_400 : some) * 1000;
  },
  reconfigured: ({ world, amount }) => {
    const kinds = Object.keys(PARAMETERS).filter((kind): kind is Parameters => kind in PARAMETERS);
    world.parameters = choice(kinds, amount) ?? world.parameters;
  },
  freeze: ({ world }) => {
    world.frozen = true;
  },
  thaw: ({ world }) => {
    world.frozen = false;
  },
};

/** Lets it happen. */
export function happen(world: World, what: Exclude<WorldEvent, "state-lost">, amount: number, serial: number): void {
  const owner = choice(world.owners, amount);
  if (owner === undefined) return;
  HAPPENINGS[what]({ world, amount, serial, owner, zone: owner.target, later: world.now + amount * 1000 });
  world.check();
}

/** Whether a hook, or the stamp of a file, starts the program when this happens. */
export function wakes({ what }: Incident): boolean {
  return what.startsWith("renew") || what === "source-back" || what === "reconfigured";
}

/** Whatever the operator or time can mend. */
export function mend(world: World): void {
  world.reloadFails = false;
  world.publisher = "works";
  world.sourceFails = false;
  world.standbyFails = false;
  world.resolver = "fresh";
  world.frozen = false;
}

/** Peers take over what all our hosts present. */
export function peersFollow(world: World): void {
  const own = world.hosts.filter((host) => host.own);
  const [first] = own;
  if (first === undefined || own.some((host) => host.presents !== first.presents || host.pending.length > 0)) return;
  for (const host of world.hosts) if (!host.own) host.presents = first.presents;
  world.check();
}

/** Long after everything else, a person does what refusals suggest: removes hand-made records of other kinds. */
export function tidyByHand(world: World): void {
  for (const zone of world.zones) {
    const { records } = zone.primary;
    const meant = (record: string): boolean => PARAMETERS[world.parameters].some((kind) => record.startsWith(kind));
    const left = records.filter((record) => meant(record) || !zone.byHand.has(record));
    const harmless = !world.breaks(left);
    const gone = records.filter((record) => !left.includes(record));
    if (left.length > 0 && harmless) zone.edit([], gone);
  }
  reloadByHand(world);
}

/** Reloads the services, as ENDPOINT_UNPROVEN suggests, when no client minds. */
export function reloadByHand(world: World): void {
  const { deployed } = world;
  if (deployed === null) return;
  const { clients, strict } = world;
  const minds = (records: readonly RecordText[]): boolean =>
    clients.refuse(records, deployed) || (strict && clients.refuseSomewhere(records, deployed));
  const isSafe = world.zones.every((zone) => !zone.ahead().some(minds));
  if (!isSafe) return;
  for (const host of world.hosts) if (host.own) host.presents = deployed;
  world.check();
}
