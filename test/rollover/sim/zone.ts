/**
 * One RRset in the DNS of the virtual world: a primary (seen or hidden), secondaries that lag, and every cache there is.
 *
 * Caches are not sampled. A zone knows every RRset that a cache obeying TTLs can possibly hold: all that any server
 * served within the lifetime it was served with.
 */
import { fault } from "../../../src/base/errors.ts";
import { seconds } from "../../../src/base/time.ts";
import type { DomainName } from "../../../src/dns/name.ts";
import type { RecordText } from "../../../src/rollover/chain.ts";
import type { ServerObservation } from "../../../src/rollover/observation.ts";

export interface Version {
  readonly records: readonly RecordText[];
  readonly ttl: number;
  readonly serial: number;
  /** What somebody else took away by hand: with these it would be right. */
  readonly lost: readonly RecordText[];
  /** Made by hand, or on top of such a one, and failing a chain in service ever since. */
  readonly botched: boolean;
}

interface Server {
  readonly label: string;
  readonly lagIndex: number;
  /** Versions that have arrived or will, in order of arrival. */
  arrivals: { at: number; version: Version }[];
  silentUntil: number;
  /** Switched off for good: serves nobody; the operator has excluded it. */
  dead: boolean;
  /** Restored from an old copy: serves this until so many looks have been saved. */
  relapse: { version: Version; looks: number } | null;
}

export interface Served {
  readonly key: string;
  readonly records: readonly RecordText[];
  readonly lifetime: number;
  readonly from: number;
  to: number | null;
  /** Somebody else's doing: it failed a chain in service from the moment it appeared. */
  readonly excused: boolean;
}

export interface ZoneOptions {
  readonly name: DomainName;
  readonly start: number;
  readonly servers: number;
  readonly hiddenPrimary: boolean;
  readonly ttl: number;
  readonly negativeTtl: number;
  readonly lags: readonly number[];
  readonly records: readonly RecordText[];
}

export class Zone {
  readonly name: DomainName;
  now: number;
  primary: Version;
  servers: Server[];
  served: Served[] = [];
  /** Exact RDATA that our updates asked to add. */
  readonly published = new Set<RecordText>();
  /** Records that hands added or copied: never ours to delete. */
  readonly byHand = new Set<RecordText>();
  readonly #lost = new Set<RecordText>();
  readonly #negativeTtl: number;
  readonly #lags: readonly number[];
  readonly #hiddenPrimary: boolean;
  /** Whether an RRset that appears now fails a chain in service. */
  readonly #isBroken: (records: readonly RecordText[]) => boolean;

  constructor(options: ZoneOptions, isBroken: (records: readonly RecordText[]) => boolean) {
    this.name = options.name;
    this.now = options.start;
    this.#negativeTtl = options.negativeTtl;
    this.#lags = options.lags;
    this.#hiddenPrimary = options.hiddenPrimary;
    this.#isBroken = isBroken;
    this.primary = { records: options.records, ttl: options.ttl, serial: 1, lost: [], botched: false };
    for (const record of options.records) this.byHand.add(record);
    this.servers = [];
    for (let count = 0; count < options.servers; count++) this.addServer();
    this.note();
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

  /** Instants in (now, to] at which a version arrives somewhere. */
  stops(to: number): readonly number[] {
    return this.servers
      .flatMap((server) => server.arrivals.map((arrival) => arrival.at))
      .filter((at) => at > this.now && at <= to);
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
    const live = new Map<string, { version: Version; lifetime: number }>();
    for (const server of this.servers) {
      if (server.dead) continue;
      const version = this.current(server);
      const lifetime = (version.records.length === 0 ? this.#negativeTtl : version.ttl) * 1000;
      live.set(`${String(lifetime)}|${version.records.join()}`, { version, lifetime });
    }
    for (const set of this.served) if (set.to === null && !live.has(set.key)) set.to = this.now;
    this.served = this.served.filter((set) => set.to === null || this.now < set.to + set.lifetime);
    for (const [key, { version, lifetime }] of live) {
      if (this.served.some((set) => set.to === null && set.key === key)) continue;
      const without = version.records.filter((record) => !this.byHand.has(record));
      const excused =
        this.#isBroken(version.records) &&
        (version.botched ||
          !this.#isBroken([...version.records, ...version.lost]) ||
          !this.#isBroken([...without, ...version.lost]));
      this.served.push({ key, records: version.records, lifetime, from: this.now, to: null, excused });
    }
  }

  /** RRsets that caches may hold now; `until`: clients were led here by an alias that caches forgot then. */
  cacheable(until: number): readonly Served[] {
    return this.served.filter((set) => {
      const to = Math.min(set.to ?? Infinity, until);
      return set.from <= until && this.now < to + set.lifetime;
    });
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
    this.#change(records, add.length > 0 ? change.ttl : this.primary.ttl, this.primary.botched);
    return true;
  }

  /** Somebody edits DNS by hand at the primary. */
  edit(add: readonly RecordText[], remove: readonly RecordText[], ttl = this.primary.ttl): void {
    for (const record of remove) if (this.primary.records.includes(record)) this.#lost.add(record);
    for (const record of add) {
      this.#lost.delete(record);
      if (!this.primary.records.includes(record)) this.byHand.add(record);
    }
    this.#change([...this.primary.records.filter((record) => !remove.includes(record)), ...add], ttl, true);
  }

  #change(records: readonly RecordText[], ttl: number, byHand: boolean): void {
    const lost = [...this.#lost];
    this.primary = {
      records: [...new Set(records)].sort(),
      ttl,
      serial: this.primary.serial + 1,
      lost,
      botched: byHand && this.#isBroken(records),
    };
    for (const server of this.servers) {
      const index = this.#hiddenPrimary ? server.lagIndex : server.lagIndex - 1;
      const lag = index < 0 ? 0 : (this.#lags[index % Math.max(1, this.#lags.length)] ?? 0);
      const last = server.arrivals.at(-1)?.at ?? 0;
      server.arrivals.push({ at: Math.max(last, this.now + lag * 1000), version: this.primary });
    }
    this.note();
  }

  /** A server goes back to an older RRset until this has been seen often enough. */
  relapse(index: number, keeps: number, looks: number): void {
    const server = this.servers[index % this.servers.length];
    if (server === undefined || server.dead) return;
    const lost = this.current(server).records;
    const records = lost.slice(0, keeps);
    server.relapse = { version: { records, ttl: this.primary.ttl, serial: 1, lost, botched: false }, looks };
    this.note();
  }

  /** A look at the zone was saved. */
  looked(): void {
    for (const server of this.servers) {
      if (server.relapse === null || server.silentUntil > this.now) continue;
      const looks = server.relapse.looks - 1;
      server.relapse = looks <= 0 ? null : { ...server.relapse, looks };
    }
    this.note();
  }

  observe(): readonly ServerObservation[] {
    return this.servers.map((server): ServerObservation => {
      const base = { server: server.label, address: server.label, excluded: server.dead };
      if (server.dead || server.silentUntil > this.now) {
        return { ...base, said: { outcome: "failed", fault: fault("DNS_TIMEOUT", `${server.label} is silent`) } };
      }
      const { records, ttl, serial } = this.current(server);
      const lifetime = seconds(records.length === 0 ? this.#negativeTtl : ttl);
      return {
        ...base,
        said: { outcome: "answer", records, ttl: lifetime, authoritative: true, signed: true, serial },
      };
    });
  }
}
