/**
 * TLSA parameters, association data, matching, usability and advice: RFC 6698, RFC 7671 and (for mail) RFC 7672, on
 * octets alone.
 *
 * A TLSA record says how to look at a certificate chain (certificate usage, selector, matching type) and what must be
 * seen (the association data). This folder computes the data from octets as they were sent, compares it, and tells
 * which records a client would use at all. It knows no certificates: whoever calls it has sliced them. Registry
 * values outside the RFCs are carried and printed, and are never usable; only values that we would publish ourselves
 * are of the closed types below.
 */
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";

/** RFC 6698 §2.1.1, names of RFC 7218: 0 PKIX-TA, 1 PKIX-EE, 2 DANE-TA, 3 DANE-EE. */
export type CertificateUsage = 0 | 1 | 2 | 3;
/** RFC 6698 §2.1.2: 0 the whole certificate, 1 its SubjectPublicKeyInfo. */
export type Selector = 0 | 1;
/** RFC 6698 §2.1.3: 0 the octets themselves, 1 SHA2-256, 2 SHA2-512. */
export type MatchingType = 0 | 1 | 2;

/** The triple that RFC 7671 §1.1 calls the TLSA parameters. */
export interface TlsaParameters {
  readonly usage: CertificateUsage;
  readonly selector: Selector;
  readonly matchingType: MatchingType;
}

const USAGE_NAMES = ["PKIX-TA", "PKIX-EE", "DANE-TA", "DANE-EE"] as const;
const SELECTOR_NAMES = ["Cert", "SPKI"] as const;
const MATCHING_TYPE_NAMES = ["Full", "SHA2-256", "SHA2-512"] as const;

/** `3 1 1`, `3,1,1`, `311`, or the names of RFC 7218 (`DANE-EE SPKI SHA2-256`, any case). `TLSA_PARAMETERS` otherwise. */
export function parseParameters(text: string): Result<TlsaParameters, Fault> {
  const words = text
    .trim()
    .replace(/^([0-9])([0-9])([0-9])$/, "$1 $2 $3")
    .split(/[\s,]+/);
  const [usage, selector, matchingType] = [
    codeOf(words[0], USAGE_NAMES),
    codeOf(words[1], SELECTOR_NAMES),
    codeOf(words[2], MATCHING_TYPE_NAMES),
  ];
  if (words.length !== 3)
    return failure(fault("TLSA_PARAMETERS", `"${text}" is not usage, selector and matching type`));
  if (!isUsage(usage)) return failure(fault("TLSA_PARAMETERS", `certificate usage ${words[0] ?? ""} is not 0 to 3`));
  if (!isSelector(selector)) return failure(fault("TLSA_PARAMETERS", `selector ${words[1] ?? ""} is not 0 or 1`));
  if (!isMatchingType(matchingType)) {
    return failure(fault("TLSA_PARAMETERS", `matching type ${words[2] ?? ""} is not 0, 1 or 2`));
  }
  return success({ usage, selector, matchingType });
}

/** `3 1 1`. */
export function formatParameters(parameters: Readonly<Record<keyof TlsaParameters, number>>): string {
  return `${String(parameters.usage)} ${String(parameters.selector)} ${String(parameters.matchingType)}`;
}

/** Whether the record is made of the server's key alone, so that it is known before any certificate bears the key. */
export function isKeyAlone({ usage, selector }: TlsaParameters): boolean {
  return !isIssuerUsage(usage) && selector === 1;
}

/** `DANE-EE(3) SPKI(1) SHA2-256(1)`: the form of RFC 7671; unknown codes as bare numbers. */
export function describeParameters(parameters: Readonly<Record<keyof TlsaParameters, number>>): string {
  const word = (names: readonly string[], code: number): string => {
    const name = names[code];
    return name === undefined ? String(code) : `${name}(${String(code)})`;
  };
  return [
    word(USAGE_NAMES, parameters.usage),
    word(SELECTOR_NAMES, parameters.selector),
    word(MATCHING_TYPE_NAMES, parameters.matchingType),
  ].join(" ");
}

/** Whether records with these parameters are taken from the issuers of the chain (usages 0 and 2) and not from its leaf. */
export function isIssuerUsage(usage: number): boolean {
  return usage === 0 || usage === 2;
}

export function isUsage(code: number): code is CertificateUsage {
  return code === 0 || code === 1 || code === 2 || code === 3;
}

export function isSelector(code: number): code is Selector {
  return code === 0 || code === 1;
}

export function isMatchingType(code: number): code is MatchingType {
  return code === 0 || code === 1 || code === 2;
}

function codeOf(word: string | undefined, names: readonly string[]): number {
  if (word === undefined) return -1;
  if (/^[0-9]{1,3}$/.test(word)) return Number(word);
  return names.findIndex((name) => name.toLowerCase() === word.toLowerCase());
}
