/**
 * A virtual world for the rollover core: zones with lagging servers, hosts whose workers change over late (our own and
 * peers behind the same names), an operator's ACME client that renews, and a system clock that may be wrong.
 *
 * At every instant at which anything changes, each host is checked against every RRset that a cache may hold. What
 * clients say is written apart from the core's rules.
 */
import { fault } from "../../../src/base/errors.ts";
import { instant } from "../../../src/base/time.ts";
import type { Instant } from "../../../src/base/time.ts";
import { parseName } from "../../../src/dns/name.ts";
import type { DomainName } from "../../../src/dns/name.ts";
import type { Action } from "../../../src/rollover/actions.ts";
import { recordText } from "../../../src/rollover/chain.ts";
import type { ChainFacts, ChainId, RecordText } from "../../../src/rollover/chain.ts";
import type { ActionOutcome } from "../../../src/rollover/observation.ts";
import { recordsOf, standbyKey } from "./chains.ts";
import type { Parameters } from "./chains.ts";
import { Clients } from "./clients.ts";
import { Zone } from "./zone.ts";
import type { Served, ZoneOptions } from "./zone.ts";

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
  former: { readonly zone: Zone; readonly until: number }[];
  /** Its zone cannot be found until then. */
  blindUntil: number;
}

export interface Host {
  readonly address: string;
  readonly own: boolean;
  presents: ChainId;
  pending: { readonly at: number; readonly id: ChainId }[];
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

/** What the validating resolver says: what is newest, what it has kept longest, or nothing that validates. */
export type Resolver = "fresh" | "stale" | "bogus" | "insecure";

export class World {
  now: number;
  /** Wall time minus true time, in milliseconds. */
  clockError = 0;
  readonly start: number;
  readonly owners: Owner[] = [];
  readonly zones: Zone[] = [];
  readonly hosts: Host[];
  readonly chains = new Map<ChainId, ChainFacts>();
  readonly stored = new Set<ChainId>();
  /** Moments at which a client would have refused a host. */
  readonly failures: string[] = [];
  /** Deletions of what we did not publish. */
  readonly foreign: string[] = [];
  readonly swaps: { readonly at: number; readonly chain: ChainId }[] = [];
  source: ChainFacts;
  sourceFails = false;
  deployed: ChainId | null = null;
  parameters: Parameters;
  reloadFails = false;
  publisher: "works" | "refuses" | "mute" = "works";
  resolver: Resolver = "fresh";
  /** Everything is frozen by the operator. */
  frozen = false;
  /** Numbers of the keys that the next certificate may have; null: nothing is published ahead. */
  standby: readonly number[] | null = null;
  standbyFails = false;
  /** Also hold clients to RFC 7671 §8 that know one combination alone. */
  strict = true;
  /** The operator has overridden a gate: whether mail stops is his responsibility from now on. */
  overridden = false;
  readonly clients = new Clients();
  readonly #leaving = new Set<RecordText>();
  readonly #options: WorldOptions;

  constructor(options: WorldOptions, live: ChainFacts) {
    this.#options = options;
    this.start = options.start;
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
        ].some((id) => this.clients.refuse(set, id)),
      ),
    );
    this.zones.push(zone);
    return zone;
  }

  #learn(chain: ChainFacts): void {
    this.chains.set(chain.id, chain);
    this.clients.learn(chain);
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
      let stop = Infinity;
      for (const zone of this.zones) stop = Math.min(stop, zone.nextStop());
      for (const { pending } of this.hosts) {
        for (const { at } of pending) if (at > this.now && at < stop) stop = at;
      }
      if (stop > to) break;
      this.#moveTo(stop);
    }
    if (to > this.now) this.#moveTo(to);
  }

  #moveTo(at: number): void {
    this.now = at;
    for (const host of this.hosts) {
      if (host.pending.length === 0) continue;
      for (const change of host.pending) if (change.at <= at) host.presents = change.id;
      host.pending = host.pending.filter((change) => change.at > at);
    }
    for (const zone of this.zones) zone.moveTo(at);
    this.check();
  }

  /** Every RRset under which a client may judge a host at this moment. */
  #held(owner: Owner): readonly Served[] {
    const now = owner.target.cacheable(Infinity);
    if (owner.former.length === 0) return now;
    return [...now, ...owner.former.flatMap(({ zone, until }) => zone.cacheable(until))];
  }

  /** A DANE client in the worst place: each cacheable RRset against each host that is up. */
  check(): void {
    for (const owner of this.owners) {
      const sets = this.#held(owner);
      for (const host of this.hosts) {
        if (host.downUntil > this.now) continue;
        const { presents } = host;
        const bad = sets.find(
          ({ records, excused, unseen }) =>
            !excused &&
            !unseen &&
            records.length > 0 &&
            (this.clients.refuse(records, presents) ||
              (this.strict && host.own && this.clients.refuseSomewhere(records, presents))),
        );
        if (bad !== undefined) this.#fail(owner, host, bad.records);
      }
    }
  }

  #fail(owner: Owner, host: Host, records: readonly RecordText[]): void {
    if (this.overridden || this.failures.length >= 20) return;
    const at = String((this.now - this.start) / 1000);
    const what = records.map((record) => record.replace(/ [0-9a-c]*?([0-9a-f]{3})$/, "…$1")).join(" ");
    this.failures.push(`t=${at}s ${owner.owner} ${host.address} presents ${host.presents.slice(-3)} under ${what}`);
  }

  /** Whether a host is refused right now under an RRset that a look came upon before. */
  isRefused(): boolean {
    return this.owners.some(
      (owner) =>
        owner.blindUntil <= this.now &&
        owner.target
          .cacheable(Infinity)
          .some(
            ({ records, glimpsed }) =>
              glimpsed &&
              this.hosts.some(
                ({ presents, downUntil }) => downUntil <= this.now && this.clients.refuse(records, presents),
              ),
          ),
    );
  }

  /** Whether under any RRset that was ever served a client would refuse one of these chains. */
  wasEverRefused(presented: readonly ChainId[]): boolean {
    return this.zones.some(({ past }) =>
      past.some((records) => presented.some((chain) => this.clients.refuse(records, chain))),
    );
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

  /** These keys may be those of the next certificates. */
  readyKeys(keys: readonly number[]): void {
    this.standby = keys;
    for (const key of keys) {
      for (const parameters of ["311", "312"] as const) this.clients.expect(standbyKey(key, parameters).records);
    }
  }

  /** Numbers of the chain's leaf key and issuer. */
  planOf(facts: ChainFacts): { readonly leaf: number; readonly issuer: number } {
    const [leaf, issuer] = facts.certificates.map(({ spkiSha256 }) => Number.parseInt(spkiSha256.slice(-6), 16));
    return { leaf: leaf ?? 0, issuer: issuer ?? 0 };
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
    return this.hosts.some((host) => this.clients.refuse(records, host.presents));
  }

  /** The intent is saved: what is to be asked for counts as ours, whatever becomes of it. */
  intend(action: Action): void {
    if (action.kind === "withdraw") for (const record of action.remove) this.#leaving.add(record);
    if (action.kind !== "publish") return;
    for (const record of action.add) this.#leaving.delete(record);
    const zone = this.zones.find((one) => one.name === action.finalOwner);
    for (const record of action.add) zone?.published.add(record);
  }

  /** A deletion of one of its records was asked for, and not the contrary since. */
  isBeingWithdrawn(id: ChainId): boolean {
    return this.facts(id)?.records.some((record) => this.#leaving.has(record)) === true;
  }

  perform(action: Action): ActionOutcome {
    switch (action.kind) {
      case "publish":
      case "withdraw":
        return this.#update(action);
      case "store":
        if (this.source.id === action.chain) this.stored.add(action.chain);
        return { kind: "store", chain: action.chain, at: this.wall(), fault: null };
      case "deploy":
        return this.#deploy(action.chain);
    }
  }

  #update(action: Extract<Action, { kind: "publish" | "withdraw" }>): ActionOutcome {
    const at = this.wall();
    const { kind, owner } = action;
    const zone = this.zones.find((one) => one.name === action.finalOwner);
    if (zone === undefined || this.publisher === "refuses") {
      return { kind, owner, at, fault: fault("UPDATE_REFUSED", "REFUSED") };
    }
    const remove = action.kind === "withdraw" ? action.remove : [];
    const foreign = remove.filter((record) => !zone.published.has(record));
    if (foreign.length > 0) this.foreign.push(`deletes what it did not publish: ${foreign.join()}`);
    const add = action.kind === "publish" ? action.add : [];
    const expected = action.kind === "withdraw" ? action.expected : null;
    if (!zone.update({ add, remove, expected, ttl: action.ttl })) {
      return { kind, owner, at, fault: fault("PUBLISH_CONFLICT", "NXRRSET") };
    }
    this.check();
    const lost = this.publisher === "mute" ? fault("PUBLISH_OUTCOME_UNKNOWN", "no reply") : null;
    return { kind, owner, at, fault: lost };
  }

  #deploy(chain: ChainId): ActionOutcome {
    const at = this.wall();
    if (!this.stored.has(chain)) {
      return { kind: "deploy", chain, at, flipped: false, reloaded: false, fault: fault("VERSION_MISSING", "no copy") };
    }
    if (this.deployed !== chain) this.swaps.push({ at: this.now - this.start, chain });
    this.deployed = chain;
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
