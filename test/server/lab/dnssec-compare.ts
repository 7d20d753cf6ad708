/** Our validator over the tree, and what it says beside the others. */
import { readFileSync } from "node:fs";
import { formatHex } from "../../../src/base/bytes.ts";
import { instant } from "../../../src/base/time.ts";
import type { Clock } from "../../../src/base/time.ts";
import { parseTrustAnchors } from "../../../src/dnssec/anchors.ts";
import type { TrustAnchors } from "../../../src/dnssec/anchors.ts";
import { DEFAULT_POLICY } from "../../../src/dnssec/policy.ts";
import type { ValidationPolicy } from "../../../src/dnssec/policy.ts";
import { mapLimited } from "../../../src/resolver/map-limited.ts";
import type { DnsAnswer, Resolve } from "../../../src/resolver/resolver.ts";
import { createUpstream } from "../../../src/resolver/upstream.ts";
import { createValidatingResolver } from "../../../src/resolver/validating.ts";
import type { Place } from "./bind.ts";
import { RULES, agrees } from "./dnssec-disagreements.ts";
import type { Comparison } from "./dnssec-disagreements.ts";
import { createAdBit, createDelv, verdictText, wireQuestion } from "./dnssec-oracles.ts";
import type { Verdict } from "./dnssec-oracles.ts";
import type { DnssecTree } from "./dnssec-tree.ts";
import { questions } from "./dnssec-zones.ts";
import type { Question } from "./dnssec-zones.ts";

const clock: Clock = () => instant(Date.now());

/** delv is a process a question; the others are one process for all. */
export const AT_ONCE = { delv: 4, ours: 8, unbound: 8 } as const;

/** Reads anchors as a user would give them; throws on a file that is not understood. */
export function anchorsFrom(file: string): TrustAnchors {
  const anchors = parseTrustAnchors(readFileSync(file, "utf8"), { source: file, at: clock() });
  if (!anchors.ok) throw new Error(anchors.fault.message);
  return anchors.value;
}

export interface ValidatorOptions {
  /** The tree's own resolver otherwise. */
  readonly resolver?: Place;
  /** The root of the tree otherwise. */
  readonly anchors?: TrustAnchors;
  readonly policy?: ValidationPolicy;
  readonly timeoutMs?: number;
}

/** A validator that has not seen anything yet. */
export function newValidator(tree: DnssecTree, options: ValidatorOptions = {}): Resolve {
  const { resolver = tree.resolver, timeoutMs = 10_000, policy = DEFAULT_POLICY } = options;
  const { anchors = anchorsFrom(tree.anchorFiles.unbound) } = options;
  const ask = createUpstream({ servers: [{ kind: "plain", ...resolver }], timeoutMs });
  return createValidatingResolver({ ask, anchors, clock, policy });
}

function verdictOf(answer: DnsAnswer): Verdict {
  if (!("rrset" in answer)) {
    return { status: answer.status, rcode: null, data: [] };
  }
  const data = answer.rrset?.rdatas.map((rdata) => formatHex(rdata)) ?? [];
  return { status: answer.status, rcode: answer.rcode, data: data.sort() };
}

export async function askOurs(resolve: Resolve, question: Question): Promise<Verdict> {
  const { name, type } = wireQuestion(question);
  return verdictOf(await resolve(name, type));
}

/** Asks every question of the tree of all three. */
export async function compareAll(tree: DnssecTree): Promise<readonly Comparison[]> {
  const asked = questions();
  const resolve = newValidator(tree);
  const ours = await mapLimited(asked, (question) => askOurs(resolve, question), AT_ONCE.ours);
  const delv = await mapLimited(asked, createDelv(tree.anchorFiles.bind, tree.resolver), AT_ONCE.delv);
  const unbound = await mapLimited(asked, createAdBit(tree.resolver), AT_ONCE.unbound);
  return asked.flatMap((question, at) => {
    const [our, their, its] = [ours[at], delv[at], unbound[at]];
    return our && their && its ? [{ question, ours: our, delv: their, unbound: its }] : [];
  });
}

function comparisonText({ question, ours, delv, unbound }: Comparison): string {
  const verdicts = Object.entries({ ours, delv, unbound }).map(([who, verdict]) => `${who} ${verdictText(verdict)}`);
  return `${question.name} ${question.type}: ${verdicts.join(", ")}`;
}

const ORACLES = ["delv", "unbound"] as const;

/** Differences that no rule explains. */
export function unexplained(all: readonly Comparison[]): readonly string[] {
  const open = all.filter((comparison) =>
    ORACLES.some(
      (oracle) =>
        !agrees(comparison.ours, comparison[oracle]) &&
        !RULES.some((rule) => rule.oracle === oracle && rule.explains(comparison)),
    ),
  );
  return open.map(comparisonText);
}

/** How often we said what. */
export function verdictCounts(all: readonly Comparison[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { ours } of all) {
    const kind = ours.rcode === null ? "" : ours.data.length > 0 ? " data" : " denial";
    counts[ours.status + kind] = (counts[ours.status + kind] ?? 0) + 1;
  }
  return counts;
}
