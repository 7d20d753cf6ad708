import type { Certificate } from "./certificate.ts";

/**
 * Rules by which presented names are compared. `smtp`: RFC 7672 §3.2.3, a common name counts when there is no DNS-ID.
 * `generic`: only DNS-IDs count; a common name identifies no service (RFC 9525 §2).
 */
export type NameProfile = "smtp" | "generic";

/** What matched: the name in the certificate, and the reference identifier it matched. */
export interface NameMatch {
  readonly kind: "DNS-ID" | "CN-ID";
  readonly presented: string;
  readonly reference: string;
}

type PresentedNames = Pick<Certificate, "dnsNames" | "commonNames">;

/**
 * The first presented name that matches one of the reference identifiers (absolute or not, any case, A-labels), or
 * null. Common names are ignored as soon as there is one DNS-ID, whether or not it matches (RFC 7672 §3.2.3).
 */
export function matchReferenceIdentifier(
  certificate: PresentedNames,
  references: readonly string[],
  profile: NameProfile,
): NameMatch | null {
  for (const { kind, name } of presentedIdentifiers(certificate, profile)) {
    const reference = references.find((candidate) => matchesDnsName(name, candidate));
    if (reference !== undefined) return { kind, presented: name, reference };
  }
  return null;
}

/** Whether one of the reference identifiers is found in the certificate; see {@link matchReferenceIdentifier}. */
export function matchesReferenceIdentifier(
  certificate: PresentedNames,
  references: readonly string[],
  profile: NameProfile,
): boolean {
  return matchReferenceIdentifier(certificate, references, profile) !== null;
}

/** The names that count under the profile. Of several common names only the last, most specific one. */
function presentedIdentifiers(
  certificate: PresentedNames,
  profile: NameProfile,
): readonly { readonly kind: NameMatch["kind"]; readonly name: string }[] {
  if (certificate.dnsNames.length > 0) return certificate.dnsNames.map((name) => ({ kind: "DNS-ID" as const, name }));
  const commonName = certificate.commonNames.at(-1);
  return profile === "smtp" && commonName !== undefined ? [{ kind: "CN-ID", name: commonName }] : [];
}

/**
 * Compares one presented name, possibly with a wildcard, with one reference identifier. The wildcard is the whole
 * left-most label and stands for exactly one label (RFC 7672 §3.2.3, RFC 9525 §6.3); like OpenSSL we want two labels
 * to its right, so that `*.org` matches nothing.
 */
export function matchesDnsName(presented: string, reference: string): boolean {
  const wanted = foldName(reference);
  const given = foldName(presented);
  if (wanted === "" || given === "") return false;
  if (!given.includes("*")) return given === wanted;
  const [star, ...rest] = given.split(".");
  const [first = "", ...parent] = wanted.split(".");
  if (star !== "*" || rest.length < 2 || rest.some((label) => label === "" || label.includes("*"))) return false;
  return first !== "" && first !== "*" && rest.join(".") === parent.join(".");
}

/** Lower case without the final dot; empty for what is no name at all. Only ASCII letters are folded. */
function foldName(name: string): string {
  const bare = name.endsWith(".") ? name.slice(0, -1) : name;
  if (!/^[!-~]+$/.test(bare) || bare.startsWith(".") || bare.includes("..") || bare.endsWith(".")) return "";
  return bare.toLowerCase();
}
