/**
 * What TLSA records a chain has and which chains a strict client takes, by Node's X.509 alone: written apart from the
 * program under test on purpose. Strict means that every combination in the RRset must match, since a client may
 * know or want only one of them (RFC 7671 §8).
 */
import { X509Certificate, createHash } from "node:crypto";

/** The record that a certificate has in a combination such as `3 1 1`. */
function recordOf(combination: string, certificate: X509Certificate): string {
  const [, selector, matchingType] = combination.split(" ");
  const octets = selector === "0" ? certificate.raw : certificate.publicKey.export({ type: "spki", format: "der" });
  return `${combination} ${createHash(matchingType === "2" ? "sha512" : "sha256")
    .update(octets)
    .digest("hex")}`;
}

/** The records of a chain (leaf first) in these combinations, sorted: the leaf's for usage 3, every issuer's for usage 2. */
export function recordsOf(combinations: readonly string[], chain: readonly (string | Uint8Array)[]): readonly string[] {
  const [leaf, ...issuers] = chain.map((one) => new X509Certificate(one));
  if (leaf === undefined) return [];
  return combinations
    .flatMap((each) => (each.startsWith("2") ? issuers : [leaf]).map((certificate) => recordOf(each, certificate)))
    .sort();
}

/** Whether each certificate is signed by the next, all are in date, and the first bears the name (RFC 7671 §5.2.3). */
function isPath(certificates: readonly X509Certificate[], host: string, now: number): boolean {
  return certificates.every((certificate, at) => {
    const issuer = certificates[at + 1];
    const inDate = Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
    const isSigned = issuer === undefined || certificate.verify(issuer.publicKey);
    return inDate && isSigned && (at > 0 || certificate.checkHost(host) !== undefined);
  });
}

/** Whether some record of every combination in the RRset matches the chain; an empty RRset matches nothing. */
export function everyCombinationMatches(
  records: readonly string[],
  chain: readonly Uint8Array[],
  host: string,
  now: number = Date.now(),
): boolean {
  const certificates = chain.map((der) => new X509Certificate(der));
  const combinations = [...new Set(records.map((record) => record.split(" ", 3).join(" ")))];
  const matches = (combination: string): boolean =>
    certificates.some((certificate, depth) => {
      if (!records.includes(recordOf(combination, certificate))) return false;
      // RFC 7671 §5.1: usage 3 is the leaf's, and neither name nor date count.
      if (combination.startsWith("3")) return depth === 0;
      return combination.startsWith("2") && depth > 0 && isPath(certificates.slice(0, depth + 1), host, now);
    });
  return combinations.length > 0 && combinations.every(matches);
}
