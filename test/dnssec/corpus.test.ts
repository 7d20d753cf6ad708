/**
 * Every scenario of the corpora comes out as its source says. Where we decide otherwise on purpose the case stands in a
 * table with the reason; a case there that comes out as the source says is an error too, so the tables stay true.
 */
import { describe, expect, it } from "vitest";
import type { SecurityStatus } from "../../src/dnssec/verdict.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";
import { judgeCase, readCorpus, wireOf } from "./corpus.ts";
import type { Corpus, CorpusCase } from "./corpus.ts";

const folder = vectorsFolder();

/** Cases that are ours to decide: what we say, and why. */
const DECIDED: Readonly<Record<string, readonly [SecurityStatus, string]>> = {
  val_anchor_nx: ["bogus", "an anchor stands at a name that is no zone: Unbound drops the anchor, we keep its promise"],
  val_anchor_nx_nosig: ["bogus", "the same; BIND agrees"],
  val_ds_sha2_lenient: ["bogus", "a SHA-1 DS beside a SHA-2 one does not count (RFC 4509 §3); BIND agrees"],
  val_dnametoolong: [
    "indeterminate",
    "YXDOMAIN is an error code without data; Unbound passes it on without AD, which the corpus calls insecure",
  ],
};

/** The corpus calls every answer without AD insecure; RFC 4033 §5 calls it indeterminate where no anchor stands above. */
const OUTSIDE_ANCHORS = new Set([
  "val_adcopy#0",
  "val_adcopy#1",
  "val_cnameinsectopos#0",
  "val_cnameinsectopos#2",
  "val_ds_afterprime#1",
  "val_negcache_ttl_prefetch#3",
  "val_negcache_ttl_prefetch#4",
  "val_qds_badanc",
  "val_twocname",
]);

function expectedOf(each: CorpusCase): SecurityStatus {
  if (OUTSIDE_ANCHORS.has(each.id)) return "indeterminate";
  const decided = DECIDED[each.id]?.[0];
  if (decided !== undefined) return decided;
  const { status } = each.expected;
  return status === "error" ? "indeterminate" : (status as SecurityStatus);
}

/** A resolver that itself says SERVFAIL has judged; whether we call the same bogus or indeterminate makes no difference. */
function agrees(got: SecurityStatus, each: CorpusCase): boolean {
  return got === expectedOf(each) || (each.expected.status === "error" && got === "bogus");
}

/** What the anchors, DS and DNSKEY records of a case are made with. */
function usesDsa(each: CorpusCase, corpus: Corpus): boolean {
  const verdict = judgeCase(each, wireOf(corpus, each));
  const facts = [...verdict.reasons.map(({ message }) => message), ...verdict.chain.map(({ message }) => message)];
  return facts.some((text) => /\bDSA\b/.test(text));
}

interface Wrong {
  readonly id: string;
  readonly wanted: string;
  readonly got: string;
  readonly reasons: readonly string[];
}

function wrongOnes(corpus: Corpus, cases: readonly CorpusCase[]): readonly Wrong[] {
  return cases.flatMap((each) => {
    const verdict = judgeCase(each, wireOf(corpus, each));
    if (agrees(verdict.status, each)) return [];
    const reasons = verdict.reasons.map(({ code, message }) => `${code}: ${message}`);
    return [{ id: each.id, wanted: expectedOf(each), got: verdict.status, reasons }];
  });
}

describe.skipIf(folder === null)(vectorsTitle("the corpora of Unbound, dnsjava and domain"), () => {
  const open = (file: string): Corpus => readCorpus(folder ?? "", file);
  const usable = (corpus: Corpus): readonly CorpusCase[] => corpus.cases.filter((each) => each.usable !== false);

  it("judges all 236 usable scenarios, signed anew with modern algorithms, as their sources do", () => {
    const corpus = open("unbound-val-modern.json");
    const cases = usable(corpus);
    expect(wrongOnes(corpus, cases)).toEqual([]);
    expect(cases).toHaveLength(236);
  });

  it("delivers the records only with the statuses that may be used", () => {
    const corpus = open("unbound-val-modern.json");
    const careless = usable(corpus).filter((each) => {
      const { status, rrsets } = judgeCase(each, wireOf(corpus, each));
      return (status === "bogus" || status === "indeterminate") && rrsets.length > 0;
    });
    expect(careless).toEqual([]);
  });

  it("gives a reason for everything that is not secure, and a chain for everything that was judged", () => {
    const corpus = open("unbound-val-modern.json");
    const mute = usable(corpus).filter((each) => {
      const { status, reasons, chain } = judgeCase(each, wireOf(corpus, each));
      return (status !== "secure" && reasons.length === 0 && each.query.type !== "RRSIG") || chain.length === 0;
    });
    expect(mute.map(({ id }) => id)).toEqual([]);
  });

  it("judges the originals alike as far as they need no DSA, which must not be used (RFC 8624 §3.1)", () => {
    const corpus = open("unbound-val.json");
    const cases = usable(corpus).filter((each) => !usesDsa(each, corpus));
    expect(wrongOnes(corpus, cases)).toEqual([]);
    expect(cases.length).toBeGreaterThan(60);
  });

  it("takes what is signed with DSA alone for unsigned, not for broken (RFC 4035 §5.2)", () => {
    const corpus = open("unbound-val.json");
    const cases = usable(corpus).filter((each) => usesDsa(each, corpus));
    const broken = cases.filter((each) => {
      const { status } = judgeCase(each, wireOf(corpus, each));
      return status !== "insecure" && !agrees(status, each);
    });
    expect(broken.map(({ id }) => id)).toEqual([]);
  });

  // 6 is the general "bogus": a more telling code of ours says the same.
  it("names the extended error that the source names, or a more telling one", () => {
    const corpus = open("unbound-val-modern.json");
    const general = new Set<number | null>([null, 0, 6]);
    const named = usable(corpus).filter(({ expected }) => !general.has(expected.ede) && expected.status === "bogus");
    const others = named.flatMap((each) => {
      const { reasons } = judgeCase(each, wireOf(corpus, each));
      const codes = reasons.map(({ ede }) => ede);
      return codes.includes(each.expected.ede)
        ? []
        : [`${each.id}: ${String(each.expected.ede)}, ours ${codes.join(" ")}`];
    });
    expect(others).toEqual([]);
  });

  it("lists the scenarios that a stub cannot be asked, each with its reason", () => {
    const corpus = open("unbound-val-modern.json");
    const left = corpus.cases.filter((each) => each.usable === false);
    expect(left.filter(({ reason }) => reason === null)).toEqual([]);
    expect(corpus.cases.length - left.length).toBe(usable(corpus).length);
  });

  it("keeps no decision in the tables that the source shares", () => {
    const corpus = open("unbound-val-modern.json");
    const shared = usable(corpus).filter((each) => {
      if (!OUTSIDE_ANCHORS.has(each.id) && !(each.id in DECIDED)) return false;
      return each.expected.status === expectedOf(each);
    });
    expect(shared.map(({ id }) => id)).toEqual([]);
  });
});
