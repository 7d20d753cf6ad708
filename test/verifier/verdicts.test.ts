/** Names (RFC 7672 §3.2.2, §3.2.3, RFC 9525 §6.3), and the verdict that each state of DNS, TLS and match comes to. */
import { describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { seconds } from "../../src/base/time.ts";
import type { Evidence } from "../../src/verifier/evidence.ts";
import { referenceNames } from "../../src/verifier/reference-names.ts";
import { exitOf } from "../../src/verifier/verdict.ts";
import { forgeLeaf } from "../fakes/forge.ts";
import { dn } from "../fakes/resolver.ts";
import { HOST, issuer, leaf, look, of, raw, wrong } from "./looking.ts";
import type { Look } from "./looking.ts";

const good = of(leaf, "3 1 1");

describe("reference identifiers (N2)", () => {
  const [base, domain, expanded, host] = [
    dn("real.example.net"),
    dn("example.org"),
    dn("example.com"),
    dn("mx1.example.org"),
  ];
  const rrset = { name: domain, type: 15, class: 1, ttl: seconds(60), rdatas: [], signatures: [] };
  const common = { name: domain, type: 15, rcode: 0, aliases: [], finalName: expanded, negativeTtl: null };
  const answer = (status: "secure" | "insecure", records: boolean) => ({
    ...common,
    status,
    rrset: records ? rrset : null,
  });
  test.each([
    [
      "a secure MX: base domain, mail domain and what it is an alias of",
      "smtp",
      answer("secure", true),
      [domain, expanded],
      [base, domain, expanded],
    ],
    ["an insecure MX: the base domain alone", "smtp", answer("insecure", true), [], [base]],
    ["no MX records: the domain before its aliases too", "smtp", answer("secure", false), [], [base, host]],
    ["a mail host by name: the name before its aliases too", "smtp", null, [], [base, host]],
    ["anything else: the base domain alone", "generic", null, [], [base]],
  ] as const)("%s", (_what, profile, mx, nextHops, wanted) => {
    expect(referenceNames({ profile, baseDomain: base, host, mx, nextHops })).toEqual(wanted);
  });

  test("each name once", () => {
    expect(referenceNames({ profile: "smtp", baseDomain: host, host, mx: null, nextHops: [host] })).toEqual([host]);
  });
});

describe("names in certificates (N3, N4)", () => {
  const cases: readonly (readonly [
    what: string,
    names: readonly string[],
    subject: string,
    smtp: boolean,
    generic: boolean,
  ])[] = [
    ["the name itself", ["mx.example.org"], "CN=x", true, true],
    ["in capitals", ["MX.Example.ORG"], "CN=x", true, true],
    ["with a dot at the end", ["mx.example.org."], "CN=x", true, true],
    ["a wildcard for the first label", ["*.example.org"], "CN=x", true, true],
    ["a wildcard for a part of it", ["m*.example.org"], "CN=x", false, false],
    ["a wildcard for two labels", ["*.org"], "CN=x", false, false],
    ["a wildcard further on", ["mx.*.org"], "CN=x", false, false],
    ["another name", ["example.org"], "CN=x", false, false],
    ["a common name alone", [], "CN=mx.example.org", true, false],
    ["a wildcard as common name", [], "CN=*.example.org", true, false],
    ["a common name beside another DNS name", ["www.example.org"], "CN=mx.example.org", false, false],
    ["no name at all", [], "", false, false],
  ];
  test.each(cases)("%s", (_what, dnsNames, subject, smtp, generic) => {
    const chain = [forgeLeaf(issuer, { dnsNames, subject }), issuer];
    for (const [profile, wanted] of [
      ["smtp", smtp],
      ["generic", generic],
    ] as const) {
      const { verdict } = look([of(issuer, "2 1 1")], { chain, profile });
      expect(verdict, profile).toBe(wanted ? "verified" : "fail-name");
    }
  });
});

describe("the verdict table for one address (RFC 7672 §2.2, §2.1.2)", () => {
  const records = { kind: "records", baseDomain: HOST, owner: dn("_25._tcp.mx.example.org"), aliases: [] } as const;
  const none = { kind: "none", why: "absent", baseDomain: HOST, owner: HOST, status: "secure" } as const;
  const failed = {
    kind: "error",
    baseDomain: HOST,
    owner: HOST,
    status: "bogus",
    reasons: [fault("DNS_TIMEOUT", "x")],
  } as const;
  const unusable = { ...records, records: [raw("3 1 3", "00")] };
  const usable = { ...records, records: [good] };
  const rows: readonly (readonly [what: string, tlsa: Evidence["tlsa"], look: Look, verdict: string, exit: number])[] =
    [
      ["insecure addresses", { ...none, why: "insecure-address", owner: null, status: null }, {}, "no-dane", 1],
      ["a failed TLSA lookup", failed, {}, "tlsa-error", 2],
      ["no TLSA records", none, {}, "no-dane", 1],
      ["no TLSA records, and TLS fails", none, { fails: "TLS_FAILED" }, "no-dane", 1],
      ["insecure TLSA records that would match", { ...none, why: "insecure", status: "insecure" }, {}, "no-dane", 1],
      ["none usable, no STARTTLS", unusable, { fails: "STARTTLS_NOT_OFFERED" }, "unusable-broken", 2],
      ["none usable, TLS fails", unusable, { fails: "TLS_FAILED" }, "unusable-broken", 2],
      ["none usable, TLS works", unusable, {}, "unusable-unauthenticated", 1],
      ["usable, no STARTTLS", usable, { fails: "STARTTLS_NOT_OFFERED" }, "fail-tls", 2],
      ["usable, STARTTLS refused", usable, { fails: "STARTTLS_REFUSED" }, "fail-tls", 2],
      ["usable, text injected", usable, { fails: "STARTTLS_INJECTION" }, "fail-tls", 2],
      ["usable, TLS fails", usable, { fails: "TLS_FAILED" }, "fail-tls", 2],
      ["usable, not reached", usable, { fails: "CONNECT_TIMEOUT" }, "unreachable", 3],
      ["usable, no match", { ...records, records: [wrong("3 1 1")] }, {}, "fail-mismatch", 2],
      ["usable, match", usable, {}, "verified", 0],
      ["an insecure MX, match", usable, { mailExchangerSecure: false }, "host-verified", 1],
      [
        "an insecure MX, no match",
        { ...records, records: [wrong("3 1 1")] },
        { mailExchangerSecure: false },
        "fail-mismatch",
        2,
      ],
      [
        "an insecure MX, no STARTTLS",
        usable,
        { mailExchangerSecure: false, fails: "STARTTLS_NOT_OFFERED" },
        "fail-tls",
        2,
      ],
      ["an insecure MX, a failed TLSA lookup", failed, { mailExchangerSecure: false }, "tlsa-error", 2],
    ];
  test.each(rows)("%s", (_what, tlsa, how, verdict, exit) => {
    const judgement = look([], { ...how, tlsa });
    expect(judgement.verdict, judgement.reason).toBe(verdict);
    expect(exitOf(judgement.verdict)).toBe(exit);
  });
});
