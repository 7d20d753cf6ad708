/**
 * Publishing by dynamic update (RFC 2136) under TSIG (RFC 8945).
 *
 * One change is one message: deletions and additions of single records at one owner name, so that the RRset is never
 * seen half changed. Never a whole RRset and never a whole name, because other people's records stand there. Additions
 * carry no condition, they are idempotent. Removals carry one: the RRset is exactly what was read a moment before
 * (RFC 2136 §2.4.2), so that two hosts cannot take away each other's last record. Who loses that race reads again, decides
 * again (`survivesRace`) and tries again after a random pause, a few times. Several owner names of one zone go together
 * in one message (`applyAll`), because a signed zone is signed once a message; one that the server does not take whole
 * is sent again name by name, so that each gets its own answer.
 *
 * Accepted is not published. NOERROR was measured for updates at an alias, below a delegation, or skipped by a policy
 * script, none of which changed anything. So the name is read before (an alias, an occluded name and a change already in
 * place are known at once) and after, until the records, and the RRSIG where the zone is signed, are there. A lost reply
 * is answered by reading too, never by sending the same again: only when the change is not to be seen, the next server
 * (or TCP after UDP) gets a message of its own, signed anew.
 *
 * A TTL is changed by deleting and adding the same records in one message: Knot ignores a mere re-addition, BIND and
 * PowerDNS accept both ways. A TTL that the server clamps is a note, not an error: the waits use what is served.
 *
 * TCP unless told otherwise (PowerDNS drops large updates over UDP), one connection a server, an ID, time and signature
 * for each message, and nothing is believed before its MAC is verified. Not done: GSS-TSIG, SIG(0).
 */
import { randomInt } from "node:crypto";
import { formatHex } from "../base/bytes.ts";
import { fault, OperationalError } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { HostPort } from "../base/socket-address.ts";
import type { Clock } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import { encodeTlsa, formatTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import type { TsigKey } from "../dns/tsig.ts";
import type { Resolve } from "../resolver/resolver.ts";
import { formatServer } from "../transport/dns-exchange.ts";
import type { DnsServer, DnsTransport } from "../transport/dns-exchange.ts";
import { atFirstReachable, locateServers } from "./locate-server.ts";
import { aliasFault, occludedFault } from "./obstacles.ts";
import { checkChange, DNS_TTL_LIMITS, packUpdates, planUpdates, survivesRace } from "./plan-updates.ts";
import { powerDnsLua } from "./policy-lines.ts";
import type { Capabilities, Publisher, ReadBack, TlsaChange } from "./publisher.ts";
import { readOwner } from "./read-back.ts";
import type { ServedRrset } from "./read-back.ts";
import { openUpdateChannel } from "./update-channel.ts";
import type { UpdateChannel } from "./update-channel.ts";

export interface Rfc2136Options {
  /** Addresses or names of the servers that take updates, in order of preference. A name needs `resolve`, but for `localhost`. */
  readonly servers: readonly HostPort[];
  /** Where to read before and after; the update server itself unless told. */
  readonly queryServer?: HostPort | null;
  readonly key: TsigKey;
  readonly clock: Clock;
  /** For each exchange; 10 s unless told. */
  readonly timeoutMs?: number;
  /** How long to wait for the accepted change, and its RRSIG, to be served; 5 s unless told. */
  readonly readBackMs?: number;
  /** `udp`: by datagram first, over TCP when it is too large or nothing comes back. */
  readonly transport?: DnsTransport;
  /** Sign questions too. */
  readonly signQueries?: boolean;
  readonly resolve?: Resolve | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One server to update, and how to read there. */
interface Target {
  readonly channel: UpdateChannel;
  readonly read: (owner: TlsaChange["owner"]) => Promise<ServedRrset>;
  readonly readBackMs: number;
  /** In the order to try. */
  readonly transports: readonly DnsTransport[];
}

/** RFC 2136 §3.7: each message whole or not at all. RFC 2136 §2.4.2 is the compare-and-swap. */
const CAPABILITIES: Capabilities = {
  granularity: "record",
  atomic: true,
  compareAndSwap: true,
  ...DNS_TTL_LIMITS,
  readBack: "served",
};

const TIMEOUT_MS = 10_000;
const READ_BACK_MS = 5_000;
/** Between two looks while reading back, doubled each time up to the last. BIND signs within 40 to 60 ms. */
const FIRST_PAUSE_MS = 5;
const LAST_PAUSE_MS = 400;
/** How often a race is run, and the longest pause before the second run, doubled each time up to the last. */
const MAX_RACES = 12;
const RACE_PAUSE_MS = 20;
const LAST_RACE_PAUSE_MS = 320;
/** Where another server, or another look, may do better. Anything else is an answer. */
const FAIL_OVER: readonly string[] = [
  "DNS_UNREACHABLE",
  "DNS_TIMEOUT",
  "DNS_CONNECTION_LOST",
  "PUBLISH_OUTCOME_UNKNOWN",
  "UPDATE_SERVFAIL",
];

function codeOf(error: unknown): string {
  return error instanceof OperationalError ? error.code : "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function holds(served: ServedRrset, record: TlsaRdata): boolean {
  const wanted = formatHex(encodeTlsa(record));
  return served.rdatas.some((rdata) => formatHex(rdata) === wanted);
}

/** All additions there and all removals gone; the TTL is another question. */
function isApplied(served: ServedRrset, change: TlsaChange): boolean {
  return change.add.every((record) => holds(served, record)) && !change.remove.some((record) => holds(served, record));
}

function toReadBack(served: ServedRrset, change: TlsaChange): ReadBack {
  const { records, ttl, signed } = served;
  const clamped = change.add.length > 0 && ttl !== null && ttl !== change.ttl;
  const what = `${displayName(change.owner)} TLSA is served with a TTL of ${String(ttl)} s, not ${String(change.ttl)} s`;
  return { status: "served", records, ttl, signed, notes: clamped ? [fault("PUBLISH_TTL_CHANGED", what)] : [] };
}

/** Throws what stands in the way of any record at the name, known before anything is sent. */
function requireClear({ alias, delegation }: ServedRrset, { owner }: TlsaChange): void {
  if (alias !== null) throw OperationalError.of(aliasFault(owner, alias));
  if (delegation !== null) throw OperationalError.of(occludedFault(owner, delegation, "NS"));
}

function notApplied(served: ServedRrset, change: TlsaChange, { channel }: Target): OperationalError {
  const { owner } = change;
  const missing = change.add.filter((one) => !holds(served, one)).map((one) => `without ${formatTlsa(one)}`);
  const left = change.remove.filter((one) => holds(served, one)).map((one) => `still with ${formatTlsa(one)}`);
  const what = `${formatServer(channel.server)} answered NOERROR but serves ${displayName(owner)} ${[...missing, ...left].join(" and ")}`;
  return new OperationalError("PUBLISH_NOT_APPLIED", what, {
    retry: "never",
    hint: `PowerDNS skips records that its lua-dnsupdate-policy-script refuses and still says NOERROR: let the script allow ${powerDnsLua({ owner })} for this key; elsewhere look for another view, or a zone that is not reloaded`,
  });
}

async function pause(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Reads until the change is served, signed where `wantSignature`, or the time for it is over; the last look counts. */
async function readUntilServed(change: TlsaChange, target: Target, wantSignature: boolean): Promise<ServedRrset> {
  const deadline = performance.now() + target.readBackMs;
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LAST_PAUSE_MS)) {
    const served = await target.read(change.owner);
    const done = isApplied(served, change) && (served.signed || !wantSignature);
    if (done || performance.now() + wait > deadline) return served;
    await pause(wait);
  }
}

/** Whether the request may have arrived although no reply that can be read came back. */
function isLostReply(error: unknown): boolean {
  return ["DNS_TIMEOUT", "DNS_CONNECTION_LOST", "DNS_MESSAGE_MALFORMED"].includes(codeOf(error));
}

/** After a lost reply: done when the change is visible, else `PUBLISH_OUTCOME_UNKNOWN`. */
async function settleLostReply(lost: unknown, change: TlsaChange, target: Target): Promise<ReadBack> {
  const head = `the reply to the update of ${displayName(change.owner)} was lost (${messageOf(lost)})`;
  let served: ServedRrset;
  try {
    served = await readUntilServed(change, target, false);
  } catch (error) {
    const what = `${head}, and reading back failed (${messageOf(error)})`;
    throw new OperationalError("PUBLISH_OUTCOME_UNKNOWN", what, { cause: error });
  }
  if (isApplied(served, change)) return toReadBack(served, change);
  throw new OperationalError("PUBLISH_OUTCOME_UNKNOWN", `${head}, and the change is not visible`, { cause: lost });
}

async function confirm(change: TlsaChange, target: Target, before: ServedRrset | null): Promise<ReadBack> {
  let served: ServedRrset;
  try {
    served = await readUntilServed(change, target, before?.zoneSigned ?? true);
  } catch (error) {
    if (codeOf(error) === "DNS_INTERRUPTED") throw error;
    const what = `the update of ${displayName(change.owner)} was accepted but cannot be read back: ${messageOf(error)}`;
    throw new OperationalError("PUBLISH_UNCONFIRMED", what, { cause: error });
  }
  if (isApplied(served, change)) return toReadBack(served, change);
  requireClear(served, change);
  throw notApplied(served, change, target);
}

/** The first look; null when this server answers updates but no questions. Throws when it cannot be reached. */
async function readBefore(change: TlsaChange, target: Target): Promise<ServedRrset | null> {
  try {
    return await target.read(change.owner);
  } catch (error) {
    if (codeOf(error) === "DNS_RCODE") return null;
    throw error;
  }
}

/** What is there already, or null when something must be sent. Throws when nothing may be. */
function alreadyThere(change: TlsaChange, before: ServedRrset): ReadBack | null {
  requireClear(before, change);
  const sameTtl = change.add.length === 0 || before.ttl === change.ttl;
  if (isApplied(before, change) && sameTtl) return toReadBack(before, change);
  if (survivesRace(change, before)) return null;
  const what = `the TLSA RRset at ${displayName(change.owner)} is not the one that the change was decided on; nothing was changed`;
  throw new OperationalError("PUBLISH_CONFLICT", what, { retry: "later" });
}

/** One look, one change; an error that says `PUBLISH_CONFLICT` is returned when somebody else was faster. */
async function attempt(
  change: TlsaChange,
  target: Target,
  transport: DnsTransport,
): Promise<ReadBack | OperationalError> {
  const before = await readBefore(change, target);
  const done = before === null ? null : alreadyThere(change, before);
  if (done !== null) return done;
  for (const planned of planUpdates(change, before)) {
    try {
      await target.channel.send(planned, change, transport);
    } catch (error) {
      if (isLostReply(error)) return await settleLostReply(error, change, target);
      if (error instanceof OperationalError && error.code === "PUBLISH_CONFLICT") return error;
      throw error;
    }
  }
  return await confirm(change, target, before);
}

/** Runs a lost race again; the pause is drawn by lot, or the same two would meet again. */
async function race(change: TlsaChange, target: Target, transport: DnsTransport): Promise<ReadBack> {
  for (let run = 1; ; run++) {
    const outcome = await attempt(change, target, transport);
    if (!(outcome instanceof OperationalError)) return outcome;
    if (run >= MAX_RACES) throw outcome;
    await pause(randomInt(1, Math.min(RACE_PAUSE_MS * 2 ** (run - 1), LAST_RACE_PAUSE_MS)));
  }
}

/** Over each transport at each server until one answers. Each attempt begins with a look, so nothing is done twice. */
async function applyAtOneOf(change: TlsaChange, targets: readonly Target[]): Promise<ReadBack> {
  const ways = targets.flatMap((target) => target.transports.map((transport) => ({ target, transport })));
  let unknown: unknown = null;
  let last: unknown = null;
  for (const { target, transport } of ways) {
    try {
      return await race(change, target, transport);
    } catch (error) {
      const code = codeOf(error);
      if (!FAIL_OVER.includes(code)) throw error;
      if (code === "PUBLISH_OUTCOME_UNKNOWN") unknown ??= error;
      last = error;
    }
  }
  // That an update may be under way matters more than that the next server was silent.
  throw unknown ?? last;
}

type Outcome = Result<ReadBack, OperationalError>;

function failed(error: unknown): Outcome {
  if (error instanceof OperationalError) return failure(error);
  throw error;
}

/**
 * Changes of one zone at one server in as few messages as possible. A change without an outcome was not taken: its
 * message failed for the sake of another, or its reply was lost, or a first look failed.
 */
async function applyTogether(
  changes: readonly TlsaChange[],
  target: Target,
  transport: DnsTransport,
): Promise<ReadonlyMap<TlsaChange, Outcome>> {
  const outcomes = new Map<TlsaChange, Outcome>();
  const befores = new Map<TlsaChange, ServedRrset | null>();
  const looks = changes.map(async (change) => {
    try {
      const before = await readBefore(change, target);
      const done = before === null ? null : alreadyThere(change, before);
      if (done === null) befores.set(change, before);
      else outcomes.set(change, success(done));
    } catch (error) {
      if (codeOf(error) === "DNS_INTERRUPTED" || !(error instanceof OperationalError)) throw error;
    }
  });
  await Promise.all(looks);
  const waiting = changes.filter((change) => befores.has(change));
  const parts = waiting.flatMap((change) =>
    planUpdates(change, befores.get(change) ?? null).map((planned) => ({ subject: change, planned })),
  );
  const refused = new Set<TlsaChange>();
  for (const { subjects, planned } of packUpdates(parts)) {
    const [first] = subjects;
    if (first === undefined || subjects.some((change) => refused.has(change))) continue;
    try {
      await target.channel.send(planned, first, transport);
    } catch (error) {
      if (codeOf(error) === "DNS_INTERRUPTED" || !(error instanceof OperationalError)) throw error;
      for (const change of subjects) refused.add(change);
    }
  }
  const sent = waiting.filter((change) => !refused.has(change));
  await Promise.all(
    sent.map(async (change) => {
      outcomes.set(change, await confirm(change, target, befores.get(change) ?? null).then(success, failed));
    }),
  );
  return outcomes;
}

/** By zone, in the order in which the zones come. */
function byZone(changes: readonly TlsaChange[]): readonly (readonly TlsaChange[])[] {
  const zones = new Map<string, TlsaChange[]>();
  for (const change of changes) zones.set(change.zone, [...(zones.get(change.zone) ?? []), change]);
  return [...zones.values()];
}

/** A publisher that sends signed updates to one primary. See the head of this file for what it promises. */
export function createRfc2136Publisher(options: Rfc2136Options): Publisher & Required<Pick<Publisher, "applyAll">> {
  const { key, clock, signal, resolve, signQueries = false } = options;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const channels = new Map<string, UpdateChannel>();
  const channelTo = (server: DnsServer): UpdateChannel => {
    const known = channels.get(formatServer(server));
    if (known !== undefined) return known;
    const channel = openUpdateChannel(server, { key, clock, timeoutMs, signal });
    channels.set(formatServer(server), channel);
    return channel;
  };
  const targets = async (): Promise<readonly Target[]> => {
    const { queryServer = null, readBackMs = READ_BACK_MS } = options;
    const transports = options.transport === "udp" ? (["udp", "tcp"] as const) : (["tcp"] as const);
    const readers = queryServer === null ? null : await locateServers([queryServer], resolve);
    return (await locateServers(options.servers, resolve)).map((server) => {
      const read: Target["read"] = (owner) =>
        atFirstReachable(readers ?? [server], (reader) => {
          const { carry } = channelTo(reader);
          return readOwner(owner, { server: reader, key, clock, timeoutMs, signal, signQueries, carry });
        });
      return { channel: channelTo(server), read, readBackMs, transports };
    });
  };
  const apply = async (change: TlsaChange): Promise<ReadBack> => {
    const invalid = checkChange(change);
    if (invalid !== null) throw OperationalError.of(invalid);
    return await applyAtOneOf(change, await targets());
  };
  const applyAll = async (changes: readonly TlsaChange[]): Promise<readonly Outcome[]> => {
    const outcomes = new Map<TlsaChange, Outcome>();
    const sound = changes.filter((change) => checkChange(change) === null);
    for (const group of byZone(sound)) {
      const [target] = group.length > 1 ? await targets().catch(() => []) : [];
      const [transport] = target?.transports ?? [];
      if (target === undefined || transport === undefined) continue;
      for (const [change, outcome] of await applyTogether(group, target, transport)) outcomes.set(change, outcome);
    }
    const settled: Outcome[] = [];
    for (const change of changes) {
      settled.push(outcomes.get(change) ?? (await apply(change).then(success<ReadBack>, failed)));
    }
    return settled;
  };
  return { capabilities: CAPABILITIES, apply, applyAll };
}
