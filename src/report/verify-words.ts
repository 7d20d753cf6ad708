/** What the renderers of a verification say in the same words. */
import { displayName } from "../dns/name.ts";
import type { HostReport, VerdictName, VerifyExit } from "../verifier/verdict.ts";
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

/** Whether a record authenticates the server. */
export function isMatch(verdict: VerdictName): boolean {
  return verdict === "verified" || verdict === "host-verified";
}
