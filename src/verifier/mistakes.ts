/**
 * Names the mistake behind a record that matches nothing, where it is one that people make, and says which record was
 * meant. The association data is looked for among all that can be computed from the chain: the digest of the wrong
 * thing (key for certificate, issuer for server, PEM text for DER), or the right thing under the wrong numbers. What
 * cannot be found that way is simply of another certificate, for example of the one before.
 */
import type { TlsaRdata } from "../dns/rdata.ts";
import { associationFor, isDigestOfNothing } from "../tlsa/association.ts";
import type { CertificateBytes } from "../tlsa/association.ts";
import { findForm, findTextForm } from "../tlsa/data-form.ts";
import type { DataForm } from "../tlsa/data-form.ts";
import { isIssuerUsage, isMatchingType, isSelector, isUsage } from "../tlsa/params.ts";
import type { CertificateUsage, Selector } from "../tlsa/params.ts";

/** A mistake in a clause, and the record that was meant; null when the chain does not tell. */
export interface Mistake {
  readonly text: string;
  readonly instead: TlsaRdata | null;
}

/** What the chain and its surroundings offer to look for the data in. */
export interface Suspects {
  readonly leaf: CertificateBytes;
  /** Whatever else was sent, in wire order. */
  readonly others: readonly CertificateBytes[];
  /** Certificates that this host had before, as far as anybody knows. */
  readonly previous: readonly CertificateBytes[];
}

/** What octets were hashed, and how. */
interface Origin {
  readonly certificate: CertificateBytes;
  /** 0 the leaf; null for a certificate from before. */
  readonly depth: number | null;
  readonly selector: Selector;
  readonly form: DataForm;
}

/** For a record that is usable and matches nothing. Null: no mistake is known. */
export function nameMistake(record: TlsaRdata, suspects: Suspects): Mistake | null {
  const { usage, selector, matchingType, data } = record;
  if (isDigestOfNothing(data)) return digestOfNothing(record, suspects);
  const origin = findOrigin(data, suspects);
  if (origin === null) return notSent(record);
  const { depth, form } = origin;
  const what = `${form.text} ${describeOctets(origin)}`;
  const instead = depth === null ? associationLike(record, suspects) : intended(record, origin);
  if (depth === null) return { text: `${what}: the renewal was not published`, instead };
  if (form.matchingType !== matchingType) return { text: `${what}, not of its DER octets`, instead };
  if (isIssuerUsage(usage) && depth === 0) {
    return { text: `${what}: usage ${String(usage)} is about its issuers`, instead };
  }
  if (!isIssuerUsage(usage) && depth > 0) {
    return { text: `${what}: usage ${String(usage)} is about the server's own certificate`, instead };
  }
  if (origin.selector !== selector) {
    const right = `that is selector ${String(origin.selector)}`;
    return { text: `${what} under selector ${String(selector)}: ${right}`, instead };
  }
  return null;
}

/** For a record that no client uses: what its data is all the same. Null: no mistake is known. */
export function nameUnusable(record: TlsaRdata, suspects: Suspects): Mistake | null {
  if (isDigestOfNothing(record.data)) return digestOfNothing(record, suspects);
  const origin = findOrigin(record.data, suspects);
  if (origin === null || origin.depth === null || origin.form.matchingType === record.matchingType) return null;
  const { matchingType } = origin.form;
  const means = matchingType === null ? "" : `: that is matching type ${String(matchingType)}`;
  return { text: `${origin.form.text} ${describeOctets(origin)}${means}`, instead: intended(record, origin) };
}

function digestOfNothing(record: TlsaRdata, suspects: Suspects): Mistake {
  const text = "the digest of nothing: the command that made it failed";
  return { text, instead: associationLike(record, suspects) };
}

/** RFC 7671 §5.2.2: an issuer of which DNS has only a digest, or only the key, must come with the handshake. */
function notSent({ usage, matchingType }: TlsaRdata): Mistake | null {
  if (!isIssuerUsage(usage) || matchingType === 0) return null;
  const text = "not among the issuers that the server sent; a digest can only match what is sent";
  return { text, instead: null };
}

function describeOctets({ depth, selector }: Origin): string {
  const what = selector === 0 ? "certificate" : "public key";
  if (depth === null) return `the server's previous ${what}`;
  return depth === 0 ? `the server's own ${what}` : `an issuer's ${what} (number ${String(depth)} behind the server's)`;
}

/** The record of the same parameters for this chain: of the leaf, or of the last issuer sent. */
function associationLike({ usage, selector, matchingType }: TlsaRdata, suspects: Suspects): TlsaRdata | null {
  const certificate = isIssuerUsage(usage) ? suspects.others.at(-1) : suspects.leaf;
  if (certificate === undefined || !isUsage(usage) || !isSelector(selector) || !isMatchingType(matchingType))
    return null;
  return associationFor({ usage, selector, matchingType }, certificate);
}

/** The record that says what the data was made from. */
function intended(record: TlsaRdata, { certificate, depth, selector, form }: Origin): TlsaRdata {
  const usage = usageFor(record.usage, depth === 0);
  const matchingType = form.matchingType ?? (record.matchingType === 2 ? 2 : 1);
  return associationFor({ usage, selector, matchingType }, certificate);
}

/** The usage of the same family (PKIX or DANE) that is about the leaf, or about issuers. */
function usageFor(usage: number, isLeaf: boolean): CertificateUsage {
  const pkix = usage < 2;
  if (isLeaf) return pkix ? 1 : 3;
  return pkix ? 0 : 2;
}

/** So many certificates are looked at: the peer chooses how many it sends. */
const MAX_SUSPECTS = 10;
const SELECTORS: readonly Selector[] = [0, 1];

function findOrigin(data: Uint8Array, { leaf, others, previous }: Suspects): Origin | null {
  const sent = [leaf, ...others].slice(0, MAX_SUSPECTS).map((certificate, depth) => ({ certificate, depth }));
  const before = previous.slice(0, MAX_SUSPECTS).map((certificate) => ({ certificate, depth: null }));
  for (const { certificate, depth } of [...sent, ...before]) {
    for (const selector of SELECTORS) {
      const form = findForm(data, certificate, selector);
      if (form !== null) return { certificate, depth, selector, form };
    }
  }
  // Who hashes a file hashes the one that begins with the server's own certificate.
  for (const selector of SELECTORS) {
    const form = findTextForm(data, leaf, selector);
    if (form !== null) return { certificate: leaf, depth: 0, selector, form };
  }
  return null;
}
