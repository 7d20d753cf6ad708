/**
 * What is known of the zone that holds a name: the chain of trust from an anchor down, one label at a time
 * (RFC 4035 §5, RFC 4033 §3.1). Trust in a name's zone is trust in its parent's plus one question: is there a DS?
 *
 * - A DS RRset by the parent, and a DNSKEY RRset signed by a key that it names: a secure zone begins here.
 * - The parent proves a delegation without DS: whatever lies below is insecure (RFC 4035 §5.2).
 * - The parent proves that no delegation stands here: the name belongs to the zone above. This needs less proof than the
 *   others, because it only makes demands: the parent's own signatures must then be there.
 * - Anything else is bogus, because a missing proof is what an attacker would send (RFC 4035 §5.2).
 *
 * A resolver that gives no answer makes it indeterminate; never insecure, or a dropped packet would switch DNSSEC off.
 */
import { equalBytes, formatHex } from "../base/bytes.ts";
import type { Fault } from "../base/errors.ts";
import { addSeconds, seconds } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { algorithmName, digestTypeName, rcodeName, TYPE } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { displayName, parentOf, ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import type { DsRdata } from "../dns/rdata.ts";
import type { Rrset } from "../dns/rrset.ts";
import { acceptRrset, reasonOf } from "./acceptance.ts";
import type { Accepted, Bench } from "./acceptance.ts";
import { isSupportedAlgorithm, isSupportedDigest } from "./algorithms.ts";
import type { TrustAnchor, TrustAnchors } from "./anchors.ts";
import { judgeDelegation } from "./delegation.ts";
import type { Delegation } from "./delegation.ts";
import { rrsetIn } from "./answer.ts";
import { EDE } from "./ede.ts";
import { linkKeyOf, zoneKey } from "./keys.ts";
import type { ZoneKey, ZoneKeys } from "./keys.ts";
import { messageFor, trustAt } from "./need.ts";
import type { Walk } from "./need.ts";
import { dsDigest } from "./signature.ts";
import type { ChainLink, LinkKey, LinkSignature, Reason } from "./verdict.ts";

interface TrustCommon {
  /** For a secure status the zone that holds the name; else where the walk ended. */
  readonly zone: DomainName;
  /** From the anchor down. */
  readonly links: readonly ChainLink[];
  readonly reasons: readonly Reason[];
  /** How long this may be remembered, as far as the records say. */
  readonly until: Instant;
}

/** A zone whose keys are proved. */
export interface SecureZone extends TrustCommon, ZoneKeys {
  readonly status: "secure";
}

/** Below an unsigned delegation, or where no trust could be established. */
export interface UnsecuredZone extends TrustCommon {
  readonly status: "insecure" | "bogus" | "indeterminate";
}

export type ZoneTrust = SecureZone | UnsecuredZone;

/** What the walk rests on beside the messages. */
export interface Ground extends Bench {
  readonly anchors: TrustAnchors;
}

/** SHA-1 is ignored where a DS with a stronger digest stands beside it (RFC 4509 §3). */
const WEAK_DIGEST = 1;

/** A trust that goes on from the one above. */
function onwards(
  above: TrustCommon | null,
  zone: DomainName,
  status: UnsecuredZone["status"],
  links: readonly ChainLink[],
  reason: Reason,
  ground: Ground,
): UnsecuredZone {
  return {
    status,
    zone,
    links: [...(above?.links ?? []), ...links],
    reasons: [reason, ...(above?.reasons ?? [])],
    until: above?.until ?? ground.now,
  };
}

/** What a message that did not come means for a zone. */
export function silence(zone: DomainName, what: string, problem: Fault): Reason {
  const answered = problem.code === "DNS_RCODE" ? EDE.NETWORK_ERROR : EDE.NO_REACHABLE_AUTHORITY;
  const ede = problem.code === "DNSSEC_LIMIT" ? EDE.BOGUS : answered;
  return { ...problem, message: `${what}: ${problem.message}`, zone, ede };
}

/**
 * No answer leaves it open what the zone is (RFC 4035 §4.3). An error code is an answer, and not the one that a zone
 * known to be secure owes (RFC 4033 §5).
 */
function silenceStatus(problem: Fault): "bogus" | "indeterminate" {
  return problem.code === "DNS_RCODE" || problem.code === "DNSSEC_LIMIT" ? "bogus" : "indeterminate";
}

function linkKeysOfDs(records: readonly DsRdata[], used: (ds: DsRdata) => boolean): readonly LinkKey[] {
  return records.map((ds) => ({
    keyTag: ds.keyTag,
    algorithm: ds.algorithm,
    digestType: ds.digestType,
    flags: null,
    used: used(ds),
  }));
}

function dsText(ds: DsRdata): string {
  return `${String(ds.keyTag)} ${algorithmName(ds.algorithm)} ${digestTypeName(ds.digestType)}`;
}

function pinText(anchor: TrustAnchor): string {
  const keys = anchor.dnskeys.flatMap((rdata) => zoneKey(rdata) ?? []);
  return [
    ...anchor.ds.map(dsText),
    ...keys.map(({ tag, algorithm }) => `${String(tag)} ${algorithmName(algorithm)}`),
  ].join(", ");
}

/** The keys of a DNSKEY RRset that a DS or an anchor vouches for, and what the vouching records were. */
interface Pins {
  readonly ds: readonly DsRdata[];
  readonly dnskeys: readonly Uint8Array[];
}

function isPinned(key: ZoneKey, zone: DomainName, pins: Pins): boolean {
  if (pins.dnskeys.some((rdata) => equalBytes(rdata, key.rdata))) return true;
  return pins.ds.some((ds) => {
    if (ds.keyTag !== key.tag || ds.algorithm !== key.algorithm) return false;
    const digest = dsDigest(zone, key.rdata, ds.digestType);
    return digest !== null && equalBytes(digest, ds.digest);
  });
}

/** The DS records that count: supported, and the strongest kind of digest where there are two (RFC 4509 §3). */
function usableDs(records: readonly DsRdata[], ground: Ground): readonly DsRdata[] {
  const supported = records.filter(
    ({ algorithm, digestType }) =>
      isSupportedAlgorithm(algorithm, ground.policy) && isSupportedDigest(digestType, ground.policy),
  );
  const strong = supported.filter(({ digestType }) => digestType !== WEAK_DIGEST);
  return strong.length > 0 ? strong : supported;
}

function unsupported(zone: DomainName, records: readonly DsRdata[], ground: Ground): Reason {
  const list = records.map(dsText).join(", ");
  const byDigest = records.some(({ algorithm }) => isSupportedAlgorithm(algorithm, ground.policy));
  const message = `the DS records of ${displayName(zone)} (${list}) name no ${byDigest ? "digest type" : "algorithm"} that is supported`;
  return byDigest
    ? reasonOf("DNSSEC_DIGEST_UNSUPPORTED", zone, message, EDE.UNSUPPORTED_DIGEST)
    : reasonOf("DNSSEC_ALGORITHM_UNSUPPORTED", zone, message, EDE.UNSUPPORTED_ALGORITHM);
}

interface KeyStep {
  readonly above: SecureZone | null;
  readonly zone: DomainName;
  readonly pins: Pins;
  /** Algorithms that must sign when the policy asks for all. */
  readonly announced: readonly number[];
  /** Links that led here: the anchor, or the DS. */
  readonly links: readonly ChainLink[];
  /** What vouches, for messages: `the DS records`, `the trust anchor`. */
  readonly voucher: string;
  readonly until: Instant;
}

function keyLink(step: KeyStep, keys: readonly LinkKey[], over: Partial<ChainLink> & { message: string }): ChainLink {
  const { zone } = step;
  return { kind: "dnskey", zone, name: zone, type: TYPE.DNSKEY, status: "bogus", keys, signature: null, ...over };
}

function keyFailure(
  step: KeyStep,
  reason: Reason,
  ground: Ground,
  keys: readonly LinkKey[] = [],
  signature: LinkSignature | null = null,
): UnsecuredZone {
  const isOurs = reason.code === "DNSSEC_RESOLVER_STRIPS" || reason.code === "DNSSEC_CLOCK";
  const status = isOurs ? "indeterminate" : "bogus";
  const link = keyLink(step, keys, { status, signature, message: reason.message });
  return onwards(step.above, step.zone, status, [...step.links, link], reason, ground);
}

/**
 * The root's keys are always signed, and freshly: when they seem not to be, the fault is nearer. A resolver that strips
 * signatures, or a clock that is wrong, would make everything bogus.
 */
function atRoot(rrset: Rrset, reason: Reason): Reason {
  if (rrset.signatures.length === 0) {
    const message = "the resolver sent the DNSKEY records of the root without any signature";
    return reasonOf("DNSSEC_RESOLVER_STRIPS", ROOT, message, EDE.INDETERMINATE);
  }
  const untimely = reason.code === "DNSSEC_SIGNATURE_EXPIRED" || reason.code === "DNSSEC_SIGNATURE_NOT_YET_VALID";
  return untimely ? reasonOf("DNSSEC_CLOCK", ROOT, reason.message, reason.ede) : reason;
}

/** A resolver that knows no keys of the root is none that passes DNSSEC on: plain forwarders and captive networks say so. */
function noRoot(rcode: string): Reason {
  const message = `the resolver answered ${rcode} to the question for the root's keys, and sent none`;
  return reasonOf("DNSSEC_RESOLVER_STRIPS", ROOT, message, EDE.INDETERMINATE);
}

const ANCHOR_HINT =
  'compare the trust anchor with the zone\'s keys (dig ZONE DNSKEY | dnssec-dsfromkey -f - ZONE): the anchor may be outdated, or this is not the zone that it was made for; another anchor is named by [dnssec] trust_anchors = "FILE" in the configuration, or --trust-anchor FILE (verify and resolve read no configuration unless --config names one)';

/** Which keys were asked for and which are there; for a key that only its digest tells from the right one, both digests. */
function pinMismatch(keys: readonly ZoneKey[], zone: DomainName, pins: Pins): string {
  for (const ds of pins.ds) {
    const key = keys.find(({ tag, algorithm }) => tag === ds.keyTag && algorithm === ds.algorithm);
    const digest = key === undefined ? null : dsDigest(zone, key.rdata, ds.digestType);
    if (digest === null) continue;
    const [is, said] = [digest, ds.digest].map(formatHex);
    return `expected ${dsText(ds)} with digest ${said ?? ""}; the key ${String(ds.keyTag)} that is there has ${is ?? ""}`;
  }
  const expected = pins.ds.map(dsText).join(", ") || "the anchor's keys";
  const found = keys.map(({ tag, algorithm }) => `${String(tag)} ${algorithmName(algorithm)}`).join(", ");
  return `expected ${expected}; found ${found || "none"}`;
}

/** The keys of a zone, proved by what pins them (RFC 4035 §5.2). */
function* keysOf(step: KeyStep, ground: Ground): Walk<ZoneTrust> {
  const { zone, pins } = step;
  const where = displayName(zone);
  const reply = yield* messageFor(zone, TYPE.DNSKEY);
  if (!reply.ok) {
    const unheard = silence(zone, `the keys of ${where} could not be had`, reply.fault);
    const reason = reply.fault.code === "DNS_RCODE" ? { ...unheard, ede: EDE.DNSKEY_MISSING } : unheard;
    const status = silenceStatus(reply.fault);
    const link = keyLink(step, [], { status, message: reason.message });
    return onwards(step.above, zone, status, [...step.links, link], reason, ground);
  }
  const rrset = rrsetIn(reply.value, zone, TYPE.DNSKEY);
  if (rrset === null) {
    const message = `${where} has no DNSKEY records, although ${step.voucher} say that it is signed`;
    const reason = reasonOf("DNSSEC_KEY_MISSING", zone, message, EDE.DNSKEY_MISSING);
    return keyFailure(step, zone === ROOT ? noRoot(rcodeName(reply.value.rcode)) : reason, ground);
  }
  if (rrset.rdatas.length > ground.policy.limits.keys) {
    const message = `${where} has ${String(rrset.rdatas.length)} DNSKEY records`;
    return keyFailure(step, reasonOf("DNSSEC_LIMIT", zone, message, EDE.BOGUS), ground);
  }
  const keys = rrset.rdatas.flatMap((rdata) => zoneKey(rdata) ?? []);
  const pinned = keys.filter((key) => isPinned(key, zone, pins));
  const shown = keys.map((key) => linkKeyOf(key, pinned.includes(key)));
  if (pinned.length === 0) {
    const message = `no DNSKEY of ${where} matches ${step.voucher}: ${pinMismatch(keys, zone, pins)}`;
    const reason = reasonOf("DNSSEC_KEY_MISSING", zone, message, EDE.DNSKEY_MISSING);
    const isAnchor = step.links.every(({ kind }) => kind === "anchor");
    return keyFailure(step, isAnchor ? { ...reason, hint: ANCHOR_HINT } : reason, ground, shown);
  }
  const accepted = acceptRrset(rrset, { zone, keys: pinned, announced: step.announced }, ground);
  if (!accepted.ok) {
    const { reason, signature } = accepted.fault;
    return keyFailure(step, zone === ROOT ? atRoot(rrset, reason) : reason, ground, shown, signature);
  }
  return secured(step, keys, shown, accepted.value, ground);
}

function secured(
  step: KeyStep,
  keys: readonly ZoneKey[],
  shown: readonly LinkKey[],
  accepted: Accepted,
  ground: Ground,
): SecureZone {
  const { zone, above } = step;
  const message = `key set signed by ${String(accepted.signature.keyTag)}, which ${step.voucher} name`;
  const link = keyLink(step, shown, { status: "secure", signature: accepted.signature, message });
  return {
    status: "secure",
    zone,
    keys: keys.filter(({ unfit }) => unfit === null),
    announced: step.announced,
    links: [...(above?.links ?? []), ...step.links, link],
    reasons: above?.reasons ?? [],
    until: earlier(step.until, addSeconds(ground.now, accepted.ttl)),
  };
}

function earlier(left: Instant, right: Instant): Instant {
  return left < right ? left : right;
}

function* fromAnchor(anchor: TrustAnchor, ground: Ground): Walk<ZoneTrust> {
  const { zone } = anchor;
  const ds = usableDs(anchor.ds, ground);
  const dnskeys = anchor.dnskeys.filter((rdata) => {
    const key = zoneKey(rdata);
    return key !== null && isSupportedAlgorithm(key.algorithm, ground.policy);
  });
  const link: ChainLink = {
    kind: "anchor",
    zone,
    name: zone,
    type: anchor.ds.length > 0 ? TYPE.DS : TYPE.DNSKEY,
    status: "secure",
    keys: linkKeysOfDs(anchor.ds, (each) => ds.includes(each)),
    signature: null,
    message: `trust anchor ${pinText(anchor)}, ${anchor.source}`,
  };
  if (ds.length === 0 && dnskeys.length === 0) {
    // As for a DS RRset of which nothing is supported (RFC 4035 §5.2).
    const message = `the trust anchor of ${displayName(zone)} (${pinText(anchor)}) uses nothing that is supported`;
    const reason = reasonOf("DNSSEC_ANCHOR_UNSUPPORTED", zone, message, EDE.UNSUPPORTED_ALGORITHM);
    return onwards(null, zone, "insecure", [{ ...link, status: "insecure" }], reason, ground);
  }
  const algorithms = [
    ...ds.map(({ algorithm }) => algorithm),
    ...dnskeys.flatMap((rdata) => zoneKey(rdata)?.algorithm ?? []),
  ];
  const announced = [...new Set(algorithms)];
  const until = addSeconds(ground.now, seconds(Number.MAX_SAFE_INTEGER / 1e6));
  const voucher = "the trust anchors";
  return yield* keysOf({ above: null, zone, pins: { ds, dnskeys }, announced, links: [link], voucher, until }, ground);
}

function dsLink(child: DomainName, above: SecureZone, over: Partial<ChainLink> & { message: string }): ChainLink {
  const link = { kind: "ds", zone: above.zone, name: child, type: TYPE.DS, status: "bogus", keys: [] } as const;
  return { ...link, signature: null, ...over };
}

function* intoDelegation(child: DomainName, above: SecureZone, message: DnsMessage, ground: Ground): Walk<ZoneTrust> {
  const delegation = judgeDelegation(child, message, above, ground);
  switch (delegation.kind) {
    case "broken": {
      const { reason, signature } = delegation;
      const link = dsLink(child, above, { signature, message: reason.message });
      return onwards(above, child, "bogus", [link], reason, ground);
    }
    case "none": {
      const until = earlier(above.until, addSeconds(ground.now, delegation.ttl));
      const link = dsLink(child, above, { kind: "no-cut", status: "secure", message: delegation.message });
      return { ...above, links: [...above.links, link], until };
    }
    case "unsigned": {
      const { denial, reason } = delegation;
      const { signature } = denial;
      const link = dsLink(child, above, { kind: "insecure", status: "insecure", signature, message: reason.message });
      const end = onwards(above, child, "insecure", [link], reason, ground);
      return { ...end, until: earlier(above.until, addSeconds(ground.now, denial.ttl)) };
    }
    case "signed":
      return yield* intoSignedZone(child, above, delegation, ground);
  }
}

function* intoSignedZone(
  child: DomainName,
  above: SecureZone,
  delegation: Extract<Delegation, { kind: "signed" }>,
  ground: Ground,
): Walk<ZoneTrust> {
  const { ds, accepted } = delegation;
  const usable = usableDs(ds, ground);
  const until = earlier(above.until, addSeconds(ground.now, accepted.ttl));
  const keys = linkKeysOfDs(ds, (each) => usable.includes(each));
  const list = ds.map(dsText).join(", ");
  const link = dsLink(child, above, {
    status: "secure",
    keys,
    signature: accepted.signature,
    message: `DS ${list}, signed by ${String(accepted.signature.keyTag)} of ${displayName(above.zone)}`,
  });
  if (usable.length === 0) {
    const reason = unsupported(child, ds, ground);
    const end = onwards(
      above,
      child,
      "insecure",
      [{ ...link, status: "insecure", message: reason.message }],
      reason,
      ground,
    );
    return { ...end, until };
  }
  const announced = [...new Set(usable.map(({ algorithm }) => algorithm))];
  const pins = { ds: usable, dnskeys: [] };
  return yield* keysOf(
    { above, zone: child, pins, announced, links: [link], voucher: "the DS records", until },
    ground,
  );
}

/** The trust in the zone that holds `name`. Asks for the trust in the name above, then for at most a DS and a DNSKEY. */
export function* establishTrust(name: DomainName, ground: Ground): Walk<ZoneTrust> {
  const anchor = ground.anchors.get(name);
  // The closest anchor wins: whoever configures one below the root means it (RFC 6840 §5.10 leaves the choice).
  if (anchor !== undefined) return yield* fromAnchor(anchor, ground);
  const parent = parentOf(name);
  if (parent === null) {
    const reason = reasonOf("DNSSEC_NO_ANCHOR", name, "there is no trust anchor above the name", EDE.INDETERMINATE);
    return { status: "indeterminate", zone: name, links: [], reasons: [reason], until: ground.now };
  }
  const above = yield* trustAt(parent);
  if (above.status !== "secure") return above;
  const reply = yield* messageFor(name, TYPE.DS);
  if (reply.ok) return yield* intoDelegation(name, above, reply.value, ground);
  const reason = silence(name, `whether ${displayName(name)} is a signed zone could not be found out`, reply.fault);
  const status = silenceStatus(reply.fault);
  const link = dsLink(name, above, { status, message: reason.message });
  return onwards(above, name, status, [link], reason, ground);
}
