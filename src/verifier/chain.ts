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
  readonly at: Instant;
}

/** A chain that can be read: the leaf, and whatever else was sent that is a certificate. */
export interface ReadableChain {
  readonly leaf: Certificate;
  readonly others: readonly Certificate[];
}

/** What one usable record comes to. */
export type RecordOutcome =
  | { readonly outcome: "accepted"; readonly depth: number; readonly warnings: readonly string[] }
  | {
      readonly outcome: "rejected";
      readonly verdict: "fail-name" | "fail-expired" | "fail-chain";
      readonly depth: number | null;
      readonly code: FaultCode;
      readonly reason: string;
      readonly hint: string | null;
    }
  | { readonly outcome: "no-match"; readonly reason: string | null };

type Rejection = Extract<RecordOutcome, { outcome: "rejected" }>;

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

function judgeEndEntity(record: TlsaRdata, { leaf, others }: ReadableChain, context: ChainContext): RecordOutcome {
  if (!matchesCertificate(record, leaf)) return noMatch(record, leaf, others);
  const misnamed = context.eeNames ? checkNames(leaf, 0, context) : null;
  return misnamed ?? { outcome: "accepted", depth: 0, warnings: dateWarnings(leaf, context.at) };
}

function judgeTrustAnchor(
  record: TlsaRdata,
  usable: readonly TlsaRdata[],
  { leaf, others }: ReadableChain,
  context: ChainContext,
): RecordOutcome {
  const pool = [...others, ...certificatesInDns(usable)];
  const isAnchor = (certificate: Certificate): boolean => matchesCertificate(record, certificate);
  const { at } = context;
  let found = findPath(leaf, pool, isAnchor, { at });
  if (!found.ok && found.fault.code === "CERT_PATH" && record.selector === 1 && record.matchingType === 0) {
    found = findPath(leaf, pool, isAnchor, { at, anchorKeys: [record.data] });
  }
  if (found.ok) return checkNames(leaf, depthOf(found.value), context) ?? accepted(found.value, leaf, context);
  const sentAt = pool.findIndex(isAnchor);
  const { code, message } = found.fault;
  if (sentAt === -1 && code !== "CERT_EXPIRED" && code !== "CERT_CONSTRAINT") return noMatch(record, leaf, others);
  if (code === "CERT_PATH") {
    // The appended genuine authority: it was sent, and signed nothing that leads to this leaf.
    return {
      outcome: "no-match",
      reason: "the issuer it names was sent, but is not on the path of the server certificate",
    };
  }
  return rejection(code, message, sentAt === -1 ? null : sentAt + 1, null);
}

function judgePkix(
  record: TlsaRdata,
  usable: readonly TlsaRdata[],
  { leaf, others }: ReadableChain,
  context: ChainContext,
): RecordOutcome {
  const { trustStore, at } = context;
  const namesLeaf = record.usage === 1;
  if (namesLeaf && !matchesCertificate(record, leaf)) return noMatch(record, leaf, others);
  const pool = [...others, ...certificatesInDns(usable), ...trustStore];
  const isRoot = (certificate: Certificate): boolean => trustStore.some(({ der }) => equalBytes(der, certificate.der));
  const matches = (certificate: Certificate): boolean => matchesCertificate(record, certificate);
  const found = findPath(leaf, pool, isRoot, namesLeaf ? { at } : { at, through: matches });
  if (found.ok) {
    const path = found.value;
    const depth = namesLeaf ? 0 : path.certificates.findIndex((each, index) => index > 0 && matches(each));
    return checkNames(leaf, depth, context) ?? { ...accepted(path, leaf, context), depth };
  }
  const sentAt = pool.findIndex(matches);
  if (!namesLeaf && sentAt === -1) return noMatch(record, leaf, others);
  const { code, message } = found.fault;
  if (!namesLeaf && code === "CERT_PATH" && findPath(leaf, pool, isRoot, { at }).ok) {
    return { outcome: "no-match", reason: "the issuer it names is not on the path to a trusted root" };
  }
  const text = code === "CERT_PATH" ? `no path leads from ${nameOf(leaf)} to a trusted root` : message;
  const hint = trustStore.length === 0 ? "name the trusted roots with --store FILE" : null;
  return rejection(code, text, namesLeaf ? 0 : sentAt + 1, hint);
}

/** Certificates published in full with an issuer usage: they may stand in for what was not sent (RFC 7671 §5.2.2). */
function certificatesInDns(records: readonly TlsaRdata[]): readonly Certificate[] {
  return records.flatMap(({ usage, selector, matchingType, data }) => {
    if ((usage !== 0 && usage !== 2) || selector !== 0 || matchingType !== 0) return [];
    const certificate = readCertificate(data);
    return certificate.ok ? [certificate.value] : [];
  });
}

function depthOf(path: Path): number {
  return path.certificates.length - 1;
}

function accepted(
  path: Path,
  leaf: Certificate,
  context: ChainContext,
): Extract<RecordOutcome, { outcome: "accepted" }> {
  return { outcome: "accepted", depth: depthOf(path), warnings: [...path.warnings, ...nameWarnings(leaf, context)] };
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

function noMatch(record: TlsaRdata, leaf: Certificate, others: readonly Certificate[]): RecordOutcome {
  return { outcome: "no-match", reason: nameMistake(record, leaf, others) };
}
