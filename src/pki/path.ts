/**
 * Certification paths for the usages that name an issuer (RFC 7671 §5.2, §5.4): from the leaf, over issuers whose
 * names chain and whose signatures verify, to a certificate or a key that the caller takes for the anchor.
 *
 * What a server sends is only a heap to choose from: in any order, padded, with several certificates of one name. A
 * certificate that a TLSA record matches counts when it is an issuer on the path, never because it was sent too; so
 * the anchor is asked about at each step of the path and nowhere else, and never about the leaf. All lists and depths
 * are bounded, because the heap comes from the peer.
 *
 * Evaluated here: signatures, dates of everything below the anchor, basicConstraints, path length, keyUsage,
 * extendedKeyUsage, name constraints on DNS names, unknown critical extensions; the anchor's own constraints too
 * (RFC 7671 §5.2.1 says that clients should, and OpenSSL does). Not evaluated: revocation, policies, and constraints
 * on other kinds of names. Local trust stores play no part unless the caller's `isAnchor` consults one.
 */
import { equalBytes } from "../base/bytes.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { formatInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { verifySignature } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";

/** A verified path. */
export interface Path {
  /** Leaf first. The last one is the anchor, or for a bare key the certificate that the key signed. */
  readonly certificates: readonly Certificate[];
  /** `certificate`: the last of `certificates`; `key`: a key outside of them signed the last one (RFC 7671 §5.2.3). */
  readonly anchor: "certificate" | "key";
  /** What is lawful but may make some clients refuse: an expired anchor, for example. */
  readonly warnings: readonly string[];
}

export interface PathOptions {
  /** Instant at which dates are judged. */
  readonly at: Instant;
  /** SPKIs of `2 1 0` records: each is an anchor for the certificates it signed (RFC 7671 §5.2.3 recommends so). */
  readonly anchorKeys?: readonly Uint8Array[];
  /** Some issuer on the path, the anchor included, must satisfy this (RFC 7671 §5.4: usage 0 constrains a PKIX path). */
  readonly through?: (certificate: Certificate) => boolean;
}

/** Certificates on a path; longer ones do not occur on the Internet. */
const MAX_DEPTH = 10;
/** Signature checks in one search, so that a hostile heap cannot keep us busy. */
const MAX_SIGNATURES = 100;

interface Search {
  readonly pool: readonly Certificate[];
  readonly isAnchor: (certificate: Certificate) => boolean;
  readonly options: PathOptions;
  signaturesLeft: number;
  /** The fault of the most promising path so far. */
  best: Fault | null;
}

/**
 * Finds a path from `leaf` over `others` (any order, duplicates and strangers welcome) to the first issuer that
 * `isAnchor` accepts, and checks it. When several paths lead to anchors, one good one is enough.
 *
 * `CERT_PATH`: no anchor is on any path; `CERT_SIGNATURE`: names chain, but a signature is bad; `CERT_EXPIRED` and
 * `CERT_CONSTRAINT`: an anchor was reached, and the path to it breaks a rule.
 */
export function findPath(
  leaf: Certificate,
  others: readonly Certificate[],
  isAnchor: (certificate: Certificate) => boolean,
  options: PathOptions,
): Result<Path, Fault> {
  const search: Search = {
    pool: others.filter((certificate) => !equalBytes(certificate.der, leaf.der)),
    isAnchor,
    options,
    signaturesLeft: MAX_SIGNATURES,
    best: null,
  };
  const found = extend([leaf], search);
  if (found !== null) return success(found);
  const unanchored = fault("CERT_PATH", `no issuer on the path of ${nameOf(leaf)} is the trust anchor`);
  return failure(search.best ?? unanchored);
}

/** Depth first; the pool is walked in the order given, which is the order of the handshake. */
function extend(path: readonly Certificate[], search: Search): Path | null {
  const tip = path[path.length - 1];
  if (tip === undefined || path.length > MAX_DEPTH) return null;
  const { through } = search.options;
  if (path.length > 1 && search.isAnchor(tip) && (through === undefined || path.slice(1).some(through))) {
    const found = accept({ certificates: path, anchor: "certificate" }, search);
    if (found !== null) return found;
  }
  for (const candidate of search.pool) {
    if (candidate.subjectKey !== tip.issuerKey) continue;
    if (path.some((known) => equalBytes(known.der, candidate.der))) continue;
    const signature = signatureBy(tip, candidate.spki, search);
    if (signature !== "good") {
      noteFault(search, signatureFault(tip, candidate, signature));
      continue;
    }
    const found = extend([...path, candidate], search);
    if (found !== null) return found;
  }
  // A key without a certificate comes last: a certificate of that key on the wire is the better anchor.
  for (const key of search.options.anchorKeys ?? []) {
    if (signatureBy(tip, key, search) !== "good") continue;
    const found = accept({ certificates: path, anchor: "key" }, search);
    if (found !== null) return found;
  }
  return null;
}

function signatureBy(certificate: Certificate, spki: Uint8Array, search: Search): "good" | "bad" | "unknown" {
  if (search.signaturesLeft <= 0) return "unknown";
  search.signaturesLeft -= 1;
  return verifySignature(certificate, spki);
}

function signatureFault(certificate: Certificate, issuer: Certificate, outcome: "bad" | "unknown"): Fault {
  const what = outcome === "bad" ? "does not verify" : "cannot be checked here";
  return fault("CERT_SIGNATURE", `the signature on ${nameOf(certificate)} by ${nameOf(issuer)} ${what}`);
}

const RANK: readonly string[] = ["CERT_SIGNATURE", "CERT_EXPIRED", "CERT_CONSTRAINT"];

/** Keeps the fault of the path that came furthest; the first of equals. */
function noteFault(search: Search, problem: Fault): void {
  if (search.best === null || RANK.indexOf(problem.code) > RANK.indexOf(search.best.code)) search.best = problem;
}

function accept(candidate: Pick<Path, "certificates" | "anchor">, search: Search): Path | null {
  const problem = checkPath(candidate, search.options.at);
  if (problem === null) return { ...candidate, warnings: pathWarnings(candidate, search.options.at) };
  noteFault(search, problem);
  return null;
}

/** The rules of RFC 5280 §6.1 that can be judged without policies and revocation. */
function checkPath({ certificates, anchor }: Pick<Path, "certificates" | "anchor">, at: Instant): Fault | null {
  let intermediates = 0;
  for (const [depth, certificate] of certificates.entries()) {
    const isAnchor = anchor === "certificate" && depth === certificates.length - 1;
    if (certificate.unreadable !== null) {
      return constraint(certificate, `has fields that cannot be read: ${certificate.unreadable}`);
    }
    const dates = isAnchor ? null : checkDates(certificate, at);
    const problem = dates ?? checkExtensions(certificate) ?? (depth > 0 ? checkIssuer(certificate, isAnchor) : null);
    if (problem !== null) return problem;
    if (depth === 0) continue;
    const { pathLength = null } = certificate.extensions.basicConstraints ?? {};
    if (pathLength !== null && intermediates > pathLength) {
      return constraint(
        certificate,
        `allows ${String(pathLength)} authorities below it, the path has ${String(intermediates)}`,
      );
    }
    const names = checkNameConstraints(certificate, certificates.slice(0, depth));
    if (names !== null) return names;
    // RFC 5280 §6.1.4 (l): self-issued authorities do not count.
    if (!certificate.isSelfIssued) intermediates += 1;
  }
  const [leaf] = certificates;
  return leaf === undefined ? null : checkLeaf(leaf);
}

function checkDates(certificate: Certificate, at: Instant): Fault | null {
  if (at > certificate.notAfter) {
    return fault("CERT_EXPIRED", `${nameOf(certificate)} expired at ${formatInstant(certificate.notAfter)}`);
  }
  if (at < certificate.notBefore) {
    return fault("CERT_EXPIRED", `${nameOf(certificate)} is not valid before ${formatInstant(certificate.notBefore)}`);
  }
  return null;
}

const KEY_USAGE = { digitalSignature: 0, keyEncipherment: 2, keyAgreement: 4, keyCertSign: 5 } as const;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const ANY_PURPOSE = "2.5.29.37.0";

/** What holds for every certificate of the path: nothing critical unknown, and TLS servers among its purposes. */
function checkExtensions(certificate: Certificate): Fault | null {
  const { unknownCritical, extendedKeyUsage } = certificate.extensions;
  const [unknown] = unknownCritical;
  if (unknown !== undefined) return constraint(certificate, `has the critical extension ${unknown}, unknown here`);
  if (extendedKeyUsage?.some((purpose) => purpose === SERVER_AUTH || purpose === ANY_PURPOSE) === false) {
    return constraint(certificate, "is not meant for TLS servers (extendedKeyUsage)");
  }
  return null;
}

function checkIssuer(certificate: Certificate, isAnchor: boolean): Fault | null {
  const { basicConstraints, keyUsage } = certificate.extensions;
  // A version 1 root cannot say that it is an authority; published as an anchor it is one (RFC 5280 §6.1.4 (k)).
  const oldRoot = isAnchor && !certificate.hasExtensions && certificate.isSelfIssued;
  if (basicConstraints?.isCa !== true && !oldRoot) return constraint(certificate, "is not a certification authority");
  if (keyUsage !== null && keyUsage[KEY_USAGE.keyCertSign] !== true) {
    return constraint(certificate, "may not sign certificates (keyUsage)");
  }
  return null;
}

function checkLeaf(leaf: Certificate): Fault | null {
  const { keyUsage } = leaf.extensions;
  const bits = [KEY_USAGE.digitalSignature, KEY_USAGE.keyEncipherment, KEY_USAGE.keyAgreement];
  if (keyUsage !== null && !bits.some((bit) => keyUsage[bit] === true)) {
    return constraint(leaf, "has a key that may not be used in a handshake (keyUsage)");
  }
  return null;
}

/** RFC 5280 §4.2.1.10 for DNS names; a common name stands in where there is no DNS name, as OpenSSL does. */
function checkNameConstraints(authority: Certificate, below: readonly Certificate[]): Fault | null {
  const constraints = authority.extensions.nameConstraints;
  if (constraints === null) return null;
  for (const [depth, certificate] of below.entries()) {
    // RFC 5280 §6.1.3 (b): self-issued authorities on the way are not looked at, the leaf always is.
    if (depth > 0 && certificate.isSelfIssued) continue;
    const hostLike = certificate.commonNames.filter((name) => /^[a-z0-9_*-]+(\.[a-z0-9_-]+)+\.?$/i.test(name));
    const names = depth === 0 && certificate.dnsNames.length === 0 ? hostLike : certificate.dnsNames;
    for (const name of names) {
      const within = (bases: readonly string[]): boolean => bases.some((base) => isInSubtree(name, base));
      const allowed = constraints.permitted.length === 0 || within(constraints.permitted);
      if (!allowed || within(constraints.excluded)) {
        return constraint(authority, `does not allow certificates for ${name} (nameConstraints)`);
      }
    }
  }
  return null;
}

/** `example.org` covers itself and what is below; with a leading dot only what is below; empty covers everything. */
function isInSubtree(name: string, base: string): boolean {
  const [host, suffix] = [name.toLowerCase().replace(/\.$/, ""), base.toLowerCase().replace(/\.$/, "")];
  if (suffix === "") return true;
  return suffix.startsWith(".") ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
}

function pathWarnings({ certificates, anchor }: Pick<Path, "certificates" | "anchor">, at: Instant): readonly string[] {
  const warnings: string[] = [];
  const top = certificates[certificates.length - 1];
  // The RFCs are silent about the dates of a matched anchor; OpenSSL looks at them only when it is self-issued.
  const dates = anchor === "certificate" && top !== undefined ? checkDates(top, at) : null;
  if (dates !== null) warnings.push(`${dates.message}; some clients refuse an anchor outside of its dates`);
  for (const certificate of certificates) {
    const purposes = certificate.extensions.extendedKeyUsage;
    if (purposes !== null && !purposes.includes(SERVER_AUTH)) {
      warnings.push(`${nameOf(certificate)} allows any purpose instead of TLS servers; OpenSSL does not accept that`);
    }
    if (certificate.extensions.nameConstraints?.otherKinds === true) {
      warnings.push(`${nameOf(certificate)} constrains names of other kinds than DNS, which are not evaluated here`);
    }
  }
  return warnings;
}

function constraint(certificate: Certificate, what: string): Fault {
  return fault("CERT_CONSTRAINT", `${nameOf(certificate)} ${what}`);
}

/** How messages call a certificate. */
export function nameOf(certificate: Pick<Certificate, "subject" | "serial">): string {
  return certificate.subject === "" ? `the certificate with serial ${certificate.serial}` : `"${certificate.subject}"`;
}
