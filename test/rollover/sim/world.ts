/**
 * A virtual world for the rollover core: a primary, secondaries that lag, caches that may have asked any server at any
 * moment, hosts whose workers change over late, an operator's ACME client that renews. One clock that moves forward.
 *
 * Caches are not sampled. At any instant the world knows every RRset that a cache obeying TTLs can possibly hold: all
 * that any server served within the TTL it was served with. `violations` compares that with what hosts present.
 */
import { addSeconds, instant, seconds } from "../../../src/base/time.ts";
import type { Instant } from "../../../src/base/time.ts";
import { fault } from "../../../src/base/errors.ts";
import { parseName } from "../../../src/dns/name.ts";
import type { DomainName } from "../../../src/dns/name.ts";
import { chainId, recordText } from "../../../src/rollover/chain.ts";
import type { ChainFacts, ChainId, RecordText } from "../../../src/rollover/chain.ts";
import type { Action } from "../../../src/rollover/actions.ts";
import type { ActionOutcome, Observation } from "../../../src/rollover/observation.ts";

export function name(text: string): DomainName {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

export const OWNER = name("_25._tcp.mx.example.test");
export const ZONE = name("example.test");

/** A chain with its own certificate under the given key; `3 1 1` is all that it wants. */
export function chain(certificate: number, key: number, notBefore: Instant): ChainFacts {
  const cert = certificate.toString(16).padStart(64, "c");
  const spki = key.toString(16).padStart(64, "b");
  return {
    id: chainId(cert),
    certificates: [{ certSha256: cert, certSha512: cert.repeat(2), spkiSha256: spki, spkiSha512: spki.repeat(2) }],
    records: [recordText(`3 1 1 ${spki}`)],
    subject: "mx.example.test",
    notBefore,
    notAfter: instant(notBefore + 90 * 86_400_000),
    hasFiles: true,
  };
}

interface Version {
  readonly records: readonly RecordText[];
  readonly ttl: number;
  readonly serial: number;
}

interface Server {
  readonly label: string;
  /** Versions that have arrived or will, in order of arrival. */
  arrivals: { at: number; version: Version }[];
  silentUntil: number;
}

/** An RRset that some server served from `from` on, until `to` (open: still). */
interface Served {
  readonly records: readonly RecordText[];
  readonly ttl: number;
  to: number | null;
}

interface Host {
  readonly address: string;
  presents: ChainId | null;
  pending: { at: number; id: ChainId }[];
  downUntil: number;
}

export interface WorldOptions {
  readonly start: number;
  readonly servers: number;
  readonly hosts: number;
  readonly ttl: number;
  readonly negativeTtl: number;
  readonly foreign: readonly string[];
}

export class World {
  now: number;
  primary: Version;
  readonly servers: Server[];
  readonly hosts: Host[];
  served: Served[] = [];
  readonly chains = new Map<ChainId, ChainFacts>();
  readonly stored = new Set<ChainId>();
  readonly failures: string[] = [];
  /** Exact RDATA that was ever deleted by an action. */
  readonly deleted: RecordText[] = [];
  source: ChainFacts;
  deployed: ChainId | null = null;
  reloadFails = false;
  readonly #options: WorldOptions;

  constructor(options: WorldOptions, first: ChainFacts) {
    this.#options = options;
    this.now = options.start;
    this.source = first;
    this.chains.set(first.id, first);
    this.primary = { records: options.foreign.map(recordText), ttl: options.ttl, serial: 1 };
    this.servers = Array.from({ length: options.servers }, (_, at) => ({
      label: `ns${at + 1}`,
      arrivals: [{ at: options.start, version: this.primary }],
      silentUntil: 0,
    }));
    this.hosts = Array.from({ length: options.hosts }, (_, at) => ({
      address: `192.0.2.${at + 1}`,
      presents: null,
      pending: [],
      downUntil: 0,
    }));
    this.#noteServed();
  }

  current(server: Server): Version {
    return server.arrivals.findLast((arrival) => arrival.at <= this.now)?.version ?? this.primary;
  }

  /** Moves the clock to `to`, stopping at each arrival and worker change so that nothing between goes unchecked. */
  advance(to: number): void {
    for (const server of this.servers) {
      const latest = server.arrivals.findLastIndex((arrival) => arrival.at <= this.now);
      if (latest > 0) server.arrivals = server.arrivals.slice(latest);
    }
    for (;;) {
      const stops = [
        ...this.servers.flatMap((server) => server.arrivals.map((arrival) => arrival.at)),
        ...this.hosts.flatMap((host) => host.pending.map((change) => change.at)),
      ].filter((at) => at > this.now && at <= to);
      if (stops.length === 0) break;
      this.now = Math.min(...stops);
      this.#settle();
    }
    this.now = to;
    this.#settle();
  }

  #settle(): void {
    for (const host of this.hosts) {
      for (const change of host.pending) if (change.at <= this.now) host.presents = change.id;
      host.pending = host.pending.filter((change) => change.at > this.now);
    }
    this.#noteServed();
    this.check();
  }

  #noteServed(): void {
    const versions = this.servers.map((server) => this.current(server));
    const keyOf = (set: { records: readonly RecordText[]; ttl: number }): string => `${set.ttl}|${set.records.join()}`;
    const live = new Map(versions.map((version) => [keyOf(version), version]));
    for (const set of this.served) if (set.to === null && !live.has(keyOf(set))) set.to = this.now;
    this.served = this.served.filter((set) => set.to === null || this.now < set.to + this.#ttlOf(set) * 1000);
    for (const [key, version] of live) {
      if (this.served.some((set) => set.to === null && keyOf(set) === key)) continue;
      this.served.push({ records: version.records, ttl: version.ttl, to: null });
    }
  }

  #ttlOf(set: Served): number {
    return set.records.length === 0 ? this.#options.negativeTtl : set.ttl;
  }

  /** Every RRset that some cache may hold now. */
  cacheable(): readonly (readonly RecordText[])[] {
    return this.served
      .filter((set) => set.to === null || this.now < set.to + this.#ttlOf(set) * 1000)
      .map((set) => set.records);
  }

  /** A DANE client in the worst place: any cacheable RRset against any host. Written apart from the core's rule. */
  check(): void {
    for (const host of this.hosts) {
      if (host.presents === null || host.downUntil > this.now) continue;
      const key = this.chains.get(host.presents)?.certificates[0]?.spkiSha256 ?? "?";
      for (const records of this.cacheable()) {
        const ours = records.filter((record) => record.startsWith("3 1 1 "));
        if (ours.length > 0 && !ours.includes(recordText(`3 1 1 ${key}`))) {
          this.failures.push(`t=${(this.now - this.#options.start) / 1000}s ${host.address} presents ${key.slice(-4)}`);
        }
      }
    }
  }

  /** Nothing is on its way any more: every server has the newest version, every worker its chain. */
  calm(): boolean {
    const arrived = this.servers.every(
      (server) => this.current(server) === this.primary && server.silentUntil <= this.now,
    );
    return arrived && this.hosts.every((host) => host.pending.length === 0 && host.downUntil <= this.now);
  }

  renew(next: ChainFacts): void {
    this.chains.set(next.id, next);
    this.source = next;
  }

  observe(): Observation {
    return {
      uptime: null,
      source: { outcome: "chain", chain: this.source, faults: [] },
      deployed: this.deployed === null ? null : (this.chains.get(this.deployed) ?? null),
      stored: [...this.stored],
      owners: [
        {
          outcome: "seen",
          owner: OWNER,
          finalOwner: OWNER,
          zone: ZONE,
          aliasTtl: seconds(0),
          servers: this.servers.map((server) => {
            const version = this.current(server);
            const ttl = seconds(version.records.length === 0 ? this.#options.negativeTtl : version.ttl);
            return {
              server: server.label,
              address: server.label,
              excluded: false,
              said:
                server.silentUntil > this.now
                  ? ({ outcome: "failed", fault: fault("DNS_TIMEOUT", `${server.label} is silent`) } as const)
                  : ({
                      outcome: "answer",
                      records: version.records,
                      ttl,
                      authoritative: true,
                      signed: true,
                      serial: version.serial,
                    } as const),
            };
          }),
          validated: { status: "secure", records: this.primary.records },
        },
      ],
      endpoints: this.hosts.map((host) => {
        const facts = host.presents === null ? undefined : this.chains.get(host.presents);
        const down = facts === undefined || host.downUntil > this.now;
        return {
          endpoint: "mx.example.test:25",
          owner: OWNER,
          address: host.address,
          own: true,
          presents: down
            ? { outcome: "failed", code: "DNS_TIMEOUT", detail: "is down" }
            : { outcome: "chain", ...facts },
        };
      }),
    };
  }

  /** `lags`: seconds after which each secondary has the change; `workers`: seconds after which each host presents it. */
  perform(action: Action, lags: readonly number[], workers: readonly number[]): ActionOutcome {
    const at = instant(this.now);
    switch (action.kind) {
      case "publish":
      case "withdraw": {
        const removed = action.kind === "withdraw" ? action.remove : [];
        const added = action.kind === "publish" ? action.add : [];
        const expected = action.kind === "withdraw" ? action.expected : null;
        const same = expected === null || [...expected].sort().join() === [...this.primary.records].sort().join();
        if (!same) return { kind: action.kind, owner: action.owner, at, fault: fault("DNS_RCODE", "NXRRSET") };
        this.deleted.push(...removed);
        const kept = this.primary.records.filter((record) => !removed.includes(record));
        const records = [...new Set([...kept, ...added])].sort();
        this.#change({ records, ttl: action.ttl, serial: this.primary.serial + 1 }, lags);
        return { kind: action.kind, owner: action.owner, at, fault: null };
      }
      case "store":
        if (this.source.id === action.chain) this.stored.add(action.chain);
        return { kind: "store", chain: action.chain, at, fault: null };
      case "deploy": {
        this.stored.add(action.chain);
        this.deployed = action.chain;
        if (this.reloadFails) {
          const reason = fault("RELOAD_FAILED", "exit 1");
          return { kind: "deploy", chain: action.chain, at, flipped: true, reloaded: false, fault: reason };
        }
        this.hosts.forEach((host, index) => {
          host.pending.push({ at: this.now + (workers[index % workers.length] ?? 0) * 1000, id: action.chain });
        });
        this.#settle();
        return { kind: "deploy", chain: action.chain, at, flipped: true, reloaded: true, fault: null };
      }
    }
  }

  /** Somebody edits DNS by hand at the primary. */
  edit(records: readonly RecordText[], lags: readonly number[]): void {
    this.#change({ ...this.primary, records, serial: this.primary.serial + 1 }, lags);
  }

  #change(version: Version, lags: readonly number[]): void {
    this.primary = version;
    this.servers.forEach((server, index) => {
      const lag = index === 0 ? 0 : (lags[(index - 1) % Math.max(1, lags.length)] ?? 0);
      const last = server.arrivals.at(-1)?.at ?? 0;
      server.arrivals.push({ at: Math.max(last, this.now + lag * 1000), version });
    });
    this.#settle();
  }

  silence(index: number, forSeconds: number): void {
    const server = this.servers[index % this.servers.length];
    if (server) server.silentUntil = addSeconds(instant(this.now), seconds(forSeconds));
  }
}
