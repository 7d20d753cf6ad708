import { describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { chainId, recordText } from "../../src/rollover/chain.ts";
import type { CertificateDigests, ChainFacts, RecordText } from "../../src/rollover/chain.ts";
import {
  bindsClients,
  clientAccepts,
  isUsable,
  matchesChain,
  matchesEach,
  mayRemain,
  mayServe,
  newCombinations,
  recordIn,
} from "../../src/rollover/records.ts";

function digests(digit: string): CertificateDigests {
  const key = `${digit}0`;
  return {
    certSha256: digit.repeat(64),
    certSha512: digit.repeat(128),
    spkiSha256: key.repeat(32),
    spkiSha512: key.repeat(64),
  };
}

const LEAF = digests("a");
const NEXT = digests("b");
const ISSUER = digests("c");
const OTHER_ISSUER = digests("d");

function facts(...certificates: readonly CertificateDigests[]): ChainFacts {
  const [leaf] = certificates;
  return {
    id: chainId(leaf?.certSha256 ?? ""),
    certificates,
    records: [],
    subject: "mx.example.test",
    notBefore: instant(0),
    notAfter: instant(1),
    hasFiles: true,
  };
}

function records(...texts: readonly string[]): readonly RecordText[] {
  return texts.map(recordText);
}

const EE = `3 1 1 ${LEAF.spkiSha256}`;
const EE512 = `3 1 2 ${LEAF.spkiSha512}`;
const EE_NEXT = `3 1 1 ${NEXT.spkiSha256}`;
const EE512_NEXT = `3 1 2 ${NEXT.spkiSha512}`;
const TA = `2 1 1 ${ISSUER.spkiSha256}`;
const TA_OTHER = `2 1 1 ${OTHER_ISSUER.spkiSha256}`;
const STRAY = `3 1 1 ${"f".repeat(64)}`;

describe("a record matches a chain", () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ["usage 3 the leaf's key", EE, true],
    ["usage 3 the leaf's certificate, by SHA-512", `3 0 2 ${LEAF.certSha512}`, true],
    ["usage 3 never the issuer", `3 1 1 ${ISSUER.spkiSha256}`, false],
    ["usage 1 as usage 3 does", `1 1 1 ${LEAF.spkiSha256}`, true],
    ["usage 2 the issuer", TA, true],
    ["usage 2 never the leaf", `2 1 1 ${LEAF.spkiSha256}`, false],
    ["usage 0 as usage 2 does", `0 1 1 ${ISSUER.spkiSha256}`, true],
    ["not when its digest is cut short", `3 1 1 ${LEAF.spkiSha256.slice(2)}`, false],
    ["not when it is of an unknown usage", `4 1 1 ${LEAF.spkiSha256}`, false],
    ["not when it is of an unknown matching type", `3 1 3 ${LEAF.spkiSha256}`, false],
  ];
  test.each(table)("%s", (_, record, expected) => {
    expect(matchesChain(recordText(record), [LEAF, ISSUER])).toBe(expected);
  });

  test("the record made for a combination matches, where one can be made", () => {
    for (const combination of ["3 1 1", "3 0 1", "3 1 2", "2 1 1", "2 0 2", "1 1 1", "0 0 1"]) {
      const made = recordIn(combination, [LEAF, ISSUER]);
      expect(made).not.toBeNull();
      expect(made !== null && isUsable(made) && matchesChain(made, [LEAF, ISSUER])).toBe(true);
    }
    expect(recordIn("3 1 0", [LEAF, ISSUER])).toBeNull();
    expect(recordIn("2 1 1", [LEAF])).toBeNull();
  });
});

describe("a client accepts the chain under", () => {
  const table: readonly (readonly [string, readonly string[], boolean])[] = [
    ["no record at all", [], true],
    ["records of which none is usable", ["3 1 1 abcd"], true],
    ["a record that matches", [EE], true],
    ["one that matches among others", [STRAY, EE], true],
    ["records of which none matches", [STRAY], false],
    ["a weaker digest that matches, hidden by a stronger one that does not: no", [EE, EE512_NEXT], false],
    ["a stronger digest that matches", [EE_NEXT, EE512], true],
    ["the issuer's record when the leaf's is another", [EE_NEXT, TA], true],
  ];
  test.each(table)("%s", (_, set, expected) => {
    expect(clientAccepts(records(...set), [LEAF, ISSUER])).toBe(expected);
  });
});

describe("an RRset binds every kind of client", () => {
  const table: readonly (readonly [string, readonly string[], boolean])[] = [
    ["not when it is empty", [], false],
    ["not with unusable records alone", ["3 1 1 abcd"], false],
    [
      "not with usages 0 and 1 alone, which mail ignores",
      [`1 1 1 ${LEAF.spkiSha256}`, `0 1 1 ${ISSUER.spkiSha256}`],
      false,
    ],
    ["with one record of usage 3", [EE], true],
    ["with one record of usage 2", [TA], true],
  ];
  test.each(table)("%s", (_, set, expected) => {
    expect(bindsClients(records(...set))).toBe(expected);
  });
});

describe("a server may change from the current chain to the next under", () => {
  const current = facts(LEAF, ISSUER);
  const table: readonly (readonly [string, readonly string[], ChainFacts, boolean])[] = [
    ["an RRset with both keys", [EE, EE_NEXT], facts(NEXT, ISSUER), true],
    ["an RRset without the next key: no", [EE], facts(NEXT, ISSUER), false],
    ["an empty RRset", [], facts(NEXT, ISSUER), true],
    ["both kinds of record, same issuer", [EE, EE_NEXT, TA], facts(NEXT, ISSUER), true],
    [
      "both kinds of record, and another issuer without a record: no",
      [EE, EE_NEXT, TA],
      facts(NEXT, OTHER_ISSUER),
      false,
    ],
    ["both kinds of record for both", [EE, EE_NEXT, TA, TA_OTHER], facts(NEXT, OTHER_ISSUER), true],
    ["the same key and another issuer without a record: no", [EE, TA], facts(LEAF, OTHER_ISSUER), false],
    [
      "a stray record of a kind that nobody matched before",
      [EE, EE_NEXT, `2 0 1 ${"e".repeat(64)}`],
      facts(NEXT, ISSUER),
      true,
    ],
    ["a stronger digest of the current key alone: no", [EE, EE_NEXT, EE512], facts(NEXT, ISSUER), false],
  ];
  test.each(table)("%s", (_, set, next, expected) => {
    expect(mayServe(records(...set), next, current)).toBe(expected);
  });
});

test("combinations that are new to an RRset are those without a usable record there", () => {
  expect(newCombinations(records(EE), records(EE_NEXT))).toEqual([]);
  expect(newCombinations(records(EE), records(EE_NEXT, TA))).toEqual(["2 1 1"]);
  expect(newCombinations(records("3 1 1 abcd"), records(EE))).toEqual(["3 1 1"]);
});

test("a chain has a record in each of several combinations, or has not", () => {
  expect(matchesEach(["3 1 1", "2 1 1"], records(EE, TA), [LEAF, ISSUER])).toBe(true);
  expect(matchesEach(["3 1 1", "2 1 1"], records(EE, TA_OTHER), [LEAF, ISSUER])).toBe(false);
});

test("what a withdrawal leaves must match in each combination that is still there and matched before", () => {
  const hex = (digit: string): string => digit.repeat(64);
  const certificate = (digit: string): CertificateDigests => {
    const long = hex(digit).repeat(2);
    return { certSha256: hex(digit), certSha512: long, spkiSha256: hex(digit), spkiSha512: long };
  };
  const live = [certificate("a"), certificate("b")];
  const [leaf, issuer, old] = [`3 1 1 ${hex("a")}`, `2 1 1 ${hex("b")}`, `3 1 1 ${hex("c")}`].map(recordText);
  if (leaf === undefined || issuer === undefined || old === undefined) throw new Error("three records");
  expect(mayRemain([leaf, issuer, old], [issuer, old], live)).toBe(false);
  expect(mayRemain([leaf, issuer, old], [leaf, issuer], live)).toBe(true);
  expect(mayRemain([leaf, issuer], [issuer], live)).toBe(true);
  expect(mayRemain([leaf, issuer], [], live)).toBe(true);
  expect(mayRemain([issuer, old], [issuer, old], live)).toBe(true);
  expect(mayRemain([leaf, old], [old], live)).toBe(false);
});
