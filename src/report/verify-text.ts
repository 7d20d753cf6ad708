/**
 * A verification for people: for each host what a client meets on its way, in its order (addresses, TLSA records, TLS,
 * certificate, which record matched) and where it falls off the ladder; then what a DANE client would do, and what to
 * type or mend.
 */
import { formatHex } from "../base/bytes.ts";
import { formatInstant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import { formatTlsa } from "../dns/rdata.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import { formatParameters } from "../tlsa/params.ts";
import type { TlsaEvidence } from "../verifier/evidence.ts";
import type { AddressReport, HostReport, JudgedRecord, VerdictName, VerifyReport } from "../verifier/verdict.ts";
import { brokenRung, ladderOf } from "./verify-ladder.ts";
import type { Rung } from "./verify-ladder.ts";
import { addressLabel, consequenceOfHost } from "./verify-words.ts";

export interface VerifyTextOptions {
  /** Only hosts that are not well. */
  readonly quiet: boolean;
  /** Association data in full, and what a plain reader does not need. */
  readonly verbose: boolean;
  readonly color: boolean;
}

/** Lines for a terminal or a mail; empty when quiet and all is well. */
export function renderVerifyText(report: VerifyReport, options: VerifyTextOptions): string {
  const shown = options.quiet ? report.hosts.filter((host) => !isWell(host)) : report.hosts;
  return shown.map((host) => `${renderHost(host, options).join("\n")}\n`).join("\n");
}

/** Why the host is what it is: said of it as a whole, or of the first address that made it so; null without any. */
export function reasonOf({ verdict, reason, addresses }: HostReport): string | null {
  return reason ?? addresses.find((address) => address.verdict === verdict)?.reason ?? null;
}

/**
 * The same under a line that has named the one target, its verdict and what is said of its worst host. Indented by two;
 * hosts have headings, two further out, only where the target is not the host.
 */
export function renderDetails({ hosts }: VerifyReport, worst: HostReport | null, options: VerifyTextOptions): string {
  const shown = options.quiet ? hosts.filter((host) => !isWell(host)) : hosts;
  const blocks = shown.map((host) => {
    const body = bodyLines(host, saidOf(host, worst), options);
    if (!DISCOVERED.test(host.target)) return body;
    const verdict = host === worst ? "" : `  ${paint(host.verdict, options)}`;
    return [`  ${nameOf(host)}${verdict}`, ...body.map((line) => `  ${line}`)];
  });
  return blocks.map((lines) => `${lines.join("\n")}\n`).join("\n");
}

/** What stands above a host; of what is well no reason does. */
function saidOf(host: HostReport, worst: HostReport | null): Said {
  return { reason: host === worst && host.verdict !== "verified" ? reasonOf(host) : null };
}

/** Targets that are looked up, and can be several hosts. */
const DISCOVERED = /^(?:mx|srv):/i;

function nameOf({ endpoint, baseDomain }: HostReport): string {
  return endpoint === null
    ? `${displayName(baseDomain)} (offline)`
    : `${displayName(endpoint.host)}:${String(endpoint.port)} (${endpoint.protocol})`;
}

function isWell({ verdict, expiring = [] }: HostReport): boolean {
  return verdict === "verified" && expiring.length === 0;
}

function renderHost(host: HostReport, options: VerifyTextOptions): readonly string[] {
  const via = DISCOVERED.test(host.target) ? ` for ${host.target}` : "";
  return [`${nameOf(host)}${via}  ${paint(host.verdict, options)}`, ...bodyLines(host, null, options)];
}

/** What stands above besides the verdict of the host. */
interface Said {
  readonly reason: string | null;
}

/** What was found of a host, without what was `said`; null: nothing was. */
function bodyLines(host: HostReport, said: Said | null, options: VerifyTextOptions): readonly string[] {
  const lines = [...dnsLines(host)];
  if (host.reason !== null && host.reason !== said?.reason) lines.push(`  ${host.reason}`);
  const addresses = options.quiet ? host.addresses.filter(({ verdict }) => verdict !== "verified") : host.addresses;
  const isVerdictSaid = said !== null && addresses.every(({ verdict }) => verdict === host.verdict);
  const isReasonSaid = isVerdictSaid && addresses.every(({ reason }) => reason === said.reason);
  for (const address of addresses) {
    const verdict = isVerdictSaid ? "" : `${paint(address.verdict, options)}: `;
    const found = isReasonSaid ? "" : `  ${verdict}${address.reason}`;
    lines.push(`  ${addressLabel(address)}${found}`, ...addressLines(host, address, options));
  }
  lines.push(...adviceLines(addresses));
  for (const { what, name: which, address, at } of host.expiring ?? []) {
    const where = address === null ? "" : ` on ${address}`;
    lines.push(`  ends soon: ${what} ${which}${where}, at ${formatInstant(at)}`);
  }
  lines.push(`  => ${consequenceOfHost(host).text}`);
  for (const hint of hintsOf(host)) lines.push(`  hint: ${hint}`);
  return lines;
}

function dnsLines({ dns, reason }: HostReport): readonly string[] {
  const lines: string[] = [];
  if (dns.mx !== null) lines.push(row("mx", describeAnswer(dns.mx, "record", reason)));
  if (dns.srv !== undefined) lines.push(row("srv", describeAnswer(dns.srv, "record", reason)));
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
      if (tlsa.owner === null) {
        return `not asked: the ${tlsa.why === "insecure-srv" ? "SRV records" : "addresses"} are not DNSSEC-secure`;
      }
      return tlsa.why === "insecure"
        ? `${displayName(tlsa.owner)}: records, but the zone is not signed`
        : `${displayName(tlsa.owner)}: no records, ${tlsa.status ?? "insecure"}`;
  }
}

function addressLines(host: HostReport, report: AddressReport, options: VerifyTextOptions): readonly string[] {
  const protocol = host.endpoint?.protocol ?? null;
  const lines: string[] = [];
  const ladder = ladderOf(host, report);
  if (brokenRung(ladder) !== null || options.verbose) lines.push(`    ${ladder.map(describeRung).join(" > ")}`);
  if (report.tlsVersion !== null) {
    const certificates = report.chainLength === 1 ? "certificate" : "certificates";
    const start = protocol === null || protocol === "tls" ? "" : "STARTTLS, ";
    lines.push(`    ${start}${report.tlsVersion}, ${String(report.chainLength)} ${certificates} sent`);
  }
  const { certificate } = report;
  if (certificate !== null) {
    lines.push(`    ${whose(certificate)}, ${certificate.algorithm}, until ${formatInstant(certificate.notAfter)}`);
    if (options.verbose)
      lines.push(`    names ${certificate.dnsNames.join(" ")}; SPKI SHA-256 ${certificate.spkiSha256}`);
  }
  if (options.verbose) {
    for (const { subject, notAfter } of report.path.slice(1)) {
      lines.push(`    issued by ${subject}, until ${formatInstant(notAfter)}`);
    }
  }
  for (const record of report.records) lines.push(`    ${describeRecord(record, options)}`);
  for (const warning of report.warnings) lines.push(`    note: ${warning}`);
  return lines;
}

const NAMES_SHOWN = 3;

/** The subject, or the first names of a certificate that has none as most of today. */
function whose({ subject, dnsNames }: NonNullable<AddressReport["certificate"]>): string {
  if (subject !== "") return subject;
  if (dnsNames.length === 0) return "(no subject)";
  const more = dnsNames.length - NAMES_SHOWN;
  return `${dnsNames.slice(0, NAMES_SHOWN).join(" ")}${more > 0 ? ` and ${String(more)} more` : ""}`;
}

/** `match BROKEN`: the place to look at. */
function describeRung({ step, status }: Rung): string {
  return `${step} ${status === "broken" ? "BROKEN" : status}`;
}

/** The same records stand behind every address, so each advice is given once. */
function adviceLines(addresses: readonly AddressReport[]): readonly string[] {
  return [...new Set(addresses.flatMap(({ advice }) => advice.map(({ text }) => `  advice: ${text}`)))];
}

function describeRecord(judged: JudgedRecord, options: VerifyTextOptions): string {
  const { record, status, depth, reason, instead } = judged;
  const hex = formatHex(record.data);
  const data = options.verbose || hex.length <= 32 ? hex : `${hex.slice(0, 16)}…`;
  const where = status === "matched" && depth !== null ? ` at depth ${String(depth)}` : "";
  const why = reason === null ? "" : ` (${reason})`;
  // Whole, so that it can be copied; a certificate in full is more than anybody copies.
  const right = instead === null || instead.matchingType === 0 ? "" : `; right would be "${formatTlsa(instead)}"`;
  return `${formatParameters(record)} ${data}  ${status}${where}${why}${right}`;
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
