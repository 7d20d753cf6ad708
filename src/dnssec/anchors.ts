/**
 * Trust anchors: where trust in DNSSEC begins (RFC 4033 §2). The root's are built in (root-anchors.ts), as the digests
 * that IANA publishes in root-anchors.xml (RFC 9718); any others come from a file.
 *
 * What we decided: both keys of the root are trusted from the start, so that the change from KSK-2017 to KSK-2024 needs
 * no release of ours. An anchor may stand at any zone. Nothing is fetched, ever.
 *
 * What we do not do: the automatic updates of RFC 5011. They need state that a program run now and then cannot keep
 * honestly; a new release, or the system's own anchor file, brings new keys.
 */
import { formatHex } from "../base/bytes.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Failure, Result } from "../base/result.ts";
import { formatSecond } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { encodeDs } from "../dns/rdata.ts";
import type { DsRdata } from "../dns/rdata.ts";
import { readBindAnchors, readUnboundAnchors } from "./anchor-configuration.ts";
import type { FoundAnchor, FoundAnchors } from "./anchor-record.ts";
import { readXmlAnchors } from "./anchor-xml.ts";
import { readZoneFileAnchors } from "./anchor-zone-file.ts";
import { keyTag } from "./signature.ts";

/** What is believed about the keys of one zone without proof. Each of the DS records or keys may vouch for its key set. */
export interface TrustAnchor {
  readonly zone: DomainName;
  readonly ds: readonly DsRdata[];
  /** DNSKEY RDATA. */
  readonly dnskeys: readonly Uint8Array[];
  /** Where it comes from, for messages: a file name, or that it is built in. */
  readonly source: string;
}

/** Anchors by their zone. */
export type TrustAnchors = ReadonlyMap<DomainName, TrustAnchor>;

/** Characters of a file. IANA's has some thousand; this only keeps a wrong file from costing time. */
const MAX_TEXT = 1_048_576;

/** Anchors that a message about unusable ones names. */
const MOST_REASONS = 4;

/** Anchors of a file, far more than anybody configures. */
const MAX_ANCHORS = 256;

/** Whence a text comes, and when it is to be used. */
export interface AnchorTextOptions {
  /** For messages, and for {@link TrustAnchor.source}: a file name. */
  readonly source: string;
  /** Periods of validity in the text are judged at this instant. */
  readonly at: Instant;
}

/**
 * Recognises the syntax by what no other one has: an element, a clause of BIND's, an option with a colon, any brace. What
 * stands in the comments of one syntax may look like another, so the plainest sign comes first.
 */
function readAnchors(text: string, at: Instant): FoundAnchors {
  if (/^\s*</.test(text)) return readXmlAnchors(text, at);
  if (/^[^;#\n]*(?:trust-anchors|managed-keys|trusted-keys)\s*\{/m.test(text)) return readBindAnchors(text);
  if (/^[^\S\n]*[a-z][a-z-]*:(?:\s|$)/m.test(text)) return readUnboundAnchors(text);
  if (/^[^;{\n]*\{/m.test(text)) return readBindAnchors(text);
  return readZoneFileAnchors(text);
}

/** `3:7`, line and column as editors count: characters, from 1. */
function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return `${String(line)}:${String(offset - before.lastIndexOf("\n"))}`;
}

function describe({ zone, data, unusable }: FoundAnchor): string {
  const tag = data.kind === "ds" ? data.ds.keyTag : keyTag(data.dnskey);
  return `key ${String(tag)} of ${displayName(zone)} ${unusable ?? "may be used"}`;
}

/** Anchors by zone, each DS record and key once. */
function collect(found: readonly FoundAnchor[], source: string): TrustAnchors {
  const zones = new Map<DomainName, { ds: Map<string, DsRdata>; dnskeys: Map<string, Uint8Array> }>();
  for (const { zone, data } of found) {
    const entry = zones.get(zone) ?? { ds: new Map<string, DsRdata>(), dnskeys: new Map<string, Uint8Array>() };
    if (data.kind === "ds") entry.ds.set(formatHex(encodeDs(data.ds)), data.ds);
    else entry.dnskeys.set(formatHex(data.dnskey), data.dnskey);
    zones.set(zone, entry);
  }
  const anchors = [...zones].map(([zone, { ds, dnskeys }]): [DomainName, TrustAnchor] => [
    zone,
    { zone, ds: [...ds.values()], dnskeys: [...dnskeys.values()], source },
  ]);
  return new Map(anchors);
}

/**
 * Reads trust anchors in whichever form they come: DS and DNSKEY records, BIND's and Unbound's configuration, IANA's
 * XML. Several zones may stand in one text; what stands twice counts once. Faults: `TRUST_ANCHOR_INVALID`, with line and
 * column where a place is to blame; also when nothing in the text may be used at `at`.
 */
export function parseTrustAnchors(text: string, { source, at }: AnchorTextOptions): Result<TrustAnchors, Fault> {
  const refuse = (what: string, hint?: string): Failure<Fault> =>
    failure(fault("TRUST_ANCHOR_INVALID", `${source}: ${what}`, hint));
  if (text.length > MAX_TEXT) return refuse("it is too large for a file of trust anchors");
  if (text.trim() === "") return refuse("it is empty");
  const found = readAnchors(text, at);
  if (!found.ok) {
    const { message, offset, hint } = found.fault;
    return failure(fault("TRUST_ANCHOR_INVALID", `${source}:${placeOf(text, offset)}: ${message}`, hint));
  }
  if (found.value.length > MAX_ANCHORS) return refuse(`more than ${String(MAX_ANCHORS)} trust anchors are in it`);
  const usable = found.value.filter((anchor) => anchor.unusable === null);
  if (usable.length > 0) return success(collect(usable, source));
  const [first] = found.value;
  if (first === undefined) return refuse("no trust anchor is in it");
  const reasons = found.value.slice(0, MOST_REASONS).map(describe);
  const more = found.value.length > reasons.length ? ", and more of the kind" : "";
  const what = `no trust anchor in it may be used at ${formatSecond(at)}: ${reasons.join(", ")}${more}`;
  return refuse(what, "get the zone's present trust anchor, and check this host's clock");
}
