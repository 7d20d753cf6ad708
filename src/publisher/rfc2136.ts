/**
 * Publishing by dynamic update (RFC 2136) under TSIG (RFC 8945).
 *
 * One change is one message: deletions and additions of single records at one owner name, so that the RRset is never
 * seen half changed. Never a whole RRset and never a whole name, because other people's records stand there. Additions
 * carry no condition, they are idempotent. Removals carry one: the RRset is exactly what was read before (RFC 2136
 * §2.4.2), so that two hosts cannot take away each other's last record.
 *
 * Accepted is not published. NOERROR was measured for updates at an alias, below a delegation, or skipped by a policy
 * script, none of which changed anything. So the name is read from the update server before (an alias, an occluded name
 * and a change already in place are known at once) and after, until the records, and the RRSIG where the zone is signed,
 * are there. A lost reply is answered by reading too, never by sending again: the caller's next pass does that.
 *
 * A TTL is changed by deleting and adding the same records in one message: Knot ignores a mere re-addition, BIND and
 * PowerDNS accept both ways. A TTL that the server clamps is a note, not an error: the waits use what is served.
 *
 * TCP unless told otherwise (PowerDNS drops large updates over UDP), an ID, time and signature of its own for each
 * message, and nothing is believed before its MAC is verified. Not done: GSS-TSIG, SIG(0), several owner names in one message.
 */
import { isIP } from "node:net";
import { assert } from "../base/assert.ts";
import { formatHex } from "../base/bytes.ts";
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import { TYPE } from "../dns/iana.ts";
import { displayName, parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeA, decodeAaaa, encodeTlsa, formatTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import { signMessage, verifyReply } from "../dns/tsig.ts";
import type { TsigKey } from "../dns/tsig.ts";
import { encodeUpdate } from "../dns/update.ts";
import type { Resolve } from "../resolver/resolver.ts";
import { exchangeMessage, formatServer, randomMessageId } from "../transport/dns-exchange.ts";
import type { DnsServer, DnsTransport } from "../transport/dns-exchange.ts";
import { checkChange, DNS_TTL_LIMITS, planUpdates } from "./plan-updates.ts";
import type { PlannedUpdate } from "./plan-updates.ts";
import type { Capabilities, Publisher, ReadBack, TlsaChange } from "./publisher.ts";
import { readOwner } from "./read-back.ts";
import type { ReadOptions, ServedRrset } from "./read-back.ts";
import { judgeUpdateReply } from "./update-reply.ts";

export interface Rfc2136Options {
  /** Address or name of the primary that takes updates. A name needs `resolve`, but for `localhost`. */
  readonly server: { readonly host: string; readonly port: number };
  readonly key: TsigKey;
  readonly clock: Clock;
  /** For each exchange; 10 s unless told. */
  readonly timeoutMs?: number;
  /** How long to wait for the accepted change, and its RRSIG, to be served; 5 s unless told. */
  readonly readBackMs?: number;
  readonly transport?: DnsTransport;
  readonly resolve?: Resolve | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Target extends ReadOptions {
  readonly readBackMs: number;
  readonly transport: DnsTransport;
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
const FIRST_PAUSE_MS = 25;
const LAST_PAUSE_MS = 400;

function codeOf(error: unknown): string | null {
  return error instanceof OperationalError ? error.code : null;
}

/** The addresses of the update server in the order to try; a literal stands for itself. Throws `PUBLISH_SERVER_UNKNOWN`. */
export async function locateServer(
  server: { readonly host: string; readonly port: number },
  resolve: Resolve | undefined,
): Promise<readonly DnsServer[]> {
  const { host, port } = server;
  if (isIP(host) !== 0) return [{ address: host, port }];
  const name = parseName(host);
  if (!name.ok) throw OperationalError.of(name.fault);
  // RFC 6761 §6.3: localhost is the loopback interface, whatever DNS says.
  if (name.value === "localhost.") return ["127.0.0.1", "::1"].map((address) => ({ address, port }));
  if (resolve === undefined) {
    const message = `the update server "${host}" is a name, and there is no resolver to find its address`;
    throw new OperationalError("PUBLISH_SERVER_UNKNOWN", message, { retry: "never" });
  }
  const answers = await Promise.all([resolve(name.value, TYPE.A), resolve(name.value, TYPE.AAAA)]);
  const addresses = answers.flatMap((answer) => {
    if ("reasons" in answer) return [];
    const decoded = (answer.rrset?.rdatas ?? []).map(answer.type === TYPE.A ? decodeA : decodeAaaa);
    return decoded.flatMap((address) => (address.ok ? [address.value] : []));
  });
  if (addresses.length > 0) return addresses.map((address) => ({ address, port }));
  const reasons = answers.flatMap((answer) => ("reasons" in answer ? answer.reasons : [])).map((one) => one.message);
  const why = reasons[0] ?? "it has neither an A nor an AAAA record";
  throw new OperationalError("PUBLISH_SERVER_UNKNOWN", `the update server "${host}" has no address to send to: ${why}`);
}

/**
 * Does `work` at the first address that can be talked to, and throws what the last one threw. Only for what changes
 * nothing: an update may have arrived although no reply came.
 */
export async function atFirstReachable<T>(
  servers: readonly DnsServer[],
  work: (server: DnsServer) => Promise<T>,
): Promise<T> {
  for (const [at, server] of servers.entries()) {
    try {
      return await work(server);
    } catch (error) {
      const silent = ["DNS_UNREACHABLE", "DNS_TIMEOUT", "DNS_CONNECTION_LOST"].includes(codeOf(error) ?? "");
      if (!silent || at === servers.length - 1) throw error;
    }
  }
  assert(false, "a located server has an address");
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

function aliasFault(owner: DomainName, target: DomainName): Fault {
  return fault(
    "PUBLISH_CNAME_AT_OWNER",
    `${displayName(owner)} is an alias (CNAME) of ${displayName(target)}, so a TLSA record there would be ignored`,
    `publish at ${displayName(target)} instead, in its own zone`,
  );
}

function occludedFault(owner: DomainName, delegation: DomainName): Fault {
  return fault(
    "PUBLISH_OCCLUDED",
    `${displayName(owner)} lies below the delegation of ${displayName(delegation)}, so records of the parent zone are never served there`,
    `update the zone ${displayName(delegation)} on its own primary`,
  );
}

/** What stands in the way of any record at the name, known before anything is sent. */
function obstacle(served: ServedRrset, change: TlsaChange): Fault | null {
  if (served.alias !== null) return aliasFault(change.owner, served.alias);
  return served.delegation === null ? null : occludedFault(change.owner, served.delegation);
}

function notApplied(served: ServedRrset, change: TlsaChange, target: Target): OperationalError {
  const known = obstacle(served, change);
  if (known !== null) return OperationalError.of(known);
  const missing = change.add
    .filter((record) => !holds(served, record))
    .map((record) => `without ${formatTlsa(record)}`);
  const left = change.remove
    .filter((record) => holds(served, record))
    .map((record) => `still with ${formatTlsa(record)}`);
  const what = `${formatServer(target.server)} answered NOERROR but serves ${displayName(change.owner)} ${[...missing, ...left].join(" and ")}`;
  return new OperationalError("PUBLISH_NOT_APPLIED", what, {
    retry: "never",
    hint: "PowerDNS skips records that its lua-dnsupdate-policy-script refuses and still says NOERROR; elsewhere look for another view, or a zone that is not reloaded",
  });
}

async function pause(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Reads until the change is served, signed where `wantSignature`, or the time for it is over; the last look counts. */
async function readUntilServed(change: TlsaChange, target: Target, wantSignature: boolean): Promise<ServedRrset> {
  const deadline = performance.now() + target.readBackMs;
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LAST_PAUSE_MS)) {
    const served = await readOwner(change.owner, target);
    const done = isApplied(served, change) && (served.signed || !wantSignature);
    if (done || performance.now() + wait > deadline) return served;
    await pause(wait);
  }
}

/** Sends one message and judges the reply. Throws what {@link judgeUpdateReply} says, or that the reply was lost. */
async function send(planned: PlannedUpdate, change: TlsaChange, target: Target): Promise<void> {
  const { server, key, clock, transport, timeoutMs, signal } = target;
  const { owner, zone } = change;
  const plain = encodeUpdate({ id: randomMessageId(), zone, ...planned });
  if (plain.length > 65_000) {
    throw new OperationalError(
      "PUBLISH_INVALID",
      `an update of ${String(plain.length)} octets does not fit a DNS message`,
      {
        retry: "never",
      },
    );
  }
  const { message, mac } = signMessage(plain, key, clock());
  const subject = `the update of ${displayName(owner)} TLSA`;
  const bytes = await exchangeMessage(message, server, { timeoutMs, signal, subject, transport });
  const now = clock();
  const verdict = verifyReply({ bytes, key, requestMac: mac, now });
  const judged = judgeUpdateReply({ bytes, verdict, server: formatServer(server), zone, owner, key, now });
  if (!judged.ok) throw OperationalError.of(judged.fault.fault, judged.fault.retry);
}

/** Whether the request may have arrived although no reply that can be read came back. */
function isLostReply(error: unknown): boolean {
  return ["DNS_TIMEOUT", "DNS_CONNECTION_LOST", "DNS_MESSAGE_MALFORMED"].includes(codeOf(error) ?? "");
}

/** After a lost reply: done when the change is visible, else `PUBLISH_OUTCOME_UNKNOWN`. */
async function settleLostReply(lost: unknown, change: TlsaChange, target: Target): Promise<ReadBack> {
  const why = lost instanceof Error ? lost.message : String(lost);
  let served: ServedRrset;
  try {
    served = await readUntilServed(change, target, false);
  } catch (error) {
    const second = error instanceof Error ? error.message : String(error);
    const what = `the reply to the update of ${displayName(change.owner)} was lost (${why}), and reading back failed (${second})`;
    throw new OperationalError("PUBLISH_OUTCOME_UNKNOWN", what, { cause: error });
  }
  if (isApplied(served, change)) return toReadBack(served, change);
  const what = `the reply to the update of ${displayName(change.owner)} was lost (${why}), and the change is not visible`;
  throw new OperationalError("PUBLISH_OUTCOME_UNKNOWN", what, { cause: lost });
}

async function confirm(change: TlsaChange, target: Target, before: ServedRrset | null): Promise<ReadBack> {
  let served: ServedRrset;
  try {
    served = await readUntilServed(change, target, before?.zoneSigned ?? true);
  } catch (error) {
    if (codeOf(error) === "DNS_INTERRUPTED") throw error;
    const why = error instanceof Error ? error.message : String(error);
    const what = `the update of ${displayName(change.owner)} was accepted but cannot be read back: ${why}`;
    throw new OperationalError("PUBLISH_UNCONFIRMED", what, { cause: error });
  }
  if (!isApplied(served, change)) throw notApplied(served, change, target);
  return toReadBack(served, change);
}

/** The first look; null when this server answers updates but no questions. Throws when it cannot be reached. */
async function readBefore(change: TlsaChange, target: Target): Promise<ServedRrset | null> {
  try {
    return await readOwner(change.owner, target);
  } catch (error) {
    if (codeOf(error) === "DNS_RCODE") return null;
    throw error;
  }
}

async function applyAt(change: TlsaChange, target: Target, before: ServedRrset | null): Promise<ReadBack> {
  if (before !== null) {
    const known = obstacle(before, change);
    if (known !== null) throw OperationalError.of(known);
    const sameTtl = change.add.length === 0 || before.ttl === change.ttl;
    if (isApplied(before, change) && sameTtl) return toReadBack(before, change);
  }
  for (const planned of planUpdates(change, before)) {
    try {
      await send(planned, change, target);
    } catch (error) {
      if (!isLostReply(error)) throw error;
      return await settleLostReply(error, change, target);
    }
  }
  return await confirm(change, target, before);
}

/** A publisher that sends signed updates to one primary. See the head of this file for what it promises. */
export function createRfc2136Publisher(options: Rfc2136Options): Publisher {
  const { key, clock, signal, resolve } = options;
  const settings = {
    key,
    clock,
    signal,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    readBackMs: options.readBackMs ?? READ_BACK_MS,
    transport: options.transport ?? "tcp",
  };
  const apply = async (change: TlsaChange): Promise<ReadBack> => {
    const invalid = checkChange(change);
    if (invalid !== null) throw OperationalError.of(invalid);
    const servers = await locateServer(options.server, resolve);
    const found = await atFirstReachable(servers, async (server) => {
      const target: Target = { ...settings, server };
      return { target, before: await readBefore(change, target) };
    });
    return await applyAt(change, found.target, found.before);
  };
  return { capabilities: CAPABILITIES, apply };
}
