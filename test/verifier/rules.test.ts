/**
 * The rules of RFC 6698, 7671 and 7672 for records and usages, each by a case of its own. Paths have theirs in
 * test/pki/path-rules.test.ts, names and whole verdicts in verdicts.test.ts, DNS in discover.test.ts and verify.test.ts.
 */
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { forge, forgeAuthority, forgeLeaf, newKey } from "../fakes/forge.ts";
import { issuer, leaf, look, of, raw, root, statuses, stranger, wrong } from "./looking.ts";
import type { Look } from "./looking.ts";

const past = { notBefore: new Date("2024-01-01T00:00:00Z"), notAfter: new Date("2025-06-01T00:00:00Z") };
const misnamed = forgeLeaf(issuer, { dnsNames: ["www.example.com"] });
const expired = forgeLeaf(issuer, past);
const alone = forge({ subject: "CN=alone", dnsNames: ["mx.example.org"], ca: true });

interface Rule {
  readonly rule: string;
  readonly records: readonly TlsaRdata[];
  readonly look?: Look;
  readonly verdict: string;
  readonly statuses: string;
}

const good = of(leaf, "3 1 1");
const generic = { profile: "generic" } as const;
const trusted = { ...generic, trustStore: [root.der] };
const anchored = of(root, "2 0 0");

const RECORDS: readonly Rule[] = [
  ...[
    ["usage 4", raw("4 1 1", "00".repeat(32))],
    ["usage 255", raw("255 1 1", "00".repeat(32))],
    ["selector 2", raw("3 2 1", "00".repeat(32))],
    ["matching type 3", raw("3 1 3", "00".repeat(32))],
    ["SHA2-256 of 31 octets", raw("3 1 1", "00".repeat(31))],
    ["SHA2-256 of 33 octets", raw("3 1 1", "00".repeat(33))],
    ["SHA2-512 of 32 octets", raw("3 1 2", "00".repeat(32))],
    ["no data", raw("3 1 1", "")],
    ["no data in full", raw("3 1 0", "")],
    ["a certificate cut short", { ...of(leaf, "3 0 0"), data: leaf.der.subarray(0, -1) }],
    ["a certificate with an octet behind it", { ...of(leaf, "3 0 0"), data: Uint8Array.of(...leaf.der, 0) }],
    ["a key where a certificate belongs", { ...of(leaf, "3 1 0"), selector: 0 }],
    ["a certificate where a key belongs", { ...of(leaf, "3 0 0"), selector: 1 }],
    ["the outline of a certificate and nothing in it", raw("2 0 0", "30063000300003020000".slice(0, 16))],
    ["a SEQUENCE of the right parts that is no certificate", raw("2 0 0", "300730003000030100")],
  ].flatMap(([what, record]) => {
    if (typeof record !== "object" || typeof what !== "string") return [];
    return [
      { rule: `R1 ${what} is unusable`, records: [record], verdict: "unusable-unauthenticated", statuses: "unusable" },
      {
        rule: `R1 ${what} spoils no other`,
        records: [record, good],
        verdict: "verified",
        statuses: "unusable, matched 0",
      },
      {
        rule: `R1 ${what} saves no other`,
        records: [record, wrong("3 1 1")],
        verdict: "fail-mismatch",
        statuses: "unusable, stale",
      },
    ];
  }),
  {
    rule: "R2 usage 1 is unusable for mail",
    records: [of(leaf, "1 1 1")],
    verdict: "unusable-unauthenticated",
    statuses: "unusable",
  },
  {
    rule: "R2 usage 0 is unusable for mail",
    records: [of(issuer, "0 1 1")],
    verdict: "unusable-unauthenticated",
    statuses: "unusable",
  },
  {
    rule: "R2 usage 1 is not taken for 3",
    records: [of(leaf, "1 1 1"), wrong("3 1 1")],
    verdict: "fail-mismatch",
    statuses: "unusable, stale",
  },
  {
    rule: "R2 usage 1 lets a usable one decide",
    records: [wrong("1 1 1"), good],
    verdict: "verified",
    statuses: "unusable, matched 0",
  },
  {
    rule: "R3 the stronger digest counts",
    records: [good, wrong("3 1 2")],
    verdict: "fail-mismatch",
    statuses: "suppressed, stale",
  },
  {
    rule: "R3 and is enough",
    records: [wrong("3 1 1"), of(leaf, "3 1 2")],
    verdict: "verified",
    statuses: "suppressed, matched 0",
  },
  {
    rule: "R3 of the same selector",
    records: [good, wrong("3 0 2")],
    verdict: "verified",
    statuses: "matched 0, stale",
  },
  { rule: "R3 of the same usage", records: [good, wrong("2 1 2")], verdict: "verified", statuses: "matched 0, stale" },
  {
    rule: "R3 Full(0) is never put aside",
    records: [of(leaf, "3 1 0"), wrong("3 1 2")],
    verdict: "verified",
    statuses: "matched 0, stale",
  },
  {
    rule: "R3 an unusable strong one puts nothing aside",
    records: [good, raw("3 1 2", "00".repeat(32))],
    verdict: "verified",
    statuses: "matched 0, unusable",
  },
  {
    rule: "R3 nor one of a usage that mail does not know",
    records: [good, of(leaf, "1 1 2")],
    verdict: "verified",
    statuses: "matched 0, unusable",
  },
  {
    rule: "R4 one match is enough",
    records: [wrong("3 1 1"), good, wrong("2 0 1")],
    verdict: "verified",
    statuses: "stale, matched 0, stale",
  },
  {
    rule: "R4 usage 3 saves what usage 2 refuses",
    records: [of(issuer, "2 1 1"), of(misnamed, "3 1 1")],
    look: { chain: [misnamed, issuer] },
    verdict: "verified",
    statuses: "matched 1, matched 0",
  },
  {
    rule: "R4 usage 2 saves what usage 3 does not match",
    records: [wrong("3 1 1"), of(issuer, "2 1 1")],
    verdict: "verified",
    statuses: "stale, matched 1",
  },
  {
    rule: "R5 none usable and TLS fails: stay away",
    records: [raw("3 1 3", "00")],
    look: { fails: "TLS_FAILED" },
    verdict: "unusable-broken",
    statuses: "unusable",
  },
  {
    rule: "R5 none usable elsewhere",
    records: [raw("3 1 3", "00")],
    look: generic,
    verdict: "unusable-unauthenticated",
    statuses: "unusable",
  },
];

const USAGES: readonly Rule[] = [
  ...["3 0 0", "3 0 1", "3 0 2", "3 1 0", "3 1 1", "3 1 2"].map((parameters) => {
    return { rule: `M1 ${parameters}`, records: [of(leaf, parameters)], verdict: "verified", statuses: "matched 0" };
  }),
  {
    rule: "M1 names do not matter",
    records: [of(misnamed, "3 1 1")],
    look: { chain: [misnamed] },
    verdict: "verified",
    statuses: "matched 0",
  },
  {
    rule: "M1 unless asked for",
    records: [of(misnamed, "3 1 1")],
    look: { chain: [misnamed], eeNames: true },
    verdict: "fail-name",
    statuses: "matched 0",
  },
  {
    rule: "M1 dates do not matter",
    records: [of(expired, "3 1 1")],
    look: { chain: [expired] },
    verdict: "verified",
    statuses: "matched 0",
  },
  {
    rule: "M1 nor the chain",
    records: [good],
    look: { chain: [leaf, stranger, leaf] },
    verdict: "verified",
    statuses: "matched 0",
  },
  {
    rule: "M1 nor that it is an authority",
    records: [of(alone, "3 1 1")],
    look: { chain: [alone] },
    verdict: "verified",
    statuses: "matched 0",
  },
  { rule: "M1 an issuer is not the leaf", records: [of(issuer, "3 1 1")], verdict: "fail-mismatch", statuses: "stale" },
  {
    rule: "M1 the leaf is the first one sent",
    records: [good],
    look: { chain: [issuer, leaf] },
    verdict: "fail-mismatch",
    statuses: "stale",
  },
  ...["2 0 0", "2 0 1", "2 0 2", "2 1 0", "2 1 1", "2 1 2"].map((parameters) => {
    return {
      rule: `M2 ${parameters} of the issuer`,
      records: [of(issuer, parameters)],
      verdict: "verified",
      statuses: "matched 1",
    };
  }),
  {
    rule: "M2 of the root, sent",
    records: [of(root, "2 1 1")],
    look: { chain: [leaf, issuer, root] },
    verdict: "verified",
    statuses: "matched 2",
  },
  {
    rule: "M2 in any order",
    records: [of(root, "2 1 1")],
    look: { chain: [leaf, stranger, root, issuer] },
    verdict: "verified",
    statuses: "matched 2",
  },
  {
    rule: "M2 never merely appended",
    records: [of(stranger, "2 0 1")],
    look: { chain: [leaf, issuer, stranger] },
    verdict: "fail-mismatch",
    statuses: "stale",
  },
  { rule: "M2 never merely in DNS", records: [of(stranger, "2 0 0")], verdict: "fail-mismatch", statuses: "stale" },
  {
    rule: "M2 never the leaf",
    records: [of(alone, "2 0 1")],
    look: { chain: [alone] },
    verdict: "fail-mismatch",
    statuses: "stale",
  },
  {
    rule: "M2 never the leaf sent twice",
    records: [of(alone, "2 1 1")],
    look: { chain: [alone, alone] },
    verdict: "fail-mismatch",
    statuses: "stale",
  },
  {
    rule: "M2 not by name alone",
    records: [of(issuer, "2 1 1")],
    look: { chain: [forgeLeaf(issuer, { signer: newKey() }), issuer] },
    verdict: "fail-chain",
    statuses: "matched 1",
  },
  {
    rule: "M2 with a name",
    records: [of(issuer, "2 1 1")],
    look: { chain: [misnamed, issuer] },
    verdict: "fail-name",
    statuses: "matched 1",
  },
  {
    rule: "M2 within the leaf's dates",
    records: [of(issuer, "2 1 1")],
    look: { chain: [expired, issuer] },
    verdict: "fail-expired",
    statuses: "matched 1",
  },
  {
    rule: "M2 local roots do not count",
    records: [of(root, "2 1 1")],
    look: { trustStore: [root.der, issuer.der] },
    verdict: "fail-mismatch",
    statuses: "stale",
  },
  { rule: "M3 2 0 0 works from DNS alone", records: [anchored], verdict: "verified", statuses: "matched 2" },
  { rule: "M3 2 0 1 does not", records: [of(root, "2 0 1")], verdict: "fail-mismatch", statuses: "stale" },
  {
    rule: "M3 a certificate in DNS completes the path for a digest",
    records: [anchored, of(root, "2 1 1")],
    verdict: "verified",
    statuses: "matched 2, matched 2",
  },
  {
    rule: "M3 2 1 0 by the signature on the topmost certificate",
    records: [of(root, "2 1 0")],
    verdict: "verified",
    statuses: "matched 1",
  },
  {
    rule: "M3 2 1 0 although a false issuer of that name was sent",
    records: [of(root, "2 1 0")],
    look: { chain: [leaf, issuer, forgeAuthority("CN=Root")] },
    verdict: "verified",
    statuses: "matched 1",
  },
  {
    rule: "M3 2 1 0 signed nothing here",
    records: [of(stranger, "2 1 0")],
    verdict: "fail-mismatch",
    statuses: "stale",
  },
  {
    rule: "M3 2 1 0 with an expired topmost certificate",
    records: [of(issuer, "2 1 0")],
    look: { chain: [expired] },
    verdict: "fail-expired",
    statuses: "matched 0",
  },
  {
    rule: "M3 2 1 0 does not go round what the anchor's certificate forbids",
    records: [of(root, "2 1 0")],
    look: { chain: [leaf, issuer, forge({ subject: "CN=Root", key: root.key, ca: true, pathLength: 0 })] },
    verdict: "fail-chain",
    statuses: "matched 2",
  },
  {
    rule: "M4 usage 1 with a path to a root",
    records: [of(leaf, "1 1 1")],
    look: trusted,
    verdict: "verified",
    statuses: "matched 0",
  },
  {
    rule: "M4 usage 1 without one",
    records: [of(leaf, "1 1 1")],
    look: generic,
    verdict: "fail-chain",
    statuses: "matched 0",
  },
  {
    rule: "M4 usage 1 without a name",
    records: [of(misnamed, "1 1 1")],
    look: { ...trusted, chain: [misnamed, issuer] },
    verdict: "fail-name",
    statuses: "matched 0",
  },
  {
    rule: "M4 usage 1 out of date",
    records: [of(expired, "1 1 1")],
    look: { ...trusted, chain: [expired, issuer] },
    verdict: "fail-expired",
    statuses: "matched 0",
  },
  {
    rule: "M4 usage 1 of the issuer",
    records: [of(issuer, "1 1 1")],
    look: trusted,
    verdict: "fail-mismatch",
    statuses: "stale",
  },
  {
    rule: "M4 usage 1 of a certificate that is itself trusted",
    records: [of(alone, "1 1 1")],
    look: { ...generic, chain: [alone], trustStore: [alone.der] },
    verdict: "verified",
    statuses: "matched 0",
  },
  {
    rule: "M4 usage 0 of the issuer",
    records: [of(issuer, "0 1 1")],
    look: trusted,
    verdict: "verified",
    statuses: "matched 1",
  },
  {
    rule: "M4 usage 0 of a root that is not sent",
    records: [of(root, "0 0 1")],
    look: trusted,
    verdict: "verified",
    statuses: "matched 2",
  },
  {
    rule: "M4 usage 0 of the root beyond a trusted intermediate",
    records: [of(root, "0 0 1")],
    look: { ...generic, trustStore: [issuer.der, root.der] },
    verdict: "verified",
    statuses: "matched 2",
  },
  {
    rule: "M4 usage 0 of an issuer without a root",
    records: [of(issuer, "0 1 1")],
    look: generic,
    verdict: "fail-chain",
    statuses: "matched 1",
  },
  {
    rule: "M4 usage 0 of one merely appended",
    records: [of(stranger, "0 1 1")],
    look: { ...trusted, chain: [leaf, issuer, stranger] },
    verdict: "fail-mismatch",
    statuses: "stale",
  },
  {
    rule: "M4 usage 0 of the leaf",
    records: [of(leaf, "0 1 1")],
    look: trusted,
    verdict: "fail-mismatch",
    statuses: "stale",
  },
  {
    rule: "M4 usage 0 of a trusted leaf",
    records: [of(alone, "0 1 1")],
    look: { ...generic, chain: [alone], trustStore: [alone.der] },
    verdict: "fail-mismatch",
    statuses: "stale",
  },
];

describe("records (R1 to R5)", () => {
  test.each(RECORDS)("$rule", ({ records, look: how, verdict, statuses: wanted }) => {
    const judgement = look(records, how);
    expect(judgement.verdict, judgement.reason).toBe(verdict);
    expect(statuses(judgement)).toBe(wanted);
  });
});

describe("usages (M1 to M4)", () => {
  test.each(USAGES)("$rule", ({ records, look: how, verdict, statuses: wanted }) => {
    const judgement = look(records, how);
    expect(judgement.verdict, judgement.reason).toBe(verdict);
    expect(statuses(judgement)).toBe(wanted);
  });

  test("M5 octets as sent: a key that re-encodes to something else matches as it is", () => {
    const judgement = look([{ ...good, data: Uint8Array.from(good.data) }]);
    expect(judgement.records[0]?.status).toBe("matched");
    expect(judgement.certificate?.spkiSha256).toBe(Buffer.from(good.data).toString("hex"));
  });

  test("a short RSA key is authentic, and some clients refuse it all the same", () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const short = forgeLeaf(issuer, { key: privateKey });
    const judgement = look([of(short, "3 1 1")], { chain: [short] });
    expect(judgement.verdict).toBe("verified");
    expect(judgement.warnings).toEqual([expect.stringMatching(/only 1024 bits/)]);
  });

  test("what an acceptance rests on: the leaf for usage 3, the whole path for usage 2", () => {
    const subjects = (records: readonly TlsaRdata[]): readonly string[] =>
      look(records).path.map(({ subject }) => subject);
    expect(subjects([good])).toEqual(["CN=leaf"]);
    expect(subjects([anchored])).toEqual(["CN=leaf", "CN=Issuer", "CN=Root"]);
    expect(subjects([wrong("3 1 1")])).toEqual([]);
  });
});
