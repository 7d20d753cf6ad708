/**
 * Advice about a TLSA RRset that was looked at together with a chain: what is lawful, bears no weight on the verdict, and
 * will make some client or the next renewal stumble. What the records themselves say (unusable, suppressed, a mistake)
 * stands beside each of them and is not repeated here.
 */
import { formatDuration } from "../base/time.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import { adviseOn } from "../tlsa/advice.ts";
import type { Advice } from "../tlsa/advice.ts";
import { matchesCertificate } from "../tlsa/match.ts";
import { formatParameters, isIssuerUsage } from "../tlsa/params.ts";
import type { ReadableChain } from "./chain.ts";
import type { JudgedRecord } from "./verdict.ts";

const SAID_BY_RECORDS: readonly Advice["topic"][] = [
  "unusable",
  "suppressed",
  "digest-of-nothing",
  "anchor-on-the-wire",
];

/** Octets of a DNS message that pass unfragmented everywhere, and what surrounds the records in an answer. */
const DATAGRAM = 1232;
const HEADER = 12 + 11;
const PER_RECORD = 12 + 3;
const LONG_TTL = 86_400;

export interface AdviceContext {
  /** Null: that is not known, or is of no interest. */
  readonly smtp: boolean | null;
  /** Null: no chain was seen, or it was not accepted. */
  readonly chain: ReadableChain | null;
  /** The answer that held the records; absent when they were given by hand. */
  readonly answer: DnsAnswer | undefined;
}

/** In the order of importance. */
export function adviseOnSet(judged: readonly JudgedRecord[], context: AdviceContext): readonly Advice[] {
  const records = judged.map(({ record }) => record);
  const general = adviseOn(records, { smtp: context.smtp }).filter(({ topic }) => !SAID_BY_RECORDS.includes(topic));
  return [
    ...(context.chain === null ? [] : combinations(judged, context.chain)),
    ...general,
    ...aboutAnswer(records, context.answer),
  ];
}

/** RFC 7671 §8: clients need not know every combination, so each of them must match the chain by itself. */
function combinations(judged: readonly JudgedRecord[], { leaf, others }: ReadableChain): readonly Advice[] {
  const matched = new Set<string>();
  const seen = new Set<string>();
  for (const { record, status } of judged) {
    if (status === "unusable") continue;
    const name = formatParameters(record);
    seen.add(name);
    const wanted = isIssuerUsage(record.usage) ? others : [leaf];
    const suits = status === "suppressed" && wanted.some((certificate) => matchesCertificate(record, certificate));
    if (status === "matched" || suits) matched.add(name);
  }
  return [...seen]
    .filter((name) => !matched.has(name))
    .map((name) => {
      const raw = name.startsWith("3 1 ") ? "; clients that offer raw public keys (RFC 7250) look at no other" : "";
      const text = `no ${name} record matches the chain; every combination must, for clients that know no other (RFC 7671 §8)${raw}`;
      return { level: "warning", topic: "combination", text };
    });
}

function aboutAnswer(records: readonly JudgedRecord["record"][], answer: DnsAnswer | undefined): readonly Advice[] {
  const rrset = answer === undefined || "reasons" in answer ? null : answer.rrset;
  const advice: Advice[] = [];
  const signatures = rrset?.signatures ?? [];
  const octets = [
    ...records.map(({ data }) => data.length + PER_RECORD),
    ...signatures.map((each) => each.length + 12),
  ];
  const size = octets.reduce((sum, each) => sum + each, HEADER + (answer?.name.length ?? 0));
  if (size > DATAGRAM) {
    const text = `an answer of about ${String(size)} octets does not fit into one datagram of ${String(DATAGRAM)} (RFC 7671 §10.1.1)`;
    advice.push({ level: "note", topic: "large-answer", text });
  }
  if (rrset !== null && rrset.ttl > LONG_TTL) {
    const text = `TTL ${formatDuration(rrset.ttl)}: every rollover waits at least twice that long (RFC 7671 §8.1)`;
    advice.push({ level: "note", topic: "ttl", text });
  }
  return advice;
}
