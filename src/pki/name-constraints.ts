/**
 * Name constraints (RFC 5280 §4.2.1.10) on DNS names, addresses and distinguished names. A constraint on a name of
 * another kind cannot be evaluated here, so a certificate that carries such a name is refused: that is what the
 * section demands of critical constraints, and the extension has to be critical. No OpenSSL function that Node offers
 * does this without a handshake.
 */
import { readElement } from "../base/der.ts";
import type { Certificate } from "./certificate.ts";
import { decodeDistinguishedName, isNameWithin, NAME_KIND } from "./fields.ts";
import type { GeneralName, NameAttribute, NameConstraints } from "./fields.ts";

const EMAIL_ADDRESS = "1.2.840.113549.1.9.1";

/** One clause about the first name below `authority` that it does not allow, null when all are allowed. */
export function findForbiddenName(authority: Certificate, below: readonly Certificate[]): string | null {
  const constraints = authority.extensions.nameConstraints;
  if (constraints === null) return null;
  for (const [depth, certificate] of below.entries()) {
    // RFC 5280 §6.1.3 (b): self-issued authorities on the way are not looked at, the leaf always is.
    if (depth > 0 && certificate.isSelfIssued) continue;
    const forbidden =
      forbiddenDnsName(certificate, depth === 0, constraints) ?? forbiddenOtherName(certificate, constraints);
    if (forbidden !== null) return forbidden;
  }
  return null;
}

/** A common name that looks like a host stands in where there is no DNS name, as OpenSSL has it. */
function forbiddenDnsName(certificate: Certificate, isLeaf: boolean, constraints: NameConstraints): string | null {
  const hostLike = certificate.commonNames.filter((name) => /^[a-z0-9_*-]+(\.[a-z0-9_-]+)+\.?$/i.test(name));
  const names = isLeaf && certificate.dnsNames.length === 0 ? hostLike : certificate.dnsNames;
  const { permitted, excluded } = constraints;
  const refused = names.find((name) => {
    const allowed = permitted.length === 0 || permitted.some((base) => isInSubtree(name, base));
    return !allowed || excluded.some((base) => isInSubtree(name, base) || isCoveredByWildcard(name, base));
  });
  return refused === undefined ? null : `certificates for ${refused}`;
}

/** `example.org` covers itself and what is below; with a leading dot only what is below; empty covers everything. */
function isInSubtree(name: string, base: string): boolean {
  const [host, suffix] = [fold(name), fold(base)];
  if (suffix === "") return true;
  return suffix.startsWith(".") ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
}

/** `*.example.org` stands for names that an excluded `www.example.org` forbids. */
function isCoveredByWildcard(name: string, base: string): boolean {
  const [host, suffix] = [fold(name), fold(base).replace(/^\./, "")];
  return host.startsWith("*.") && suffix.endsWith(host.slice(1));
}

function fold(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

function forbiddenOtherName(certificate: Certificate, constraints: NameConstraints): string | null {
  const { permittedOthers, excludedOthers } = constraints;
  const kinds = new Set([...permittedOthers, ...excludedOthers].map(({ tag }) => tag));
  for (const kind of kinds) {
    const ofKind = ({ tag }: GeneralName): boolean => tag === kind;
    const names = presented(certificate, kind);
    const [permitted, excluded] = [permittedOthers.filter(ofKind), excludedOthers.filter(ofKind)];
    if (names.some((name) => !isAllowed(name, permitted, excluded)))
      return NAMED[kind] ?? "names of a kind unknown here";
  }
  return null;
}

const NAMED: Readonly<Record<number, string>> = {
  [NAME_KIND.email]: "this e-mail address",
  [NAME_KIND.directory]: "this subject",
  [NAME_KIND.ip]: "this address",
};

/** A presented name: a distinguished name decoded, any other as octets. */
type Presented = readonly NameAttribute[] | Uint8Array;

/** The names of one kind in a certificate, the subject among them where it counts (RFC 5280 §4.2.1.10). */
function presented(certificate: Certificate, kind: number): readonly Presented[] {
  const { subjectAttributes, extensions } = certificate;
  const names = extensions.otherNames.filter(({ tag }) => tag === kind).map(({ body }) => body);
  if (kind === NAME_KIND.email) {
    return subjectAttributes.some(({ oid }) => oid === EMAIL_ADDRESS) ? [...names, subjectAttributes] : names;
  }
  if (kind !== NAME_KIND.directory) return names;
  const decoded = names.map((body) => decodeName(body) ?? body);
  return subjectAttributes.length === 0 ? decoded : [subjectAttributes, ...decoded];
}

function isAllowed(name: Presented, permitted: readonly GeneralName[], excluded: readonly GeneralName[]): boolean {
  const inside = permitted.map((base) => isWithin(name, base));
  const outside = excluded.map((base) => isWithin(name, base));
  if ([...inside, ...outside].includes("unknown")) return false;
  return (permitted.length === 0 || inside.includes("yes")) && !outside.includes("yes");
}

function isWithin(name: Presented, base: GeneralName): "yes" | "no" | "unknown" {
  if (base.tag === NAME_KIND.directory) {
    const wanted = decodeName(base.body);
    if (wanted === null || name instanceof Uint8Array) return "unknown";
    return isNameWithin(name, wanted) ? "yes" : "no";
  }
  if (base.tag !== NAME_KIND.ip || !(name instanceof Uint8Array)) return "unknown";
  // Address and mask; those of the other family are no match (RFC 5280 §4.2.1.10).
  if (base.body.length !== 8 && base.body.length !== 32) return "unknown";
  const width = base.body.length / 2;
  if (name.length !== width) return "no";
  return name.every((octet, at) => {
    const mask = base.body[width + at] ?? 0;
    return (octet & mask) === ((base.body[at] ?? 0) & mask);
  })
    ? "yes"
    : "no";
}

function decodeName(body: Uint8Array): readonly NameAttribute[] | null {
  const name = readElement(body, 0);
  return typeof name === "string" ? null : decodeDistinguishedName(body, name);
}
