/**
 * A virtual world for the rollover core: zones with lagging servers, hosts whose workers change over late (our own and
 * peers behind the same names), an operator's ACME client that renews, and a system clock that may be wrong.
 *
 * At every instant at which anything changes, each host is checked against every RRset that a cache may hold. The rule
 * of that check is written apart from the core's.
 */
import { fault } from "../../../src/base/errors.ts";
import { instant, seconds } from "../../../src/base/time.ts";
import type { Instant } from "../../../src/base/time.ts";
import { parseName } from "../../../src/dns/name.ts";
import type { DomainName } from "../../../src/dns/name.ts";
import type { Action } from "../../../src/rollover/actions.ts";
import { recordText } from "../../../src/rollover/chain.ts";
import type { ChainFacts, ChainId, RecordText } from "../../../src/rollover/chain.ts";
import type { ActionOutcome, Observation, OwnerObservation } from "../../../src/rollover/observation.ts";
import { matching, PARAMETERS, recordsOf, refuses, refusesSomewhere } from "./chains.ts";
import type { Parameters } from "./chains.ts";
import { Zone } from "./zone.ts";
import type { ZoneOptions } from "./zone.ts";

export function name(text: string): DomainName {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

/** Somebody's litter, of a usage that mail clients ignore: it binds nobody. */
export const GARBAGE = recordText(`1 1 1 ${"a".repeat(64)}`);

export interface Owner {
  readonly owner: DomainName;
  aliasTtl: number;
  target: Zone;
  /** Where the alias led before, and until when caches may follow it there. */
  former: { zone: Zone; until: number }[];
  /** Its zone cannot be found until then. */
  blindUntil: number;
}

interface Host {
  readonly address: string;
  readonly own: boolean;
  presents: ChainId;
  pending: { at: number; id: ChainId }[];
  downUntil: number;
}

export interface WorldOptions extends Omit<ZoneOptions, "name" | "records"> {
  readonly owners: number;
  /** The second owner name is an alias of the first one's target. */
  readonly shared: boolean;
  readonly aliasTtl: number;
  readonly hosts: number;
  readonly peers: number;
  readonly parameters: Parameters;
  readonly workers: readonly number[];
  /** What stands in DNS before daneward comes: nothing, somebody's garbage, the live chain's records. */
  readonly before: readonly ("garbage" | "live")[];
}

export class World {
  now: number;
  /** Wall time minus true time, in milliseconds. */
  clockError = 0;
  readonly owners: Owner[] = [];
  readonly zones: Zone[] = [];
  readonly hosts: Host[];
  readonly chains = new Map<ChainId, ChainFacts>();
  readonly stored = new Set<ChainId>();
  readonly failures: string[] = [];
  readonly swaps: number[] = [];
  source: ChainFacts;
  sourceFails = false;
  deployed: ChainId | null = null;
  parameters: Parameters;
  reloadFails = false;
  publisher: "works" | "refuses" | "mute" = "works";
  /** Also hold clients to RFC 7671 §8 that know one combination alone. */
  strict = true;
  readonly #options: WorldOptions;
  readonly #matching = new Map<ChainId, ReadonlySet<string>>();

  constructor(options: WorldOptions, live: ChainFacts) {
    this.#options = options;
    this.now = options.start;
    this.parameters = options.parameters;
    this.source = live;
    this.#learn(live);
    this.hosts = Array.from({ length: options.hosts + options.peers }, (_, at) => ({
      address: `192.0.2.${String(at + 1)}`,
      own: at < options.hosts,
      presents: live.id,
      pending: [],
      downUntil: 0,
    }));
    const before = options.before.flatMap((kind) => (kind === "live" ? recordsOf(live, this.parameters) : [GARBAGE]));
    for (let at = 0; at < options.owners; at++) {
      const first = this.owners[0]?.target;
      const target = options.shared && first ? first : this.#zone(`_${String(25 + at)}._tcp.mx.example.test`, before);
      const owner = name(`_${String(25 + at)}._tcp.mx.example.test`);
      this.owners.push({ owner, aliasTtl: options.aliasTtl, target, former: [], blindUntil: 0 });
    }
    this.check();
  }

  #zone(text: string, records: readonly RecordText[]): Zone {
    const zone = new Zone({ ...this.#options, start: this.now, name: name(text), records }, (set) =>
      this.hosts.some((host) =>
        [
          host.presents,
          ...host.pending.map(({ id }) => id),
          ...(host.own && this.deployed ? [this.deployed] : []),
        ].some((id) => refuses(set, this.#matchingOf(id), [...this.#matching.values()])),
      ),
    );
    this.zones.push(zone);
    return zone;
  }

  #learn(chain: ChainFacts): void {
    this.chains.set(chain.id, chain);
    this.#matching.set(chain.id, matching(chain));
  }

  #matchingOf(id: ChainId): ReadonlySet<string> {
    return this.#matching.get(id) ?? new Set();
  }

  /** What the core takes for the time. */
  wall(): Instant {
    return instant(this.now + this.clockError);
  }

  facts(id: ChainId | null): ChainFacts | null {
    const chain = id === null ? undefined : this.chains.get(id);
    return chain === undefined ? null : { ...chain, records: recordsOf(chain, this.parameters) };
  }

  /** Moves true time to `to`, stopping at each arrival and worker change so that nothing between goes unchecked. */
  advance(to: number): void {
    for (;;) {
      const stops = [
        ...this.zones.flatMap((zone) => zone.stops(to)),
        ...this.hosts.flatMap((host) => host.pending.map((change) => change.at)),
      ].filter((at) => at > this.now && at <= to);
      if (stops.length === 0) break;
      this.#moveTo(Math.min(...stops));
    }
    this.#moveTo(to);
  }

  #moveTo(at: number): void {
    this.now = at;
    for (const host of this.hosts) {
      for (const change of host.pending) if (change.at <= at) host.presents = change.id;
      host.pending = host.pending.filter((change) => change.at > at);
    }
    for (const zone of this.zones) zone.moveTo(at);
    this.check();
  }

  /** A DANE client in the worst place: each cacheable RRset against each host that is up. */
  check(): void {
    const known = [...this.#matching.values()];
    for (const owner of this.owners) {
      const sets = [
        ...owner.target.cacheable(Infinity),
        ...owner.former.flatMap(({ zone, until }) => zone.cacheable(until)),
      ].filter((set) => !set.excused && set.records.length > 0);
      for (const host of this.hosts) {
        if (host.downUntil > this.now) continue;
        const presented = this.#matchingOf(host.presents);
        const bad = sets.find(
          (set) =>
            refuses(set.records, presented, known) ||
            (this.strict && host.own && refusesSomewhere(set.records, presented, known)),
        );
        if (bad === undefined) continue;
        const at = String((this.now - this.#options.start) / 1000);
        const what = bad.records.map((record) => record.replace(/ [0-9a-c]*?([0-9a-f]{3})$/, "…$1")).join(" ");
        this.failures.push(`t=${at}s ${owner.owner} ${host.address} presents ${host.presents.slice(-3)} under ${what}`);
      }
    }
  }

  /** A look at the world was saved. */
  looked(): void {
    for (const zone of this.zones) {
      const blind = this.owners.some((owner) => owner.target === zone && owner.blindUntil > this.now);
      if (!blind) zone.looked();
    }
    this.check();
  }

  /** Nothing is on its way any more: every server has the newest version, every worker its chain. */
  calm(): boolean {
    return (
      this.zones.every((zone) => zone.calm()) &&
      this.owners.every(
        (owner) => owner.blindUntil <= this.now && owner.former.every(({ until }) => until < this.now),
      ) &&
      this.hosts.every((host) => host.pending.length === 0 && host.downUntil <= this.now)
    );
  }

  renew(next: ChainFacts): void {
    this.#learn(next);
    this.source = next;
  }

  /** Numbers of the chain's leaf key and issuer. */
  planOf(facts: ChainFacts): { readonly leaf: number; readonly issuer: number } {
    const [leaf, issuer] = facts.certificates.map(({ spkiSha256 }) => Number.parseInt(spkiSha256.slice(-6), 16));
    return { leaf: leaf ?? 0, issuer: issuer ?? 0 };
  }

  /** Whatever the operator or time can mend. */
  mend(): void {
    this.reloadFails = false;
    this.publisher = "works";
    this.sourceFails = false;
  }

  /** The alias of an owner name leads elsewhere: to a copy of the RRset, or to nothing. */
  moveAlias(owner: Owner, copy: boolean): void {
    const records = copy ? owner.target.primary.records : [];
    const until = this.now + owner.aliasTtl * 1000;
    // What is left behind is reported and stays.
    for (const record of owner.target.published) owner.target.byHand.add(record);
    owner.former.push({ zone: owner.target, until });
    owner.target = this.#zone(`x${String(this.zones.length)}._dane.example.test`, records);
    this.check();
  }

  /** Whether some host would be refused if a zone held these records: nobody may add such a thing by hand. */
  breaks(records: readonly RecordText[]): boolean {
    return this.hosts.some((host) => refuses(records, this.#matchingOf(host.presents), [...this.#matching.values()]));
  }

  /** Long after everything else, a person does what refusals suggest: removes hand-made records of other kinds. */
  tidyByHand(): void {
    for (const zone of this.zones) {
      const { records } = zone.primary;
      const meant = (record: string): boolean => PARAMETERS[this.parameters].some((kind) => record.startsWith(kind));
      const left = records.filter((record) => meant(record) || !zone.byHand.has(record));
      const harmless = !this.breaks(left);
      const gone = records.filter((record) => !left.includes(record));
      if (left.length > 0 && harmless) zone.edit([], gone);
    }
    // And reloads the services, as ENDPOINT_UNPROVEN suggests.
    const safe = this.zones.every((zone) =>
      zone.cacheable(Infinity).every(({ records }) => !this.#refusesDeployed(records)),
    );
    for (const host of this.hosts) if (host.own && safe && this.deployed !== null) host.presents = this.deployed;
    this.check();
  }

  #refusesDeployed(records: readonly RecordText[]): boolean {
    return this.deployed !== null && refuses(records, this.#matchingOf(this.deployed), [...this.#matching.values()]);
  }

  /** Peers take over what all our hosts present. */
  peersFollow(): void {
    const own = this.hosts.filter((host) => host.own);
    const [first] = own;
    if (first === undefined || own.some((host) => host.presents !== first.presents || host.pending.length > 0)) return;
    for (const host of this.hosts) if (!host.own) host.presents = first.presents;
    this.check();
  }

  observe(): Observation {
    return {
      uptime: seconds((this.now - this.#options.start) / 1000),
      source: this.sourceFails
        ? { outcome: "failed", fault: fault("SOURCE_INCONSISTENT", "half renewed") }
        : { outcome: "chain", chain: this.facts(this.source.id) ?? this.source, faults: [] },
      deployed: this.facts(this.deployed),
      stored: [...this.stored],
      owners: this.owners.map((owner) => this.#observeOwner(owner)),
      endpoints: this.owners.flatMap((owner) =>
        this.hosts.map((host) => {
          const facts = this.chains.get(host.presents);
          const down = facts === undefined || host.downUntil > this.now;
          return {
            endpoint: owner.owner,
            owner: owner.owner,
            address: host.address,
            own: host.own,
            presents: down
              ? ({ outcome: "failed", code: "DNS_TIMEOUT", detail: "is down" } as const)
              : ({ outcome: "chain", ...facts } as const),
          };
        }),
      ),
    };
  }

  #observeOwner(owner: Owner): OwnerObservation {
    if (owner.blindUntil > this.now) {
      return { outcome: "failed", owner: owner.owner, fault: fault("ZONE_UNKNOWN", "no resolver answers") };
    }
    const [first] = owner.target.servers;
    return {
      outcome: "seen",
      owner: owner.owner,
      finalOwner: owner.target.name,
      zone: name("example.test"),
      aliasTtl: seconds(owner.aliasTtl),
      servers: owner.target.observe(),
      validated: { status: "secure", records: first ? owner.target.current(first).records : [] },
    };
  }

  /** The intent is saved: what is to be asked for counts as ours, whatever becomes of it. */
  intend(action: Action): void {
    if (action.kind !== "publish") return;
    const zone = this.zones.find((one) => one.name === action.finalOwner);
    for (const record of action.add) zone?.published.add(record);
  }

  perform(action: Action): ActionOutcome {
    const at = this.wall();
    switch (action.kind) {
      case "publish":
      case "withdraw": {
        const { kind, owner } = action;
        const refused = { kind, owner, at, fault: fault("UPDATE_REFUSED", "REFUSED") };
        const zone = this.zones.find((one) => one.name === action.finalOwner);
        if (zone === undefined) return refused;
        if (this.publisher === "refuses") return refused;
        const remove = action.kind === "withdraw" ? action.remove : [];
        const foreign = remove.filter((record) => !zone.published.has(record));
        if (foreign.length > 0) this.failures.push(`deletes what it did not publish: ${foreign.join()}`);
        const add = action.kind === "publish" ? action.add : [];
        const expected = action.kind === "withdraw" ? action.expected : null;
        if (!zone.update({ add, remove, expected, ttl: action.ttl })) {
          return { kind, owner, at, fault: fault("PUBLISH_CONFLICT", "NXRRSET") };
        }
        this.check();
        return this.publisher === "mute"
          ? { kind, owner, at, fault: fault("PUBLISH_OUTCOME_UNKNOWN", "no reply") }
          : { kind, owner, at, fault: null };
      }
      case "store":
        if (this.source.id === action.chain) this.stored.add(action.chain);
        return { kind: "store", chain: action.chain, at, fault: null };
      case "deploy":
        return this.#deploy(action.chain, at);
    }
  }

  #deploy(chain: ChainId, at: Instant): ActionOutcome {
    if (!this.stored.has(chain)) {
      return { kind: "deploy", chain, at, flipped: false, reloaded: false, fault: fault("VERSION_MISSING", "no copy") };
    }
    this.deployed = chain;
    this.swaps.push(this.now - this.#options.start);
    if (this.reloadFails) {
      const reason = fault("RELOAD_FAILED", "exit 1");
      return { kind: "deploy", chain, at, flipped: true, reloaded: false, fault: reason };
    }
    const { workers } = this.#options;
    this.hosts.forEach((host, index) => {
      if (!host.own) return;
      const last = host.pending.at(-1)?.at ?? 0;
      const due = this.now + (workers[index % workers.length] ?? 0) * 1000;
      host.pending.push({ at: Math.max(last, due), id: chain });
    });
    this.#moveTo(this.now);
    return { kind: "deploy", chain, at, flipped: true, reloaded: true, fault: null };
  }
}
