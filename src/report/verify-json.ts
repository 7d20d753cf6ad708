/** The `daneward/verify/1` document. Keys may be added, never renamed. */
import { formatHex } from "../base/bytes.ts";
import { formatInstant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import type { TlsaEvidence } from "../verifier/evidence.ts";
import type { AddressReport, CertificateFacts, HostReport, JudgedRecord, VerifyReport } from "../verifier/verdict.ts";

/** One line of JSON with its line ending. */
export function renderVerifyJson(report: VerifyReport): string {
  return `${JSON.stringify({ schema: "daneward/verify/1", exit: report.exit, targets: report.hosts.map(hostDocument) })}\n`;
}

export function hostDocument(host: HostReport): object {
  const { endpoint, dns } = host;
  return {
    target: host.target,
    host: displayName(endpoint?.host ?? host.baseDomain),
    port: endpoint?.port ?? null,
    protocol: endpoint?.protocol ?? null,
    profile: host.profile,
    verdict: host.verdict,
    reason: host.reason,
    hint: host.hint,
    dnssec: {
      ...(dns.mx === null ? {} : { mx: dns.mx.status }),
      a: dns.a?.status ?? null,
      aaaa: dns.aaaa?.status ?? null,
      tlsa: dns.tlsa === null ? null : tlsaStatus(dns.tlsa),
    },
    baseDomain: displayName(host.baseDomain),
    owner: dns.tlsa?.owner ?? null,
    addresses: host.addresses.map(addressDocument),
  };
}

/** Null: the TLSA records were not asked for. */
function tlsaStatus(tlsa: TlsaEvidence): DnsAnswer["status"] | null {
  return tlsa.kind === "records" ? "secure" : tlsa.status;
}

function addressDocument(report: AddressReport): object {
  return {
    address: report.address,
    verdict: report.verdict,
    reason: report.reason,
    code: report.code,
    hint: report.hint,
    tlsVersion: report.tlsVersion,
    chainLength: report.chainLength,
    certificate: report.certificate === null ? null : certificateDocument(report.certificate),
    records: report.records.map(recordDocument),
    warnings: report.warnings,
  };
}

function certificateDocument(facts: CertificateFacts): object {
  return { ...facts, notBefore: formatInstant(facts.notBefore), notAfter: formatInstant(facts.notAfter) };
}

function recordDocument({ record, status, depth, reason }: JudgedRecord): object {
  return {
    usage: record.usage,
    selector: record.selector,
    matchingType: record.matchingType,
    data: formatHex(record.data),
    status,
    ...(depth === null ? {} : { depth }),
    ...(reason === null ? {} : { reason }),
  };
}
