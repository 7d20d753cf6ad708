/**
 * The usage 2 and 3 cases of both chain suites, judged with nothing but the functions of tlsa and pki: usable records,
 * agility, match, path, names. The verifier has its own tests; this one shows that the parts give the right answer.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { parseHex } from "../../src/base/bytes.ts";
import { parseInstant } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { readCertificate, readCredentials } from "../../src/pki/certificate.ts";
import type { Certificate } from "../../src/pki/certificate.ts";
import { matchesReferenceIdentifier } from "../../src/pki/names.ts";
import type { NameProfile } from "../../src/pki/names.ts";
import { findPath } from "../../src/pki/path.ts";
import { strongestRecords } from "../../src/tlsa/agility.ts";
import { matchesCertificate } from "../../src/tlsa/match.ts";
import { isUsable } from "../../src/tlsa/usable.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";

interface ChainCase {
  readonly id: string;
  readonly base_domain: string;
  readonly extra_reference_ids: readonly string[];
  readonly no_dane_ee_namechecks: boolean;
  readonly tlsa: readonly { usage: number; selector: number; mtype: number; data: string }[];
  readonly chain: readonly string[];
  readonly expect: {
    readonly ok: boolean;
    readonly verify_result: number;
    readonly matched_depth: number;
    readonly record_usable?: readonly boolean[];
  };
  readonly rfc_outcome?: Readonly<Record<NameProfile, "verified" | "rejected" | "unusable">>;
}

interface ChainSuite {
  readonly cases: readonly ChainCase[];
  readonly certs: Readonly<Record<string, { readonly pem: string }>>;
  readonly verification_time?: string;
}

const folder = vectorsFolder();
const NONE: ChainSuite = { cases: [], certs: {} };

function load(file: string): ChainSuite {
  return folder === null ? NONE : (JSON.parse(readFileSync(path.join(folder, file), "utf8")) as ChainSuite);
}

const own = load("chain-cases.json");
const openssl = load("openssl-danetest.json");

function time(text: string): Instant {
  const parsed = parseInstant(text);
  if (!parsed.ok) throw new Error(parsed.fault);
  return parsed.value;
}

function chainOf(suite: ChainSuite, { chain }: ChainCase): readonly Certificate[] {
  return chain.map((digest) => {
    const read = readCredentials(new TextEncoder().encode(suite.certs[digest]?.pem ?? ""));
    const certificate = read.ok ? read.value.certificates[0] : undefined;
    if (certificate === undefined) throw new Error(`no certificate ${digest}`);
    return certificate;
  });
}

function recordsOf({ tlsa }: ChainCase): readonly TlsaRdata[] {
  return tlsa.map(({ usage, selector, mtype, data }) => ({
    usage,
    selector,
    matchingType: mtype,
    data: parseHex(data) ?? new Uint8Array(),
  }));
}

interface Options {
  readonly profile: NameProfile;
  readonly at: Instant;
  readonly namesForUsage3: boolean;
}

/** The depth of the first authenticated match, or null. */
function authenticate(suite: ChainSuite, each: ChainCase, options: Options): number | null {
  const [leaf, ...others] = chainOf(suite, each);
  if (leaf === undefined) return null;
  const usable = recordsOf(each).filter((record) => isUsable(record, { smtp: options.profile === "smtp" }));
  const records = strongestRecords(usable);
  const names = matchesReferenceIdentifier(leaf, [each.base_domain, ...each.extra_reference_ids], options.profile);
  const ee = records.some((record) => record.usage === 3 && matchesCertificate(record, leaf));
  if (ee && (names || !options.namesForUsage3)) return 0;
  const anchors = records.filter((record) => record.usage === 2);
  if (anchors.length === 0) return null;
  const fromDns = anchors
    .filter((record) => record.selector === 0 && record.matchingType === 0)
    .flatMap((record) => {
      const read = readCertificate(record.data);
      return read.ok ? [read.value] : [];
    });
  const anchorKeys = anchors.filter((each) => each.selector === 1 && each.matchingType === 0).map(({ data }) => data);
  const isAnchor = (candidate: Certificate): boolean => anchors.some((record) => matchesCertificate(record, candidate));
  const found = findPath(leaf, [...fromDns, ...others], isAnchor, { at: options.at, anchorKeys });
  return found.ok && names ? found.value.certificates.length - 1 : null;
}

const DANE_ONLY = ({ tlsa }: ChainCase): boolean => tlsa.length > 0 && tlsa.every(({ usage }) => usage >= 2);

describe.skipIf(folder === null)(vectorsTitle("own chain cases, usages 2 and 3"), () => {
  const at = time(own.verification_time ?? "2026-01-01");
  const cases = own.cases.filter(DANE_ONLY);

  test("are all there", () => {
    expect(cases.length).toBeGreaterThan(50);
  });

  test.each(cases)("$id", (each) => {
    const usable = recordsOf(each).map((record) => isUsable(record, { smtp: false }));
    expect(usable).toEqual(each.expect.record_usable);
    for (const profile of ["smtp", "generic"] as const) {
      const depth = authenticate(own, each, { profile, at, namesForUsage3: false });
      expect(depth !== null, profile).toBe(each.rfc_outcome?.[profile] === "verified");
      if (depth !== null) expect(depth).toBe(each.expect.matched_depth);
    }
  });
});

describe.skipIf(folder === null)(vectorsTitle("OpenSSL's DANE test, usages 2 and 3"), () => {
  const at = time("2026-01-01");
  // Where no record is usable OpenSSL falls back to its trust store, which is not our business here.
  const cases = openssl.cases.filter((each) => DANE_ONLY(each) && each.expect.matched_depth >= 0);

  test("are all there", () => {
    expect(cases.length).toBeGreaterThan(20);
  });

  test.each(cases)("$id", (each) => {
    const namesForUsage3 = !each.no_dane_ee_namechecks;
    // "smtp" because OpenSSL looks at the common name when there is no DNS name.
    const depth = authenticate(openssl, each, { profile: "smtp", at, namesForUsage3 });
    expect(depth !== null).toBe(each.expect.ok);
    if (depth !== null) expect(depth).toBe(each.expect.matched_depth);
  });
});
