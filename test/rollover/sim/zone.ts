/**
 * One RRset in the DNS of the virtual world: a primary (seen or hidden), secondaries that lag, and every cache there is.
 *
 * Caches are not sampled. A zone knows every RRset that a cache can possibly hold, be it one that prefetches, one that
 * asks at the worst moment, or one that keeps what it has for at least its floor: all that any server served within the
 * lifetime it was served with.
 */
import { fault } from "../../../src/base/errors.ts";
import { seconds } from "../../../src/base/time.ts";
import type { DomainName } from "../../../src/dns/name.ts";
import type { RecordText } from "../../../src/rollover/chain.ts";
import type { ServerObservation } from "../../../src/rollover/observation.ts";

export interface Version {
  readonly key: string;
  readonly records: readonly RecordText[];
  /** As a server says it: of the RRset, or of the negative answer. */
  readonly lifetime: number;
  readonly ttl: number;
  readonly serial: number;
  /** What somebody else took away by hand: with these it would be right. */
  readonly lost: readonly RecordText[];
  /** Made by hand, or on top of such a one, and failing a chain in service ever since. */
  readonly botched: boolean;
  /** Whose doing it is: what was there before us, and what a server was restored to, is nobody's. */
  readonly by: "us" | "hand" | "nobody";
}

interface Server {
  readonly label: string;
  readonly lagIndex: number;
  /** Versions that have arrived or will, in order of arrival. */
  arrivals: { readonly at: number; readonly version: Version }[];
  silentUntil: number;
  /** Switched off for good: serves nobody; the operator has excluded it. */
  dead: boolean;
  /** Restored from an old copy: serves this until so many looks have been saved. */
  relapse: { readonly version: Version; readonly looks: number } | null;
}

export interface Served {
  readonly key: string;
  readonly records: readonly RecordText[];
  /** In milliseconds, in the cache that keeps it longest. */
  readonly lifetime: number;
  readonly from: number;
  to: number | null;
  /** Somebody else's doing: it failed a chain in service from the moment it appeared. */
  readonly excused: boolean;
  /** Made by hand, and no look that was saved has come upon it: nobody can know of it. */
  unseen: boolean;
  /** We asked for it, or a look that was saved has come upon it. */
  known: boolean;
  /** A look that was saved has come upon it. */
  glimpsed: boolean;
}

export interface ZoneOptions {
  readonly name: DomainName;
  readonly start: number;
  readonly servers: number;
  readonly hiddenPrimary: boolean;
  readonly ttl: number;
  readonly negativeTtl: number;
  readonly cacheFloor: number;
  readonly lags: readonly number[];
  readonly records: readonly RecordText[];
}

export class Zone {
  readonly name: DomainName;
  now: number;
  primary: Version;
  servers: Server[] = [];
  served: Served[] = [];
  /** Every RRset that was ever served. */
  readonly past: (readonly RecordText[])[] = [];
  /** Exact RDATA that our updates asked to add. */
  readonly published = new Set<RecordText>();
  /** Records that hands added or copied: never ours to delete. */
  readonly byHand = new Set<RecordText>();
  readonly #lost = new Set<RecordText>();
  readonly #options: ZoneOptions;
  /** Whether an RRset that appears now fails a chain in service. */
  readonly #isBroken: (records: readonly RecordText[]) => boolean;
  #glimpsed: readonly string[] = [];

  constructor(options: ZoneOptions, isBroken: (records: readonly RecordText[]) => boolean) {
    this.name = options.name;
    this.now = options.start;
    this.#options = options;
    this.#isBroken = isBroken;
    const { records, ttl } = options;
    this.primary = this.#version({ records, ttl, serial: 1, lost: [], botched: false, by: "nobody" });
    for (const record of records) this.byHand.add(record);
    for (let count = 0; count < options.servers; count++) this.addServer();
    this.note();
  }

  #version(made: Omit<Version, "key" | "lifetime">): Version {
    const lifetime = made.records.length === 0 ? this.#options.negativeTtl : made.ttl;
    return { ...made, lifetime, key: `${String(lifetime)}|${made.records.join()}` };
  }

  addServer(): void {
    const lagIndex = this.servers.length;
    this.servers.push({
      label: `ns${String(lagIndex + 1)}.${this.name}`,
      lagIndex,
      arrivals: [{ at: this.now, version: this.primary }],
      silentUntil: 0,
      dead: false,
      relapse: null,
    });
  }

  current(server: Server): Version {
    if (server.relapse !== null) return server.relapse.version;
    return server.arrivals.findLast((arrival) => arrival.at <= this.now)?.version ?? this.primary;
  }

  /** The next instant after now at which a version arrives somewhere. */
  nextStop(): number {
    let soonest = Infinity;
    for (const server of this.servers) {
      for (const { at } of server.arrivals) if (at > this.now && at < soonest) soonest = at;
    }
    return soonest;
  }

  moveTo(at: number): void {
    this.now = at;
    for (const server of this.servers) {
      const latest = server.arrivals.findLastIndex((arrival) => arrival.at <= at);
      if (latest > 0) server.arrivals = server.arrivals.slice(latest);
    }
    this.note();
  }

  /** Takes down what is served now; called whenever that may have changed. */
  note(): void {
    const live: Version[] = [];
    for (const server of this.servers) {
      if (server.dead) continue;
      const version = this.current(server);
      if (!live.some(({ key }) => key === version.key)) live.push(version);
    }
    for (const set of this.served) {
      if (set.to === null && !live.some(({ key }) => key === set.key)) set.to = this.now;
    }
    if (this.served.some((set) => set.to !== null && this.now >= set.to + set.lifetime)) {
      this.served = this.served.filter((set) => set.to === null || this.now < set.to + set.lifetime);
    }
    for (const version of live) {
      if (!this.served.some((set) => set.to === null && set.key === version.key))
        this.served.push(this.#appear(version));
    }
  }

  #appear({ key, records, lifetime, lost, botched, by }: Version): Served {
    const without = records.filter((record) => !this.byHand.has(record));
    const excused =
      this.#isBroken(records) &&
      (botched || !this.#isBroken([...records, ...lost]) || !this.#isBroken([...without, ...lost]));
    const longest = Math.max(lifetime, this.#options.cacheFloor) * 1000;
    this.past.push(records);
    const how = { excused, unseen: by === "hand", known: by === "us", glimpsed: false };
    return { key, records, lifetime: longest, from: this.now, to: null, ...how };
  }

  /** RRsets that caches may hold now; `until`: clients were led here by an alias that caches forgot then. */
  cacheable(until: number): readonly Served[] {
    return this.served.filter((set) => {
      const to = Math.min(set.to ?? Infinity, until);
      return set.from <= until && this.now < to + set.lifetime;
    });
  }

  /** RRsets that a cache holds, or will hold when what is on its way arrives. */
  ahead(): readonly (readonly RecordText[])[] {
    const arriving = this.servers.flatMap(({ arrivals }) => arrivals.map(({ version }) => version.records));
    return [...this.cacheable(Infinity).map(({ records }) => records), ...arriving];
  }

  calm(): boolean {
    return this.servers.every(
      (server) =>
        server.dead || (this.current(server) === this.primary && server.silentUntil <= this.now && !server.relapse),
    );
  }

  /** An update at the primary. False: the RRset is not the expected one. */
  update(change: {
    readonly add: readonly RecordText[];
    readonly remove: readonly RecordText[];
    readonly expected: readonly RecordText[] | null;
    readonly ttl: number;
  }): boolean {
    const { add, remove, expected } = change;
    const present = new Set<string>(this.primary.records);

    // As the publisher does: a change already in place is a success.
    if (add.every((record) => present.has(record)) && !remove.some((record) => present.has(record))) return true;
    if (expected !== null && [...expected].sort().join() !== [...this.primary.records].sort().join()) return false;
    for (const record of add) {
      this.#lost.delete(record);
    }
    const records = [...this.primary.records.filter((record) => !remove.includes(record)), ...add];
    const { ttl, botched, by } = this.primary;
    // What somebody else did a moment ago, and nobody has seen, may pass by under this.
    const hasArrived = this.servers.some((server) => !server.dead && this.current(server) === this.primary);
    const isSeen =
      hasArrived && this.served.some((set) => set.to === null && set.key === this.primary.key && !set.unseen);
    const isUnseen = by === "hand" && !isSeen;
    // What a withdrawal leaves is only looked for: the larger set before it is waited for just as long.
    const ours = add.length > 0 ? "us" : "nobody";
    this.#change(records, { ttl: add.length > 0 ? change.ttl : ttl, botched, by: isUnseen ? "hand" : ours });
    return true;
  }

  /** Somebody edits DNS by hand at the primary. */
  edit(add: readonly RecordText[], remove: readonly RecordText[], ttl = this.primary.ttl): void {
    for (const record of remove) if (this.primary.records.includes(record)) this.#lost.add(record);
    for (const record of add) {
      this.#lost.delete(record);
      if (!this.primary.records.includes(record)) this.byHand.add(record);
    }
    const records = [...this.primary.records.filter((record) => !remove.includes(record)), ...add];
    this.#change(records, { ttl, botched: this.#isBroken(records), by: "hand" });
  }

  #change(unsorted: readonly RecordText[], how: Pick<Version, "ttl" | "botched" | "by">): void {
    const records = [...new Set(unsorted)].sort();
    const botched = how.botched && this.#isBroken(records);
    const { hiddenPrimary, lags } = this.#options;
    this.primary = this.#version({ ...how, botched, records, serial: this.primary.serial + 1, lost: [...this.#lost] });
    for (const server of this.servers) {
      const index = hiddenPrimary ? server.lagIndex : server.lagIndex - 1;
      const lag = index < 0 ? 0 : (lags[index % Math.max(1, lags.length)] ?? 0);
      const last = server.arrivals.at(-1)?.at ?? 0;
      server.arrivals.push({ at: Math.max(last, this.now + lag * 1000), version: this.primary });
    }
    this.note();
  }

  /** A server goes back to an older RRset until this has been seen often enough. */
  relapse(index: number, keeps: number, looks: number): void {
    const server = this.servers[index % this.servers.length];
    if (server === undefined || server.dead) return;
    // When all of them show no record, and it comes back as if from nowhere, nobody can have known.
    if (!this.servers.some((other) => other !== server && !other.dead && other.relapse === null)) return;
    const lost = this.current(server).records;
    const { ttl } = this.primary;
    const made = { records: lost.slice(0, keeps), ttl, serial: 1, lost, botched: false, by: "nobody" as const };
    server.relapse = { version: this.#version(made), looks };
    this.note();
  }

  /** Every server has what the primary has, at once. */
  catchUp(): void {
    for (const server of this.servers) {
      server.arrivals = [{ at: this.now, version: this.primary }];
      server.relapse = null;
      server.silentUntil = 0;
    }
    this.note();
  }

  /** A look at the zone was saved: what its answers said is known from now on. */
  looked(): void {
    for (const set of this.served) {
      if (set.glimpsed || !this.#glimpsed.includes(set.key)) continue;
      set.unseen = false;
      set.known = true;
      set.glimpsed = true;
    }
    for (const server of this.servers) {
      if (server.relapse === null || server.silentUntil > this.now) continue;
      const looks = server.relapse.looks - 1;
      server.relapse = looks <= 0 ? null : { ...server.relapse, looks };
    }
    this.note();
  }

  observe(): readonly ServerObservation[] {
    const glimpsed: string[] = [];
    const answers = this.servers.map((server): ServerObservation => {
      const base = { server: server.label, address: server.label, excluded: server.dead };
      if (server.dead || server.silentUntil > this.now) {
        return { ...base, said: { outcome: "failed", fault: fault("DNS_TIMEOUT", `${server.label} is silent`) } };
      }
      const { records, lifetime, serial, key } = this.current(server);
      glimpsed.push(key);
      return {
        ...base,
        said: { outcome: "answer", records, ttl: seconds(lifetime), authoritative: true, signed: true, serial },
      };
    });
    this.#glimpsed = glimpsed;
    return answers;
  }
}
