import { DER_TAG, findDerProblem, readChildren, readElement } from "../base/der.ts";
import type { TlsaRdata } from "../dns/rdata.ts";

/** Permanent words for why a client leaves a record aside. */
type UnusableReason =
  | "unknown-usage"
  | "unknown-selector"
  | "unknown-matching-type"
  | "usage-not-for-smtp"
  | "empty"
  | "length"
  | "malformed";

/** Whether a client would use the record at all; `detail` is a sentence for people. */
export type Usability =
  { readonly usable: true } | { readonly usable: false; readonly reason: UnusableReason; readonly detail: string };

const DIGEST_LENGTH: Readonly<Record<number, number>> = { 1: 32, 2: 64 };

/**
 * RFC 6698 §4.1 and RFC 7671 §9: a record with unknown codes or data that cannot be what it claims is unusable by
 * itself and leaves the others of its RRset alone. With `smtp`, usages 0 and 1 are unusable too, which RFC 7672 §3.1.3
 * leaves to the client.
 */
export function usability(record: TlsaRdata, context: { readonly smtp: boolean }): Usability {
  const { usage, selector, matchingType, data } = record;
  const octets = `${String(data.length)} octet${data.length === 1 ? "" : "s"}`;
  if (usage > 3) return unusable("unknown-usage", `certificate usage ${String(usage)} is unknown`);
  if (selector > 1) return unusable("unknown-selector", `selector ${String(selector)} is unknown`);
  if (matchingType > 2) return unusable("unknown-matching-type", `matching type ${String(matchingType)} is unknown`);
  if (context.smtp && usage < 2) {
    return unusable("usage-not-for-smtp", `certificate usage ${String(usage)} is not defined for SMTP`);
  }
  if (data.length === 0) return unusable("empty", "there is no association data");
  const expected = DIGEST_LENGTH[matchingType];
  if (expected !== undefined && data.length !== expected) {
    const other = data.length === 64 ? "; this is the length of SHA2-512, matching type 2" : "";
    return unusable("length", `the digest has ${octets} instead of ${String(expected)}${other}`);
  }
  if (expected === undefined && !(selector === 0 ? isCertificate(data) : isPublicKey(data))) {
    const what = selector === 0 ? "certificate" : "SubjectPublicKeyInfo";
    return unusable("malformed", `the association data is not one DER ${what}`);
  }
  return { usable: true };
}

/** {@link usability} as a predicate. */
export function isUsable(record: TlsaRdata, context: { readonly smtp: boolean }): boolean {
  return usability(record, context).usable;
}

function unusable(reason: UnusableReason, detail: string): Usability {
  return { usable: false, reason, detail };
}

/** SEQUENCE { SEQUENCE, SEQUENCE, BIT STRING } and nothing after it: the outline of RFC 5280 §4.1. */
function isCertificate(data: Uint8Array): boolean {
  return hasOutline(data, [DER_TAG.sequence, DER_TAG.sequence, DER_TAG.bitString]);
}

/** SEQUENCE { SEQUENCE, BIT STRING } and nothing after it: the outline of RFC 5280 §4.1.2.7. */
function isPublicKey(data: Uint8Array): boolean {
  return hasOutline(data, [DER_TAG.sequence, DER_TAG.bitString]);
}

function hasOutline(data: Uint8Array, tags: readonly number[]): boolean {
  const outer = readElement(data, 0);
  if (typeof outer === "string" || outer.tag !== DER_TAG.sequence || outer.end !== data.length) return false;
  const children = readChildren(data, outer);
  if (typeof children === "string" || findDerProblem(data, outer) !== null) return false;
  return children.length === tags.length && children.every(({ tag }, at) => tag === tags[at]);
}
