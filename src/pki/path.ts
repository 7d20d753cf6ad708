/**
 * Certification paths for the usages that name an issuer (RFC 7671 §5.2, §5.4): from the leaf, over issuers whose
 * names chain and whose signatures verify, to a certificate or a key that the caller takes for the anchor.
 *
 * What a server sends is only a heap to choose from: in any order, padded, with several certificates of one name. A
 * certificate that a TLSA record matches counts when it is an issuer on the path, never because it was sent too; so
 * the anchor is asked about at each step of the path and nowhere else, and never about the leaf. All lists and depths
 * are bounded, because the heap comes from the peer.
 *
 * Signatures are OpenSSL's business (`X509Certificate.verify`), and so is what Node can read of a key. The path is our
 * own, because no judge that Node offers can be asked offline about a chain as it was sent: `tls` builds one path for a
 * whole handshake, completes `getPeerCertificate()` from its own store, and tells neither the depth nor the anchor;
 * `checkIssued()` compares names and key identifiers only, so that a false authority of the right name passes.
 *
 * Evaluated here: signatures, dates of everything below the anchor, basicConstraints, path length, keyUsage,
 * extendedKeyUsage, name constraints, unknown critical extensions; the anchor's own constraints too, which clients
 * SHOULD apply (RFC 7671 §5.2.1) and OpenSSL does. The RFCs do not ask for the anchor's own dates: they make a warning.
 * Not evaluated: revocation and policies. Local trust stores play no part unless the caller's `isAnchor` consults one.
 */
import { equalBytes, formatHex } from "../base/bytes.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { formatInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { verifySignature } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import { findForbiddenName } from "./name-constraints.ts";

/** A verified path. */
export interface Path {
  /** Leaf first. The last one is the anchor, or for a bare key the certificate that the key signed. */
  readonly certificates: readonly Certificate[];
  /** `certificate`: the last of `certificates`; `key`: a key outside of them signed the last one (RFC 7671 §5.2.3). */
  readonly anchor: "certificate" | "key";
  /** What is lawful but may make some clients refuse: an expired anchor, for example. */
  readonly warnings: readonly string[];
}

/** Why there is no path, and how deep the anchor was on the most promising one; null when none was reached. */
export interface PathFault extends Fault {
  readonly depth: number | null;
}

export interface PathOptions {
  /** Instant at which dates are judged. */
  readonly at: Instant;
  /** SPKIs of `2 1 0` records: each is an anchor for the certificates it signed (RFC 7671 §5.2.3 recommends so). */
  readonly anchorKeys?: readonly Uint8Array[];
  /** Some issuer on the path, the anchor included, must satisfy this (RFC 7671 §5.4: usage 0 constrains a PKIX path). */
  readonly through?: (certificate: Certificate) => boolean;
  /** Whether the leaf itself may be the anchor: a self-signed certificate in a trust store (RFC 7671 §5.3). */
  readonly leafMayBeAnchor?: boolean;
}

/** Certificates on a path; longer ones do not occur on the Internet. */
const MAX_DEPTH = 10;
/** Signature checks in one search, and certificates tried, so that a hostile heap cannot keep us busy. */
const MAX_SIGNATURES = 100;
const MAX_STEPS = 1000;

interface Search {
  /** Issuers to choose from, by subject. */
  readonly pool: ReadonlyMap<string, readonly Certificate[]>;
  readonly isAnchor: (certificate: Certificate) => boolean;
  readonly options: PathOptions;
  /** Signatures checked so far: a certificate comes by on many paths when authorities signed each other. */
  readonly signatures: Map<Certificate, Map<string, SignatureOutcome>>;
  signaturesLeft: number;
  stepsLeft: number;
  /** The fault of the most promising path so far. */
  best: PathFault | null;
}

/** `not-checked`: there were too many. */
type SignatureOutcome = "good" | "bad" | "unknown" | "not-checked";

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
): Result<Path, PathFault> {
  const search: Search = {
    pool: bySubject(others, leaf),
    isAnchor,
    options,
    signatures: new Map(),
    signaturesLeft: MAX_SIGNATURES,
    stepsLeft: MAX_STEPS,
    best: null,
  };
  const found = extend([leaf], search);
  if (found !== null) return success(found);
  const unanchored = fault("CERT_PATH", `no issuer on the path of ${nameOf(leaf)} is the trust anchor`);
  return failure(search.best ?? { ...unanchored, depth: null });
}

/** Each certificate once and without the leaf; those of one name in the order given, that of the handshake. */
function bySubject(others: readonly Certificate[], leaf: Certificate): ReadonlyMap<string, readonly Certificate[]> {
  const pool = new Map<string, Certificate[]>();
  for (const certificate of others) {
    const namesakes = pool.get(certificate.subjectKey) ?? [];
    if ([leaf, ...namesakes].some(({ der }) => equalBytes(der, certificate.der))) continue;
    pool.set(certificate.subjectKey, [...namesakes, certificate]);
  }
  return pool;
}

/** Depth first, the likeliest issuers first. */
function extend(path: readonly Certificate[], search: Search): Path | null {
  const tip = path[path.length - 1];
  search.stepsLeft -= 1;
  if (tip === undefined || path.length > MAX_DEPTH || search.stepsLeft < 0) return null;
  const { through, leafMayBeAnchor = false } = search.options;
  const mayEnd = path.length > 1 || leafMayBeAnchor;
  if (mayEnd && search.isAnchor(tip) && (through === undefined || path.slice(1).some(through))) {
    const found = accept({ certificates: path, anchor: "certificate" }, search);
    if (found !== null) return found;
  }
  for (const candidate of candidatesFor(tip, search)) {
    if (path.includes(candidate)) continue;
    const signature = signatureBy(tip, candidate.spki, search);
    if (signature === "not-checked") return null;
    if (signature !== "good") {
      noteFault(search, signatureFault(tip, candidate, signature), null);
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

/**
 * Names make a candidate. Key identifiers (RFC 5280 §4.2.1.1) are hints that a signature confirms or refutes: those that
 * agree come first, those that contradict last, because where they are wrong the signature still counts.
 */
function candidatesFor(subject: Certificate, { pool }: Search): readonly Certificate[] {
  const namesakes = pool.get(subject.issuerKey) ?? [];
  if (namesakes.length < 2) return namesakes;
  const ranked = namesakes.map((issuer) => ({ issuer, rank: rankOf(subject, issuer) }));
  return ranked.sort((left, right) => left.rank - right.rank).map(({ issuer }) => issuer);
}

function rankOf(subject: Certificate, issuer: Certificate): number {
  if (contradicts(subject, issuer)) return 2;
  const keyId = subject.extensions.authorityKeyId?.keyId ?? null;
  return keyId !== null && keyId === issuer.extensions.subjectKeyId ? 0 : 1;
}

/** Whether the certificate names another key or certificate than this one as its issuer's. */
function contradicts(subject: Certificate, issuer: Certificate): boolean {
  const { keyId = null, serial = null } = subject.extensions.authorityKeyId ?? {};
  const own = issuer.extensions.subjectKeyId;
  return (keyId !== null && own !== null && keyId !== own) || (serial !== null && serial !== issuer.serial);
}

function signatureBy(certificate: Certificate, spki: Uint8Array, search: Search): SignatureOutcome {
  const known = search.signatures.get(certificate) ?? new Map<string, SignatureOutcome>();
  search.signatures.set(certificate, known);
  const key = formatHex(spki);
  const before = known.get(key);
  if (before !== undefined) return before;
  if (search.signaturesLeft <= 0) return "not-checked";
  search.signaturesLeft -= 1;
  const outcome = verifySignature(certificate, spki);
  known.set(key, outcome);
  return outcome;
}

function signatureFault(certificate: Certificate, issuer: Certificate, outcome: "bad" | "unknown"): Fault {
  const what = outcome === "bad" ? "does not verify" : "cannot be checked here";
  return fault("CERT_SIGNATURE", `the signature on ${nameOf(certificate)} by ${nameOf(issuer)} ${what}`);
}

const RANK: readonly string[] = ["CERT_SIGNATURE", "CERT_EXPIRED", "CERT_CONSTRAINT"];

/** Keeps the fault of the path that came furthest; the first of equals. */
function noteFault(search: Search, problem: Fault, depth: number | null): void {
  if (search.best !== null && RANK.indexOf(problem.code) <= RANK.indexOf(search.best.code)) return;
  search.best = { ...problem, depth };
}

function accept(candidate: Pick<Path, "certificates" | "anchor">, search: Search): Path | null {
  const problem = checkPath(candidate, search.options.at);
  if (problem === null) return { ...candidate, warnings: pathWarnings(candidate, search.options.at) };
  noteFault(search, problem, candidate.certificates.length - 1);
  return null;
}

/** The rules of RFC 5280 §6.1 that can be judged without policies and revocation. */
function checkPath({ certificates, anchor }: Pick<Path, "certificates" | "anchor">, at: Instant): Fault | null {
  let intermediates = 0;
  for (const [depth, certificate] of certificates.entries()) {
    const isAnchor = anchor === "certificate" && depth > 0 && depth === certificates.length - 1;
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
    const forbidden = findForbiddenName(certificate, certificates.slice(0, depth));
    if (forbidden !== null) return constraint(certificate, `does not allow ${forbidden} (nameConstraints)`);
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

function pathWarnings({ certificates, anchor }: Pick<Path, "certificates" | "anchor">, at: Instant): readonly string[] {
  const warnings: string[] = [];
  const top = certificates[certificates.length - 1];
  // The RFCs are silent about the dates of a matched anchor; OpenSSL looks at them only when it is self-issued.
  const isAnchored = anchor === "certificate" && certificates.length > 1;
  const dates = isAnchored && top !== undefined ? checkDates(top, at) : null;
  if (dates !== null) warnings.push(`${dates.message}; some clients refuse an anchor outside of its dates`);
  for (const [depth, certificate] of certificates.entries()) {
    const issuer = certificates[depth + 1];
    if (issuer !== undefined && contradicts(certificate, issuer)) {
      const [who, whose] = [nameOf(certificate), nameOf(issuer)];
      warnings.push(
        `${who} has another authority key identifier than ${whose}, its issuer; OpenSSL does not accept that`,
      );
    }
    const purposes = certificate.extensions.extendedKeyUsage;
    if (purposes !== null && !purposes.includes(SERVER_AUTH)) {
      warnings.push(`${nameOf(certificate)} allows any purpose instead of TLS servers; OpenSSL does not accept that`);
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
