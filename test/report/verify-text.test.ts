/** Verifications for people and programs: the ladder, the place where it broke, the records, what follows. */
import { describe, expect, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import { renderVerifyJson } from "../../src/report/verify-json.ts";
import { ladderOf } from "../../src/report/verify-ladder.ts";
import { renderResultText } from "../../src/report/verify-result.ts";
import { renderVerifyText } from "../../src/report/verify-text.ts";
import type { AddressReport, HostReport } from "../../src/verifier/verdict.ts";
import { address, answer, days, host, judged, name, refused, reportOf, unresolved } from "./verifications.ts";

const plain = { quiet: false, verbose: false, color: false };

const ladder = (of: HostReport, at: AddressReport | null = of.addresses[0] ?? null): string =>
  ladderOf(of, at)
    .map(({ step, status }) => `${step} ${status}`)
    .join(" > ");

const offering = (entry: AddressReport, parts: Partial<HostReport> = {}): HostReport =>
  host({ addresses: [entry], ...parts });
const mismatch = address({ verdict: "fail-mismatch", code: "TLSA_MISMATCH", records: [judged("stale")], path: [] });
const direct = { endpoint: { host: name("www.example.org"), port: 443, protocol: "tls" } } as const;
const alias = {
  ...answer("mx.example.org", 1, "secure"),
  aliases: [{ alias: name("mx.example.org"), target: name("real.example.net"), ttl: seconds(60) }],
  finalName: name("real.example.net"),
};

describe("the ladder", () => {
  const { dns } = host();
  const cases: readonly (readonly [what: string, host: HostReport, ladder: string])[] = [
    ["all well", host(), "dnssec ok > tlsa ok > address ok > starttls ok > tls ok > chain ok > match ok"],
    ["TLS at once", host(direct), "dnssec ok > tlsa ok > address ok > tls ok > chain ok > match ok"],
    [
      "no match",
      offering(mismatch),
      "dnssec ok > tlsa ok > address ok > starttls ok > tls ok > chain ok > match broken",
    ],
    [
      "another name",
      offering(address({ verdict: "fail-name", code: "NAME_MISMATCH", records: [judged("matched", { reason: "x" })] })),
      "dnssec ok > tlsa ok > address ok > starttls ok > tls ok > chain broken > match skipped",
    ],
    [
      "no connection",
      offering(refused("unreachable", "CONNECT_FAILED", "connection refused")),
      "dnssec ok > tlsa ok > address broken > starttls skipped > tls skipped > chain skipped > match skipped",
    ],
    [
      "no STARTTLS",
      offering(refused("fail-tls", "STARTTLS_NOT_OFFERED", "no STARTTLS")),
      "dnssec ok > tlsa ok > address ok > starttls broken > tls skipped > chain skipped > match skipped",
    ],
    [
      "a failed handshake",
      offering(refused("fail-tls", "TLS_FAILED", "alert")),
      "dnssec ok > tlsa ok > address ok > starttls ok > tls broken > chain skipped > match skipped",
    ],
    [
      "a failed TLSA lookup",
      offering(refused("tlsa-error", "DNS_TIMEOUT", "x"), {
        dns: {
          ...dns,
          tlsa: {
            kind: "error",
            baseDomain: name("a.example"),
            owner: name("a.example"),
            status: "bogus",
            reasons: [],
          },
        },
      }),
      "dnssec ok > tlsa broken > address skipped > starttls skipped > tls skipped > chain skipped > match skipped",
    ],
    [
      "no TLSA records: open, not broken",
      offering(address({ verdict: "no-dane", records: [] }), {
        dns: {
          ...dns,
          tlsa: {
            kind: "none",
            why: "absent",
            baseDomain: name("a.example"),
            owner: name("a.example"),
            status: "secure",
          },
        },
      }),
      "dnssec ok > tlsa open > address ok > starttls ok > tls ok > chain ok > match open",
    ],
    [
      "SRV records",
      offering(address(), { ...direct, dns: { ...dns, srv: answer("_x._tcp.example.org", 33, "secure") } }),
      "srv ok > dnssec ok > tlsa ok > address ok > tls ok > chain ok > match ok",
    ],
    ["nothing known of the mail domain", unresolved(), "mx broken"],
    [
      "insecure addresses",
      offering(address(), {
        dns: { ...dns, a: answer("mx.example.org", 1, "insecure"), mx: answer("example.org", 15, "insecure") },
      }),
      "mx open > dnssec open > tlsa ok > address ok > starttls ok > tls ok > chain ok > match ok",
    ],
    [
      "an alias",
      offering(address(), { dns: { ...dns, a: alias } }),
      "dnssec ok > alias ok > tlsa ok > address ok > starttls ok > tls ok > chain ok > match ok",
    ],
    ["offline", offering(address({ address: null }), { endpoint: null }), "chain ok > match ok"],
  ];
  test.each(cases)("%s", (_what, of, wanted) => {
    expect(ladder(of)).toBe(wanted);
  });
});

describe("text", () => {
  test("the rung where it broke, the record that was meant, advice, and what follows", () => {
    const instead = { usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32).fill(0xcd) };
    const entry = {
      ...mismatch,
      reason: "no TLSA record matches the chain",
      hint: "publish it",
      records: [judged("stale", { reason: "the digest of nothing", instead })],
      warnings: ["a warning"],
      advice: [{ level: "note", topic: "ttl", text: "TTL 7d" }],
    } as const;
    expect(
      renderVerifyText(
        reportOf(host({ addresses: [entry, { ...entry, address: "192.0.2.2", algorithm: "RSA" }] })),
        plain,
      ),
    ).toBe(`\
mx.example.org:25 (smtp)  fail-mismatch
  addresses A 1 address, secure; AAAA none, secure
  tlsa      _25._tcp.mx.example.org: 1 record, secure
  192.0.2.1  fail-mismatch: no TLSA record matches the chain
    dnssec ok > tlsa ok > address ok > starttls ok > tls ok > chain ok > match BROKEN
    STARTTLS, TLSv1.3, 2 certificates sent
    CN=mx.example.org, EC P-256, until 2026-02-11T00:00:00Z
    3 1 1 abababababababab…  stale (the digest of nothing); right would be "3 1 1 ${"cd".repeat(32)}"
    note: a warning
  192.0.2.2 (RSA)  fail-mismatch: no TLSA record matches the chain
    dnssec ok > tlsa ok > address ok > starttls ok > tls ok > chain ok > match BROKEN
    STARTTLS, TLSv1.3, 2 certificates sent
    CN=mx.example.org, EC P-256, until 2026-02-11T00:00:00Z
    3 1 1 abababababababab…  stale (the digest of nothing); right would be "3 1 1 ${"cd".repeat(32)}"
    note: a warning
  advice: TTL 7d
  => a DANE sender skips this host: MAIL STOPS where it has no other
  hint: publish it
`);
  });

  test("quiet says nothing of what is well, and of what ends soon it does", () => {
    const quiet = { ...plain, quiet: true };
    expect(renderVerifyText(reportOf(host()), quiet)).toBe("");
    const expiring = [
      { what: "signatures", name: "TLSA _25._tcp.mx.example.org", address: null, at: days(1) } as const,
    ];
    expect(renderVerifyText(reportOf(host({ expiring })), quiet)).toMatch(
      /\n {2}ends soon: signatures TLSA _25\._tcp\.mx\.example\.org, at 2026-01-02T00:00:00Z\n/,
    );
  });

  test("verbose: the whole ladder and the whole path", () => {
    const path = [
      { subject: "CN=mx.example.org", notAfter: days(41) },
      { subject: "CN=Issuer", notAfter: days(900) },
    ];
    const text = renderVerifyText(reportOf(host({ addresses: [address({ path })] })), { ...plain, verbose: true });
    expect(text).toMatch(/match ok\n/);
    expect(text).toMatch(/issued by CN=Issuer, until 2028-06-19T00:00:00Z\n/);
  });

  test.each([
    [["mx.example.org"], "mx.example.org, EC P-256, until"],
    [["a.example", "b.example", "c.example", "d.example", "e.example"], "a.example b.example c.example and 2 more, EC"],
    [[], "(no subject), EC P-256, until"],
  ])("a certificate without a subject is called by its names: %j", (dnsNames, words) => {
    const { certificate } = address();
    if (certificate === null) throw new Error("no certificate");
    const unnamed = address({ certificate: { ...certificate, subject: "", dnsNames } });
    expect(renderVerifyText(reportOf(host({ addresses: [unnamed] })), plain)).toContain(`    ${words}`);
  });

  test("colour only when asked for", () => {
    expect(renderVerifyText(reportOf(host()), plain)).not.toContain("\u001b");
    expect(renderVerifyText(reportOf(host()), { ...plain, color: true })).toContain("\u001b[32mverified");
  });
});

describe("one of very many targets", () => {
  const failing = { ...mismatch, reason: "no record matches" };

  test("a failure is said once: the block has neither name nor verdict again", () => {
    expect(renderResultText("mx.example.org:25", reportOf(offering(failing)), plain)).toBe(`\
fail-mismatch  mx.example.org:25  no record matches
    addresses A 1 address, secure; AAAA none, secure
    tlsa      _25._tcp.mx.example.org: 1 record, secure
    192.0.2.1
      dnssec ok > tlsa ok > address ok > starttls ok > tls ok > chain ok > match BROKEN
      STARTTLS, TLSv1.3, 2 certificates sent
      CN=mx.example.org, EC P-256, until 2026-02-11T00:00:00Z
      3 1 1 abababababababab…  stale
    => a DANE sender skips this host: MAIL STOPS where it has no other
`);
  });

  test("addresses that differ say how", () => {
    const both = host({ verdict: "fail-mismatch", addresses: [address(), { ...failing, address: "192.0.2.2" }] });
    const text = renderResultText("mx.example.org:25", reportOf(both), { ...plain, verbose: true });
    expect(text).toContain("\n    192.0.2.1  verified: 3 1 1 matches at depth 0\n");
    expect(text).toContain("\n    192.0.2.2  fail-mismatch: no record matches\n");
  });

  test("hosts of a domain have headings, the worst of them without its verdict", () => {
    const target = "mx:example.org";
    const other = { host: name("mx2.example.org"), port: 25, protocol: "smtp" } as const;
    const report = reportOf(
      offering(failing, { target }),
      offering(refused("unreachable", "CONNECT_FAILED", "connection refused"), { target, endpoint: other }),
    );
    const lines = renderResultText(target, report, plain).split("\n");
    expect(lines[0]).toBe("fail-mismatch  mx:example.org  mx.example.org: no record matches");
    expect(lines.filter((line) => /^ {4}\S/.test(line))).toEqual([
      "    mx.example.org:25 (smtp)",
      "    mx2.example.org:25 (smtp)  unreachable",
    ]);
  });
});

describe("JSON", () => {
  test("keeps the keys of the schema, and adds what is new", () => {
    const instead = { usage: 3, selector: 1, matchingType: 1, data: Uint8Array.of(1) };
    const expiring = [{ what: "certificate", name: "CN=x", address: "192.0.2.1", at: days(1) } as const];
    const entry = address({
      algorithm: "RSA",
      records: [judged("matched"), judged("stale", { reason: "r", instead })],
    });
    const document: unknown = JSON.parse(renderVerifyJson(reportOf(host({ addresses: [entry], expiring }))));
    expect(document).toMatchObject({
      schema: "daneward/verify/1",
      exit: 1,
      targets: [
        {
          target: "mx.example.org:25",
          host: "mx.example.org",
          port: 25,
          protocol: "smtp",
          verdict: "verified",
          dnssec: { a: "secure", aaaa: "secure", tlsa: "secure" },
          baseDomain: "mx.example.org",
          consequence: { code: "delivers" },
          expiring: [{ what: "certificate", name: "CN=x", address: "192.0.2.1", at: "2026-01-02T00:00:00Z" }],
          addresses: [
            {
              address: "192.0.2.1",
              algorithm: "RSA",
              verdict: "verified",
              certificate: { subject: "CN=mx.example.org", notAfter: "2026-02-11T00:00:00Z", algorithm: "EC P-256" },
              path: [{ subject: "CN=mx.example.org", notAfter: "2026-02-11T00:00:00Z" }],
              records: [
                { usage: 3, selector: 1, matchingType: 1, data: "ab".repeat(32), status: "matched", depth: 0 },
                { status: "stale", reason: "r", instead: { usage: 3, selector: 1, matchingType: 1, data: "01" } },
              ],
              consequence: { code: "delivers" },
              warnings: [],
              advice: [],
            },
          ],
        },
      ],
    });
    expect(JSON.stringify(document)).toContain('"ladder":[{"step":"dnssec","status":"ok"');
  });

  test("a host without addresses has its ladder as far as it goes", () => {
    expect(renderVerifyJson(reportOf(unresolved()))).toContain('"ladder":[{"step":"mx","status":"broken"');
  });
});
