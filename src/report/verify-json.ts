/** The `daneward/verify/1` document. Keys may be added, never renamed. */
import { formatHex } from "../base/bytes.ts";
import { formatInstant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import type { TlsaEvidence } from "../verifier/evidence.ts";
import type {
  AddressReport,
  CertificateFacts,
  Expiry,
  HostReport,
  JudgedRecord,
  VerifyReport,
} from "../verifier/verdict.ts";
import { ladderOf } from "./verify-ladder.ts";
import { consequenceOf, consequenceOfHost } from "./verify-words.ts";

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
      ...(dns.srv === undefined ? {} : { srv: dns.srv.status }),
      a: dns.a?.status ?? null,
      aaaa: dns.aaaa?.status ?? null,
      tlsa: dns.tlsa === null ? null : tlsaStatus(dns.tlsa),
    },
    baseDomain: displayName(host.baseDomain),
    owner: dns.tlsa?.owner ?? null,
    consequence: consequenceOfHost(host),
    ...(host.addresses.length === 0 ? { ladder: ladderOf(host, null) } : {}),
    addresses: host.addresses.map((address) => addressDocument(host, address)),
    ...(host.expiring === undefined ? {} : { expiring: host.expiring.map(expiryDocument) }),
  };
}

/** Null: the TLSA records were not asked for. */
function tlsaStatus(tlsa: TlsaEvidence): DnsAnswer["status"] | null {
  return tlsa.kind === "records" ? "secure" : tlsa.status;
}

function addressDocument(host: HostReport, report: AddressReport): object {
  return {
    address: report.address,
    ...(report.algorithm === null ? {} : { algorithm: report.algorithm }),
    verdict: report.verdict,
    reason: report.reason,
    code: report.code,
    hint: report.hint,
    tlsVersion: report.tlsVersion,
    chainLength: report.chainLength,
    certificate: report.certificate === null ? null : certificateDocument(report.certificate),
    path: report.path.map(({ subject, notAfter }) => ({ subject, notAfter: formatInstant(notAfter) })),
    records: report.records.map(recordDocument),
    consequence: consequenceOf(report.verdict, host.profile),
    ladder: ladderOf(host, report),
    warnings: report.warnings,
    advice: report.advice,
  };
}

function expiryDocument({ at, ...expiry }: Expiry): object {
  return { ...expiry, at: formatInstant(at) };
}

function certificateDocument(facts: CertificateFacts): object {
  return { ...facts, notBefore: formatInstant(facts.notBefore), notAfter: formatInstant(facts.notAfter) };
}

function recordDocument({ record, status, depth, reason, instead }: JudgedRecord): object {
  return {
    ...fieldsOf(record),
    status,
    ...(depth === null ? {} : { depth }),
    ...(reason === null ? {} : { reason }),
    ...(instead === null ? {} : { instead: fieldsOf(instead) }),
  };
}

function fieldsOf({ usage, selector, matchingType, data }: TlsaRdata): object {
  return { usage, selector, matchingType, data: formatHex(data) };
}
