/** Advice on a TLSA RRset beside a verdict that it does not change. */
import { describe, expect, test } from "vitest";
import { instant, seconds } from "../../src/base/time.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { associationFor } from "../../src/tlsa/association.ts";
import { isMatchingType, isSelector, isUsage } from "../../src/tlsa/params.ts";
import { explainStale } from "../../src/verifier/explain-stale.ts";
import { judge } from "../../src/verifier/judge.ts";
import type { AddressReport, HostReport, Judgement } from "../../src/verifier/verdict.ts";
import { dn } from "../fakes/resolver.ts";
import type { Forged } from "../fakes/forge.ts";
import { forgeAuthority, forgeLeaf } from "../fakes/forge.ts";

const HOST = dn("mx.example.org");
const issuer = forgeAuthority("CN=Issuer");
const leaf = forgeLeaf(issuer);
const other = forgeLeaf(issuer);

function of(certificate: Forged, parameters: string): TlsaRdata {
  const [usage = 255, selector = 255, matchingType = 255] = parameters.split(" ").map(Number);
  if (!isUsage(usage) || !isSelector(selector) || !isMatchingType(matchingType)) throw new Error(parameters);
  return associationFor({ usage, selector, matchingType }, certificate.read);
}

function look(records: readonly TlsaRdata[], ttl = 3600, presents: Forged = leaf): Judgement {
  const owner = dn("_25._tcp.mx.example.org");
  const rrset = { name: owner, type: 52, class: 1, ttl: seconds(ttl), rdatas: [], signatures: [] };
  const common = { name: owner, type: 52, rcode: 0, aliases: [], finalName: owner, negativeTtl: null };
  return judge({
    tlsa: {
      kind: "records",
      baseDomain: HOST,
      owner,
      aliases: [],
      records,
      answer: { ...common, status: "secure", rrset },
    },
    probe: { outcome: "served", certificates: [presents.der, issuer.der], tlsVersion: "TLSv1.3" },
    profile: "smtp",
    referenceNames: [HOST],
    eeNames: false,
    trustStore: [],
    mailExchangerSecure: true,
    at: instant(Date.UTC(2026, 0, 1)),
  });
}

const good = of(leaf, "3 1 1");

describe("advice", () => {
  const cases: readonly (readonly [
    what: string,
    records: readonly TlsaRdata[],
    topics: readonly string[],
    ttl?: number,
  ])[] = [
    ["nothing to say of 3 1 1", [good], []],
    ["nor in the middle of a rollover", [good, of(other, "3 1 1")], []],
    ["nor of 2 0 1 with its issuer sent", [of(issuer, "2 0 1")], []],
    ["usage 1 on a mail server", [good, of(leaf, "1 1 1")], ["smtp-usage"]],
    ["3 0 1, which every renewal changes", [of(leaf, "3 0 1")], ["certificate-digest"]],
    ["the whole key", [of(leaf, "3 1 0")], ["full-data"]],
    ["a combination of which none matches", [good, of(other, "3 0 1")], ["combination", "certificate-digest"]],
    ["a combination put aside that matches", [good, of(leaf, "3 1 2")], []],
    ["a combination put aside that does not", [of(other, "3 1 1"), of(leaf, "3 1 2")], ["combination"]],
    ["nine records", [good, ...Array.from({ length: 8 }, () => of(forgeLeaf(issuer), "3 1 1"))], ["many-records"]],
    [
      "more than a datagram",
      [good, { ...of(leaf, "3 1 2"), usage: 2 }, ...Array.from({ length: 16 }, () => of(forgeLeaf(issuer), "2 1 2"))],
      ["combination", "many-records", "large-answer"],
    ],
    ["a TTL of a week", [good], ["ttl"], 604_800],
  ];
  for (const [what, records, topics, ttl] of cases) {
    test(what, () => {
      const judgement = look(records, ttl);
      expect(judgement.verdict).toBe("verified");
      expect(judgement.advice.map(({ topic }) => topic)).toEqual(topics);
    });
  }

  test("raw public keys are mentioned where 3 1 1 is the one that does not match", () => {
    const [advice] = look([of(other, "3 1 1"), of(issuer, "2 1 1")]).advice;
    expect(advice?.text).toMatch(/no 3 1 1 record matches.*RFC 7250/);
  });
});

describe("what addresses tell about each other", () => {
  const address = (name: string, presents: Forged, algorithm: string | null = null): AddressReport => {
    return { address: name, algorithm, ...look([good, of(other, "3 1 1")], 3600, presents) };
  };
  const host = (name: string, addresses: readonly AddressReport[]): HostReport => ({
    target: name,
    endpoint: { host: dn(name), port: 25, protocol: "smtp" },
    profile: "smtp",
    baseDomain: dn(name),
    verdict: "verified",
    reason: null,
    hint: null,
    dns: { mx: null, a: null, aaaa: null, tlsa: null },
    addresses,
  });
  const reasons = (hosts: readonly HostReport[]): readonly (string | null)[] =>
    explainStale(hosts).flatMap((each) => each.addresses.flatMap(({ records }) => records.map(({ reason }) => reason)));

  test("a record stale here is what another address presents", () => {
    const hosts = [host("mx.example.org", [address("192.0.2.1", leaf), address("192.0.2.2", other, "RSA")])];
    expect(reasons(hosts)).toEqual([
      null,
      "matches what 192.0.2.2 (RSA) presents",
      "matches what 192.0.2.1 presents",
      null,
    ]);
  });

  test("or belongs to another host", () => {
    const foreign = host("mx2.example.org", [{ ...address("192.0.2.3", other), records: [] }]);
    expect(reasons([host("mx.example.org", [address("192.0.2.1", leaf)]), foreign])).toEqual([
      null,
      "the digest of what mx2.example.org presents",
    ]);
  });
});
