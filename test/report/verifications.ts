/** Verifications for the renderers: one that went well, several that did not. */
import { fault } from "../../src/base/errors.ts";
import { instant, seconds } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import type { UsableAnswer } from "../../src/resolver/resolver.ts";
import type { AddressReport, HostReport, JudgedRecord, VerdictName } from "../../src/verifier/verdict.ts";
import { exitOfHosts } from "../../src/verifier/verdict.ts";
import type { VerifyReport } from "../../src/verifier/verdict.ts";

export const AT = instant(Date.UTC(2026, 0, 1));
const DAY = 86_400_000;

export function days(count: number): Instant {
  return instant(AT + count * DAY);
}

export function name(text: string): DomainName {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

const record: TlsaRdata = { usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32).fill(0xab) };

export function judged(status: JudgedRecord["status"], parts: Partial<JudgedRecord> = {}): JudgedRecord {
  return { record, status, depth: status === "matched" ? 0 : null, reason: null, instead: null, ...parts };
}

export function address(parts: Partial<AddressReport> = {}): AddressReport {
  return {
    address: "192.0.2.1",
    algorithm: null,
    verdict: "verified",
    reason: "3 1 1 matches at depth 0",
    code: null,
    hint: null,
    records: [judged("matched")],
    certificate: {
      subject: "CN=mx.example.org",
      notBefore: days(-30),
      notAfter: days(41),
      spkiSha256: "ab".repeat(32),
      sha256: "cd".repeat(32),
      algorithm: "EC P-256",
      dnsNames: ["mx.example.org"],
    },
    chainLength: 2,
    tlsVersion: "TLSv1.3",
    path: [{ subject: "CN=mx.example.org", notAfter: days(41) }],
    warnings: [],
    advice: [],
    ...parts,
  };
}

/** An address that was not looked at far enough to see a certificate. */
export function refused(verdict: VerdictName, code: AddressReport["code"], reason: string): AddressReport {
  const unseen = { certificate: null, chainLength: 0, tlsVersion: null, path: [] };
  return address({ verdict, code, reason, hint: "look at the log", records: [judged("untested")], ...unseen });
}

export function answer(host: string, type: number, status: "secure" | "insecure", count = 1): UsableAnswer {
  const owner = name(host);
  const rdatas = Array.from({ length: count }, (_, index) => Uint8Array.of(192, 0, 2, index));
  const rrset = { name: owner, type, class: 1, ttl: seconds(3600), rdatas, signatures: [] };
  const common = { name: owner, type, status, rcode: 0, aliases: [], finalName: owner, negativeTtl: null };
  const validation = { status, reasons: [], chain: [], signaturesExpire: days(12) };
  return { ...common, rrset: count === 0 ? null : rrset, ...(status === "secure" ? { validation } : {}) };
}

export function host(parts: Partial<HostReport> = {}): HostReport {
  const mx = name("mx.example.org");
  const owner = name("_25._tcp.mx.example.org");
  return {
    target: "mx.example.org:25",
    endpoint: { host: mx, port: 25, protocol: "smtp" },
    profile: "smtp",
    baseDomain: mx,
    verdict: parts.addresses?.[0]?.verdict ?? "verified",
    reason: null,
    hint: null,
    dns: {
      mx: null,
      a: answer("mx.example.org", 1, "secure"),
      aaaa: answer("mx.example.org", 28, "secure", 0),
      tlsa: {
        kind: "records",
        baseDomain: mx,
        owner,
        aliases: [],
        records: [record],
        answer: answer("_25._tcp.mx.example.org", 52, "secure"),
      },
    },
    addresses: [address()],
    ...parts,
  };
}

/** A host of which DNS told nothing. */
export function unresolved(): HostReport {
  const failed = fault("DNS_TIMEOUT", "127.0.0.1 did not answer");
  const mx = { status: "indeterminate", name: name("example.net"), type: 15, reasons: [failed] } as const;
  return host({
    target: "mx:example.net",
    verdict: "dns-error",
    reason: "the MX lookup failed: 127.0.0.1 did not answer",
    hint: failed.hint,
    dns: { mx, a: null, aaaa: null, tlsa: null },
    addresses: [],
  });
}

export function reportOf(...hosts: readonly HostReport[]): VerifyReport {
  return { exit: exitOfHosts(hosts), at: AT, hosts };
}
