/**
 * Where validators may differ, each by a rule with its source. A difference that no rule explains is a fault of ours; a
 * rule that explains nothing is out of date. Either fails the suite.
 */
import type { Verdict } from "./dnssec-oracles.ts";
import type { Question } from "./dnssec-zones.ts";

export interface Comparison {
  readonly question: Question;
  readonly ours: Verdict;
  readonly delv: Verdict;
  readonly unbound: Verdict;
}

export interface Rule {
  readonly oracle: "delv" | "unbound";
  readonly because: string;
  readonly explains: (comparison: Comparison) => boolean;
}

const isIn =
  (...zones: readonly string[]) =>
  ({ question }: Comparison): boolean =>
    zones.some((zone) => question.name === `${zone}.` || question.name.endsWith(`.${zone}.`));

const sameContent = (left: Verdict, right: Verdict): boolean =>
  left.rcode === right.rcode && JSON.stringify(left.data) === JSON.stringify(right.data);

const OPTED_OUT = isIn("ed25519.test", "signed.optout", "optout");
const ITERATIONS = isIn("iterations-150.test");
const MANY_ITERATIONS = isIn("knot-iterations.test");

/** A denial in the zone whose SOA has lost its signature. */
const isSoaOfNoWorth = (all: Comparison): boolean =>
  isIn("soa-rrsig-missing.test")(all) && all.ours.status === "secure" && all.ours.data.length === 0;

export const RULES: readonly Rule[] = [
  {
    oracle: "delv",
    because: "RFC 5155 §9.2: a denial that rests on an opted-out span is not authentic data; BIND calls it secure",
    explains: (all) =>
      OPTED_OUT(all) &&
      all.ours.status === "insecure" &&
      all.delv.status === "secure" &&
      all.unbound.status === "insecure" &&
      sameContent(all.ours, all.delv),
  },
  {
    oracle: "delv",
    because: "RFC 9276 §3.2: more than 100 iterations are insecure for us; BIND goes up to 150",
    explains: (all) =>
      ITERATIONS(all) &&
      all.ours.status === "insecure" &&
      all.delv.status === "secure" &&
      sameContent(all.ours, all.delv),
  },
  {
    oracle: "unbound",
    because: "RFC 9276 §3.2: more than 100 iterations are insecure for us; Unbound 1.17 goes up to 150",
    explains: (all) =>
      ITERATIONS(all) &&
      all.ours.status === "insecure" &&
      all.unbound.status === "secure" &&
      sameContent(all.ours, all.unbound),
  },
  {
    oracle: "delv",
    because: "RFC 9276 §3.2: more than 500 iterations are bogus for us; BIND calls them insecure",
    explains: (all) => MANY_ITERATIONS(all) && all.ours.status === "bogus" && all.delv.status === "insecure",
  },
  {
    oracle: "unbound",
    because: "RFC 9276 §3.2: more than 500 iterations are bogus for us; Unbound calls them insecure",
    explains: (all) => MANY_ITERATIONS(all) && all.ours.status === "bogus" && all.unbound.status === "insecure",
  },
  {
    oracle: "unbound",
    because:
      "RFC 4509 §3: beside SHA-256 a SHA-1 digest is ignored; Unbound takes any as long as harden-algo-downgrade is off",
    explains: (all) =>
      isIn("digest-downgrade.test")(all) &&
      all.ours.status === "bogus" &&
      all.delv.status === "bogus" &&
      all.unbound.status === "secure",
  },
  {
    oracle: "delv",
    because:
      "RFC 5011 §2.1: a revoked key vouches for nothing but its own revocation; BIND takes it from a DS record all the same",
    explains: (all) => isIn("revoked.test")(all) && all.ours.status === "bogus" && all.delv.status === "secure",
  },
  {
    oracle: "unbound",
    because:
      "RFC 5011 §2.1: a revoked key vouches for nothing but its own revocation; Unbound takes it from a DS record all the same",
    explains: (all) => isIn("revoked.test")(all) && all.ours.status === "bogus" && all.unbound.status === "secure",
  },
  {
    oracle: "delv",
    because:
      "RFC 4035 §4.3: a server that fails leaves the answer indeterminate; delv prints the same as for bogus data",
    explains: (all) =>
      all.ours.status === "indeterminate" && all.unbound.status === "indeterminate" && all.delv.status === "bogus",
  },
  {
    oracle: "delv",
    because:
      "RFC 4035 §5.4: NSEC records alone prove an absence; an SOA without a signature only costs its TTL; BIND wants it signed",
    explains: (all) => isSoaOfNoWorth(all) && all.delv.status === "bogus",
  },
  {
    oracle: "unbound",
    because:
      "RFC 4035 §5.4: NSEC records alone prove an absence; an SOA without a signature only costs its TTL; Unbound wants it signed",
    explains: (all) => isSoaOfNoWorth(all) && all.unbound.status === "bogus",
  },
];

/** Whether two verdicts say the same. */
export function agrees(left: Verdict, right: Verdict): boolean {
  return left.status === right.status && sameContent(left, right);
}
