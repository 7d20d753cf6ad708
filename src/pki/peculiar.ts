/**
 * What @peculiar/x509 writes for us: certification requests, and certificates for the sandbox and for tests (a small
 * certification authority). The library is large, so it is loaded when the first one is made, never by merely importing
 * this file, and nowhere else. Reading certificates and computing digests do not pass through here.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, webcrypto } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type * as X509Library from "@peculiar/x509";
import { formatHex } from "../base/bytes.ts";
import { OperationalError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import { formatPemBlock } from "./pem.ts";

/** A certificate with its private key. `chainPem` is the certificate and its issuers up to, not including, a self-signed root. */
export interface IssuedCertificate {
  readonly der: Uint8Array;
  readonly pem: string;
  readonly privateKeyPem: string;
  readonly chainPem: string;
}

/** What to issue. Without `issuer` the certificate is self-signed; with `authority` it may issue others. */
export interface IssueOptions {
  /** RFC 4514 text, for example `CN=mx.example.org`; may be empty. */
  readonly subject: string;
  /** DNS names for subjectAltName; wildcards allowed. */
  readonly dnsNames?: readonly string[];
  /** IP addresses for subjectAltName. */
  readonly addresses?: readonly string[];
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly issuer?: IssuedCertificate;
  /** PKCS#8 PEM of an EC P-256, P-384 or RSA key. Without it a new P-256 key is made. */
  readonly privateKeyPem?: string;
  readonly authority?: { readonly pathLength?: number };
}

/** A new private key as PKCS#8 PEM. */
export function newPrivateKeyPem(kind: "ec-p256" | "rsa-2048" = "ec-p256"): string {
  const { privateKey } =
    kind === "ec-p256"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

async function loadLibrary(): Promise<typeof X509Library> {
  // The library's dependency injection wants this polyfill before it is loaded.
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/** Issues one certificate. Throws `KEY_MALFORMED` for keys of other algorithms than EC P-256, P-384 and RSA. */
export async function issueCertificate(options: IssueOptions): Promise<IssuedCertificate> {
  const x509 = await loadLibrary();
  const privateKeyPem = options.privateKeyPem ?? newPrivateKeyPem();
  const publicKey = await importPublic(createPrivateKey(privateKeyPem));
  const signer = createPrivateKey(options.issuer?.privateKeyPem ?? privateKeyPem);
  const issuer = options.issuer === undefined ? null : new x509.X509Certificate(options.issuer.der);
  const issuerKey = issuer === null ? publicKey : await importPublic(signer);
  const names = [
    ...(options.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(options.addresses ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  const flags = x509.KeyUsageFlags;
  const extensions = [
    new x509.BasicConstraintsExtension(options.authority !== undefined, options.authority?.pathLength, true),
    new x509.KeyUsagesExtension(options.authority === undefined ? flags.digitalSignature : flags.keyCertSign, true),
    ...(options.authority === undefined ? [new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1"])] : []),
    // RFC 5280 §4.2.1.6: critical when the subject is empty.
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names, options.subject === "")] : []),
    await x509.SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto),
    await x509.AuthorityKeyIdentifierExtension.create(issuerKey, false, webcrypto),
  ];
  const { key: signingKey, algorithm: signingAlgorithm } = await importSigner(signer);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: `01${formatHex(randomBytes(15))}`,
      subject: options.subject,
      issuer: issuer === null ? options.subject : issuer.subjectName,
      notBefore: new Date(options.notBefore),
      notAfter: new Date(options.notAfter),
      publicKey,
      signingKey,
      signingAlgorithm,
      extensions,
    },
    webcrypto,
  );
  const der = new Uint8Array(certificate.rawData);
  const pem = formatPemBlock("CERTIFICATE", der);
  const selfSignedIssuer = issuer === null || issuer.subject === issuer.issuer;
  return { der, pem, privateKeyPem, chainPem: pem + (selfSignedIssuer ? "" : (options.issuer?.chainPem ?? "")) };
}

/** `ub-common-name`, for a common name as RFC 5280 §4.1.2.6 has it. */
const MAX_COMMON_NAME = 64;

/**
 * A certification request (PKCS #10) for these names, as PEM. The first one is also the common name where it is short
 * enough: some clients file what they get under it. Throws `KEY_MALFORMED` as {@link issueCertificate}.
 */
export async function createRequest(privateKey: KeyObject, dnsNames: readonly string[]): Promise<string> {
  const x509 = await loadLibrary();
  const { key, algorithm } = await importSigner(privateKey);
  const [first = ""] = dnsNames;
  const isShort = first !== "" && first.length <= MAX_COMMON_NAME;
  const names = dnsNames.map((value) => ({ type: "dns" as const, value }));
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      ...(isShort ? { name: [{ CN: [first] }] } : {}),
      keys: { privateKey: key, publicKey: await importPublic(privateKey) },
      signingAlgorithm: algorithm,
      // RFC 5280 §4.2.1.6: critical when the subject is empty.
      extensions: [new x509.SubjectAlternativeNameExtension(names, !isShort)],
    },
    webcrypto,
  );
  return formatPemBlock("CERTIFICATE REQUEST", new Uint8Array(request.rawData));
}

interface KeyAlgorithm {
  readonly imported: webcrypto.EcKeyImportParams | webcrypto.RsaHashedImportParams;
  readonly signing: webcrypto.EcdsaParams | webcrypto.Algorithm;
}

function algorithmOf(key: KeyObject): KeyAlgorithm {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === "rsa") {
    const imported = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    return { imported, signing: imported };
  }
  if (key.asymmetricKeyType === "ec" && (curve === "prime256v1" || curve === "secp384r1")) {
    const [namedCurve, hash] = curve === "prime256v1" ? ["P-256", "SHA-256"] : ["P-384", "SHA-384"];
    return { imported: { name: "ECDSA", namedCurve }, signing: { name: "ECDSA", hash } };
  }
  throw new OperationalError("KEY_MALFORMED", `cannot issue with a key of type ${String(key.asymmetricKeyType)}`, {
    hint: "use an EC P-256, EC P-384 or RSA key",
    retry: "never",
  });
}

async function importPublic(privateKey: KeyObject): Promise<webcrypto.CryptoKey> {
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return webcrypto.subtle.importKey("spki", spki, algorithmOf(privateKey).imported, true, ["verify"]);
}

async function importSigner(
  privateKey: KeyObject,
): Promise<{ readonly key: webcrypto.CryptoKey; readonly algorithm: KeyAlgorithm["signing"] }> {
  const { imported, signing } = algorithmOf(privateKey);
  const pkcs8 = privateKey.export({ type: "pkcs8", format: "der" });
  return { key: await webcrypto.subtle.importKey("pkcs8", pkcs8, imported, false, ["sign"]), algorithm: signing };
}
