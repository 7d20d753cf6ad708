/** What the rollover core needs to know of a chain, and what speaks against deploying it. */
import { createHash } from "node:crypto";
import { formatHex } from "../base/bytes.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { formatInstant, formatSecond } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { CertificateConfig } from "../config/schema.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { formatTlsa } from "../dns/rdata.ts";
import { matchesReferenceIdentifier } from "../pki/names.ts";
import { verifySignature } from "../pki/certificate.ts";
import type { Certificate } from "../pki/certificate.ts";
import { chainId, recordText } from "../rollover/chain.ts";
import type { CertificateDigests, ChainFacts, ChainId } from "../rollover/chain.ts";
import { recordsForChain } from "../tlsa/association.ts";
import type { CertificateBytes } from "../tlsa/association.ts";
import { isIssuerUsage } from "../tlsa/params.ts";
import type { TlsaParameters } from "../tlsa/params.ts";
import type { ChainFiles } from "./chain-files.ts";

/** The id of the chain with this leaf. */
export function chainIdOf(leaf: CertificateBytes): ChainId {
  return chainId(digest("sha256", leaf.der));
}

/** All four digests over the octets as they stand. */
export function digestsOf(certificate: CertificateBytes): CertificateDigests {
  return {
    certSha256: digest("sha256", certificate.der),
    certSha512: digest("sha512", certificate.der),
    spkiSha256: digest("sha256", certificate.spki),
    spkiSha512: digest("sha512", certificate.spki),
  };
}

/** What people call a certificate: its first DNS name, or its subject. */
export function subjectOf(leaf: Certificate): string {
  return leaf.dnsNames[0] ?? leaf.subject;
}

/** The facts about a chain whose files we have, with the records that `parameters` make of it. */
export function factsOf(files: ChainFiles, parameters: readonly TlsaParameters[]): ChainFacts {
  const { leaf, certificates } = files;
  const records = recordsForChain(parameters, certificates).map(({ record }) => recordText(formatTlsa(record)));
  return {
    id: chainIdOf(leaf),
    certificates: certificates.map(digestsOf),
    records: [...new Set(records)].sort(),
    subject: subjectOf(leaf),
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
    hasFiles: true,
  };
}

/** What must be mended before this chain may be deployed; empty: nothing. */
export function deploymentFaults(files: ChainFiles, certificate: CertificateConfig, now: Instant): readonly Fault[] {
  return [
    ...dateFaults(files.leaf, now),
    ...nameFaults(files.leaf, certificate),
    ...orderFaults(files.certificates),
    ...anchorFaults(files.certificates, certificate.parameters),
  ];
}

function dateFaults(leaf: Certificate, now: Instant): readonly Fault[] {
  if (leaf.notBefore > now) {
    // A clock that runs behind is the likelier cause than a certificate of tomorrow.
    const said = `it is ${formatSecond(now)} by the clock of this host`;
    const message = `the new certificate is not valid before ${formatSecond(leaf.notBefore)}, and ${said}`;
    return [fault("CERT_NOT_YET_VALID", message, "check the clock of this host (NTP); nothing was changed")];
  }
  if (leaf.notAfter <= now) {
    return [fault("CERT_EXPIRED", `the new certificate expired at ${formatInstant(leaf.notAfter)}`)];
  }
  return [];
}

/** RFC 7671 §5.1: usage 3 binds a key to the name by DNSSEC alone, whatever names the certificate bears. */
function nameFaults(leaf: Certificate, certificate: CertificateConfig): readonly Fault[] {
  if (certificate.parameters.every((parameters) => parameters.usage === 3)) return [];
  const missing = new Set<DomainName>();
  for (const { host, protocol } of certificate.services) {
    const profile = protocol === "smtp" || protocol === "lmtp" ? "smtp" : "generic";
    if (!matchesReferenceIdentifier(leaf, [host], profile)) missing.add(host);
  }
  if (missing.size === 0) return [];
  return [fault("CERT_NAME_MISSING", `the new certificate does not name ${[...missing].map(displayName).join(", ")}`)];
}

/** Each certificate must be issued by the next (RFC 8446 §4.4.2 recommends the order; many clients still need it). */
function orderFaults(certificates: readonly Certificate[]): readonly Fault[] {
  for (const [at, certificate] of certificates.entries()) {
    const issuer = certificates[at + 1];
    if (issuer !== undefined && !isIssuedBy(certificate, issuer)) {
      return [
        fault(
          "CHAIN_DISORDERED",
          `certificate ${String(at + 1)} of the chain is not issued by certificate ${String(at + 2)}`,
        ),
      ];
    }
  }
  return [];
}

/** RFC 7671 §5.2.2: a server must send the trust anchor that its TLSA record names. */
function anchorFaults(certificates: readonly Certificate[], parameters: readonly TlsaParameters[]): readonly Fault[] {
  if (certificates.length > 1 || !parameters.some(({ usage }) => isIssuerUsage(usage))) return [];
  return [fault("ANCHOR_NOT_IN_CHAIN", "the new chain holds the leaf alone, but the records are to name an issuer")];
}

function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  return certificate.issuerKey === issuer.subjectKey && verifySignature(certificate, issuer.spki) !== "bad";
}

function digest(algorithm: "sha256" | "sha512", octets: Uint8Array): string {
  return formatHex(createHash(algorithm).update(octets).digest());
}
