/**
 * Transaction signatures (RFC 8945): an HMAC over a message and a few variables, carried in the last record of the
 * additional section, under a secret that both sides know.
 *
 * What we decided. A received message is digested as it was received, less its TSIG record: other programs compress
 * names, so no re-encoding could ever agree. Sent names of key and algorithm are lower case, in the digest and on the
 * wire, because some servers digest what they see. The MAC is compared before anything else is believed, in constant time.
 * A reply without a MAC (no TSIG at all, or BADKEY and BADSIG as RFC 8945 §5.3.2 sends them) proves nothing about who
 * wrote it: it has its own verdict, which callers may report but never take for success. A failure that the server did
 * sign (BADTIME, BADTRUNC) is another verdict again. Both sides are here, because the sandbox's name server accepts
 * signed updates.
 *
 * What we do not do: GSS-TSIG (RFC 3645), TKEY, unsigned messages between the signed ones of a zone transfer, and
 * remembering past MACs: UPDATEs that are sent twice do nothing the second time.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { assert } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";
import { OperationalError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { instant, seconds } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { CLASS, TSIG_ERROR, TYPE } from "./iana.ts";
import { decodeSections, encodeRecord, HEADER_LENGTH } from "./message.ts";
import type { LocatedRecord } from "./message.ts";
import { decodePlainName, encodeName, parseName } from "./name.ts";
import type { DomainName } from "./name.ts";
import { readUint16, readUint48, uint16, uint48 } from "./wire.ts";

interface AlgorithmEntry {
  readonly wireName: string;
  readonly hash: string;
  /** Octets of a full MAC. */
  readonly length: number;
}

/** RFC 8945 §6, with the historic wire name of MD5 and the names that stand for a fixed truncation. */
const ALGORITHMS = {
  "hmac-md5": { wireName: "hmac-md5.sig-alg.reg.int.", hash: "md5", length: 16 },
  "hmac-sha1": { wireName: "hmac-sha1.", hash: "sha1", length: 20 },
  "hmac-sha224": { wireName: "hmac-sha224.", hash: "sha224", length: 28 },
  "hmac-sha256": { wireName: "hmac-sha256.", hash: "sha256", length: 32 },
  "hmac-sha384": { wireName: "hmac-sha384.", hash: "sha384", length: 48 },
  "hmac-sha512": { wireName: "hmac-sha512.", hash: "sha512", length: 64 },
  "hmac-sha256-128": { wireName: "hmac-sha256-128.", hash: "sha256", length: 16 },
  "hmac-sha384-192": { wireName: "hmac-sha384-192.", hash: "sha384", length: 24 },
  "hmac-sha512-256": { wireName: "hmac-sha512-256.", hash: "sha512", length: 32 },
} as const satisfies Readonly<Record<string, AlgorithmEntry>>;

/** A TSIG algorithm by its usual short name. */
export type TsigAlgorithm = keyof typeof ALGORITHMS;

/** RFC 8945 §10 recommends five minutes. */
const DEFAULT_FUDGE = 300;

/** Seconds; a Date cannot show later ones. */
const LAST_SHOWABLE_TIME = 8_640_000_000_000;

/** A shared secret with the name and the algorithm under which both sides know it. */
export interface TsigKey {
  readonly name: DomainName;
  readonly algorithm: TsigAlgorithm;
  readonly secret: Secret;
  /** Octets of MAC to send, where both sides agreed on fewer than all; replies may be as short. */
  readonly macLength?: number;
}

/** What a TSIG record says (RFC 8945 §4.2). `timeSigned` and `fudge` are seconds, the former since 1970. */
export interface TsigFields {
  readonly keyName: DomainName;
  readonly algorithm: DomainName;
  readonly timeSigned: number;
  readonly fudge: number;
  readonly mac: Uint8Array;
  readonly originalId: number;
  readonly error: number;
  readonly otherData: Uint8Array;
}

/** Why a signed message is not believed. FORMERR: the TSIG record is malformed, misplaced, or its MAC of a forbidden length. */
export type TsigRejection = "FORMERR" | "BADKEY" | "BADSIG" | "BADTIME" | "BADTRUNC";

/** What a TSIG proves. Only `verified` may lead to success. */
export type TsigVerdict =
  | {
      readonly status: "verified";
      readonly key: TsigKey;
      readonly tsig: TsigFields;
      /** The message without its TSIG record, as it was before signing. */
      readonly message: Uint8Array;
    }
  | {
      /** The peer holds the key and reports an error of its own; `serverTime` comes with BADTIME. */
      readonly status: "signed-error";
      readonly error: number;
      readonly serverTime: Instant | null;
      readonly key: TsigKey;
      readonly tsig: TsigFields;
    }
  | {
      /** Anybody could have sent it: no TSIG (`error` null), or one with an error and no MAC. */
      readonly status: "unauthenticated";
      readonly error: number | null;
      readonly tsig: TsigFields | null;
    }
  | {
      readonly status: "rejected";
      readonly reason: TsigRejection;
      /** What exactly is wrong. */
      readonly detail: string;
      readonly key: TsigKey | null;
      readonly tsig: TsigFields | null;
    };

/**
 * How a message relates to the one before: a request stands alone, a response covers the request's MAC, a continuation
 * covers the previous message's MAC and of the variables only the times (RFC 8945 §5.3.1).
 */
export type TsigKind = "request" | "response" | "continuation";

/** Departures from signing a plain request. */
export interface SignOptions {
  readonly kind?: TsigKind;
  /** MAC of the request, or of the previous message for a continuation. */
  readonly priorMac?: Uint8Array;
  /** Seconds by which the clocks may differ; 300 unless told. */
  readonly fudge?: number;
  readonly error?: number;
  readonly otherData?: Uint8Array;
  /** ID that the MAC covers, when a forwarder has put another one into the header. */
  readonly originalId?: number;
  /** Octets of MAC to send; the key's, or all, unless told. */
  readonly macLength?: number;
}

/** The algorithm of a short or wire name in any case, final dot optional; null for unknown ones. */
export function tsigAlgorithmFromName(text: string): TsigAlgorithm | null {
  const wanted = text.trim().toLowerCase().replace(/\.$/, "");
  for (const [name, entry] of Object.entries(ALGORITHMS)) {
    if (wanted === name || `${wanted}.` === entry.wireName) return isAlgorithm(name) ? name : null;
  }
  return null;
}

function isAlgorithm(name: string): name is TsigAlgorithm {
  return Object.hasOwn(ALGORITHMS, name);
}

/** The algorithm's name on the wire. */
export function tsigAlgorithmName(algorithm: TsigAlgorithm): DomainName {
  const name = parseName(ALGORITHMS[algorithm].wireName);
  assert(name.ok, "algorithm names are domain names");
  return name.value;
}

/** Octets of a full MAC. */
export function tsigMacLength(algorithm: TsigAlgorithm): number {
  return ALGORITHMS[algorithm].length;
}

function hmac(key: TsigKey, data: Uint8Array): Uint8Array {
  const { hash, length } = ALGORITHMS[key.algorithm];
  try {
    const mac = createHmac(hash, key.secret.reveal()).update(data).digest();
    return new Uint8Array(mac.subarray(0, length));
  } catch (cause) {
    throw new OperationalError("TSIG_ALGORITHM_UNAVAILABLE", `this system cannot compute ${key.algorithm}`, {
      cause,
      retry: "never",
    });
  }
}

/** What the MAC covers (RFC 8945 §4.3). `message` is without TSIG and carries the original ID. */
function digestInput(
  message: Uint8Array,
  tsig: TsigFields,
  kind: TsigKind,
  priorMac: Uint8Array | undefined,
): Uint8Array {
  assert(
    (kind === "request") === (priorMac === undefined),
    `the digest of a ${kind} and the prior MAC do not go together`,
  );
  const prior = priorMac === undefined ? new Uint8Array(0) : concatBytes(uint16(priorMac.length), priorMac);
  const timers = concatBytes(uint48(tsig.timeSigned), uint16(tsig.fudge));
  if (kind === "continuation") return concatBytes(prior, message, timers);
  const classAndTtl = concatBytes(uint16(CLASS.ANY), uint16(0), uint16(0));
  const error = concatBytes(uint16(tsig.error), uint16(tsig.otherData.length), tsig.otherData);
  return concatBytes(prior, message, encodeName(tsig.keyName), classAndTtl, encodeName(tsig.algorithm), timers, error);
}

/** The message with `tsig` as its last record. */
function appendTsig(message: Uint8Array, tsig: TsigFields): Uint8Array {
  const rdata = concatBytes(
    encodeName(tsig.algorithm),
    uint48(tsig.timeSigned),
    ...[tsig.fudge, tsig.mac.length].map(uint16),
    tsig.mac,
    ...[tsig.originalId, tsig.error, tsig.otherData.length].map(uint16),
    tsig.otherData,
  );
  const record = encodeRecord({ name: tsig.keyName, type: TYPE.TSIG, class: CLASS.ANY, ttl: seconds(0), rdata });
  const signed = concatBytes(message, record);
  signed.set(uint16(readUint16(message, 10) + 1), 10);
  return signed;
}

function withId(message: Uint8Array, id: number): Uint8Array {
  const copy = message.slice();
  copy.set(uint16(id), 0);
  return copy;
}

/**
 * Signs an encoded message that has no TSIG yet. `mac` is what the reply's MAC must cover. Sign anew, with a new ID, for
 * every attempt. Throws `TSIG_ALGORITHM_UNAVAILABLE` where the system forbids the hash (FIPS mode and MD5).
 */
export function signMessage(
  message: Uint8Array,
  key: TsigKey,
  now: Instant,
  options: SignOptions = {},
): { readonly message: Uint8Array; readonly mac: Uint8Array } {
  assert(message.length >= HEADER_LENGTH, "only a whole DNS message can be signed");
  const unsigned: TsigFields = {
    keyName: key.name,
    algorithm: tsigAlgorithmName(key.algorithm),
    timeSigned: Math.floor(now / 1000),
    fudge: options.fudge ?? DEFAULT_FUDGE,
    mac: new Uint8Array(0),
    originalId: options.originalId ?? readUint16(message, 0),
    error: options.error ?? TSIG_ERROR.NOERROR,
    otherData: options.otherData ?? new Uint8Array(0),
  };
  const kind = options.kind ?? (options.priorMac === undefined ? "request" : "response");
  const input = digestInput(withId(message, unsigned.originalId), unsigned, kind, options.priorMac);
  const mac = hmac(key, input).slice(0, options.macLength ?? key.macLength);
  return { message: appendTsig(message, { ...unsigned, mac }), mac };
}

type Located =
  | { readonly found: "none" }
  | { readonly found: "malformed"; readonly detail: string }
  | { readonly found: "tsig"; readonly tsig: TsigFields; readonly message: Uint8Array };

/** Finds the one TSIG record that may be there, last in the additional section (RFC 8945 §5.2). */
function locateTsig(bytes: Uint8Array): Located {
  const sections = decodeSections(bytes);
  if (!sections.ok) return { found: "malformed", detail: sections.fault.message };
  const { answer, authority, additional } = sections.value;
  const isTsig = (located: LocatedRecord): boolean => located.record.type === TYPE.TSIG;
  if ([...answer, ...authority].some(isTsig)) return misplaced("outside the additional section");
  const found = additional.filter(isTsig);
  const last = additional.at(-1);
  if (found.length === 0) return { found: "none" };
  if (found.length > 1) return misplaced("more than once");
  if (last === undefined || !isTsig(last)) return misplaced("before other records");
  if (last.record.class !== CLASS.ANY || last.rawTtl !== 0) return misplaced("with a class other than ANY or a TTL");
  const tsig = decodeTsig(last.record.name, last.record.rdata);
  if (tsig === null) return { found: "malformed", detail: "the RDATA of the TSIG record is malformed" };
  const message = withId(bytes.subarray(0, last.start), tsig.originalId);
  message.set(uint16(additional.length - 1), 10);
  return { found: "tsig", tsig, message };
}

function misplaced(where: string): Located {
  return { found: "malformed", detail: `a TSIG record occurs ${where}` };
}

function decodeTsig(keyName: DomainName, rdata: Uint8Array): TsigFields | null {
  const algorithm = decodePlainName(rdata, 0);
  if (!algorithm.ok) return null;
  const times = algorithm.value.next;
  const macAt = times + 10;
  const macEnd = macAt + readUint16(rdata, times + 8);
  const otherAt = macEnd + 6;
  if (rdata.length < macAt || rdata.length < otherAt) return null;
  if (rdata.length !== otherAt + readUint16(rdata, macEnd + 4)) return null;
  return {
    keyName,
    algorithm: algorithm.value.name,
    timeSigned: readUint48(rdata, times),
    fudge: readUint16(rdata, times + 6),
    mac: rdata.slice(macAt, macEnd),
    originalId: readUint16(rdata, macEnd),
    error: readUint16(rdata, macEnd + 2),
    otherData: rdata.slice(otherAt),
  };
}

/** The time a server adds to BADTIME (RFC 8945 §5.2.3), when it can be shown. */
function serverTimeOf(tsig: TsigFields): Instant | null {
  const time = readUint48(tsig.otherData, 0);
  return tsig.otherData.length === 6 && time <= LAST_SHOWABLE_TIME ? instant(time * 1000) : null;
}

interface Expectation {
  readonly bytes: Uint8Array;
  readonly keys: readonly TsigKey[];
  readonly kind: TsigKind;
  readonly priorMac?: Uint8Array;
  readonly now: Instant;
  readonly minimumMacLength?: number | undefined;
}

/** RFC 8945 §5.2 in its order: form, key, MAC, time, truncation policy. */
function judge(expectation: Expectation): TsigVerdict {
  const located = locateTsig(expectation.bytes);
  if (located.found === "none") return { status: "unauthenticated", error: null, tsig: null };
  if (located.found === "malformed") return { ...REJECTED, reason: "FORMERR", detail: located.detail };
  const { tsig, message } = located;
  if (tsig.mac.length === 0 && tsig.error !== TSIG_ERROR.NOERROR) {
    return { status: "unauthenticated", error: tsig.error, tsig };
  }
  const key = expectation.keys.find(
    (candidate) => candidate.name === tsig.keyName && tsigAlgorithmName(candidate.algorithm) === tsig.algorithm,
  );
  if (key === undefined) {
    const detail = `key ${tsig.keyName} with algorithm ${tsig.algorithm} is not the one expected`;
    return { ...REJECTED, reason: "BADKEY", detail, tsig };
  }
  const reject = (reason: TsigRejection, detail: string): TsigVerdict => ({
    status: "rejected",
    reason,
    detail,
    key,
    tsig,
  });
  const full = ALGORITHMS[key.algorithm].length;
  const length = tsig.mac.length;
  // RFC 8945 §5.2.2.1: lengths that nobody may use are a format error, whatever the MAC says.
  if (length > full || (length > 0 && length < Math.max(10, full / 2))) {
    return reject("FORMERR", `a MAC of ${String(length)} octets is not allowed with ${key.algorithm}`);
  }
  const expected = hmac(key, digestInput(message, tsig, expectation.kind, expectation.priorMac)).subarray(0, length);
  if (length === 0 || !timingSafeEqual(expected, tsig.mac)) return reject("BADSIG", "the MAC does not verify");
  // Before our own look at the time: with clocks apart it would hide the server's, and success it is in no case.
  if (tsig.error === TSIG_ERROR.BADTIME) {
    return { status: "signed-error", error: tsig.error, serverTime: serverTimeOf(tsig), key, tsig };
  }
  const drift = Math.floor(expectation.now / 1000) - tsig.timeSigned;
  if (Math.abs(drift) > tsig.fudge) {
    return reject(
      "BADTIME",
      `signed ${String(Math.abs(drift))} s ${drift > 0 ? "ago" : "ahead"}, ${String(tsig.fudge)} s are allowed`,
    );
  }
  if (length < (expectation.minimumMacLength ?? 0))
    return reject("BADTRUNC", `a MAC of ${String(length)} octets is too short`);
  if (tsig.error !== TSIG_ERROR.NOERROR)
    return { status: "signed-error", error: tsig.error, serverTime: null, key, tsig };
  return { status: "verified", key, tsig, message };
}

const REJECTED = { status: "rejected", key: null, tsig: null } as const;

/** A reply, and what its TSIG must fit. */
export interface ReplyExpectation {
  readonly bytes: Uint8Array;
  /** The key of the request; the reply must use the same one with the same algorithm. */
  readonly key: TsigKey;
  /** MAC of the request, or of the previous message when `kind` is `continuation`. */
  readonly requestMac: Uint8Array;
  readonly now: Instant;
  readonly kind?: "response" | "continuation";
  /** Octets; shorter MACs that verify are BADTRUNC (RFC 8945 §5.2.4). */
  readonly minimumMacLength?: number;
}

/** Judges the TSIG of a reply. Never throws on any octets. */
export function verifyReply(expectation: ReplyExpectation): TsigVerdict {
  const { bytes, key, requestMac, now, kind = "response", minimumMacLength } = expectation;
  return judge({ bytes, keys: [key], kind, priorMac: requestMac, now, minimumMacLength });
}

/** A request, and the keys a server knows. */
export interface RequestExpectation {
  readonly bytes: Uint8Array;
  readonly keys: readonly TsigKey[];
  readonly now: Instant;
  readonly minimumMacLength?: number;
}

/** Judges the TSIG of a request, for a server. Never throws on any octets. */
export function verifyRequest(expectation: RequestExpectation): TsigVerdict {
  return judge({ ...expectation, kind: "request" });
}

/**
 * Adds to a server's reply the TSIG that its verdict on the request asks for (RFC 8945 §5.3): signed when the key was
 * proved, unsigned with the error for BADKEY and BADSIG, none when the request had no TSIG or a malformed one.
 */
export function signReply(reply: Uint8Array, request: TsigVerdict, now: Instant): Uint8Array {
  if (request.status === "verified") {
    return signMessage(reply, request.key, now, { priorMac: request.tsig.mac, fudge: request.tsig.fudge }).message;
  }
  if (request.status !== "rejected" || request.tsig === null || request.reason === "FORMERR") return reply;
  const { tsig, key, reason } = request;
  const error = TSIG_ERROR[reason];
  if (key === null || reason === "BADKEY" || reason === "BADSIG") {
    const unsigned = { ...tsig, mac: new Uint8Array(0), error, otherData: new Uint8Array(0) };
    return appendTsig(reply, { ...unsigned, originalId: readUint16(reply, 0) });
  }
  const options = { priorMac: tsig.mac, fudge: tsig.fudge, error };
  if (reason === "BADTRUNC") return signMessage(reply, key, now, options).message;
  // RFC 8945 §5.2.3: the client's own time, so that it accepts the error, and the server's in other data.
  const otherData = uint48(Math.floor(now / 1000));
  return signMessage(reply, key, instant(tsig.timeSigned * 1000), { ...options, otherData }).message;
}
