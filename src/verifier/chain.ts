/**
 * TLSA records against a chain as sent: RFC 7671 §4 and §5, on evidence alone.
 *
 * Any one record that authenticates the chain is enough, so each is judged for itself:
 * - usage 3 looks at the leaf's octets and at nothing else, neither names nor dates (RFC 7671 §5.1);
 * - usage 2 names an issuer that must be on a path of verified signatures from the leaf (RFC 7671 §5.2), after which
 *   dates, constraints and names count. Local roots play no part. An anchor in DNS in full (`2 0 0`, `2 1 0`) counts
 *   even when it is not on the wire (RFC 7671 §5.2.2, §5.2.3);
 * - usages 1 and 0 add a constraint to ordinary validation (RFC 7671 §5.3, §5.4): a path to a local root, with names,
 *   and the leaf, or some issuer on that path, is the one in the record.
 */
import { equalBytes } from "../base/bytes.ts";
import type { FaultCode } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import { readCertificate } from "../pki/certificate.ts";
import type { Certificate } from "../pki/certificate.ts";
import { matchReferenceIdentifier } from "../pki/names.ts";
import { findPath, nameOf } from "../pki/path.ts";
import type { Path } from "../pki/path.ts";
import { matchesCertificate } from "../tlsa/match.ts";
import type { Profile } from "./evidence.ts";
import { nameMistake } from "./mistakes.ts";

export interface ChainContext {
  readonly profile: Profile;
  /** The TLSA base domain first. */
  readonly referenceNames: readonly DomainName[];
  readonly eeNames: boolean;
  readonly trustStore: readonly Certificate[];
  /** Certificates that the server had before, as far as anybody knows. */
  readonly previous: readonly Certificate[];
  readonly at: Instant;
}

/** A chain that can be read: the leaf, and whatever else was sent that is a certificate. */
export interface ReadableChain {
  readonly leaf: Certificate;
  readonly others: readonly Certificate[];
}

/** What one usable record comes to. */
export type RecordOutcome =
  | {
      readonly outcome: "accepted";
      readonly depth: number;
      /** What the acceptance rests on, the leaf first. */
      readonly path: readonly Certificate[];
      readonly warnings: readonly string[];
    }
  | {
      readonly outcome: "rejected";
      readonly verdict: "fail-name" | "fail-expired" | "fail-chain";
      readonly depth: number | null;
      readonly code: FaultCode;
      readonly reason: string;
      readonly hint: string | null;
    }
  | { readonly outcome: "no-match"; readonly reason: string | null; readonly instead: TlsaRdata | null };

type Rejection = Extract<RecordOutcome, { outcome: "rejected" }>;
type Acceptance = Extract<RecordOutcome, { outcome: "accepted" }>;

/** Judges one usable record; `usable` are all usable records, whose full certificates may complete the chain. */
export function judgeRecord(
  record: TlsaRdata,
  usable: readonly TlsaRdata[],
  chain: ReadableChain,
  context: ChainContext,
): RecordOutcome {
  switch (record.usage) {
    case 3:
      return judgeEndEntity(record, chain, context);
    case 2:
      return judgeTrustAnchor(record, usable, chain, context);
    default:
      return judgePkix(record, usable, chain, context);
  }
}

/** RFC 7671 §5.1, RFC 7672 §3.2.1: the leaf's octets decide; no name, date, purpose, signature or issuer does. */
function judgeEndEntity(record: TlsaRdata, chain: ReadableChain, context: ChainContext): RecordOutcome {
  const { leaf } = chain;
  if (!matchesCertificate(record, leaf)) return noMatch(record, chain, context);
  const misnamed = context.eeNames ? checkNames(leaf, 0, context) : null;
  return misnamed ?? { outcome: "accepted", depth: 0, path: [leaf], warnings: dateWarnings(leaf, context.at) };
}

/** RFC 7671 §5.2, RFC 6698 §2.1.1: the anchor is an issuer on the path, wherever it was sent, and never the leaf. */
function judgeTrustAnchor(
  record: TlsaRdata,
  usable: readonly TlsaRdata[],
  chain: ReadableChain,
  context: ChainContext,
): RecordOutcome {
  const { leaf, others } = chain;
  const pool = without(leaf, [...others, ...certificatesInDns(usable)]);
  const isAnchor = (certificate: Certificate): boolean => matchesCertificate(record, certificate);
  const { at } = context;
  let found = findPath(leaf, pool, isAnchor, { at });
  const unanchored = !found.ok && found.fault.depth === null;
  if (unanchored && record.selector === 1 && record.matchingType === 0) {
    // RFC 7671 §5.2.3: where no certificate on the path has the key, a signature by it will do.
    const signed = findPath(leaf, pool, isAnchor, { at, anchorKeys: [record.data] });
    if (signed.ok || signed.fault.depth !== null) found = signed;
  }
  if (found.ok) {
    const { certificates, anchor } = found.value;
    const warnings = anchor === "key" ? [BARE_KEY] : [];
    return checkNames(leaf, certificates.length - 1, context) ?? accepted(found.value, context, warnings);
  }
  const { code, message, depth } = found.fault;
  if (depth !== null) return rejection(code, message, depth, null);
  const sentAt = pool.findIndex(isAnchor);
  if (sentAt === -1) return noMatch(record, chain, context);
  // A signature that does not hold: the authority of the right name was sent, and is a false one, or the leaf is.
  if (code === "CERT_SIGNATURE") return rejection(code, message, sentAt + 1, null);
  // The appended genuine authority: it was sent, and signed nothing that leads to this leaf.
  const reason = "the issuer it names was sent, but is not on the path of the server certificate";
  return { outcome: "no-match", reason, instead: null };
}

/** RFC 7671 §5.3, §5.4: ordinary validation first; then the leaf, or an issuer on that path, must be the one named. */
function judgePkix(
  record: TlsaRdata,
  usable: readonly TlsaRdata[],
  chain: ReadableChain,
  context: ChainContext,
): RecordOutcome {
  const { leaf, others } = chain;
  const { trustStore, at } = context;
  const namesLeaf = record.usage === 1;
  if (namesLeaf && !matchesCertificate(record, leaf)) return noMatch(record, chain, context);
  const pool = without(leaf, [...others, ...certificatesInDns(usable), ...trustStore]);
  const isRoot = (certificate: Certificate): boolean => trustStore.some(({ der }) => equalBytes(der, certificate.der));
  const matches = (certificate: Certificate): boolean => matchesCertificate(record, certificate);
  // Usage 0 goes on past a root that is not the one named (RFC 7671 §5.4).
  const found = findPath(leaf, pool, isRoot, namesLeaf ? { at, leafMayBeAnchor: true } : { at, through: matches });
  if (found.ok) {
    const path = found.value;
    const depth = namesLeaf ? 0 : path.certificates.findIndex((each, index) => index > 0 && matches(each));
    return checkNames(leaf, depth, context) ?? { ...accepted(path, context, []), depth };
  }
  const sentAt = pool.findIndex(matches);
  if (!namesLeaf && sentAt === -1) return noMatch(record, chain, context);
  const { code, message } = found.fault;
  if (!namesLeaf && code === "CERT_PATH" && findPath(leaf, pool, isRoot, { at }).ok) {
    return { outcome: "no-match", reason: "the issuer it names is not on the path to a trusted root", instead: null };
  }
  const text = code === "CERT_PATH" ? `no path leads from ${nameOf(leaf)} to a trusted root` : message;
  const hint = trustStore.length === 0 ? "name the trusted roots with --store FILE" : null;
  return rejection(code, text, namesLeaf ? 0 : sentAt + 1, hint);
}

const BARE_KEY =
  "only a key in DNS vouches for the topmost certificate: the server must send the issuer's too (RFC 7671 §5.2.3), " +
  "because not every client checks that signature";

/** The leaf sent twice, or kept in a trust store, is no issuer. */
function without(leaf: Certificate, pool: readonly Certificate[]): readonly Certificate[] {
  return pool.filter(({ der }) => !equalBytes(der, leaf.der));
}

/** Certificates published in full with an issuer usage: they may stand in for what was not sent (RFC 7671 §5.2.2). */
function certificatesInDns(records: readonly TlsaRdata[]): readonly Certificate[] {
  return records.flatMap(({ usage, selector, matchingType, data }) => {
    if ((usage !== 0 && usage !== 2) || selector !== 0 || matchingType !== 0) return [];
    const certificate = readCertificate(data);
    return certificate.ok ? [certificate.value] : [];
  });
}

function accepted({ certificates, warnings }: Path, context: ChainContext, more: readonly string[]): Acceptance {
  const [leaf] = certificates;
  const aboutNames = leaf === undefined ? [] : nameWarnings(leaf, context);
  const depth = certificates.length - 1;
  return { outcome: "accepted", depth, path: certificates, warnings: [...more, ...warnings, ...aboutNames] };
}

function checkNames(leaf: Certificate, depth: number, { referenceNames, profile }: ChainContext): Rejection | null {
  if (matchReferenceIdentifier(leaf, referenceNames, profile) !== null) return null;
  const wanted = referenceNames.map(displayName).join(" or ");
  const { dnsNames, commonNames } = leaf;
  const given =
    dnsNames.length > 0
      ? dnsNames.join(", ")
      : commonNames.length > 0
        ? `only a common name (${commonNames.join(", ")})`
        : "none";
  return {
    outcome: "rejected",
    verdict: "fail-name",
    depth,
    code: "NAME_MISMATCH",
    reason: `the certificate is not for ${wanted}; its names: ${given}`,
    hint: null,
  };
}

/** RFC 7672 §3.2.2 has senders accept the next-hop domain too, but not all of them know it when they look. */
function nameWarnings(leaf: Certificate, { referenceNames, profile }: ChainContext): readonly string[] {
  const [base] = referenceNames;
  if (base === undefined || profile !== "smtp" || matchReferenceIdentifier(leaf, [base], profile) !== null) return [];
  return [`the certificate does not name the TLSA base domain ${displayName(base)}: Exim refuses it`];
}

function dateWarnings({ notBefore, notAfter }: Certificate, at: Instant): readonly string[] {
  if (at > notAfter) return ["the certificate has expired; usage 3 ignores that (RFC 7671 §5.1), other clients do not"];
  if (at < notBefore)
    return ["the certificate is not valid yet; usage 3 ignores that (RFC 7671 §5.1), other clients do not"];
  return [];
}

function rejection(code: FaultCode, reason: string, depth: number | null, hint: string | null): Rejection {
  const verdict = code === "CERT_EXPIRED" ? "fail-expired" : "fail-chain";
  return { outcome: "rejected", verdict, depth, code, reason, hint };
}

function noMatch(record: TlsaRdata, { leaf, others }: ReadableChain, { previous }: ChainContext): RecordOutcome {
  const mistake = nameMistake(record, { leaf, others, previous });
  return { outcome: "no-match", reason: mistake?.text ?? null, instead: mistake?.instead ?? null };
}
