/** The judge against OpenSSL's own DANE test and 67 further chains: same verdict, same depth, per profile. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { formatHex, parseHex } from "../../src/base/bytes.ts";
import { instant, parseInstant } from "../../src/base/time.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { parsePem } from "../../src/pki/pem.ts";
import { tlsaOwner } from "../../src/tlsa/owner.ts";
import type { Profile } from "../../src/verifier/evidence.ts";
import { judge } from "../../src/verifier/judge.ts";
import type { Judgement } from "../../src/verifier/verdict.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";

interface Case {
  readonly id: string;
  readonly base_domain: string;
  readonly extra_reference_ids: readonly string[];
  readonly trust_store: string | readonly string[];
  readonly no_dane_ee_namechecks: boolean;
  readonly tlsa: readonly {
    readonly usage: number;
    readonly selector: number;
    readonly mtype: number;
    readonly data: string;
  }[];
  readonly chain: readonly string[];
  readonly expect: {
    readonly verify_result: number;
    readonly matched_depth: number;
    readonly outcome?: string;
    readonly record_usable?: readonly boolean[];
  };
  readonly rfc_outcome?: { readonly smtp: string; readonly generic: string };
}

interface Suite {
  readonly cases: readonly Case[];
  readonly certs: Readonly<Record<string, { readonly pem: string }>>;
  readonly trust_stores?: Readonly<Record<string, readonly string[]>>;
  readonly verification_time?: string;
}

const folder = vectorsFolder();

function load(file: string): Suite {
  if (folder === null) return { cases: [], certs: {} };
  const suite = JSON.parse(readFileSync(path.join(folder, file), "utf8")) as Suite;
  for (const [digest, { pem }] of Object.entries(suite.certs)) {
    expect(createHash("sha256").update(derOf(pem)).digest("hex")).toBe(digest);
  }
  return suite;
}

function derOf(pem: string): Uint8Array {
  const blocks = parsePem(pem);
  const der = blocks.ok ? blocks.value[0]?.bytes : undefined;
  if (der === undefined) throw new Error("not PEM");
  return der;
}

function nameOf(text: string): DomainName {
  const name = parseName(text);
  if (!name.ok) throw new Error(name.fault.message);
  return name.value;
}

function judgeCase(suite: Suite, one: Case, profile: Profile): Judgement {
  const der = (digest: string): Uint8Array => derOf(suite.certs[digest]?.pem ?? "");
  const roots = typeof one.trust_store === "string" ? (suite.trust_stores?.[one.trust_store] ?? []) : one.trust_store;
  const time = parseInstant(suite.verification_time ?? "2026-01-01T00:00:00Z");
  const baseDomain = nameOf(one.base_domain);
  return judge({
    tlsa: {
      kind: "records",
      baseDomain,
      owner: tlsaOwner(baseDomain, 25),
      aliases: [],
      records: one.tlsa.map(({ usage, selector, mtype, data }) => {
        return { usage, selector, matchingType: mtype, data: parseHex(data) ?? new Uint8Array() };
      }),
    },
    probe: { outcome: "served", certificates: one.chain.map(der), tlsVersion: "" },
    profile,
    referenceNames: [baseDomain, ...one.extra_reference_ids.map(nameOf)],
    eeNames: !one.no_dane_ee_namechecks,
    trustStore: roots.map(der),
    mailExchangerSecure: true,
    at: time.ok ? time.value : instant(0),
  });
}

const depthsOf = (judgement: Judgement): readonly (number | null)[] =>
  judgement.records.filter(({ status }) => status === "matched").map(({ depth }) => depth);

const danetest = load("openssl-danetest.json");
const further = load("chain-cases.json");

/** What OpenSSL's result code is called here. */
const BY_RESULT: Readonly<Record<number, string>> = {
  0: "verified",
  20: "fail-chain",
  62: "fail-name",
  65: "fail-mismatch",
};

describe.skipIf(folder === null)(vectorsTitle("OpenSSL's danetest"), () => {
  test("all 55 cases are there", () => {
    expect(danetest.cases).toHaveLength(55);
  });

  test.each(danetest.cases)("$id", (one) => {
    const judgement = judgeCase(danetest, one, "generic");
    expect(judgement.verdict, judgement.reason).toBe(BY_RESULT[one.expect.verify_result]);
    if (one.expect.matched_depth >= 0) expect(depthsOf(judgement)).toContain(one.expect.matched_depth);
    else expect(depthsOf(judgement)).toEqual([]);
  });
});

const PREFIX: Readonly<Record<string, RegExp>> = {
  verified: /^verified$/,
  rejected: /^fail-(mismatch|name|expired|chain)$/,
  unusable: /^unusable-unauthenticated$/,
};

describe.skipIf(folder === null)(vectorsTitle("further chains"), () => {
  test("all 67 cases are there", () => {
    expect(further.cases).toHaveLength(67);
  });

  for (const profile of ["smtp", "generic"] as const) {
    test.each(further.cases)(`${profile}: $id`, (one) => {
      const judgement = judgeCase(further, one, profile);
      const wanted = one.rfc_outcome?.[profile] ?? "";
      expect(judgement.verdict, judgement.reason).toMatch(PREFIX[wanted] ?? /no such outcome/);
      if (wanted === "rejected" && one.expect.outcome === "no-match") expect(judgement.verdict).toBe("fail-mismatch");
      if (wanted === "rejected" && one.expect.outcome === "matched-but-rejected") {
        expect(judgement.verdict).not.toBe("fail-mismatch");
      }
      if (wanted === "verified") expect(depthsOf(judgement)).toContain(one.expect.matched_depth);
      for (const [index, usable] of (one.expect.record_usable ?? []).entries()) {
        if (wanted === "unusable" && profile === "smtp") continue;
        const record = judgement.records[index];
        expect(record?.status === "unusable", formatHex(record?.record.data ?? new Uint8Array())).toBe(!usable);
      }
    });
  }
});
