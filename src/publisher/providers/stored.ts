/**
 * What all publishers over a provider's API have in common: read, compare, write, read again. The store behind the API
 * is looked at before (a change already in place needs no write, an RRset other than the expected one forbids it) and
 * after, because a good status was given before for changes that were not made. A reply that got lost is settled by
 * reading, never by sending again. None of these APIs compares and writes in one go: see `capabilities`.
 */
import { fault, OperationalError } from "../../base/errors.ts";
import type { Fault } from "../../base/errors.ts";
import type { Seconds } from "../../base/time.ts";
import { displayName, parentOf, parseName } from "../../dns/name.ts";
import type { DomainName } from "../../dns/name.ts";
import { formatTlsa, parseTlsa } from "../../dns/rdata.ts";
import type { TlsaRdata } from "../../dns/rdata.ts";
import { checkChange } from "../plan-updates.ts";
import type { Capabilities, Publisher, ReadBack, TlsaChange } from "../publisher.ts";

/** The TLSA RRset at a name as the provider stores it. */
export interface Stored {
  readonly records: readonly TlsaRdata[];
  /** The records in canonical text, and those that we cannot read as they stand. */
  readonly texts: ReadonlySet<string>;
  /** Null: no RRset. */
  readonly ttl: Seconds | null;
  readonly signed: boolean;
}

/** How one provider is read and written. */
export interface Store<Zone, Seen extends Stored> {
  readonly service: string;
  readonly capabilities: Capabilities;
  readonly status: ReadBack["status"];
  readonly readBackMs?: number;
  /** Finds the zone, and refuses what cannot work in it. The change it gives back is the one to make (a raised TTL). */
  readonly open: (change: TlsaChange) => Promise<Opened<Zone>>;
  /** Throws what stands in the way of any record at the name. */
  readonly look: (change: TlsaChange, zone: Zone) => Promise<Seen>;
  /** Gives back what stood there when it wrote. Checks `expected` itself when it looks again. */
  readonly write: (change: TlsaChange, zone: Zone, before: Seen) => Promise<Seen>;
  /** Throws when what was read after the write shows that something else came in between. */
  readonly compare?: (change: TlsaChange, before: Seen, after: Seen) => void;
}

export interface Opened<Zone> {
  readonly zone: Zone;
  readonly change: TlsaChange;
  readonly notes: readonly Fault[];
}

const READ_BACK_MS = 5_000;
/** Between two looks while reading back, doubled each time up to the last; deSEC allows 50 reads a minute. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 1_600;

/** The name itself and its parents below the apex of the zone. */
export function namesBelow(owner: DomainName, zone: DomainName): readonly DomainName[] {
  const names: DomainName[] = [];
  for (let at: DomainName | null = owner; at !== null && at !== zone; at = parentOf(at)) names.push(at);
  return names;
}

/** Whether an API's text is this name, whatever its case and with or without the final dot. */
export function isNamed(text: unknown, name: DomainName): boolean {
  const parsed = typeof text === "string" ? parseName(text) : null;
  return parsed?.ok === true && parsed.value === name;
}

/** A record's text as {@link formatTlsa} writes it; text that is no record stays as it is. */
export function canonicalContent(content: string): string {
  const record = parseTlsa(content);
  return record.ok ? formatTlsa(record.value) : content;
}

/** Reads records as APIs write them: hex in either case, spaces within. */
export function readContents(contents: readonly string[]): Pick<Stored, "records" | "texts"> {
  const parsed = contents.map(parseTlsa);
  return {
    records: parsed.flatMap((record) => (record.ok ? [record.value] : [])),
    texts: new Set(contents.map(canonicalContent)),
  };
}

function isApplied(seen: Stored, change: TlsaChange): boolean {
  const holds = (record: TlsaRdata): boolean => seen.texts.has(formatTlsa(record));
  return change.add.every(holds) && !change.remove.some(holds);
}

/** Throws `PUBLISH_CONFLICT` when the change expects another RRset than the one that is there. */
export function requireExpected(service: string, seen: Stored, change: TlsaChange): void {
  if (change.expected === null) return;
  const wanted = new Set(change.expected.map(formatTlsa));
  if (wanted.size === seen.texts.size && [...wanted].every((text) => seen.texts.has(text))) return;
  const there = seen.texts.size === 0 ? "no record" : [...seen.texts].join(", ");
  const what = `${displayName(change.owner)} TLSA is not what was expected; ${service} holds ${there}`;
  throw new OperationalError("PUBLISH_CONFLICT", what, { retry: "later" });
}

function notApplied(service: string, seen: Stored, change: TlsaChange): OperationalError {
  const missing = change.add.map(formatTlsa).filter((text) => !seen.texts.has(text));
  const left = change.remove.map(formatTlsa).filter((text) => seen.texts.has(text));
  const parts = [...missing.map((text) => `without ${text}`), ...left.map((text) => `still with ${text}`)];
  const what = `${service} accepted the change but holds ${displayName(change.owner)} ${parts.join(" and ")}`;
  return new OperationalError("PUBLISH_NOT_APPLIED", what, {
    hint: "another writer may have overwritten it, or the provider has not carried it out; look again",
  });
}

/** Whether the request may have been carried out although no reply that can be used came back. */
function mayHaveHappened(error: unknown): error is OperationalError {
  return (
    error instanceof OperationalError &&
    [
      "PROVIDER_TIMEOUT",
      "PROVIDER_CONNECTION_LOST",
      "PROVIDER_REPLY_MALFORMED",
      "PROVIDER_REPLY_TOO_LARGE",
      "PROVIDER_FAILED",
    ].includes(error.code)
  );
}

function unconfirmed(change: TlsaChange, error: OperationalError): OperationalError {
  const what = `the change of ${displayName(change.owner)} was accepted but cannot be read back: ${error.message}`;
  return new OperationalError("PUBLISH_UNCONFIRMED", what, { retry: error.retry === "never" ? "later" : error.retry });
}

/** Settles a write whose reply was lost: fine when the change is there. */
function lost(change: TlsaChange, error: OperationalError, second: OperationalError | null): OperationalError {
  const then = second === null ? "the change is not visible" : `reading back failed: ${second.message}`;
  const what = `the outcome of changing ${displayName(change.owner)} is not known (${error.message}), and ${then}`;
  return new OperationalError("PUBLISH_OUTCOME_UNKNOWN", what);
}

/** A publisher over a {@link Store}. */
export function createStoredPublisher<Zone, Seen extends Stored>(store: Store<Zone, Seen>): Publisher {
  const { service, capabilities } = store;

  const readUntilApplied = async (change: TlsaChange, zone: Zone): Promise<Seen> => {
    const deadline = performance.now() + (store.readBackMs ?? READ_BACK_MS);
    for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LAST_PAUSE_MS)) {
      const seen = await store.look(change, zone);
      if (isApplied(seen, change) || performance.now() + wait > deadline) return seen;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  };
  const toReadBack = (seen: Seen, change: TlsaChange, notes: readonly Fault[]): ReadBack => {
    const { records, ttl, signed } = seen;
    const what = `${displayName(change.owner)} TLSA is stored with a TTL of ${String(ttl)} s, not ${String(change.ttl)} s`;
    const changed = change.add.length > 0 && ttl !== null && ttl !== change.ttl;
    const all = changed ? [...notes, fault("PUBLISH_TTL_CHANGED", what)] : notes;
    return { status: store.status, records, ttl, signed, notes: all };
  };
  const confirm = async (opened: Opened<Zone>, before: Seen, failed: OperationalError | null): Promise<ReadBack> => {
    const { change, zone, notes } = opened;
    let after: Seen;
    try {
      after = await readUntilApplied(change, zone);
    } catch (error) {
      if (!(error instanceof OperationalError) || error.code === "DNS_INTERRUPTED") throw error;
      throw failed === null ? unconfirmed(change, error) : lost(change, failed, error);
    }
    if (!isApplied(after, change)) {
      if (failed === null) throw notApplied(service, after, change);
      throw failed.code === "PROVIDER_FAILED" ? failed : lost(change, failed, null);
    }
    store.compare?.(change, before, after);
    return toReadBack(after, change, notes);
  };

  const apply = async (wanted: TlsaChange): Promise<ReadBack> => {
    const invalid = checkChange(wanted);
    if (invalid !== null) throw OperationalError.of(invalid);
    const opened = await store.open(wanted);
    const { zone, change, notes } = opened;
    const before = await store.look(change, zone);
    const sameTtl = change.add.length === 0 || before.ttl === change.ttl;
    if (isApplied(before, change) && sameTtl) return toReadBack(before, change, notes);
    requireExpected(service, before, change);
    let replaced: Seen;
    try {
      replaced = await store.write(change, zone, before);
    } catch (error) {
      if (!mayHaveHappened(error)) throw error;
      return await confirm(opened, before, error);
    }
    return await confirm(opened, replaced, null);
  };
  return { capabilities, apply };
}
