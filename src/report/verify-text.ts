/**
 * A verification for people: one short ladder per host, in the order in which a client climbs it (addresses, TLSA
 * records, TLS, certificate, which record matched), then what a DANE client would do, and what to type or mend.
 */
import { formatHex } from "../base/bytes.ts";
import { formatInstant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import type { TlsaEvidence } from "../verifier/evidence.ts";
import type { AddressReport, HostReport, JudgedRecord, VerdictName, VerifyReport } from "../verifier/verdict.ts";

export interface VerifyTextOptions {
  /** Only hosts that are not well. */
  readonly quiet: boolean;
  /** Association data in full, and what a plain reader does not need. */
  readonly verbose: boolean;
  readonly color: boolean;
}

/** Lines for a terminal or a mail; empty when quiet and all is well. */
export function renderVerifyText(report: VerifyReport, options: VerifyTextOptions): string {
  const shown = options.quiet ? report.hosts.filter(({ verdict }) => verdict !== "verified") : report.hosts;
  return shown.map((host) => `${renderHost(host, options).join("\n")}\n`).join("\n");
}

function renderHost(host: HostReport, options: VerifyTextOptions): readonly string[] {
  const { endpoint } = host;
  const name =
    endpoint === null
      ? `${displayName(host.baseDomain)} (offline)`
      : `${displayName(endpoint.host)}:${String(endpoint.port)} (${endpoint.protocol})`;
  const via = host.target.startsWith("mx:") ? ` for ${host.target}` : "";
  const lines = [`${name}${via}  ${paint(host.verdict, options)}`, ...dnsLines(host)];
  if (host.reason !== null) lines.push(`  ${host.reason}`);
  const addresses = options.quiet ? host.addresses.filter(({ verdict }) => verdict !== "verified") : host.addresses;
  for (const address of addresses) lines.push(...addressLines(address, endpoint?.protocol ?? null, options));
  lines.push(`  => ${whatClientsDo(host.verdict, host.profile === "smtp")}`);
  for (const hint of hintsOf(host)) lines.push(`  hint: ${hint}`);
  return lines;
}

function dnsLines({ dns, reason }: HostReport): readonly string[] {
  const lines: string[] = [];
  if (dns.mx !== null) lines.push(row("mx", describeAnswer(dns.mx, "record", reason)));
  if (dns.a !== null && dns.aaaa !== null) {
    lines.push(
      row(
        "addresses",
        `A ${describeAnswer(dns.a, "address", reason)}; AAAA ${describeAnswer(dns.aaaa, "address", reason)}`,
      ),
    );
  }
  if (dns.tlsa !== null) lines.push(row("tlsa", describeTlsa(dns.tlsa)));
  return lines;
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(10)}${text}`;
}

/** `said`: what the report says of the host as a whole, which then includes why a lookup failed. */
function describeAnswer(answer: DnsAnswer, what: "address" | "record", said: string | null): string {
  if ("reasons" in answer) {
    const why = said === null ? `: ${answer.reasons[0]?.message ?? "no reason was given"}` : "";
    return `lookup failed, ${answer.status}${why}`;
  }
  const count = answer.rrset?.rdatas.length ?? 0;
  const plural = what === "address" ? "addresses" : "records";
  const found = count === 0 ? "none" : `${String(count)} ${count === 1 ? what : plural}`;
  const alias = answer.aliases.length === 0 ? "" : ` at ${displayName(answer.finalName)}`;
  return `${found}${alias}, ${answer.status}`;
}

function describeTlsa(tlsa: TlsaEvidence): string {
  switch (tlsa.kind) {
    case "records": {
      const count = tlsa.records.length;
      const alias = tlsa.aliases.at(-1);
      const via = alias === undefined ? "" : ` at ${displayName(alias.target)}`;
      return `${displayName(tlsa.owner)}: ${String(count)} record${count === 1 ? "" : "s"}${via}, secure`;
    }
    case "error":
      return `${displayName(tlsa.owner)}: lookup failed, ${tlsa.status}`;
    case "none":
      if (tlsa.owner === null) return "not asked: the addresses are not DNSSEC-secure";
      return tlsa.why === "insecure"
        ? `${displayName(tlsa.owner)}: records, but the zone is not signed`
        : `${displayName(tlsa.owner)}: no records, ${tlsa.status ?? "insecure"}`;
  }
}

function addressLines(report: AddressReport, protocol: string | null, options: VerifyTextOptions): readonly string[] {
  const lines = [`  ${report.address ?? "chain"}  ${paint(report.verdict, options)}: ${report.reason}`];
  if (report.tlsVersion !== null) {
    const certificates = report.chainLength === 1 ? "certificate" : "certificates";
    const start = protocol === null || protocol === "tls" ? "" : "STARTTLS, ";
    lines.push(`    ${start}${report.tlsVersion}, ${String(report.chainLength)} ${certificates} sent`);
  }
  const { certificate } = report;
  if (certificate !== null) {
    const subject = certificate.subject === "" ? "(no subject)" : certificate.subject;
    lines.push(`    ${subject}, ${certificate.algorithm}, until ${formatInstant(certificate.notAfter)}`);
    if (options.verbose)
      lines.push(`    names ${certificate.dnsNames.join(" ")}; SPKI SHA-256 ${certificate.spkiSha256}`);
  }
  for (const record of report.records) lines.push(`    ${describeRecord(record, options)}`);
  for (const warning of report.warnings) lines.push(`    note: ${warning}`);
  return lines;
}

function describeRecord({ record, status, depth, reason }: JudgedRecord, options: VerifyTextOptions): string {
  const hex = formatHex(record.data);
  const data = options.verbose || hex.length <= 32 ? hex : `${hex.slice(0, 16)}…`;
  const where = status === "matched" && depth !== null ? ` at depth ${String(depth)}` : "";
  const why = reason === null ? "" : ` (${reason})`;
  return `${String(record.usage)} ${String(record.selector)} ${String(record.matchingType)} ${data}  ${status}${where}${why}`;
}

/** What a client with DANE makes of this verdict, in one line. */
function whatClientsDo(verdict: VerdictName, mail: boolean): string {
  switch (verdict) {
    case "verified":
      return mail ? "a DANE sender delivers, authenticated and encrypted" : "a DANE client connects";
    case "host-verified":
      return "a DANE sender delivers to this host, but the MX records are not signed: the domain is not protected";
    case "no-dane":
      return mail ? "a DANE sender delivers as to any host, without DANE" : "a client connects without DANE";
    case "unusable-unauthenticated":
      return mail ? "a DANE sender delivers encrypted, but unauthenticated" : "a client connects without DANE";
    case "unusable-broken":
    case "tlsa-error":
    case "fail-tls":
    case "fail-mismatch":
    case "fail-name":
    case "fail-expired":
    case "fail-chain":
      return mail
        ? "a DANE sender skips this host: MAIL STOPS where it has no other"
        : "a DANE client refuses to connect";
    case "dns-error":
      return "a DANE sender defers: mail waits";
    case "unreachable":
      return mail ? "a sender tries the next host" : "a client cannot connect";
  }
}

function hintsOf(host: HostReport): readonly string[] {
  const hints = [host.hint, ...host.addresses.map(({ hint }) => hint)].filter((hint) => hint !== null);
  return [...new Set(hints)];
}

const COLORS: Readonly<Record<"good" | "warning" | "bad", string>> = { good: "32", warning: "33", bad: "31" };

function paint(verdict: VerdictName, { color }: VerifyTextOptions): string {
  if (!color) return verdict;
  const warning = ["host-verified", "no-dane", "unusable-unauthenticated"].includes(verdict);
  return `\u001b[${COLORS[verdict === "verified" ? "good" : warning ? "warning" : "bad"]}m${verdict}\u001b[0m`;
}
