import { equalBytes } from "../base/bytes.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import { associationFor } from "./association.ts";
import type { CertificateBytes } from "./association.ts";
import { isIssuerUsage, isMatchingType, isSelector, isUsage } from "./params.ts";

/**
 * Whether the octets of this certificate are what the record names (RFC 6698 §2.1.4: a comparison of octets). Says
 * nothing about depth, path, names or dates; see {@link matchingDepths} for which certificates a usage may look at.
 * False for records with unknown parameters.
 */
export function matchesCertificate(record: TlsaRdata, certificate: CertificateBytes): boolean {
  const { usage, selector, matchingType } = record;
  if (!isUsage(usage) || !isSelector(selector) || !isMatchingType(matchingType)) return false;
  if (matchingType === 0) return equalBytes(record.data, selector === 0 ? certificate.der : certificate.spki);
  return equalBytes(record.data, associationFor({ usage, selector, matchingType }, certificate).data);
}

/**
 * The depths at which the record matches a chain in wire order: only 0 for usages 1 and 3 (RFC 7671 §5.1, §5.3), only
 * issuers for 0 and 2 (RFC 7671 §5.2, §5.4). Being in the list is not being on the path: that is checked elsewhere.
 */
export function matchingDepths(record: TlsaRdata, chain: readonly CertificateBytes[]): readonly number[] {
  return [...chain.entries()]
    .filter(
      ([depth, certificate]) => isIssuerUsage(record.usage) === depth > 0 && matchesCertificate(record, certificate),
    )
    .map(([depth]) => depth);
}
