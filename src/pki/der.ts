/**
 * Slices out of a certificate the two byte strings that TLSA records are about: the certificate itself (selector 0)
 * and its SubjectPublicKeyInfo (selector 1), both exactly as they stand.
 *
 * RFC 6698 §2.1.2 speaks of the DER encoding. Libraries that decode a key and encode it again give other octets for
 * RSASSA-PSS parameters, compressed points, padded integers or unknown algorithms, and a TLS client that hashes what
 * was sent then rejects the record. So nothing here is decoded that need not be, no library is involved, and the
 * algorithm of the key does not matter.
 *
 * Where the structure around these octets, or anything inside the SubjectPublicKeyInfo's own element tree, uses a BER
 * length (indefinite, or longer than needed), clients disagree about what to hash: some re-encode, some do not. No
 * record is right for all of them, so such a certificate is refused. What merely breaks a rule of X.509 (a DEFAULT
 * written out, a negative serial number, a padded INTEGER inside the key's BIT STRING) does not change which octets
 * are hashed and is accepted.
 */
import { DER_TAG, elementOctets, findDerProblem, readChildren, readElement } from "../base/der.ts";
import type { DerElement, DerProblem } from "../base/der.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";

/** A certificate as sent, with the places of its parts. Offsets in the elements count from the start of `der`. */
export interface CertificateSlices {
  /** The whole Certificate element. */
  readonly der: Uint8Array;
  /** The SubjectPublicKeyInfo element. */
  readonly spki: Uint8Array;
  /** The parts of tbsCertificate (RFC 5280 §4.1). */
  readonly parts: CertificateParts;
}

interface CertificateParts {
  readonly tbs: DerElement;
  readonly serial: DerElement;
  readonly issuer: DerElement;
  readonly validity: DerElement;
  readonly subject: DerElement;
  readonly spki: DerElement;
}

const EXPLICIT_VERSION = 0xa0;

/** One certificate that fills `der` exactly. `CERT_NOT_DER` for BER lengths, `CERT_MALFORMED` for everything else. */
export function sliceCertificate(der: Uint8Array): Result<CertificateSlices, Fault> {
  const outer = readElement(der, 0);
  if (typeof outer === "string") return failure(derFault(outer, "the certificate's outer SEQUENCE"));
  if (outer.tag !== DER_TAG.sequence) return failure(malformed("does not begin with a SEQUENCE"));
  if (outer.end !== der.length) {
    return failure(malformed(`${String(der.length - outer.end)} octets follow the end of the certificate`));
  }
  const tbs = readElement(der, outer.body, outer.end);
  if (typeof tbs === "string") return failure(derFault(tbs, "tbsCertificate"));
  if (tbs.tag !== DER_TAG.sequence) return failure(malformed("tbsCertificate is not a SEQUENCE"));
  const signatureProblem = checkSignatureFields(der, tbs.end, outer.end);
  if (signatureProblem !== null) return failure(signatureProblem);
  return sliceTbs(der, tbs);
}

function sliceTbs(der: Uint8Array, tbs: DerElement): Result<CertificateSlices, Fault> {
  let element = readElement(der, tbs.body, tbs.end);
  // RFC 5280 §4.1.2.1: version is [0] EXPLICIT DEFAULT v1, so a v1 certificate begins with its serial number.
  if (typeof element !== "string" && element.tag === EXPLICIT_VERSION) {
    const problem = findDerProblem(der, element);
    if (problem !== null) return failure(derFault(problem, "version"));
    element = readElement(der, element.end, tbs.end);
  }
  if (typeof element === "string") return failure(derFault(element, "serialNumber"));
  const serial = element;
  if (serial.tag !== DER_TAG.integer) return failure(malformed("serialNumber is not an INTEGER"));
  const signature = readElement(der, serial.end, tbs.end);
  if (typeof signature === "string") return failure(derFault(signature, "signature algorithm"));
  const issuer = readElement(der, signature.end, tbs.end);
  if (typeof issuer === "string") return failure(derFault(issuer, "issuer"));
  const validity = readElement(der, issuer.end, tbs.end);
  if (typeof validity === "string") return failure(derFault(validity, "validity"));
  const subject = readElement(der, validity.end, tbs.end);
  if (typeof subject === "string") return failure(derFault(subject, "subject"));
  const spki = readElement(der, subject.end, tbs.end);
  if (typeof spki === "string") return failure(derFault(spki, "subjectPublicKeyInfo"));
  if (
    signature.tag !== DER_TAG.sequence ||
    issuer.tag !== DER_TAG.sequence ||
    validity.tag !== DER_TAG.sequence ||
    subject.tag !== DER_TAG.sequence
  ) {
    return failure(malformed("tbsCertificate does not hold signature, issuer, validity and subject in this order"));
  }
  const problem = checkSpki(der, spki);
  if (problem !== null) return failure(problem);
  // Unique identifiers and extensions: only their own headers are structure.
  for (let at = spki.end; at < tbs.end;) {
    const rest = readElement(der, at, tbs.end);
    if (typeof rest === "string") return failure(derFault(rest, "the fields after subjectPublicKeyInfo"));
    at = rest.end;
  }
  return success({
    der,
    spki: elementOctets(der, spki),
    parts: { tbs, serial, issuer, validity, subject, spki },
  });
}

/** signatureAlgorithm and signatureValue, which must fill the rest of the certificate. */
function checkSignatureFields(der: Uint8Array, at: number, end: number): Fault | null {
  const algorithm = readElement(der, at, end);
  if (typeof algorithm === "string") return derFault(algorithm, "signatureAlgorithm");
  const problem = findDerProblem(der, algorithm);
  if (problem !== null) return derFault(problem, "signatureAlgorithm");
  const value = readElement(der, algorithm.end, end);
  if (typeof value === "string") return derFault(value, "signatureValue");
  if (algorithm.tag !== DER_TAG.sequence || value.tag !== DER_TAG.bitString || value.end !== end) {
    return malformed("the signature does not fill the rest of the certificate");
  }
  return null;
}

function checkSpki(bytes: Uint8Array, spki: DerElement): Fault | null {
  if (spki.tag !== DER_TAG.sequence) return malformed("subjectPublicKeyInfo is not a SEQUENCE");
  const algorithm = readElement(bytes, spki.body, spki.end);
  if (typeof algorithm === "string") return derFault(algorithm, "subjectPublicKeyInfo");
  const problem = findDerProblem(bytes, spki);
  if (problem !== null) return derFault(problem, "subjectPublicKeyInfo");
  const key = readElement(bytes, algorithm.end, spki.end);
  if (typeof key === "string" || algorithm.tag !== DER_TAG.sequence || key.tag !== DER_TAG.bitString) {
    return malformed("subjectPublicKeyInfo does not hold an algorithm and a BIT STRING");
  }
  return null;
}

/** A bare SubjectPublicKeyInfo that fills `spki` exactly; the same octets come back. */
export function sliceSpki(spki: Uint8Array): Result<Uint8Array, Fault> {
  const outer = readElement(spki, 0);
  if (typeof outer === "string") return failure(derFault(outer, "the public key"));
  if (outer.end !== spki.length) return failure(malformed("octets follow the end of the public key"));
  const problem = checkSpki(spki, outer);
  return problem === null ? success(spki) : failure(problem);
}

/** The SubjectPublicKeyInfo of a certification request (RFC 2986 §4.1), as sent. */
export function sliceRequest(der: Uint8Array): Result<Uint8Array, Fault> {
  const outer = readElement(der, 0);
  if (typeof outer === "string") return failure(derFault(outer, "the request"));
  if (outer.tag !== DER_TAG.sequence || outer.end !== der.length) return failure(malformed("not one request"));
  const info = readElement(der, outer.body, outer.end);
  if (typeof info === "string") return failure(derFault(info, "certificationRequestInfo"));
  const signatureProblem = checkSignatureFields(der, info.end, outer.end);
  if (signatureProblem !== null) return failure(signatureProblem);
  const fields = readChildren(der, info);
  if (typeof fields === "string") return failure(derFault(fields, "certificationRequestInfo"));
  const [version, subject, spki] = fields;
  if (version?.tag !== DER_TAG.integer || subject?.tag !== DER_TAG.sequence || spki === undefined) {
    return failure(malformed("certificationRequestInfo does not hold version, subject and key in this order"));
  }
  const problem = checkSpki(der, spki);
  return problem === null ? success(elementOctets(der, spki)) : failure(problem);
}

/** Says in words what the reader met, and where. */
export function derFault(problem: DerProblem, where: string): Fault {
  switch (problem) {
    case "truncated":
      return fault("CERT_MALFORMED", `${where} is cut off or damaged`);
    case "bad-tag":
      return fault("CERT_MALFORMED", `${where} is not X.509: unexpected tag`);
    case "long-form":
      return fault(
        "CERT_NOT_DER",
        `${where} has a length that is longer than needed: this is BER, and clients disagree about which octets to hash`,
      );
    case "indefinite":
      return fault(
        "CERT_NOT_DER",
        `${where} has an indefinite length: this is BER, and clients disagree about which octets to hash`,
      );
  }
}

function malformed(what: string): Fault {
  return fault("CERT_MALFORMED", `not a certificate: ${what}`);
}
