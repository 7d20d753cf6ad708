import { X509Certificate, createPublicKey } from "node:crypto";
import { equalBytes, formatHex } from "../base/bytes.ts";
import { elementBody } from "../base/der.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { instant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import { openContainer } from "./container.ts";
import type { IgnoredItem, KeyItem } from "./container.ts";
import { sliceCertificate } from "./der.ts";
import type { CertificateSlices } from "./der.ts";
import {
  NO_EXTENSIONS,
  commonNamesOf,
  comparableName,
  decodeDistinguishedName,
  decodeExtensions,
  decodeValidity,
  formatDistinguishedName,
  keyAlgorithm,
} from "./fields.ts";
import type { CertificateExtensions, NameAttribute } from "./fields.ts";
import { publicKeyOf, readPrivateKey } from "./key.ts";

/**
 * A certificate as sent, with what its fields say. A field that cannot be read never keeps the octets from being
 * digested; it is named in `unreadable`, dates then exclude every instant and nothing is granted.
 */
export interface Certificate {
  readonly der: Uint8Array;
  readonly spki: Uint8Array;
  /** RFC 4514 text, `CN=mx.example.org,O=Example`; empty for an empty name. */
  readonly subject: string;
  readonly subjectAttributes: readonly NameAttribute[];
  readonly issuer: string;
  /** Forms to compare names with (RFC 5280 §7.1), not to show. */
  readonly subjectKey: string;
  readonly issuerKey: string;
  /** Lower-case hex of the content octets. */
  readonly serial: string;
  /** dNSName entries of subjectAltName; empty without any. */
  readonly dnsNames: readonly string[];
  readonly commonNames: readonly string[];
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** basicConstraints says so. */
  readonly isCa: boolean;
  /** Subject and issuer are the same name; says nothing about the signature. */
  readonly isSelfIssued: boolean;
  /** False for certificates of version 1 and 2, which cannot say whether they are an authority. */
  readonly hasExtensions: boolean;
  readonly extensions: CertificateExtensions;
  /** `RSA 2048`, `EC P-256`, … or an OID. */
  readonly keyAlgorithm: string;
  /** Which fields could not be read, or null. */
  readonly unreadable: string | null;
}

/** One DER certificate. `CERT_MALFORMED`, `CERT_NOT_DER`. */
export function readCertificate(der: Uint8Array): Result<Certificate, Fault> {
  const slices = sliceCertificate(der);
  return slices.ok ? success(describeCertificate(slices.value)) : slices;
}

function describeCertificate({ der, spki, parts }: CertificateSlices): Certificate {
  const subject = decodeDistinguishedName(der, parts.subject);
  const issuer = decodeDistinguishedName(der, parts.issuer);
  const validity = decodeValidity(der, parts.validity);
  const extensions = decodeExtensions(der, parts.tbs, parts.spki.end);
  const unreadable = [
    subject === null ? "subject" : "",
    issuer === null ? "issuer" : "",
    validity === null ? "validity" : "",
    extensions === null ? "extensions" : "",
  ].filter((field) => field !== "");
  const raw = (element: typeof parts.subject): string => `der:${formatHex(elementBody(der, element))}`;
  const subjectKey = subject === null ? raw(parts.subject) : comparableName(subject);
  const issuerKey = issuer === null ? raw(parts.issuer) : comparableName(issuer);
  return {
    der,
    spki,
    subject: formatDistinguishedName(subject ?? []),
    subjectAttributes: subject ?? [],
    issuer: formatDistinguishedName(issuer ?? []),
    subjectKey,
    issuerKey,
    serial: formatHex(elementBody(der, parts.serial)),
    dnsNames: extensions?.dnsNames ?? [],
    commonNames: commonNamesOf(subject ?? []),
    // The outermost instants that a Date can hold, the wrong way round: never valid.
    notBefore: validity?.notBefore ?? instant(8.64e15),
    notAfter: validity?.notAfter ?? instant(-8.64e15),
    isCa: extensions?.basicConstraints?.isCa ?? false,
    isSelfIssued: subjectKey === issuerKey,
    hasExtensions: extensions !== NO_EXTENSIONS,
    extensions: extensions ?? NO_EXTENSIONS,
    keyAlgorithm: keyAlgorithm(spki),
    unreadable: unreadable.length === 0 ? null : unreadable.join(", "),
  };
}

/** What a file of an administrator holds. */
export interface Credentials {
  /** In file order. */
  readonly certificates: readonly Certificate[];
  /**
   * Each server certificate with its issuers as found in the file, leaf first, ordered by name and signature and not
   * by place. A server with an RSA and an ECDSA certificate has two chains. Empty without certificates.
   */
  readonly chains: readonly (readonly Certificate[])[];
  /** Index in `certificates` of the leaf, or null when there is none or more than one. */
  readonly leaf: number | null;
  /** Public keys found as such, in private keys or in certification requests; octets as sent where there were any. */
  readonly keys: readonly KeyItem[];
  /** Blocks that were left alone: encrypted private keys, parameters, revocation lists, unknown labels. */
  readonly ignored: readonly IgnoredItem[];
}

/**
 * Reads PEM or DER with certificates, keys and requests in any mixture. Everything in the file must be whole:
 * `CERT_DAMAGED`, `CERT_MALFORMED`, `CERT_NOT_DER`, `KEY_MALFORMED`; `KEY_ENCRYPTED` or `CERT_NONE` when nothing of use is in it.
 */
export function readCredentials(bytes: Uint8Array): Result<Credentials, Fault> {
  const container = openContainer(bytes);
  if (!container.ok) return container;
  const { ignored, keys } = container.value;
  const certificates = container.value.certificates.map(describeCertificate);
  if (certificates.length === 0 && keys.length === 0) {
    const encrypted = ignored.find((item) => item.encrypted);
    if (encrypted !== undefined) {
      return failure(fault("KEY_ENCRYPTED", `the file holds only an encrypted private key (${encrypted.label})`));
    }
    const labels = [...new Set(ignored.map((item) => item.label))].join(", ");
    return failure(fault("CERT_NONE", labels === "" ? "the file holds no PEM block" : `the file holds only ${labels}`));
  }
  const chains = chainsOf(certificates);
  const leaf = chains.length === 1 ? chains[0]?.[0] : undefined;
  return success({
    certificates,
    chains,
    leaf: leaf === undefined ? null : certificates.indexOf(leaf),
    keys,
    ignored,
  });
}

/**
 * Sorts certificates of any order, duplicates dropped, into chains, leaf first: one for each server certificate, so two
 * for a server with an RSA and an ECDSA certificate. A list of authorities alone gives chains that begin with one.
 */
export function chainsOf(certificates: readonly Certificate[]): readonly (readonly Certificate[])[] {
  const unique = certificates.filter(
    (certificate, at) => certificates.findIndex((other) => equalBytes(other.der, certificate.der)) === at,
  );
  return findLeaves(unique).map((leaf) => orderChain(leaf, unique));
}

/** Those that issued no other one here; certification authorities count only when there is nothing else. */
function findLeaves(certificates: readonly Certificate[]): readonly Certificate[] {
  const ends = certificates.filter((candidate) => {
    return !certificates.some((other) => other !== candidate && isIssuerOf(candidate, other));
  });
  const servers = ends.filter(({ isCa }) => !isCa);
  if (servers.length > 0) return servers;
  // Two authorities that signed each other leave no end at all.
  return ends.length > 0 ? ends : certificates.slice(0, 1);
}

/** The leaf and its issuers among `pool`, each issuer once. */
function orderChain(leaf: Certificate, pool: readonly Certificate[]): readonly Certificate[] {
  const chain = [leaf];
  for (let tip = leaf; !tip.isSelfIssued;) {
    const issuer = pool.find((candidate) => !chain.includes(candidate) && isIssuerOf(candidate, tip));
    if (issuer === undefined) break;
    chain.push(issuer);
    tip = issuer;
  }
  return chain;
}

/** Names chain, and the signature does not contradict it: where this Node cannot check one, the names have to do (digests need no proof). */
function isIssuerOf(issuer: Certificate, subject: Certificate): boolean {
  return issuer.subjectKey === subject.issuerKey && verifySignature(subject, issuer.spki) !== "bad";
}

/**
 * Whether `certificate` carries a signature by the key `spki`. `unknown` when this Node cannot read one of the two or
 * does not know the algorithm: never to be taken for good where something is to be proven.
 */
export function verifySignature(certificate: Certificate, spki: Uint8Array): "good" | "bad" | "unknown" {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    return new X509Certificate(certificate.der).verify(key) ? "good" : "bad";
  } catch {
    return "unknown";
  }
}

/**
 * Whether the private key (PEM, or DER of PKCS#8) belongs to the certificate. `KEY_MISMATCH` when it does not,
 * `KEY_ENCRYPTED` or `KEY_MALFORMED` when it cannot be read. PEM may hold other blocks beside the key.
 */
export function keyFitsCertificate(key: string | Uint8Array, certificate: Certificate): Result<true, Fault> {
  const privateKey = readPrivateKey(key);
  if (!privateKey.ok) return privateKey;
  let fits: boolean;
  try {
    fits = new X509Certificate(certificate.der).checkPrivateKey(privateKey.value);
  } catch {
    // A certificate that this Node cannot read: the octets decide.
    fits = equalBytes(publicKeyOf(privateKey.value), certificate.spki);
  }
  if (fits) return success(true);
  const name = certificate.subject === "" ? `serial ${certificate.serial}` : certificate.subject;
  return failure(fault("KEY_MISMATCH", `the private key does not belong to the certificate of ${name}`));
}
