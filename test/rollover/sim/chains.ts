/** Certificate chains of the virtual world: a leaf key, an issuer, and every TLSA record that would match them. */
import { instant } from "../../../src/base/time.ts";
import type { Instant } from "../../../src/base/time.ts";
import { chainId, recordText } from "../../../src/rollover/chain.ts";
import type { CertificateDigests, ChainFacts, RecordText } from "../../../src/rollover/chain.ts";

const DAY = 86_400_000;

export interface ChainPlan {
  readonly certificate: number;
  readonly key: number;
  readonly issuer: number;
  readonly notBefore: Instant;
  readonly days?: number;
}

/** What a person may configure; the names are what histories print. */
export const PARAMETERS = {
  "311": ["3 1 1"],
  "311+211": ["3 1 1", "2 1 1"],
  "211": ["2 1 1"],
  "312": ["3 1 2"],
} as const;

export type Parameters = keyof typeof PARAMETERS;

function digits(count: number, fill: string, length: number): string {
  return count.toString(16).padStart(length, fill);
}

function digests(certificate: number, key: number, kind: string): CertificateDigests {
  return {
    certSha256: digits(certificate, kind, 64),
    certSha512: digits(certificate, kind, 128),
    spkiSha256: digits(key, kind, 64),
    spkiSha512: digits(key, kind, 128),
  };
}

/** A chain of a leaf and its issuer; its records come from {@link recordsOf}. */
export function chain(plan: ChainPlan): ChainFacts {
  const leaf = digests(plan.certificate, plan.key, "0");
  const issuer = digests(plan.issuer, plan.issuer, "1");
  return {
    id: chainId(leaf.certSha256),
    certificates: [leaf, issuer],
    records: [],
    subject: "mx.example.test",
    notBefore: plan.notBefore,
    notAfter: instant(plan.notBefore + (plan.days ?? 90) * DAY),
    hasFiles: true,
  };
}

/** The record of a combination for a chain: the leaf for usage 3, the issuer for usage 2. */
function recordFor(combination: string, facts: ChainFacts): RecordText {
  const certificate = facts.certificates[combination.startsWith("3") ? 0 : 1];
  const data = combination.endsWith("2") ? certificate?.spkiSha512 : certificate?.spkiSha256;
  return recordText(`${combination} ${data ?? ""}`);
}

/** What the configured parameters make of a chain. */
export function recordsOf(facts: ChainFacts, parameters: Parameters): readonly RecordText[] {
  return PARAMETERS[parameters].map((combination) => recordFor(combination, facts)).sort();
}

/** Every record that matches the chain, written apart from the core's rule. */
export function matching(facts: ChainFacts): ReadonlySet<string> {
  return new Set(["3 1 1", "3 1 2", "2 1 1", "2 1 2"].map((combination) => recordFor(combination, facts)));
}

function groupOf(record: string): string {
  return record.slice(0, 3);
}

/**
 * Whether a DANE client that holds this RRset refuses the chain. Records that match no chain of this world are garbage
 * that was broken before and are left out; of each usage and selector only the strongest digest counts (RFC 7671 §9).
 */
export function refuses(
  records: readonly string[],
  presented: ReadonlySet<string>,
  known: readonly ReadonlySet<string>[],
): boolean {
  const meant = records.filter((record) => known.some((set) => set.has(record)));
  const considered = meant.filter(
    (record) => !meant.some((other) => groupOf(other) === groupOf(record) && other.slice(4, 5) > record.slice(4, 5)),
  );
  return considered.length > 0 && !considered.some((record) => presented.has(record));
}

/** As {@link refuses}, for clients that know one combination alone (RFC 7671 §8: "for each ... combination"). */
export function refusesSomewhere(
  records: readonly string[],
  presented: ReadonlySet<string>,
  known: readonly ReadonlySet<string>[],
): boolean {
  const meant = records.filter((record) => known.some((set) => set.has(record)));
  const combinations = new Set(meant.map((record) => record.slice(0, 5)));
  return [...combinations].some(
    (combination) => !meant.some((record) => record.startsWith(combination) && presented.has(record)),
  );
}
