/** Verifications for monitoring: the Nagios line and the Prometheus file. */
import { describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { renderVerifyNagios } from "../../src/report/verify-nagios.ts";
import { renderVerifyPrometheus } from "../../src/report/verify-prometheus.ts";
import type { ListFacts } from "../../src/report/verify-result.ts";
import { consequenceOf, consequenceOfHost, stateOf } from "../../src/report/verify-words.ts";
import { exitOf } from "../../src/verifier/verdict.ts";
import type { AddressReport, HostReport, VerdictName, VerifyExit } from "../../src/verifier/verdict.ts";
import { readExposition } from "./exposition.ts";
import type { ReadMetric } from "./exposition.ts";
import { address, AT, days, host, judged, name, refused, reportOf, unresolved } from "./verifications.ts";

const VERDICTS: readonly VerdictName[] = [
  ...(["verified", "host-verified", "no-dane", "unusable-unauthenticated", "unusable-broken", "fail-tls"] as const),
  ...(["fail-mismatch", "fail-name", "fail-expired", "fail-chain", "tlsa-error", "dns-error", "unreachable"] as const),
];

test.each(VERDICTS)("%s means the same state in monitoring as in the exit code", (verdict) => {
  expect(stateOf(verdict)).toBe(exitOf(verdict));
  expect(consequenceOf(verdict, "smtp").text).not.toBe("");
  expect(consequenceOf(verdict, "generic").text).not.toMatch(/mail|sender/);
});

const stale = address({
  address: "2001:db8::1",
  verdict: "fail-mismatch",
  code: "TLSA_MISMATCH",
  reason: "no TLSA record matches | the chain",
  hint: "publish it",
  records: [judged("stale"), judged("unusable", { reason: "empty" })],
  path: [],
});

describe("one address of two", () => {
  const dead = refused("unreachable", "CONNECT_FAILED", "connection refused");
  const at = (which: string, parts: AddressReport): AddressReport => ({ ...parts, address: which });
  const web = (...addresses: readonly AddressReport[]): HostReport =>
    host({ profile: "generic", verdict: addresses.at(-1)?.verdict ?? "verified", addresses });

  test.each([
    [
      "dead",
      web(address(), at("192.0.2.2", dead)),
      "cannot-connect",
      "a client that tries 192.0.2.2 cannot connect; others can",
    ],
    [
      "dead, as all are",
      web(at("192.0.2.1", dead), at("192.0.2.2", dead)),
      "cannot-connect",
      "a client cannot connect",
    ],
    [
      "dead, the other without DANE",
      web(address({ verdict: "no-dane" }), at("192.0.2.2", dead)),
      "cannot-connect",
      "a client that tries 192.0.2.2 cannot connect; others can, some without DANE",
    ],
    [
      "refused",
      web(address(), stale),
      "refuses",
      "a DANE client that tries 2001:db8::1 refuses to connect; others do connect",
    ],
    [
      "refused with one kind of certificate",
      web(address({ algorithm: "RSA" }), { ...stale, address: "192.0.2.1", algorithm: "ECDSA" }),
      "refuses",
      "a DANE client that tries 192.0.2.1 (ECDSA) refuses to connect; others do connect",
    ],
    [
      "dead, of a mail server",
      host({ verdict: "unreachable", addresses: [address(), at("192.0.2.2", dead)] }),
      "next-host",
      "a sender that cannot reach 192.0.2.2 tries another address",
    ],
  ] as const)("%s", (_what, of, code, text) => {
    expect(consequenceOfHost(of)).toEqual({ code, text });
  });
});

describe("Nagios", () => {
  const junk = (line: number, target = "junk"): ListFacts["badLines"][number] => {
    return { line, target, fault: fault("USAGE", `"${target}": not a target`) };
  };
  const first = (hosts: readonly HostReport[], list: ListFacts, exit: VerifyExit): string =>
    renderVerifyNagios({ exit, at: AT, hosts, list }).split(" | ")[0] ?? "";
  const JUNK = '1 line of the list is no target (line 2: "junk")';

  test("a line that is no target: unknown, and the status line says why", () => {
    const list = { badLines: [junk(2)], interrupted: false };
    expect(first([host()], list, 3)).toBe(`DANE UNKNOWN - ${JUNK}; 1 of 1 host verified`);
    expect(first([], list, 3)).toBe(`DANE UNKNOWN - ${JUNK}`);
    const worse = first([host(), host({ target: "b", addresses: [stale] })], list, 2);
    expect(worse).toMatch(
      /^DANE CRITICAL - mx\.example\.org:25 fail-mismatch: .*\(1 of 2 hosts\); 1 line of the list is/,
    );
    expect(first([host()], { badLines: [], interrupted: true }, 3)).toBe(
      "DANE UNKNOWN - interrupted before the end of the list; 1 of 1 host verified",
    );
  });

  test("many lines that are no targets are counted, and long ones cut", () => {
    const badLines = [junk(1, "x".repeat(2000)), junk(2), junk(5, "a|b"), junk(7)];
    expect(first([], { badLines, interrupted: false }, 3)).toBe(
      `DANE UNKNOWN - 4 lines of the list are no targets (line 1: "${"x".repeat(40)}…", line 2: "junk", line 5: "a/b" and 1 more)`,
    );
  });

  test("what was given twice counts once, with the worse result, and that is said", () => {
    const text = renderVerifyNagios(reportOf(host(), host({ target: "MX.example.org:25", addresses: [stale] })));
    expect(text).toMatch(/^DANE CRITICAL - mx\.example\.org:25 fail-mismatch: [^(]*\(2001:db8::1\) \| addresses=1;/);
    expect(text).toContain("\nnote: 1 of the hosts given is a repetition, not counted\n");
  });

  test("all well", () => {
    expect(renderVerifyNagios(reportOf(host({ addresses: [address(), address({ address: "192.0.2.2" })] })))).toBe(
      "DANE OK - mx.example.org:25 verified on 2 of 2 addresses | addresses=2;;;0 verified=2;;2:;0;2 days_left=41 " +
        "signature_days_left=12 tlsa_records=1;;;0 ttl=3600s;;;0\n" +
        "mx.example.org:25 192.0.2.1 verified: 3 1 1 matches at depth 0\n" +
        "mx.example.org:25 192.0.2.2 verified: 3 1 1 matches at depth 0\n",
    );
  });

  test("one address of two wrong: critical, the address in the first line, no second separator", () => {
    const text = renderVerifyNagios(reportOf(host({ verdict: "fail-mismatch", addresses: [address(), stale] })));
    const [first = "", ...rest] = text.split("\n");
    expect(first).toMatch(
      /^DANE CRITICAL - mx\.example\.org:25 fail-mismatch: no TLSA record matches \/ the chain \(2001:db8::1\) \| /,
    );
    expect(first).toContain("verified=1;;2:;0;2");
    expect(text.match(/\|/g)).toHaveLength(1);
    expect(rest).toContain("=> a DANE sender skips this host: MAIL STOPS where it has no other");
    expect(rest).toContain("hint: publish it");
  });

  test("nothing could be found out: unknown", () => {
    const text = renderVerifyNagios(reportOf(unresolved()));
    expect(text).toMatch(/^DANE UNKNOWN - .*dns-error: the MX lookup failed: 127\.0\.0\.1 did not answer \| /);
    expect(text).not.toMatch(/days_left|tlsa_records|ttl/);
  });

  test("several hosts: the worst one first, and how many are like it", () => {
    const bad = host({
      target: "mx2",
      endpoint: { host: name("mx2.example.org"), port: 25, protocol: "smtp" },
      addresses: [stale],
    });
    const [first = ""] = renderVerifyNagios(reportOf(host(), bad, host({ target: "mx3" }))).split("\n");
    expect(first).toMatch(/^DANE CRITICAL - mx2\.example\.org:25 fail-mismatch: .* \(1 of 3 hosts\) \|/);
  });

  test("all well, but something ends soon: warning", () => {
    const expiring = [{ what: "certificate", name: "CN=mx.example.org", address: "192.0.2.1", at: days(5) } as const];
    const ranges = (warning: number | null, critical: number | null): string =>
      / (days_left=\S+) /.exec(renderVerifyNagios(reportOf(host()), { warning, critical }))?.[1] ?? "";
    expect([ranges(14, 7), ranges(14, null), ranges(null, 7), ranges(null, null)]).toEqual([
      "days_left=41;14:;7:",
      "days_left=41;14:",
      "days_left=41;;7:",
      "days_left=41",
    ]);
    expect(renderVerifyNagios(reportOf(host({ expiring })))).toMatch(
      /^DANE WARNING - certificate CN=mx\.example\.org on 192\.0\.2\.1 ends at 2026-01-06T00:00:00Z \|/,
    );
  });

  test("performance data keeps the form 'label'=value[UOM];warn;crit;min;max", () => {
    const [first = ""] = renderVerifyNagios(reportOf(host({ addresses: [stale, address()] }))).split("\n");
    for (const item of (first.split(" | ")[1] ?? "").split(" ")) {
      expect(item).toMatch(/^[a-z_]+=-?\d+s?(;[\d:]*){0,4}$/);
    }
  });
});

describe("Prometheus", () => {
  const read = (...hosts: readonly HostReport[]): readonly ReadMetric[] =>
    readExposition(renderVerifyPrometheus(reportOf(...hosts)));
  const samples = (metrics: readonly ReadMetric[], wanted: string): ReadMetric["samples"] =>
    metrics.find((each) => each.name === wanted)?.samples ?? [];

  test("one host: every metric, with stable labels", () => {
    const metrics = read(host({ addresses: [address(), { ...stale, algorithm: "RSA" }] }));
    expect(metrics.map((metric) => metric.name)).toEqual([
      "daneward_verify_timestamp_seconds",
      "daneward_verify_exit_code",
      "daneward_dane_match",
      "daneward_verify_state",
      "daneward_verify_verdict_info",
      "daneward_verify_tlsa_records",
      "daneward_cert_not_after_timestamp_seconds",
      "daneward_dnssec_secure",
      "daneward_dnssec_signatures_expire_timestamp_seconds",
      "daneward_tlsa_ttl_seconds",
    ]);
    expect(metrics.every(({ type, help }) => type === "gauge" && help.endsWith("."))).toBe(true);
    const place = { target: "mx.example.org:25", host: "mx.example.org", port: "25" };
    expect(samples(metrics, "daneward_dane_match")).toEqual([
      { labels: { ...place, addr: "192.0.2.1", algorithm: "" }, value: 1 },
      { labels: { ...place, addr: "2001:db8::1", algorithm: "RSA" }, value: 0 },
    ]);
    expect(samples(metrics, "daneward_cert_not_after_timestamp_seconds")[0]?.value).toBe(days(41) / 1000);
    expect(samples(metrics, "daneward_verify_timestamp_seconds")).toEqual([{ labels: {}, value: AT / 1000 }]);
    expect(
      samples(metrics, "daneward_verify_tlsa_records")
        .filter(({ value }) => value > 0)
        .map(({ labels }) => labels["state"]),
    ).toEqual(["matched", "stale", "unusable"]);
    expect(samples(metrics, "daneward_dnssec_secure").map(({ labels }) => labels["type"])).toEqual([
      "A",
      "AAAA",
      "TLSA",
    ]);
  });

  test("a host that was not looked at is there, so that an alarm can go off", () => {
    const metrics = read(unresolved());
    expect(samples(metrics, "daneward_dane_match")).toEqual([
      {
        labels: { target: "mx:example.net", host: "mx.example.org", port: "25", addr: "", algorithm: "" },
        value: 0,
      },
    ]);
    expect(samples(metrics, "daneward_verify_state")[0]?.value).toBe(3);
    expect(samples(metrics, "daneward_dnssec_secure")).toMatchObject([{ labels: { type: "MX" }, value: 0 }]);
  });

  test("a target given twice appears once, with the worse value", () => {
    const metrics = read(host(), host({ addresses: [{ ...stale, address: "192.0.2.1" }] }));
    expect(samples(metrics, "daneward_dane_match").map(({ value }) => value)).toEqual([0]);
    expect(samples(metrics, "daneward_verify_state").map(({ value }) => value)).toEqual([2]);
  });

  test("offline: no address, no port, nothing of DNS", () => {
    const dns = { mx: null, a: null, aaaa: null, tlsa: null };
    const metrics = read(host({ endpoint: null, dns, addresses: [address({ address: null })] }));
    expect(samples(metrics, "daneward_dane_match")[0]?.labels).toMatchObject({ port: "", addr: "" });
    expect(metrics.some((metric) => metric.name.includes("dnssec"))).toBe(false);
  });

  test("no target at all is still a file that can be read", () => {
    expect(read().map((metric) => metric.name)).toEqual([
      "daneward_verify_timestamp_seconds",
      "daneward_verify_exit_code",
    ]);
  });

  test("of a list, how many of its lines are no targets", () => {
    const badLines = [{ line: 2, target: "junk", fault: fault("USAGE", "not a target") }];
    const text = renderVerifyPrometheus({ exit: 3, at: AT, hosts: [], list: { badLines, interrupted: false } });
    expect(samples(readExposition(text), "daneward_verify_bad_lines")).toEqual([{ labels: {}, value: 1 }]);
  });

  test("what a target is called cannot break the file", () => {
    const target = 'a"b\\c\nd{}= #';
    const metrics = read(host({ target, addresses: [refused("fail-tls", "TLS_FAILED", "handshake failed")] }));
    expect(samples(metrics, "daneward_dane_match")[0]?.labels["target"]).toBe(target);
  });
});

describe("the reader of these tests", () => {
  const good = '# HELP a b\n# TYPE a gauge\na{b="c"} 1\n';
  test.each([
    ["no newline at the end", good.slice(0, -1)],
    ["no TYPE", '# HELP a b\na{b="c"} 1\n'],
    ["no HELP", '# TYPE a gauge\na{b="c"} 1\n'],
    ["the same labels twice", `${good}a{b="c"} 2\n`],
    ["a timestamp", '# HELP a b\n# TYPE a gauge\na{b="c"} 1 1700000000000\n'],
    ["a bad escape", '# HELP a b\n# TYPE a gauge\na{b="\\t"} 1\n'],
    ["a comma too many", '# HELP a b\n# TYPE a gauge\na{b="c",} 1\n'],
    ["a metric that comes back", `${good}# HELP d e\n# TYPE d gauge\nd 1\na{b="x"} 1\n`],
    ["no samples", "# HELP a b\n# TYPE a gauge\n"],
    ["an empty line", `${good}\n`],
  ])("does not take %s", (_what, text) => {
    expect(() => readExposition(text)).toThrow();
  });

  test("takes what is right", () => {
    expect(readExposition(good)).toHaveLength(1);
  });
});
