/**
 * Our validator beside those of others: a private DNS tree, signed by BIND, Knot and PowerDNS in every way that matters
 * and broken in every way that we could think of, asked through one resolver by us, by delv and by Unbound itself.
 * Then the same tree through resolvers that lie.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { formatHex } from "../../src/base/bytes.ts";
import { instant } from "../../src/base/time.ts";
import type { Clock } from "../../src/base/time.ts";
import { decodeDs } from "../../src/dns/rdata.ts";
import { ROOT } from "../../src/dns/name.ts";
import type { TrustAnchors } from "../../src/dnssec/anchors.ts";
import { mapLimited } from "../../src/resolver/map-limited.ts";
import type { DnsAnswer, Resolve } from "../../src/resolver/resolver.ts";
import { createUpstream } from "../../src/resolver/upstream.ts";
import { createValidatingResolver } from "../../src/resolver/validating.ts";
import type { Place } from "./lab/bind.ts";
import { RULES, agrees } from "./lab/dnssec-disagreements.ts";
import type { Comparison } from "./lab/dnssec-disagreements.ts";
import { startHostileResolver } from "./lab/dnssec-hostile.ts";
import { ATTACKS } from "./lab/dnssec-mischief.ts";
import { createAdBit, createDelv, verdictText, wireQuestion } from "./lab/dnssec-oracles.ts";
import type { Verdict } from "./lab/dnssec-oracles.ts";
import { DNSSEC_PROGRAMS, startDnssecTree } from "./lab/dnssec-tree.ts";
import type { DnssecTree } from "./lab/dnssec-tree.ts";
import { questions } from "./lab/dnssec-zones.ts";
import type { Question } from "./lab/dnssec-zones.ts";
import { serverSuite } from "./lab/programs.ts";

const clock: Clock = () => instant(Date.now());

/** delv is a process a question; the others are one process for all. */
const AT_ONCE = { delv: 4, ours: 8, unbound: 8 } as const;

function anchorsOf(tree: DnssecTree): TrustAnchors {
  const [tag = "", algorithm = "", digestType = "", ...digest] = tree.anchor.replace(/^.* DS /, "").split(/\s+/);
  const head = Buffer.of(Number(tag) >> 8, Number(tag) & 0xff, Number(algorithm), Number(digestType));
  const ds = decodeDs(new Uint8Array(Buffer.concat([head, Buffer.from(digest.join(""), "hex")])));
  if (!ds.ok) throw new Error(ds.fault.message);
  return new Map([[ROOT, { zone: ROOT, ds: [ds.value], dnskeys: [], source: "the laboratory" }]]);
}

/** A validator that has not seen anything yet. */
function newValidator(tree: DnssecTree, resolver: Place, timeoutMs = 10_000): Resolve {
  const ask = createUpstream({ servers: [{ kind: "plain", ...resolver }], timeoutMs });
  return createValidatingResolver({ ask, anchors: anchorsOf(tree), clock });
}

function verdictOf(answer: DnsAnswer): Verdict {
  if (!("rrset" in answer)) {
    return { status: answer.status, rcode: null, data: [] };
  }
  const data = answer.rrset?.rdatas.map((rdata) => formatHex(rdata)) ?? [];
  return { status: answer.status, rcode: answer.rcode, data: data.sort() };
}

async function askOurs(resolve: Resolve, question: Question): Promise<Verdict> {
  const { name, type } = wireQuestion(question);
  return verdictOf(await resolve(name, type));
}

async function compareAll(tree: DnssecTree): Promise<readonly Comparison[]> {
  const asked = questions();
  const resolve = newValidator(tree, tree.resolver);
  const ours = await mapLimited(asked, (question) => askOurs(resolve, question), AT_ONCE.ours);
  const delv = await mapLimited(asked, createDelv(tree.folder, tree.resolver, tree.anchor), AT_ONCE.delv);
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
function unexplained(all: readonly Comparison[]): readonly string[] {
  const open = all.filter((comparison) =>
    ORACLES.some(
      (oracle) =>
        !agrees(comparison.ours, comparison[oracle]) &&
        !RULES.some((rule) => rule.oracle === oracle && rule.explains(comparison)),
    ),
  );
  return open.map(comparisonText);
}

function verdictCounts(all: readonly Comparison[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { ours } of all) {
    const kind = ours.rcode === null ? "" : ours.data.length > 0 ? " data" : " denial";
    counts[ours.status + kind] = (counts[ours.status + kind] ?? 0) + 1;
  }
  return counts;
}

/** What we say about the first thing that is wrong, and where. */
const REASONS: readonly (readonly [string, string, Verdict["status"], string, string])[] = [
  ["www.unsigned.test.", "A", "insecure", "DNSSEC_UNSIGNED_DELEGATION", "unsigned.test."],
  ["www.island.test.", "A", "insecure", "DNSSEC_UNSIGNED_DELEGATION", "island.test."],
  ["www.unsigned.optout.", "A", "insecure", "DNSSEC_OPT_OUT", "optout."],
  ["nx.ed25519.test.", "A", "insecure", "DNSSEC_OPT_OUT", "ed25519.test."],
  ["nx.iterations-150.test.", "A", "insecure", "DNSSEC_NSEC3_ITERATIONS", "iterations-150.test."],
  ["nx.knot-iterations.test.", "A", "bogus", "DNSSEC_NSEC3_ITERATIONS", "knot-iterations.test."],
  ["www.unknown-digest.test.", "A", "insecure", "DNSSEC_DIGEST_UNSUPPORTED", "unknown-digest.test."],
  ["www.unknown-algorithm.test.", "A", "insecure", "DNSSEC_ALGORITHM_UNSUPPORTED", "unknown-algorithm.test."],
  ["www.wrong-digest.test.", "A", "bogus", "DNSSEC_KEY_MISSING", "wrong-digest.test."],
  ["www.key-absent.test.", "A", "bogus", "DNSSEC_KEY_MISSING", "key-absent.test."],
  ["www.digest-downgrade.test.", "A", "bogus", "DNSSEC_KEY_MISSING", "digest-downgrade.test."],
  ["www.no-dnskey.test.", "A", "bogus", "DNSSEC_KEY_MISSING", "no-dnskey.test."],
  ["www.revoked.test.", "A", "bogus", "DNSSEC_KEY_UNUSABLE", "revoked.test."],
  ["www.expired.test.", "A", "bogus", "DNSSEC_SIGNATURE_EXPIRED", "expired.test."],
  ["www.not-yet.test.", "A", "bogus", "DNSSEC_SIGNATURE_NOT_YET_VALID", "not-yet.test."],
  ["www.rrsig-missing.test.", "A", "bogus", "DNSSEC_SIGNATURE_MISSING", "rrsig-missing.test."],
  ["www.rrsigs-missing.test.", "A", "bogus", "DNSSEC_SIGNATURE_MISSING", "rrsigs-missing.test."],
  ["www.dnskey-rrsig-missing.test.", "A", "bogus", "DNSSEC_SIGNATURE_MISSING", "dnskey-rrsig-missing.test."],
  ["www.nsecs-missing.test.", "TXT", "bogus", "DNSSEC_DENIAL_MISSING", "nsecs-missing.test."],
  ["www.nsec-missing.test.", "TXT", "bogus", "DNSSEC_DENIAL_INVALID", "nsec-missing.test."],
  ["any.wild.wildcard-proof-missing.test.", "TXT", "bogus", "DNSSEC_DENIAL_INVALID", "wildcard-proof-missing.test."],
  ["nx.encloser-missing.test.", "A", "bogus", "DNSSEC_DENIAL_INVALID", "encloser-missing.test."],
  ["nx.nsec3-missing.test.", "A", "bogus", "DNSSEC_DENIAL_INVALID", "nsec3-missing.test."],
  ["www.bit-flip.test.", "A", "bogus", "DNSSEC_SIGNATURE_INVALID", "bit-flip.test."],
  ["www.forged.test.", "A", "bogus", "DNSSEC_SIGNATURE_INVALID", "forged.test."],
  ["www.forged-key.test.", "A", "bogus", "DNSSEC_SIGNATURE_INVALID", "forged-key.test."],
];

serverSuite("validation beside delv and Unbound", DNSSEC_PROGRAMS, () => {
  let started: DnssecTree | null = null;
  const tree = (): DnssecTree => {
    if (started === null) throw new Error("the tree did not start");
    return started;
  };
  beforeAll(async () => {
    started = await startDnssecTree();
  }, 90_000);
  afterAll(async () => {
    await started?.stop();
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(tree().logs());
  });

  describe("every name and type of the tree", () => {
    let all: readonly Comparison[] = [];
    beforeAll(async () => {
      all = await compareAll(tree());
    }, 180_000);

    test("is asked of three validators, and all kinds of verdict occur", () => {
      expect(all).toHaveLength(questions().length);
      expect(all.length).toBeGreaterThanOrEqual(900);
      const counts = verdictCounts(all);
      expect(counts["secure data"]).toBeGreaterThan(200);
      expect(counts["secure denial"]).toBeGreaterThan(150);
      expect(counts["insecure data"]).toBeGreaterThan(40);
      expect(counts["insecure denial"]).toBeGreaterThan(40);
      expect(counts["bogus"]).toBeGreaterThan(80);
    });

    test("gets the same status, response code and data from all, but for what the rules explain", () => {
      expect(unexplained(all)).toEqual([]);
    });

    test.each(RULES.map((rule) => [rule.oracle, rule.because, rule] as const))(
      "differs from %s where %s",
      (oracle, _because, rule) => {
        const found = all.filter((comparison) => rule.explains(comparison));
        expect(found.length).toBeGreaterThan(0);
        for (const comparison of found) expect(agrees(comparison.ours, comparison[oracle])).toBe(false);
      },
    );

    test("gets from a validator without a cache what it gets from one with a warm one", async () => {
      const sample = all.filter((_, at) => at % 4 === 0);
      const cold = await mapLimited(
        sample,
        ({ question }) => askOurs(newValidator(tree(), tree().resolver), question),
        AT_ONCE.ours,
      );
      expect(cold).toEqual(sample.map(({ ours }) => ours));
    });
  });

  test.each(REASONS)("%s %s is %s with %s in %s", async (name, type, status, code, zone) => {
    const asked = wireQuestion({ name, type });
    const { validation } = await newValidator(tree(), tree().resolver)(asked.name, asked.type);
    expect(validation?.status).toBe(status);
    const [first] = validation?.reasons ?? [];
    expect({ code: first?.code, zone: first?.zone }).toEqual({ code, zone });
  });

  describe("a resolver that", () => {
    test.each(ATTACKS.map((attack) => [attack.title, attack] as const))("%s", async (_title, attack) => {
      const hostile = await startHostileResolver(tree().resolver, attack.mischief);
      try {
        const outcomes = await mapLimited(attack.questions, async (question) => {
          const verdict = await askOurs(newValidator(tree(), hostile.place, 1_000), question);
          return { question, verdict };
        });
        const wrong = outcomes.filter(({ verdict }) => !attack.outcomes.includes(verdict.status));
        expect(wrong.map(({ question, verdict }) => `${question.name}: ${verdictText(verdict)}`)).toEqual([]);
        const honest = newValidator(tree(), tree().resolver);
        for (const { question, verdict } of outcomes) {
          const truth = await askOurs(honest, question);
          expect(truth.status).toBe("secure");
          if (verdict.status === "secure") expect(verdict).toEqual(truth);
        }
      } finally {
        await hostile.stop();
      }
    });
  });
});
