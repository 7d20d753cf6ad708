import { describe, expect, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import type { StandingRefusal, StatusReport } from "../../src/report/model.ts";
import { checkStatus } from "../../src/report/status-check.ts";
import { renderStatusPrometheus } from "../../src/report/status-prometheus.ts";
import { renderStatusText } from "../../src/report/status-text.ts";
import type { Trouble } from "../../src/rollover/state.ts";
import { readExposition } from "./exposition.ts";
import { AT_REST, NOON, after, chain, known } from "./statuses.ts";

const THRESHOLDS = { warnDays: null, criticalDays: null, patience: seconds(1800) };

function check(...certificates: StatusReport["certificates"]): ReturnType<typeof checkStatus> {
  return checkStatus({ at: NOON, certificates }, THRESHOLDS);
}

function refusal(code: StandingRefusal["code"], detail: string): StandingRefusal {
  return { gate: "dane", code, until: null, detail, since: after(-600) };
}

const TROUBLE: Trouble = {
  subject: "publish _25._tcp.mx.example.org.",
  code: "UPDATE_REFUSED",
  message: "127.0.0.1 answered REFUSED | twice",
  hint: "check the policy",
  since: after(-600),
  at: after(-60),
};

/** A certificate of 90 days. */
function ofQuarter(left: number): ReturnType<typeof chain> {
  return { ...chain("a", left), notBefore: after((left - 90) * 86_400) };
}

describe("check", () => {
  test("is OK at rest, and says so with figures", () => {
    const { state, text } = check(known("mx"));
    expect(state).toBe(0);
    expect(text).toBe(
      "DANEWARD OK - 1 certificate, all at rest | certificates=1;;;0 rolling=0;;;0 wanting_attention=0;;;0 days_left=40;6.8:;3.4: last_look=60s;;;0\n",
    );
  });

  test("is OK while a rollover goes on by itself, and names the wait", () => {
    const wait = { ...refusal("CLOCK_RUNNING", "wait"), gate: "time" as const, until: after(6600) };
    const { state, text } = check(known("mx", { phase: "aging", next: chain("b"), refusals: [wait] }));
    expect(state).toBe(0);
    expect(text).toContain("1 rolling over: mx is aging until 2026-11-22 13:50:00Z");
  });

  test.each([
    ["a client refuses now", { refusals: [refusal("LIVE_MISMATCH", "mx presents b")] }, 2, "LIVE_MISMATCH"],
    ["a name cannot be written", { troubles: [TROUBLE] }, 1, "REFUSED / twice"],
    ["a certificate is to end soon", { current: ofQuarter(10) }, 1, "the live certificate ends"],
    ["a certificate is to end very soon", { current: ofQuarter(3) }, 2, "the live certificate ends"],
    ["a certificate ended", { current: chain("a", -1) }, 2, "the live certificate ended"],
    ["the driver stands still", { wakeAt: after(-7200), lookedAt: after(-9000) }, 3, "does it run?"],
    [
      "a phase takes too long",
      { phase: "aging" as const, phaseSince: after(-20_000), expected: seconds(7500) },
      1,
      "is usual",
    ],
    ["the source cannot be used", { refusals: [refusal("SOURCE_UNUSABLE", "key misfit")] }, 1, "key misfit"],
  ])("says when %s", (_, changes, state, says) => {
    const report = check(known("well"), known("mx", changes));
    expect(report.state).toBe(state);
    expect(report.text).toContain(says);
    expect(report.text.split("\n")[0]?.match(/\|/g)).toHaveLength(1);
    expect(report.text).toContain("wanting_attention=1");
  });

  test("the worst is said first: refused over unknown over warning", () => {
    const never = { outcome: "never-seen", name: "new", renewalNoted: null } as const;
    const refused = known("mx", { refusals: [refusal("LIVE_MISMATCH", "mx presents b")] });
    expect(check(known("a", { troubles: [TROUBLE] }), never, refused)).toMatchObject({ state: 2 });
    const report = check(known("a", { troubles: [TROUBLE] }), never);
    expect(report.state).toBe(3);
    expect(report.text).toMatch(/^DANEWARD UNKNOWN - new: no tick has looked at it yet \(and 1 more\) \|/);
  });

  test("of certificates that live long two weeks and one are the limits, of others a share of their life", () => {
    const days = (life: number, left: number): ReturnType<typeof check> =>
      check(known("mx", { current: { ...chain("a", left), notBefore: after((left - life) * 86_400) } }));
    expect([days(90, 14.1).state, days(90, 13.9).state, days(90, 6.9).state]).toEqual([0, 1, 2]);
    expect([days(6, 5.9).state, days(6, 1.1).state, days(6, 0.9).state, days(6, 0.4).state]).toEqual([0, 0, 1, 2]);
    expect(days(6, 5.9).text).toContain("days_left=5;1:;0.5:");
    const asked = { warnDays: 30, criticalDays: 20, patience: seconds(1800) };
    const told = checkStatus({ at: NOON, certificates: [known("mx", { current: chain("a", 25) })] }, asked);
    expect(told.state).toBe(1);
    expect(told.text).toContain("days_left=25;30:;20:");
  });

  test.each([
    ["ZONE_UNKNOWN", 3],
    ["NS_UNREACHABLE", 1],
    ["NS_UNSIGNED", 2],
    ["NS_LAGGING", 1],
    ["NOT_SECURE", 1],
  ] as const)("what cannot be seen is well for a while only: %s is %i then", (code, state) => {
    const since = (secondsAgo: number): ReturnType<typeof check> =>
      check(known("mx", { refusals: [{ ...refusal(code, "why"), since: after(-secondsAgo) }] }));
    expect(since(1800).state).toBe(0);
    expect(since(1801)).toMatchObject({ state });
    expect(since(1801).text).toContain(`why [${code}]`);
  });

  test("a name server that lags while records spread is no news", () => {
    const lag = { ...refusal("NS_LAGGING", "ns2 lags"), since: after(-7200) };
    expect(check(known("mx", { phase: "announcing", refusals: [lag] })).state).toBe(0);
  });

  test("a zone that is bogus turns clients away now", () => {
    expect(check(known("mx", { refusals: [refusal("ZONE_BOGUS", "no DNSKEY matches the DS")] })).state).toBe(2);
  });

  test("an address that could not be asked is unknown, another host's is not ours to know", () => {
    const [endpoint] = AT_REST.endpoints;
    if (endpoint === undefined) throw new Error("the fixture has an endpoint");
    const mute = { ...endpoint, verdict: "failed", detail: "no answer after 20 s" } as const;
    expect(check(known("mx", { endpoints: [endpoint, mute] })).state).toBe(3);
    expect(check(known("mx", { endpoints: [mute] })).text).toContain(": no answer after 20 s");
    expect(check(known("mx", { endpoints: [endpoint, { ...mute, own: false }] })).state).toBe(0);
  });

  test("what cannot be read, and having nothing to look after, are unknown", () => {
    expect(check({ outcome: "unreadable", name: "mx", message: "damaged", hint: "" }).state).toBe(3);
    expect(check()).toMatchObject({ state: 3 });
  });

  test("what is found at two names is said once, and one finding in one line", () => {
    const twice = { ...TROUBLE, subject: "publish _465._tcp.mx.example.org." };
    const { text } = check(known("mx", { troubles: [TROUBLE, twice] }));
    expect(text.split("\n")).toHaveLength(2);
    expect(text).not.toContain("more)");
  });

  test("a freeze is a warning however well everything is", () => {
    const frozen = { at: after(-3600), by: "eve", because: "moving", damage: null };
    const report = checkStatus({ at: NOON, frozen, certificates: [known("mx")] }, THRESHOLDS);
    expect(report).toMatchObject({ state: 1 });
    expect(report.text).toContain("frozen for 1h");
  });
});

describe("the textfile", () => {
  const run = { version: "1.2.3", lastRunAt: NOON, lastSuccessAt: after(-60), alarms: 1 };
  const samples = (name: string, report: StatusReport | null) =>
    readExposition(renderStatusPrometheus(report, run)).find((metric) => metric.name === name)?.samples;

  test("tells of the run, of phases, ends, records, name servers and addresses", () => {
    const mismatch = refusal("LIVE_MISMATCH", "mx.example.org:25 at 192.0.2.10 presents key b, but caches may hold a");
    const report: StatusReport = { at: NOON, certificates: [known("mx", { refusals: [mismatch] }), known("www")] };
    expect(samples("daneward_last_run_timestamp_seconds", report)).toEqual([{ labels: {}, value: NOON / 1000 }]);
    expect(samples("daneward_rollover_phase", report)).toContainEqual({
      labels: { cert: "mx", phase: "stable" },
      value: 1,
    });
    const place = { host: "mx.example.org", port: "25", addr: "192.0.2.10" };
    expect(samples("daneward_dane_match", report)).toEqual([
      { labels: { cert: "mx", ...place }, value: 0 },
      { labels: { cert: "www", ...place }, value: 1 },
    ]);
    expect(samples("daneward_cert_not_after_timestamp_seconds", report)?.[0]).toEqual({
      labels: { cert: "mx", version: "deployed" },
      value: after(40 * 86_400) / 1000,
    });
    expect(samples("daneward_name_server_in_sync", report)?.[0]?.value).toBe(1);
    expect(samples("daneward_frozen", report)).toEqual([{ labels: {}, value: 0 }]);
  });

  test("counts records as published, served everywhere, and foreign", () => {
    const [owner] = AT_REST.owners;
    if (owner === undefined) throw new Error("the fixture has an owner name");
    const [mine, theirs] = owner.records;
    const lagging = owner.servers.map((server) => ({ ...server, address: "192.0.2.99", records: [] }));
    const countsOf = (servers: typeof owner.servers): unknown =>
      samples("daneward_tlsa_records", {
        at: NOON,
        certificates: [known("mx", { owners: [{ ...owner, servers }] })],
      })?.map(({ labels, value }) => [labels["name"], labels["state"], value]);
    const name = "_25._tcp.mx.example.org";
    expect([mine?.ours, theirs?.ours]).toEqual([true, false]);
    expect(countsOf(owner.servers)).toEqual([
      [name, "published", 1],
      [name, "served", 1],
      [name, "foreign", 1],
    ]);
    expect(countsOf([...owner.servers, ...lagging])).toContainEqual([name, "served", 0]);
    expect(countsOf([...owner.servers, ...lagging.map((server) => ({ ...server, excluded: true }))])).toContainEqual([
      name,
      "served",
      1,
    ]);
    expect(countsOf([])).toContainEqual([name, "served", 0]);
  });

  test("a name is secure until a server or a validated answer says otherwise, and nothing without an answer", () => {
    const [owner] = AT_REST.owners;
    if (owner === undefined) throw new Error("the fixture has an owner name");
    const secure = (changes: Parameters<typeof known>[1]) =>
      samples("daneward_dnssec_secure", { at: NOON, certificates: [known("mx", changes)] })?.map(({ value }) => value);
    const others = (change: Partial<(typeof owner.servers)[number]>) => ({
      owners: [{ ...owner, servers: owner.servers.map((server) => ({ ...server, ...change })) }],
    });
    expect(secure({})).toEqual([1]);
    expect(secure(others({ condition: "unsigned" }))).toEqual([0]);
    expect(secure(others({ condition: "unsigned", excluded: true }))).toEqual([1]);
    expect(secure(others({ answeredAt: null, condition: "unreachable" }))).toBeUndefined();
    expect(secure({ refusals: [refusal("NOT_SECURE", "_25._tcp.mx.example.org is bogus: no RRSIG")] })).toEqual([0]);
    expect(secure({ refusals: [refusal("NOT_SECURE", "_443._tcp.mx.example.org is bogus: no RRSIG")] })).toEqual([1]);
  });

  test("tells of the run alone where there are very many certificates", () => {
    const text = renderStatusPrometheus(null, { ...run, lastSuccessAt: null });
    expect(readExposition(text).map(({ name }) => name)).toEqual([
      "daneward_build_info",
      "daneward_last_run_timestamp_seconds",
      "daneward_alarms",
    ]);
  });
});

test("status says that nobody looks when a look is long overdue, however well all was", () => {
  const late = known("mx", { wakeAt: after(-7200), lookedAt: after(-9000) });
  const text = renderStatusText({ at: NOON, certificates: [late] }, { color: false });
  expect(text).toContain("mx  stable, not looked at although it was due");
  expect(text.replace(/\s+/g, " ")).toContain("no tick could look or save: does the timer run, is the disk full?");
  expect(renderStatusText({ at: NOON, certificates: [known("mx")] }, { color: false })).toContain("all is well");
});
