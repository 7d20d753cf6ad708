/**
 * From evidence to verdict, purely: the same evidence gives the same verdict, whoever gathered it and whenever.
 *
 * The order of the questions is that of a client. What DNS says comes first, because it decides whether DANE applies
 * at all (RFC 7672 §2.2); then which records are usable (RFC 6698 §4.1), less those that digest agility puts aside
 * (RFC 7671 §9); then whether TLS came about; and only then whether one of the records authenticates the chain. A
 * matching record in an unsigned zone is worth nothing and never looked at.
 *
 * No usable record in a secure RRset is not the same as no record. To RFC 6698 §4.1 it is, but a client that does DANE
 * where it finds it insists on TLS then, authenticates nothing, and stays away where TLS fails (RFC 7671 §10.3, RFC 7672
 * §2.2); one that must authenticate does not connect at all. The verdicts keep the two apart from `no-dane`.
 *
 * Raw public keys (RFC 7250) are not judged: Node cannot offer them, so every server shows us certificates.
 */
import { formatHex } from "../base/bytes.ts";
import type { Fault, FaultCode } from "../base/errors.ts";
import { displayName } from "../dns/name.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import { formatTlsa } from "../dns/rdata.ts";
import { readCertificate } from "../pki/certificate.ts";
import type { Certificate } from "../pki/certificate.ts";
import { isSuppressed } from "../tlsa/agility.ts";
import { associationData, associationFor } from "../tlsa/association.ts";
import { judgeRecord } from "./chain.ts";
import type { ChainContext, ReadableChain, RecordOutcome } from "./chain.ts";
import type { ServedChain } from "./endpoint.ts";
import type { Evidence, NoTlsa } from "./evidence.ts";
import { nameUnusable } from "./mistakes.ts";
import { adviseOnSet } from "./set-advice.ts";
import { recordUsability } from "./usable-record.ts";
import type { CertificateFacts, JudgedRecord, Judgement } from "./verdict.ts";

/** What is known about the chain before any record is looked at. */
interface ChainFacts {
  readonly chain: ReadableChain | null;
  readonly fault: Fault | null;
  readonly facts: Pick<Judgement, "certificate" | "chainLength" | "tlsVersion">;
  readonly warnings: readonly string[];
}

const NO_CHAIN: ChainFacts = {
  chain: null,
  fault: null,
  facts: { certificate: null, chainLength: 0, tlsVersion: null },
  warnings: [],
};

/** Failures that say nothing about TLS: the service was not reached, or turned us away before. */
const NOT_REACHED: readonly FaultCode[] = ["CONNECT_FAILED", "CONNECT_TIMEOUT", "SERVICE_REFUSED", "PROBE_CANCELLED"];

/** Judges one address, or offline one chain. */
export function judge(evidence: Evidence): Judgement {
  const { tlsa, probe } = evidence;
  if (tlsa.kind === "error") {
    const [first] = tlsa.reasons;
    return {
      verdict: "tlsa-error",
      reason: `the TLSA lookup failed (${tlsa.status}): ${first?.message ?? "no reason was given"}`,
      code: first?.code ?? null,
      hint: "a DANE client must take this for an attack; check the name servers and signatures of the zone",
      records: [],
      ...NO_CHAIN.facts,
      path: [],
      warnings: [],
      advice: [],
    };
  }
  const seen = probe?.outcome === "served" ? readChain(probe) : NO_CHAIN;
  const tlsFault = probe?.outcome === "failed" ? probe.fault : null;
  const records = tlsa.kind === "records" ? tlsa.records : [];
  if (tlsFault !== null && NOT_REACHED.includes(tlsFault.code)) {
    return verdictOf("unreachable", tlsFault.message, seen, untested(records, seen, evidence), tlsFault);
  }
  if (tlsa.kind === "none") {
    const besides = tlsFault === null ? [] : [`TLS does not work either: ${tlsFault.message}`];
    return { ...verdictOf("no-dane", whyNoDane(tlsa), seen, []), warnings: besides };
  }
  const usable = usableRecords(records, evidence);
  if (usable.length === 0) {
    const judged = untested(records, seen, evidence);
    const count = records.length === 1 ? "the only TLSA record is" : `all ${String(records.length)} TLSA records are`;
    const judgement =
      tlsFault === null
        ? verdictOf("unusable-unauthenticated", `${count} unusable`, seen, judged, UNUSABLE)
        : verdictOf("unusable-broken", `${count} unusable, and TLS fails: ${tlsFault.message}`, seen, judged, tlsFault);
    return { ...judgement, advice: adviceOn(judged, null, evidence) };
  }
  if (tlsFault !== null) {
    return verdictOf("fail-tls", tlsFault.message, seen, untested(records, seen, evidence), tlsFault);
  }
  return judgeChain(records, usable, seen, evidence);
}

const UNUSABLE = {
  code: null,
  hint: "publish 3 1 1 records (daneward tlsa prints them), and remove the unusable ones",
};

function whyNoDane({ why, owner }: NoTlsa): string {
  if (owner === null) {
    const what = why === "insecure-srv" ? "SRV records" : "addresses";
    return `the ${what} are not DNSSEC-secure, so TLSA records are not asked for`;
  }
  const name = displayName(owner);
  return why === "insecure" ? `the TLSA records at ${name} are not signed` : `there are no TLSA records at ${name}`;
}

function verdictOf(
  verdict: Judgement["verdict"],
  reason: string,
  seen: ChainFacts,
  records: readonly JudgedRecord[],
  problem: { readonly code: FaultCode | null; readonly hint: string | null } = { code: null, hint: null },
): Judgement {
  const { code, hint } = problem;
  return { verdict, reason, code, hint, records, ...seen.facts, path: [], warnings: seen.warnings, advice: [] };
}

function isSmtp({ profile }: Evidence): { readonly smtp: boolean } {
  return { smtp: profile === "smtp" };
}

/** RFC 6698 §4.1, and for mail RFC 7672 §3.1.3: each record by itself; one that is unusable spoils no other. */
function usableRecords(records: readonly TlsaRdata[], evidence: Evidence): readonly TlsaRdata[] {
  return records.filter((record) => recordUsability(record, isSmtp(evidence)).usable);
}

/** A record that no client compares with a chain, and why; null for the others. */
function setAside(
  record: TlsaRdata,
  usable: readonly TlsaRdata[],
  chain: ReadableChain | null,
  evidence: Evidence,
): JudgedRecord | null {
  const verdict = recordUsability(record, isSmtp(evidence));
  if (!verdict.usable) {
    const mistake = chain === null ? null : nameUnusable(record, { ...chain, previous: [] });
    const reason = mistake === null ? verdict.detail : `${verdict.detail}; it is ${mistake.text}`;
    return { record, status: "unusable", depth: null, reason, instead: mistake?.instead ?? null };
  }
  // RFC 7671 §9, compulsory for mail (RFC 7672 §5): agility looks at what is left after the unusable ones are gone.
  if (!isSuppressed(record, usable)) return null;
  const reason = "a stronger digest of the same usage and selector counts";
  return { record, status: "suppressed", depth: null, reason, instead: null };
}

function untested(records: readonly TlsaRdata[], { chain }: ChainFacts, evidence: Evidence): readonly JudgedRecord[] {
  const usable = usableRecords(records, evidence);
  return records.map((record) => {
    const aside = setAside(record, usable, chain, evidence);
    return aside ?? { record, status: "untested", depth: null, reason: null, instead: null };
  });
}

function adviceOn(
  records: readonly JudgedRecord[],
  accepted: ReadableChain | null,
  { tlsa, profile }: Evidence,
): Judgement["advice"] {
  const answer = tlsa.kind === "records" ? tlsa.answer : undefined;
  // Usages 0 and 1 are wrong for mail and fine elsewhere.
  return adviseOnSet(records, { smtp: profile === "smtp", chain: accepted, answer });
}

function readChain({ certificates, tlsVersion }: ServedChain): ChainFacts {
  const [leaf, ...others] = certificates.map(readCertificate);
  const damaged = others.filter((each) => !each.ok).length;
  const facts = { chainLength: certificates.length, tlsVersion: tlsVersion === "" ? null : tlsVersion };
  if (leaf === undefined || !leaf.ok) {
    return { chain: null, fault: leaf?.fault ?? null, facts: { certificate: null, ...facts }, warnings: [] };
  }
  return {
    chain: { leaf: leaf.value, others: others.flatMap((each) => (each.ok ? [each.value] : [])) },
    fault: null,
    facts: { certificate: describe(leaf.value), ...facts },
    warnings: [
      ...(damaged === 0 ? [] : [`${String(damaged)} of the certificates sent cannot be read and were left out`]),
      ...keyWarnings(leaf.value),
    ],
  };
}

/** OpenSSL's security level 2, which some systems set for every client, asks for 2048 bits. */
function keyWarnings({ keyAlgorithm }: Certificate): readonly string[] {
  const bits = /^RSA(?:SSA-PSS)? (\d+)$/.exec(keyAlgorithm)?.[1];
  if (bits === undefined || Number(bits) >= 2048) return [];
  return [`the key has only ${bits} bits (RSA): clients at OpenSSL's security level 2 refuse it`];
}

function describe(leaf: Certificate): CertificateFacts {
  const { subject, notBefore, notAfter, keyAlgorithm, dnsNames } = leaf;
  const digest = (octets: Uint8Array): string => formatHex(associationData(1, octets));
  return {
    subject,
    notBefore,
    notAfter,
    spkiSha256: digest(leaf.spki),
    sha256: digest(leaf.der),
    algorithm: keyAlgorithm,
    dnsNames,
  };
}

/** Any one match authenticates (RFC 7671 §8). They are looked at as OpenSSL does: the surest usage first, then by depth. */
const USAGE_ORDER: readonly number[] = [3, 2, 1, 0];

function judgeChain(
  records: readonly TlsaRdata[],
  usable: readonly TlsaRdata[],
  seen: ChainFacts,
  evidence: Evidence,
): Judgement {
  const { chain } = seen;
  if (chain === null) {
    const what = seen.fault?.message ?? "the server sent no certificate";
    return verdictOf("fail-chain", what, seen, untested(records, seen, evidence), seen.fault ?? undefined);
  }
  const context: ChainContext = {
    ...evidence,
    trustStore: evidence.trustStore.flatMap(readWhole),
    previous: (evidence.previous ?? []).flatMap(readWhole),
  };
  const judged = records.map((record) => {
    const aside = setAside(record, usable, chain, evidence);
    if (aside !== null) return { record, shown: aside, outcome: null };
    const outcome = judgeRecord(record, usable, chain, context);
    return { record, shown: shownAs(record, outcome), outcome };
  });
  const shown = judged.map((each) => each.shown);
  const ranked = [...judged].sort((left, right) => {
    const byUsage = USAGE_ORDER.indexOf(left.record.usage) - USAGE_ORDER.indexOf(right.record.usage);
    return byUsage !== 0 ? byUsage : (left.shown.depth ?? 0) - (right.shown.depth ?? 0);
  });
  for (const { record, outcome } of ranked) {
    if (outcome?.outcome !== "accepted") continue;
    return {
      ...acceptedBy(record, outcome.depth, seen, shown, evidence),
      path: outcome.path.map(({ subject, notAfter }) => ({ subject, notAfter })),
      warnings: [...seen.warnings, ...outcome.warnings],
      advice: adviceOn(shown, chain, evidence),
    };
  }
  return { ...refusedBecause(ranked, shown, seen, chain), advice: adviceOn(shown, null, evidence) };
}

/** What to say when no record authenticates the chain: the surest usage that matched and was rejected says it best. */
function refusedBecause(
  ranked: readonly { readonly outcome: RecordOutcome | null }[],
  shown: readonly JudgedRecord[],
  seen: ChainFacts,
  chain: ReadableChain,
): Judgement {
  for (const { outcome } of ranked) {
    if (outcome?.outcome !== "rejected") continue;
    return verdictOf(outcome.verdict, outcome.reason, seen, shown, outcome);
  }
  const compared = shown.filter(({ status }) => status === "stale").length;
  const reason =
    compared === 1 ? "the TLSA record that counts does not match the chain" : "no TLSA record matches the chain";
  return verdictOf("fail-mismatch", reason, seen, shown, { code: "TLSA_MISMATCH", hint: mismatchHint(chain.leaf) });
}

function readWhole(der: Uint8Array): readonly Certificate[] {
  const certificate = readCertificate(der);
  return certificate.ok ? [certificate.value] : [];
}

function acceptedBy(
  record: TlsaRdata,
  depth: number,
  seen: ChainFacts,
  shown: readonly JudgedRecord[],
  { mailExchangerSecure }: Evidence,
): Judgement {
  const which = `${String(record.usage)} ${String(record.selector)} ${String(record.matchingType)}`;
  const what = `${which} matches at depth ${String(depth)}`;
  // RFC 7672 §2.2.1: a client may authenticate the host, and must not report the delivery as secure.
  return mailExchangerSecure
    ? verdictOf("verified", what, seen, shown)
    : verdictOf("host-verified", `${what}, but the MX records that name the host are not secure`, seen, shown, {
        code: null,
        hint: "sign the mail domain with DNSSEC",
      });
}

function shownAs(record: TlsaRdata, outcome: RecordOutcome): JudgedRecord {
  switch (outcome.outcome) {
    case "accepted":
      return { record, status: "matched", depth: outcome.depth, reason: null, instead: null };
    case "rejected":
      return { record, status: "matched", depth: outcome.depth, reason: outcome.reason, instead: null };
    case "no-match":
      return { record, status: "stale", depth: null, reason: outcome.reason, instead: outcome.instead };
  }
}

function mismatchHint(leaf: Certificate): string {
  const right = associationFor({ usage: 3, selector: 1, matchingType: 1 }, leaf);
  return `if this is the right certificate, publish "${formatTlsa(right)}"; else make the server present the published one`;
}
