/** Certificate chains of the virtual world: a leaf key, an issuer, and every TLSA record that would match them. */
import { instant } from "../../../src/base/time.ts";
import type { Instant } from "../../../src/base/time.ts";
import { chainId, recordText } from "../../../src/rollover/chain.ts";
import type { CertificateDigests, ChainFacts, RecordText } from "../../../src/rollover/chain.ts";
import type { StandbyKey } from "../../../src/rollover/state.ts";

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
  "301": ["3 0 1"],
  "201": ["2 0 1"],
} as const;

const COMBINATIONS = ["3 1 1", "3 1 2", "3 0 1", "2 1 1", "2 1 2", "2 0 1"] as const;

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
  const whole = combination.charAt(2) === "0" ? certificate?.certSha256 : certificate?.spkiSha256;
  const data = combination.endsWith("2") ? certificate?.spkiSha512 : whole;
  return recordText(`${combination} ${data ?? ""}`);
}

/** What the configured parameters make of a chain. */
export function recordsOf(facts: ChainFacts, parameters: Parameters): readonly RecordText[] {
  return PARAMETERS[parameters].map((combination) => recordFor(combination, facts)).sort();
}

/** A key that a later certificate may have, and the records that it makes by itself. */
export function standbyKey(key: number, parameters: Parameters): StandbyKey {
  const { spkiSha256, spkiSha512 } = digests(0, key, "0");
  const alone = PARAMETERS[parameters].filter((combination) => combination.startsWith("3 1"));
  const records = alone.map((one) => recordText(`${one} ${one.endsWith("2") ? spkiSha512 : spkiSha256}`));
  return { spkiSha256, records };
}

/** Every record that matches the chain, written apart from the core's rule. */
export function matching(facts: ChainFacts): ReadonlySet<string> {
  return new Set(COMBINATIONS.map((combination) => recordFor(combination, facts)));
}
