/** Names the mistake behind a record that matches nothing, where it is one that people make. */
import type { TlsaRdata } from "../dns/rdata.ts";
import { isDigestOfNothing } from "../tlsa/association.ts";
import type { CertificateBytes } from "../tlsa/association.ts";
import { matchesCertificate } from "../tlsa/match.ts";
import { isIssuerUsage } from "../tlsa/params.ts";

/** One clause about a usable record that does not match the chain; null: it is simply of another certificate. */
export function nameMistake(
  record: TlsaRdata,
  leaf: CertificateBytes,
  others: readonly CertificateBytes[],
): string | null {
  if (isDigestOfNothing(record.data)) return "the digest of nothing: the command that made it failed";
  const otherSelector = { ...record, selector: 1 - record.selector };
  const mixUp =
    record.selector === 1
      ? "selector 1 with the data of the whole certificate: that is selector 0"
      : "selector 0 with the data of the public key: that is selector 1";
  const wanted = isIssuerUsage(record.usage) ? others : [leaf];
  if (wanted.some((certificate) => matchesCertificate(otherSelector, certificate))) return mixUp;
  if (isIssuerUsage(record.usage) && matchesCertificate(record, leaf)) {
    return `the server's own certificate: usage ${String(record.usage)} is about its issuers`;
  }
  if (!isIssuerUsage(record.usage) && others.some((certificate) => matchesCertificate(record, certificate))) {
    return `an issuer's: usage ${String(record.usage)} is about the server's own certificate`;
  }
  if (isIssuerUsage(record.usage) && record.matchingType !== 0) {
    return "not among the issuers that the server sent; a digest can only match what is sent";
  }
  return null;
}
