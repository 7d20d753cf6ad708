/**
 * Takes files apart: PEM with any mixture of blocks, or one DER structure, into certificates, keys and what was left
 * alone. Nothing is re-encoded on the way, and one damaged part makes the whole file refused.
 */
import { DER_TAG, elementBody, elementOctets, findDerProblem, readChildren, readElement } from "../base/der.ts";
import type { DerElement } from "../base/der.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { derFault, sliceCertificate, sliceRequest, sliceSpki } from "./der.ts";
import type { CertificateSlices } from "./der.ts";
import { decodeOid } from "./fields.ts";
import { importPrivateKey, isEncryptedKey, isPrivateKeyLabel, publicKeyOf, wrapRsaPublicKey } from "./key.ts";
import { parsePem } from "./pem.ts";
import type { PemBlock } from "./pem.ts";

/** A public key, and what it was found in. */
export interface KeyItem {
  readonly spki: Uint8Array;
  readonly source: "private key" | "public key" | "certification request";
}

/** A block that was not used. */
export interface IgnoredItem {
  readonly label: string;
  readonly encrypted: boolean;
}

export interface Container {
  readonly certificates: readonly CertificateSlices[];
  readonly keys: readonly KeyItem[];
  readonly ignored: readonly IgnoredItem[];
}

const EMPTY: Container = { certificates: [], keys: [], ignored: [] };
const SIGNED_DATA = "1.2.840.113549.1.7.2";

/** Opens PEM (UTF-8, or UTF-16 with a byte order mark) or DER. */
export function openContainer(bytes: Uint8Array): Result<Container, Fault> {
  if (bytes.length === 0) return failure(fault("CERT_NONE", "the file is empty"));
  const outer = readElement(bytes, 0);
  const isDer = typeof outer !== "string" && outer.tag === DER_TAG.sequence && isBlank(bytes.subarray(outer.end));
  // Editors and copy tools append a line end to DER files; it is not part of the certificate.
  if (isDer) return openDer(elementOctets(bytes, outer));
  const text = decodeText(bytes);
  if (text.includes("-----BEGIN")) return openPem(text);
  if (text.includes("-----END")) {
    return failure(fault("CERT_DAMAGED", "the file ends a PEM block that it does not begin"));
  }
  if (bytes[0] === DER_TAG.sequence) return openDer(bytes);
  return failure(fault("CERT_NONE", "the file is neither PEM nor DER"));
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((octet) => octet === 0x0a || octet === 0x0d || octet === 0x20 || octet === 0x09);
}

function decodeText(bytes: Uint8Array): string {
  const littleEndian = bytes[0] === 0xff && bytes[1] === 0xfe;
  return new TextDecoder(littleEndian ? "utf-16le" : "utf-8").decode(bytes);
}

function openPem(text: string): Result<Container, Fault> {
  const blocks = parsePem(text);
  if (!blocks.ok) return blocks;
  let container = EMPTY;
  for (const block of blocks.value) {
    const opened = openBlock(block);
    if (!opened.ok) {
      const { code, message, hint } = opened.fault;
      return failure(fault(code, `line ${String(block.line)}: ${message}`, hint));
    }
    container = join(container, opened.value);
  }
  return success(container);
}

function join(left: Container, right: Container): Container {
  return {
    certificates: [...left.certificates, ...right.certificates],
    keys: [...left.keys, ...right.keys],
    ignored: [...left.ignored, ...right.ignored],
  };
}

function openBlock(block: PemBlock): Result<Container, Fault> {
  const { label, bytes } = block;
  if (isEncryptedKey(block)) return success({ ...EMPTY, ignored: [{ label, encrypted: true }] });
  if (isPrivateKeyLabel(label)) return openPrivateKey(label, bytes);
  switch (label) {
    case "CERTIFICATE":
    case "X509 CERTIFICATE":
      return openCertificate(bytes);
    case "TRUSTED CERTIFICATE":
      return openTrusted(bytes);
    case "PKCS7":
    case "CMS":
      return openSignedData(bytes);
    case "CERTIFICATE REQUEST":
    case "NEW CERTIFICATE REQUEST":
      return keyOf(sliceRequest(bytes), "certification request");
    case "PUBLIC KEY":
      return keyOf(sliceSpki(bytes), "public key");
    case "RSA PUBLIC KEY":
      return openRsaPublicKey(bytes);
    default:
      return success({ ...EMPTY, ignored: [{ label, encrypted: false }] });
  }
}

function openCertificate(der: Uint8Array): Result<Container, Fault> {
  const slices = sliceCertificate(der);
  return slices.ok ? success({ ...EMPTY, certificates: [slices.value] }) : slices;
}

/** OpenSSL's own form: the certificate, then a SEQUENCE of trust settings that is no part of it. */
function openTrusted(bytes: Uint8Array): Result<Container, Fault> {
  const certificate = readElement(bytes, 0);
  if (typeof certificate === "string") return failure(derFault(certificate, "the certificate"));
  if (certificate.end < bytes.length) {
    const settings = readElement(bytes, certificate.end);
    if (typeof settings === "string" || settings.end !== bytes.length) {
      return failure(fault("CERT_MALFORMED", "the trust settings after the certificate are damaged"));
    }
  }
  return openCertificate(elementOctets(bytes, certificate));
}

function keyOf(spki: Result<Uint8Array, Fault>, source: KeyItem["source"]): Result<Container, Fault> {
  return spki.ok ? success({ ...EMPTY, keys: [{ spki: spki.value, source }] }) : spki;
}

function openPrivateKey(label: string, bytes: Uint8Array): Result<Container, Fault> {
  const key = importPrivateKey(label, bytes);
  return key.ok ? keyOf(success(publicKeyOf(key.value)), "private key") : key;
}

function openRsaPublicKey(bytes: Uint8Array): Result<Container, Fault> {
  const outer = readElement(bytes, 0);
  const fields = typeof outer === "string" ? outer : readChildren(bytes, outer);
  if (typeof outer === "string" || typeof fields === "string") {
    return failure(derFault(typeof outer === "string" ? outer : "truncated", "the RSA public key"));
  }
  if (outer.end !== bytes.length || !areTags(fields, [DER_TAG.integer, DER_TAG.integer])) {
    return failure(fault("KEY_MALFORMED", "the RSA public key is not modulus and exponent"));
  }
  return keyOf(success(wrapRsaPublicKey(bytes)), "public key");
}

/** The certificates of a PKCS #7 bundle (RFC 5652 §5.1), each as it was put in. */
function openSignedData(bytes: Uint8Array): Result<Container, Fault> {
  const outer = readElement(bytes, 0);
  if (typeof outer === "string") return failure(bundleFault(outer));
  const fields = readChildren(bytes, outer);
  const [type, content] = typeof fields === "string" ? [] : fields;
  if (type?.tag !== DER_TAG.objectIdentifier || outer.end !== bytes.length) {
    return failure(fault("CERT_MALFORMED", "the PKCS #7 bundle is damaged"));
  }
  if (decodeOid(elementBody(bytes, type)) !== SIGNED_DATA || content === undefined) {
    return failure(fault("CERT_UNSUPPORTED", "the PKCS #7 structure holds no signed data, so no certificates"));
  }
  const signedData = readElement(bytes, content.body, content.end);
  const parts = typeof signedData === "string" ? signedData : readChildren(bytes, signedData);
  if (typeof parts === "string") return failure(bundleFault(parts));
  const set = parts.find(({ tag }) => tag === 0xa0);
  const choices = set === undefined ? [] : readChildren(bytes, set);
  if (typeof choices === "string") return failure(bundleFault(choices));
  let container = EMPTY;
  for (const choice of choices.filter(({ tag }) => tag === DER_TAG.sequence)) {
    const opened = openCertificate(elementOctets(bytes, choice));
    if (!opened.ok) return opened;
    container = join(container, opened.value);
  }
  if (container.certificates.length > 0) return success(container);
  return failure(fault("CERT_NONE", "the PKCS #7 bundle holds no certificate"));
}

function bundleFault(problem: Parameters<typeof derFault>[0]): Fault {
  const { code, message } = derFault(problem, "the PKCS #7 bundle");
  return fault(code, message, "take the certificates out first: openssl pkcs7 -print_certs -in FILE");
}

function areTags(elements: readonly DerElement[], tags: readonly number[]): boolean {
  return elements.length === tags.length && elements.every(({ tag }, at) => tag === tags[at]);
}

/** DER without a label: the first fields tell what it is. */
function openDer(der: Uint8Array): Result<Container, Fault> {
  const certificate = openCertificate(der);
  if (certificate.ok) return certificate;
  const outer = readElement(der, 0);
  const fields = typeof outer === "string" ? outer : readChildren(der, outer);
  if (typeof fields === "string" || typeof outer === "string") return certificate;
  const [first, second, third] = fields.map(({ tag }) => tag);
  if (first === DER_TAG.objectIdentifier) return openSignedData(der);
  if (first === DER_TAG.sequence && second === DER_TAG.bitString) return keyOf(sliceSpki(der), "public key");
  if (first === DER_TAG.sequence && second === DER_TAG.octetString) {
    return failure(fault("KEY_ENCRYPTED", "the file is an encrypted private key (PKCS #8)"));
  }
  if (first === DER_TAG.sequence) {
    const request = sliceRequest(der);
    // The certificate's fault explains more, unless the file surely is a request.
    return request.ok ? keyOf(request, "certification request") : certificate;
  }
  if (first !== DER_TAG.integer || findDerProblem(der, outer) !== null) return certificate;
  if (areTags(fields, [DER_TAG.integer, DER_TAG.integer])) return openRsaPublicKey(der);
  if (second === DER_TAG.octetString) return openPrivateKey("EC PRIVATE KEY", der);
  if (second === DER_TAG.integer) return openPrivateKey("RSA PRIVATE KEY", der);
  if (second === DER_TAG.sequence && third === DER_TAG.octetString) return openPrivateKey("PRIVATE KEY", der);
  return failure(
    fault(
      "CERT_UNSUPPORTED",
      "the file looks like PKCS #12, which is encrypted as a rule",
      "take the certificates out first: openssl pkcs12 -nokeys -in FILE",
    ),
  );
}
