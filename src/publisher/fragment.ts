/**
 * The text of a zone file fragment that holds TLSA records and nothing else. Written so that the file that includes it
 * cannot change its meaning: absolute owner names, a TTL and a class on each line (RFC 1035 §5.1: what is left out is
 * taken from `$ORIGIN`, `$TTL` and the line before), names in canonical order (RFC 4034 §6.1), records sorted. The same
 * records always give the same text.
 *
 * Read as strictly: whoever points us at a file of another kind loses nothing. Pure.
 */
import { createHash } from "node:crypto";
import { compareBytes } from "../base/bytes.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { seconds } from "../base/time.ts";
import type { Seconds } from "../base/time.ts";
import { compareNames, displayName, isAtOrBelow, parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { encodeTlsa, formatTlsa, parseTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import type { TlsaChange } from "./publisher.ts";

/** The TLSA records of one owner name; RFC 2181 §5.2: one TTL for all. */
export interface FragmentSet {
  readonly ttl: Seconds;
  readonly records: readonly TlsaRdata[];
}

/** By owner name; no set is empty. */
export type Fragment = ReadonlyMap<DomainName, FragmentSet>;

const HEADER = "; TLSA records, written by daneward. It replaces this file; put other records elsewhere.";
/** RFC 2181 §8. */
const MAX_TTL = 0x7fff_ffff;

/** The records of a fragment, or what in it is none, with the line (`FRAGMENT_FOREIGN`). `file` is for the message. */
export function parseFragment(text: string, file: string): Result<Fragment, Fault> {
  const fragment = new Map<DomainName, FragmentSet>();
  for (const [index, line] of text.split("\n").entries()) {
    // Neither names that we write nor hexadecimal digits hold a semicolon.
    const content = line.replace(/;[^]*$/, "").trimEnd();
    if (content === "") continue;
    const read = parseLine(content);
    if (typeof read === "string") {
      return failure(
        fault("FRAGMENT_FOREIGN", `${file} is not a file of TLSA records: line ${String(index + 1)} ${read}`),
      );
    }
    const known = fragment.get(read.owner);
    fragment.set(read.owner, {
      ttl: seconds(Math.max(known?.ttl ?? 0, read.ttl)),
      records: union(known?.records ?? [], [read.record]),
    });
  }
  return success(fragment);
}

interface Line {
  readonly owner: DomainName;
  readonly ttl: Seconds;
  readonly record: TlsaRdata;
}

/** A text says what is wrong with the line. */
function parseLine(line: string): Line | string {
  if (line.startsWith("$")) return `is the directive ${line.split(/\s/, 1)[0] ?? ""}`;
  if (/^\s/.test(line)) return "has no owner name";
  const [ownerText = "", ...rest] = line.split(/\s+/);
  const at = rest.findIndex((word) => !/^(?:\d+|IN)$/i.test(word));
  const type = rest[at]?.toUpperCase() ?? "";
  if (type !== "TLSA") return type === "" ? "has no record type" : `holds ${type}`;
  const lead = rest.slice(0, at).map((word) => word.toUpperCase());
  const ttl = Number(lead.find((word) => word !== "IN") ?? Number.NaN);
  if (lead.length !== 2 || !lead.includes("IN") || !(ttl <= MAX_TTL)) return "needs a TTL in seconds and the class IN";
  const owner = parseName(ownerText);
  if (!ownerText.endsWith(".") || !owner.ok) return `has the owner name ${ownerText}, which is not an absolute one`;
  const record = parseTlsa(rest.slice(at + 1).join(" "));
  return record.ok
    ? { owner: owner.value, ttl: seconds(ttl), record: record.value }
    : `is wrong: ${record.fault.message}`;
}

/** Each record once, in the order of the first appearance. */
function union(left: readonly TlsaRdata[], right: readonly TlsaRdata[]): readonly TlsaRdata[] {
  return [...new Map([...left, ...right].map((record) => [formatTlsa(record), record])).values()];
}

/** The whole file. An empty fragment is a valid file too: it says that there are no records. */
export function formatFragment(fragment: Fragment): string {
  const lines = [...fragment]
    .sort(([left], [right]) => compareNames(left, right))
    .flatMap(([owner, { ttl, records }]) =>
      [...records]
        .sort((left, right) => compareBytes(encodeTlsa(left), encodeTlsa(right)))
        .map((record) => `${owner} ${String(ttl)} IN TLSA ${formatTlsa(record)}\n`),
    );
  const body = lines.join("");
  const digest = createHash("sha256").update(body).digest("hex");
  return `${HEADER}\n; sha256 of the records below: ${digest}\n${body}`;
}

/** The first owner name that may not stand in the fragment of that zone, as a fault; null: all may. */
export function refuseOwners(
  fragment: Fragment,
  allowed: ReadonlySet<DomainName>,
  place: { readonly zone: DomainName; readonly file: string },
): Fault | null {
  const { zone, file } = place;
  for (const owner of fragment.keys()) {
    const name = displayName(owner);
    if (!isAtOrBelow(owner, zone)) {
      const what = `${file} holds records of ${name}, which is not in the zone ${displayName(zone)}`;
      return fault("FRAGMENT_FOREIGN", what, "write {zone} into file, so that each zone has a file of its own");
    }
    if (!allowed.has(owner)) {
      const hint = `no certificate that publishes here has it: remove its records, or write owners = ["${name}"]`;
      return fault("FRAGMENT_FOREIGN", `${file} holds records of ${name}`, hint);
    }
  }
  return null;
}

/**
 * The fragment after the change; `PUBLISH_CONFLICT` when a removal stands on records that are not as expected. The
 * RRset that was expected was seen at the name servers, so it may hold records from elsewhere in the zone; but what the
 * file holds must all have been seen, and the last record goes only when no others are relied upon.
 */
export function changeFragment(fragment: Fragment, change: TlsaChange, file: string): Result<Fragment, Fault> {
  const { owner, ttl, add, remove, expected } = change;
  const present = fragment.get(owner)?.records ?? [];
  const removed = new Set(remove.map(formatTlsa));
  const kept = present.filter((record) => !removed.has(formatTlsa(record)));
  if (expected !== null) {
    const conflict = conflictOf({ present, kept, expected, removed }, displayName(owner), file);
    if (conflict !== null) return failure(conflict);
  }
  const changed = new Map(fragment);
  const records = union(kept, add);
  if (records.length === 0) changed.delete(owner);
  else changed.set(owner, { ttl: add.length > 0 ? ttl : (fragment.get(owner)?.ttl ?? ttl), records });
  return success(changed);
}

interface Comparison {
  readonly present: readonly TlsaRdata[];
  readonly kept: readonly TlsaRdata[];
  readonly expected: readonly TlsaRdata[];
  readonly removed: ReadonlySet<string>;
}

function conflictOf({ present, kept, expected, removed }: Comparison, name: string, file: string): Fault | null {
  const served = new Set(expected.map(formatTlsa));
  const unseen = present.find((record) => !served.has(formatTlsa(record)));
  if (unseen !== undefined) {
    const what = `${file} holds "${formatTlsa(unseen)}" at ${name}, which the name servers do not serve yet`;
    return fault("PUBLISH_CONFLICT", what, "wait until the zone has been built and loaded; nothing was removed");
  }
  const relied = expected.find((record) => !removed.has(formatTlsa(record)));
  if (kept.length > 0 || present.length === 0 || relied === undefined) return null;
  const what = `${file} does not hold "${formatTlsa(relied)}", which the name servers serve at ${name} and which was to stay`;
  return fault(
    "PUBLISH_CONFLICT",
    what,
    "if it stands elsewhere in the zone, remove the last line of the file by hand",
  );
}

/** Whether two fragments hold the same records and TTLs. */
export function sameFragment(left: Fragment, right: Fragment): boolean {
  return formatFragment(left) === formatFragment(right);
}
