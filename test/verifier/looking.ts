/** One judgement on one address, with everything but what a test is about already filled in. */
import { parseHex } from "../../src/base/bytes.ts";
import { fault } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { associationFor } from "../../src/tlsa/association.ts";
import { isMatchingType, isSelector, isUsage } from "../../src/tlsa/params.ts";
import type { Evidence } from "../../src/verifier/evidence.ts";
import { judge } from "../../src/verifier/judge.ts";
import type { Judgement } from "../../src/verifier/verdict.ts";
import { dn } from "../fakes/resolver.ts";
import type { Forged } from "../fakes/forge.ts";
import { forgeAuthority, forgeLeaf } from "../fakes/forge.ts";

const at = instant(Date.UTC(2026, 0, 1));
export const HOST = dn("mx.example.org");

export const root = forgeAuthority("CN=Root");
export const issuer = forgeAuthority("CN=Issuer", root);
export const leaf = forgeLeaf(issuer);
export const stranger = forgeAuthority("CN=Stranger");

/** `of(leaf, "3 1 1")` */
export function of(certificate: Forged, parameters: string): TlsaRdata {
  const [usage = 255, selector = 255, matchingType = 255] = parameters.split(" ").map(Number);
  if (!isUsage(usage) || !isSelector(selector) || !isMatchingType(matchingType)) throw new Error(parameters);
  return associationFor({ usage, selector, matchingType }, certificate.read);
}

export function raw(parameters: string, hex: string): TlsaRdata {
  const [usage = 255, selector = 255, matchingType = 255] = parameters.split(" ").map(Number);
  return { usage, selector, matchingType, data: parseHex(hex) ?? new Uint8Array() };
}

export const wrong = (parameters: string): TlsaRdata => of(stranger, parameters);

export interface Look extends Partial<Omit<Evidence, "probe">> {
  readonly chain?: readonly Forged[];
  readonly fails?: Parameters<typeof fault>[0];
}

export function look(records: readonly TlsaRdata[], { chain = [leaf, issuer], fails, ...more }: Look = {}): Judgement {
  return judge({
    tlsa: { kind: "records", baseDomain: HOST, owner: dn("_25._tcp.mx.example.org"), aliases: [], records },
    probe:
      fails === undefined
        ? { outcome: "served", certificates: chain.map(({ der }) => der), tlsVersion: "TLSv1.3" }
        : { outcome: "failed", fault: fault(fails, "what happened") },
    profile: "smtp",
    referenceNames: [HOST],
    eeNames: false,
    trustStore: [],
    mailExchangerSecure: true,
    at,
    ...more,
  });
}

export const statuses = ({ records }: Judgement): string =>
  records.map(({ status, depth }) => (depth === null ? status : `${status} ${String(depth)}`)).join(", ");
