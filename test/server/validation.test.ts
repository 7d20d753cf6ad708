/**
 * Our validator beside those of others: a private DNS tree, signed by BIND, Knot and PowerDNS in every way that matters
 * and broken in every way that we could think of, asked through one resolver by us, by delv and by Unbound itself.
 * Then the same tree through resolvers that lie.
 */
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";
import { DEFAULT_POLICY } from "../../src/dnssec/policy.ts";
import { mapLimited } from "../../src/resolver/map-limited.ts";
import { daneward, hostPort } from "./lab/daneward.ts";
import {
  AT_ONCE,
  anchorsFrom,
  askOurs,
  compareAll,
  newValidator,
  unexplained,
  verdictCounts,
} from "./lab/dnssec-compare.ts";
import { RULES, agrees } from "./lab/dnssec-disagreements.ts";
import type { Comparison } from "./lab/dnssec-disagreements.ts";
import { startHostileResolver } from "./lab/dnssec-hostile.ts";
import { ATTACKS } from "./lab/dnssec-mischief.ts";
import { verdictText, wireQuestion } from "./lab/dnssec-oracles.ts";
import type { Verdict } from "./lab/dnssec-oracles.ts";
import { DNSSEC_PROGRAMS, authorityOf, startDnssecTree } from "./lab/dnssec-tree.ts";
import type { DnssecTree } from "./lab/dnssec-tree.ts";
import { questions } from "./lab/dnssec-zones.ts";
import { serverSuite } from "./lab/programs.ts";

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

/** What a site may decide differently, and what follows. */
const POLICIES: readonly (readonly [string, string, Partial<typeof DEFAULT_POLICY>, Verdict["status"]])[] = [
  ["algorithm 5 refused", "www.sha1.test.", { sha1: false }, "insecure"],
  ["algorithm 7 refused", "www.sha1-nsec3.test.", { sha1: false }, "insecure"],
  ["digest type 1 refused", "www.sha1-ds.test.", { sha1: false }, "insecure"],
  ["SHA-1 refused where there is none", "www.p256.test.", { sha1: false }, "secure"],
  [
    "every algorithm demanded of a zone that signs with one of two",
    "www.one-of-two.test.",
    { everyAlgorithm: true },
    "bogus",
  ],
  [
    "every algorithm demanded of a zone that signs with both",
    "www.two-algorithms.test.",
    { everyAlgorithm: true },
    "secure",
  ],
];

const EXITS: readonly (readonly [string, string, number, string])[] = [
  ["_25._tcp.mx.pdns-narrow.test", "TLSA", 0, "secure"],
  ["nx.p384.test", "TLSA", 0, "secure"],
  ["_25._tcp.mx.unsigned.test", "TLSA", 1, "insecure"],
  ["_25._tcp.mx.expired.test", "TLSA", 2, "bogus"],
  [String.raw`\255\200.odd.pdns-nsec.test`, "TXT", 3, "indeterminate"],
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
      const cold = await mapLimited(sample, ({ question }) => askOurs(newValidator(tree()), question), AT_ONCE.ours);
      expect(cold).toEqual(sample.map(({ ours }) => ours));
    });
  });

  describe("the validator", () => {
    test("says over what the name servers send what it says over what a resolver makes of it", async () => {
      // RA set: an upstream has to be a resolver.
      const relay = await startHostileResolver(
        (asked) => authorityOf(tree(), asked),
        ({ reply }) => ({ ...reply, ra: true }),
      );
      onTestFinished(relay.stop);
      const [direct, usual] = [newValidator(tree(), { resolver: relay.place }), newValidator(tree())];
      const differences = await mapLimited(
        questions(),
        async (question) => {
          const [theirs, ours] = [await askOurs(direct, question), await askOurs(usual, question)];
          const { name, type } = question;
          return agrees(theirs, ours) ? [] : [`${name} ${type}: ${verdictText(theirs)}, not ${verdictText(ours)}`];
        },
        AT_ONCE.ours,
      );
      expect(differences.flat()).toEqual([]);
    });

    test.each(["bind", "unbound", "key"] as const)("starts from the root as a file for %s has it", async (kind) => {
      const anchors = anchorsFrom(tree().anchorFiles[kind]);
      const verdict = await askOurs(newValidator(tree(), { anchors }), { name: "www.p256.test.", type: "A" });
      expect(verdict.status).toBe("secure");
    });

    test("starts from an anchor below the root where one stands", async () => {
      const anchors = anchorsFrom(tree().anchorFiles.island);
      const island = newValidator(tree(), { anchors });
      expect((await askOurs(island, { name: "www.island.test.", type: "A" })).status).toBe("secure");
      expect((await askOurs(island, { name: "nx.island.test.", type: "A" })).status).toBe("secure");
      expect((await askOurs(island, { name: "www.p256.test.", type: "A" })).status).toBe("indeterminate");
    });

    test.each(POLICIES)("with %s finds %s as it should", async (_what, name, change, status) => {
      const resolve = newValidator(tree(), { policy: { ...DEFAULT_POLICY, ...change } });
      expect((await askOurs(resolve, { name, type: "A" })).status).toBe(status);
    });
  });

  test.each(EXITS)("daneward resolve %s %s ends with %i: %s", async (name, type, code, status) => {
    const flags = ["--resolver", hostPort(tree().resolver), "--trust-anchor", tree().anchorFiles.unbound];
    const ended = await daneward(["resolve", name, type, ...flags, "--json"]);
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code, stderr: "" });
    expect(JSON.parse(ended.stdout)).toMatchObject({ type, status });
  });

  test.each(REASONS)("%s %s is %s with %s in %s", async (name, type, status, code, zone) => {
    const asked = wireQuestion({ name, type });
    const { validation } = await newValidator(tree())(asked.name, asked.type);
    expect(validation?.status).toBe(status);
    const [first] = validation?.reasons ?? [];
    expect({ code: first?.code, zone: first?.zone }).toEqual({ code, zone });
  });

  test("a resolver that stretches TTLs gets no more than the signed ones", async () => {
    const stretch = (records: readonly ResourceRecord[]): readonly ResourceRecord[] =>
      records.map((record) => ({ ...record, ttl: seconds(0x7fff_ffff) }));
    const hostile = await startHostileResolver(
      () => tree().resolver,
      ({ reply }) => ({ ...reply, answer: stretch(reply.answer), authority: stretch(reply.authority) }),
    );
    onTestFinished(hostile.stop);
    const resolve = newValidator(tree(), { resolver: hostile.place });
    const [there, absent] = ["_25._tcp.mx.p256.test.", "nx.p384.test."].map((name) =>
      wireQuestion({ name, type: "TLSA" }),
    );
    if (there === undefined || absent === undefined) throw new Error("no questions");
    expect(await resolve(there.name, there.type)).toMatchObject({ status: "secure", rrset: { ttl: 300 } });
    expect(await resolve(absent.name, absent.type)).toMatchObject({ status: "secure", negativeTtl: 300 });
  });

  describe("a resolver that", () => {
    test.each(ATTACKS.map((attack) => [attack.title, attack] as const))("%s", async (_title, attack) => {
      const hostile = await startHostileResolver(() => tree().resolver, attack.mischief);
      try {
        const outcomes = await mapLimited(attack.questions, async (question) => {
          const verdict = await askOurs(
            newValidator(tree(), { resolver: hostile.place, timeoutMs: attack.patienceMs ?? 10_000 }),
            question,
          );
          return { question, verdict };
        });
        const wrong = outcomes.filter(({ verdict }) => !attack.outcomes.includes(verdict.status));
        expect(wrong.map(({ question, verdict }) => `${question.name}: ${verdictText(verdict)}`)).toEqual([]);
        const honest = newValidator(tree());
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
