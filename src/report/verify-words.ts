/** What the renderers of a verification say in the same words. */
import { displayName } from "../dns/name.ts";
import type { AddressReport, HostReport, VerdictName, VerifyExit } from "../verifier/verdict.ts";
import type { Profile } from "../verifier/evidence.ts";

/** What a client that does DANE makes of a verdict; `code` is permanent. */
export interface Consequence {
  readonly code:
    | "delivers"
    | "delivers-host-only"
    | "delivers-without-dane"
    | "delivers-unauthenticated"
    | "skips-host"
    | "defers"
    | "next-host"
    | "connects"
    | "connects-without-dane"
    | "refuses"
    | "cannot-connect";
  /** One clause for people. */
  readonly text: string;
}

/** Mail between servers by RFC 7672 §2.1.2, §2.2 and §2.2.1; everything else by RFC 6698 §4.1 and RFC 7671 §10.3. */
export function consequenceOf(verdict: VerdictName, profile: Profile): Consequence {
  return profile === "smtp" ? forMail(verdict) : forOthers(verdict);
}

function forMail(verdict: VerdictName): Consequence {
  switch (verdict) {
    case "verified":
      return { code: "delivers", text: "a DANE sender delivers, authenticated and encrypted" };
    case "host-verified":
      return {
        code: "delivers-host-only",
        text: "a DANE sender delivers to this host, but the MX records are not signed: the domain is not protected",
      };
    case "no-dane":
      return { code: "delivers-without-dane", text: "a DANE sender delivers as to any host, without DANE" };
    case "unusable-unauthenticated":
      return { code: "delivers-unauthenticated", text: "a DANE sender delivers encrypted, but unauthenticated" };
    case "unusable-broken":
    case "tlsa-error":
    case "fail-tls":
    case "fail-mismatch":
    case "fail-name":
    case "fail-expired":
    case "fail-chain":
      return { code: "skips-host", text: "a DANE sender skips this host: MAIL STOPS where it has no other" };
    case "dns-error":
      return { code: "defers", text: "a DANE sender defers: mail waits" };
    case "unreachable":
      return { code: "next-host", text: "a sender tries the next host" };
  }
}

function forOthers(verdict: VerdictName): Consequence {
  switch (verdict) {
    case "verified":
    case "host-verified":
      return { code: "connects", text: "a DANE client connects" };
    case "no-dane":
    case "unusable-unauthenticated":
      return { code: "connects-without-dane", text: "a client connects without DANE" };
    case "unusable-broken":
    case "tlsa-error":
    case "fail-tls":
    case "fail-mismatch":
    case "fail-name":
    case "fail-expired":
    case "fail-chain":
      return { code: "refuses", text: "a DANE client refuses to connect" };
    case "dns-error":
    case "unreachable":
      return { code: "cannot-connect", text: "a client cannot connect" };
  }
}

/**
 * The same of a host as a whole. Where other addresses of it are well, what befalls depends on the address that is tried;
 * of mail that is refused the worst is said all the same, as the alarm must not depend on luck.
 */
export function consequenceOfHost({ verdict, profile, addresses }: HostReport): Consequence {
  const { code, text } = consequenceOf(verdict, profile);
  if (verdict === "unreachable" && addresses.some((each) => each.code === "PROTOCOL_UNKNOWN")) {
    return { code, text: "what a client makes of it is not known: it was asked in the wrong protocol" };
  }
  const state = stateOf(verdict);
  const well = addresses.filter((each) => stateOf(each.verdict) < 2);
  if (state < 2 || well.length === 0 || (profile === "smtp" && state === 2)) return { code, text };
  const tried = triedText(
    addresses.filter((each) => stateOf(each.verdict) === state),
    well,
  );
  if (profile === "smtp") return { code, text: `a sender that cannot reach ${tried} tries another address` };
  const plain = well.every((each) => isMatch(each.verdict)) ? "" : ", some without DANE";
  const fate = state === 2 ? "refuses to connect; others do connect" : "cannot connect; others can";
  return { code, text: `a ${state === 2 ? "DANE " : ""}client that tries ${tried} ${fate}${plain}` };
}

/** An address that is well with another kind of certificate is named with the kind that is not. */
function triedText(bad: readonly AddressReport[], well: readonly AddressReport[]): string {
  const good = new Set(well.map(({ address }) => address));
  const names = bad.map((each) => (good.has(each.address) ? addressLabel(each) : (each.address ?? "chain")));
  return [...new Set(names)].join(" or ");
}

/** `mx.example.org:25`; offline the base domain alone. */
export function hostLabel({ endpoint, baseDomain }: Pick<HostReport, "endpoint" | "baseDomain">): string {
  return endpoint === null ? displayName(baseDomain) : `${displayName(endpoint.host)}:${String(endpoint.port)}`;
}

/** `192.0.2.1`, `192.0.2.1 (RSA)`; `chain` offline. */
export function addressLabel(report: { readonly address: string | null; readonly algorithm: string | null }): string {
  const address = report.address ?? "chain";
  return report.algorithm === null ? address : `${address} (${report.algorithm})`;
}

const STATES: Readonly<Record<Consequence["code"], VerifyExit>> = {
  delivers: 0,
  connects: 0,
  "delivers-host-only": 1,
  "delivers-without-dane": 1,
  "delivers-unauthenticated": 1,
  "connects-without-dane": 1,
  "skips-host": 2,
  refuses: 2,
  defers: 3,
  "next-host": 3,
  "cannot-connect": 3,
};

/** A verdict as monitoring counts: 0 OK, 1 warning, 2 critical, 3 unknown; the exit code that it leads to. */
export function stateOf(verdict: VerdictName): VerifyExit {
  return STATES[consequenceOf(verdict, "smtp").code];
}

/** The host that the exit code is about: refused before unknown before unprotected; the first among equals. */
export function worstHost(hosts: readonly HostReport[]): HostReport | undefined {
  return [2, 3, 1, 0].flatMap((state) => hosts.find(({ verdict }) => stateOf(verdict) === state) ?? []).at(0);
}

/** Whether a record authenticates the server. */
export function isMatch(verdict: VerdictName): boolean {
  return verdict === "verified" || verdict === "host-verified";
}
