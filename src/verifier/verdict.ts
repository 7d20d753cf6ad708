/** What a verification comes to. */
import type { FaultCode } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import type { Advice } from "../tlsa/advice.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import type { DomainName } from "../dns/name.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Profile, TlsaEvidence } from "./evidence.ts";

/**
 * - `verified`: a record authenticates the server, and everything that led to it is DNSSEC-secure
 * - `host-verified`: the same, but the MX RRset is insecure, so the domain is not protected
 * - `no-dane`: no secure TLSA records, DANE does not apply
 * - `unusable-unauthenticated`: there are TLSA records, none usable; TLS works, so mail flows unauthenticated
 * - `unusable-broken`: the same, and TLS does not work: mail stops
 * - `fail-tls`, `fail-mismatch`, `fail-name`, `fail-expired`, `fail-chain`: a DANE client refuses this server
 * - `tlsa-error`: the TLSA lookup failed: a DANE client must not use this server (RFC 7672 §2.1.2)
 * - `dns-error`, `unreachable`: nothing could be found out
 */
export type VerdictName =
  | "verified"
  | "host-verified"
  | "no-dane"
  | "unusable-unauthenticated"
  | "unusable-broken"
  | "fail-tls"
  | "fail-mismatch"
  | "fail-name"
  | "fail-expired"
  | "fail-chain"
  | "tlsa-error"
  | "dns-error"
  | "unreachable";

/** 0 well, 1 not protected, 2 a DANE client refuses, 3 could not look. */
export type VerifyExit = 0 | 1 | 2 | 3;

const EXITS: Readonly<Record<VerdictName, VerifyExit>> = {
  verified: 0,
  "host-verified": 1,
  "no-dane": 1,
  "unusable-unauthenticated": 1,
  "unusable-broken": 2,
  "fail-tls": 2,
  "fail-mismatch": 2,
  "fail-name": 2,
  "fail-expired": 2,
  "fail-chain": 2,
  "tlsa-error": 2,
  "dns-error": 3,
  unreachable: 3,
};

/** Better to worse: to refuse is worse than not to know, which is worse than not to be protected. */
const SEVERITY: readonly VerifyExit[] = [0, 1, 3, 2];

/** The exit code of one verdict. */
export function exitOf(verdict: VerdictName): VerifyExit {
  return EXITS[verdict];
}

/** The worse of two exit codes: 2 over 3 over 1 over 0. */
export function worseExit(left: VerifyExit, right: VerifyExit): VerifyExit {
  return SEVERITY.indexOf(left) < SEVERITY.indexOf(right) ? right : left;
}

/** The worst of some verdicts, the first among equals; null for none. */
export function worstVerdict(verdicts: readonly VerdictName[]): VerdictName | null {
  return verdicts.reduce<VerdictName | null>((worst, each) => {
    return worst === null || SEVERITY.indexOf(exitOf(each)) > SEVERITY.indexOf(exitOf(worst)) ? each : worst;
  }, null);
}

/**
 * One TLSA record after judgement. `depth` is that of the certificate it matched, 0 the leaf. `matched` says that the
 * record names a certificate of the chain, not yet that a client accepts it: then `reason` says why not. `untested`:
 * usable, but there was no chain to compare it with.
 */
export interface JudgedRecord {
  readonly record: TlsaRdata;
  readonly status: "matched" | "stale" | "suppressed" | "unusable" | "untested";
  readonly depth: number | null;
  /** Why, where the status does not say it all. */
  readonly reason: string | null;
  /** The record that was probably meant, where the mistake behind this one is known. */
  readonly instead: TlsaRdata | null;
}

/** A certificate that the verdict rests on: the leaf for usages 1 and 3, every one of the path for 0 and 2. */
export interface PathStep {
  readonly subject: string;
  readonly notAfter: Instant;
}

/** What people want to know of a leaf certificate. */
export interface CertificateFacts {
  readonly subject: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** Lower-case hex of the SHA-256 of the SubjectPublicKeyInfo as sent. */
  readonly spkiSha256: string;
  /** Lower-case hex of the SHA-256 of the certificate as sent. */
  readonly sha256: string;
  readonly algorithm: string;
  readonly dnsNames: readonly string[];
}

/** The judgement on one address, or on one chain offline. */
export interface Judgement {
  readonly verdict: VerdictName;
  /** One clause: why. */
  readonly reason: string;
  /** The permanent code of what went wrong on the way, when something did. */
  readonly code: FaultCode | null;
  /** What to do; null when there is nothing to do. */
  readonly hint: string | null;
  readonly records: readonly JudgedRecord[];
  /** Null: no certificate was seen, or the leaf cannot be read. */
  readonly certificate: CertificateFacts | null;
  readonly chainLength: number;
  readonly tlsVersion: string | null;
  /** From the leaf on, the certificates that an accepted record rests on; empty when none was accepted. */
  readonly path: readonly PathStep[];
  /** What bears no weight on the verdict and should still be known. */
  readonly warnings: readonly string[];
  /** What is lawful in the records as published, but unwise. */
  readonly advice: readonly Advice[];
}

export interface AddressReport extends Judgement {
  /** Null offline. */
  readonly address: string | null;
  /** Which certificate the server was asked for, of a server with several: `RSA`, `ECDSA`, …; null when any would do. */
  readonly algorithm: string | null;
}

/**
 * Something that ends soon, or has ended. It never changes a verdict, and makes the exit code 1 where that was 0, or 2
 * where somebody said that it is to be critical.
 */
export interface Expiry {
  readonly what: "certificate" | "signatures";
  /** The subject of the certificate, or which signatures. */
  readonly name: string;
  /** The address that presents it; null for DNS. */
  readonly address: string | null;
  readonly at: Instant;
  /** Within the days that were said to be critical. */
  readonly critical?: true;
}

/** DNS as it was found for one host; null parts were not asked. */
interface DnsReport {
  readonly mx: DnsAnswer | null;
  /** Absent where no SRV records led to the host. */
  readonly srv?: DnsAnswer;
  readonly a: DnsAnswer | null;
  readonly aaaa: DnsAnswer | null;
  readonly tlsa: TlsaEvidence | null;
}

/** One host of one target. */
export interface HostReport {
  /** As the user wrote it. */
  readonly target: string;
  /** Null offline. */
  readonly endpoint: Endpoint | null;
  readonly profile: Profile;
  readonly baseDomain: DomainName;
  readonly verdict: VerdictName;
  /** Said of the host as a whole; null when the addresses say it. */
  readonly reason: string | null;
  readonly hint: string | null;
  readonly dns: DnsReport;
  readonly addresses: readonly AddressReport[];
  /** What ends within the time looked ahead, soonest first; absent when nobody asked to look ahead. */
  readonly expiring?: readonly Expiry[];
}

export interface VerifyReport {
  readonly exit: VerifyExit;
  /** The instant that the verdicts are about. */
  readonly at: Instant;
  readonly hosts: readonly HostReport[];
}

/**
 * The exit code over all targets and addresses: 2 over 3 over 1 over 0; 3 when there was nothing to look at. What ends
 * soon counts as 1, or as 2 where it was said to be critical.
 */
export function exitOfHosts(hosts: readonly HostReport[]): VerifyExit {
  const worst = worstVerdict(hosts.map(({ verdict }) => verdict));
  if (worst === null) return 3;
  const expiring = hosts.flatMap((host) => host.expiring ?? []);
  const soon = expiring.some(({ critical = false }) => critical) ? 2 : expiring.length > 0 ? 1 : 0;
  return worseExit(exitOf(worst), soon);
}
