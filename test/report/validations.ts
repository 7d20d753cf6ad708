/** Validations made by hand, for the renderers: a signed chain root, org, example.org, and ways in which it breaks. */
import { fault } from "../../src/base/errors.ts";
import { instant, seconds } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import { CLASS, TYPE } from "../../src/dns/iana.ts";
import { encodeTlsa, parseTlsa } from "../../src/dns/rdata.ts";
import type { ChainLink, LinkKey, LinkSignature, Reason, Validation } from "../../src/dnssec/verdict.ts";
import type { ResolveReport } from "../../src/report/resolve-model.ts";
import type { UsableAnswer } from "../../src/resolver/resolver.ts";
import { dn } from "../fakes/resolver.ts";

/** 2026-11-22T12:00:00Z. */
export const NOW = instant(Date.parse("2026-11-22T12:00:00Z"));
export const OWNER = dn("_25._tcp.mx.example.org");
const DAY = 86_400_000;

export function inDays(days: number): Instant {
  return instant(NOW + days * DAY);
}

export function signatureOf(signer: string, keyTag: number, algorithm: number, days = 9): LinkSignature {
  return { signer: dn(signer), keyTag, algorithm, inception: inDays(-5), expiration: inDays(days) };
}

export function ds(keyTag: number, algorithm: number, used = true): LinkKey {
  return { keyTag, algorithm, digestType: 2, flags: null, used };
}

export function dnskey(keyTag: number, algorithm: number, used = true, flags = 257): LinkKey {
  return { keyTag, algorithm, digestType: null, flags, used };
}

export function link(parts: Partial<ChainLink> & Pick<ChainLink, "kind" | "zone" | "name" | "type">): ChainLink {
  return { status: "secure", keys: [], signature: null, message: "", ...parts };
}

/** The anchor, the root's keys, org, example.org: all sound. */
export const DOWN_TO_ZONE: readonly ChainLink[] = [
  link({
    kind: "anchor",
    zone: dn("."),
    name: dn("."),
    type: TYPE.DS,
    keys: [ds(20326, 8), ds(38696, 8)],
    message: "trust anchor 20326 RSASHA256 SHA-256, 38696 RSASHA256 SHA-256, built in",
  }),
  link({
    kind: "dnskey",
    zone: dn("."),
    name: dn("."),
    type: TYPE.DNSKEY,
    keys: [dnskey(20326, 8, false), dnskey(38696, 8), dnskey(26470, 8, false, 256)],
    signature: signatureOf(".", 38696, 8),
  }),
  ...zoneLinks("org", ".", 26470, 8, 26974, 13),
  ...zoneLinks("example.org", "org", 1342, 13, 12345, 13),
];

function zoneLinks(zone: string, parent: string, tag: number, by: number, key: number, own: number): ChainLink[] {
  return [
    link({
      kind: "ds",
      zone: dn(parent),
      name: dn(zone),
      type: TYPE.DS,
      keys: [ds(key, own)],
      signature: signatureOf(parent, tag, by),
    }),
    link({
      kind: "dnskey",
      zone: dn(zone),
      name: dn(zone),
      type: TYPE.DNSKEY,
      keys: [dnskey(key, own)],
      signature: signatureOf(zone, key, own),
    }),
  ];
}

export function answerLink(days = 9): ChainLink {
  return link({
    kind: "answer",
    zone: dn("example.org"),
    name: OWNER,
    type: TYPE.TLSA,
    signature: signatureOf("example.org", 54321, 13, days),
  });
}

export function validation(status: Validation["status"], parts: Partial<Validation> = {}): Validation {
  return { status, reasons: [], chain: DOWN_TO_ZONE, signaturesExpire: inDays(9), ...parts };
}

export function reason(code: Reason["code"], zone: string, message: string, ede: number | null): Reason {
  return { ...fault(code, message), zone: dn(zone), ede };
}

/** A usable answer with one TLSA record. */
export function usable(given: Validation | undefined, parts: Partial<UsableAnswer> = {}): UsableAnswer {
  const tlsa = parseTlsa(`3 1 1 ${"ab".repeat(32)}`);
  if (!tlsa.ok) throw new Error(tlsa.fault.message);
  const rdatas = [encodeTlsa(tlsa.value)];
  return {
    status: "secure",
    name: OWNER,
    type: TYPE.TLSA,
    rcode: 0,
    aliases: [],
    finalName: OWNER,
    rrset: { name: OWNER, type: TYPE.TLSA, class: CLASS.IN, ttl: seconds(3600), rdatas, signatures: [] },
    negativeTtl: null,
    ...(given === undefined ? {} : { validation: given }),
    ...parts,
  };
}

/** A lookup that was validated here. */
export function reportOf(answer: ResolveReport["answer"], parts: Partial<ResolveReport> = {}): ResolveReport {
  return { answer, at: NOW, atGiven: false, trust: "local", resolvers: ["127.0.0.1:53"], ...parts };
}
