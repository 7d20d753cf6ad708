import { describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { addSeconds, instant, seconds } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { chainId, recordText } from "../../src/rollover/chain.ts";
import type { ChainFacts, RecordText } from "../../src/rollover/chain.ts";
import { forecast, forecastRenewal } from "../../src/rollover/forecast.ts";
import type { ForecastEntry } from "../../src/rollover/forecast.ts";
import type { Observation } from "../../src/rollover/observation.ts";
import { recordOutcomes } from "../../src/rollover/outcomes.ts";
import type { Policy } from "../../src/rollover/policy.ts";
import type { RolloverState } from "../../src/rollover/state.ts";
import { step } from "../../src/rollover/step.ts";

const NOW = instant(1_800_000_000_000);

function name(text: string): DomainName {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

const SMTP = name("_25._tcp.mx.example.test");
const SUBMISSIONS = name("_465._tcp.mx.example.test");

/** The defaults of a real site. */
const POLICY: Policy = {
  ttl: seconds(3600),
  propagationDelay: seconds(300),
  publishSafety: seconds(3600),
  retireSafety: seconds(86_400),
  confirmRounds: 3,
  confirmInterval: seconds(10),
  confirmPatience: seconds(600),
  pollInterval: seconds(60),
  observeInterval: seconds(3600),
  cacheFloor: seconds(0),
  maxRecords: 12,
  owners: [SMTP, SUBMISSIONS],
};

function chain(digit: string): ChainFacts {
  const hex = digit.repeat(64);
  return {
    id: chainId(hex),
    certificates: [{ certSha256: hex, certSha512: hex + hex, spkiSha256: hex, spkiSha512: hex + hex }],
    records: [recordText(`3 1 1 ${hex}`)],
    subject: "mx.example.test",
    notBefore: NOW,
    notAfter: instant(NOW + 90 * 86_400_000),
    hasFiles: true,
  };
}

const FIRST = chain("a");
const SECOND = chain("b");

interface Sight {
  readonly source: ChainFacts;
  readonly deployed: ChainFacts;
  /** What ns1 and ns2 serve; null: silent. */
  readonly servers: readonly (readonly RecordText[] | null)[];
}

function sight({ source, deployed, servers }: Sight): Observation {
  const { id, certificates, subject, notBefore, notAfter } = deployed;
  return {
    uptime: null,
    source: { outcome: "chain", chain: source, faults: [] },
    deployed,
    stored: [FIRST.id, SECOND.id],
    owners: POLICY.owners.map((owner) => ({
      outcome: "seen",
      owner,
      finalOwner: owner,
      zone: name("example.test"),
      aliasTtl: seconds(0),
      servers: servers.map((records, at) => ({
        server: `ns${String(at + 1)}`,
        address: `192.0.2.${String(at + 1)}`,
        excluded: false,
        said:
          records === null
            ? { outcome: "failed", fault: fault("DNS_TIMEOUT", "is silent") }
            : {
                outcome: "answer",
                records,
                ttl: POLICY.ttl,
                authoritative: true,
                signed: true,
                serial: records.length,
              },
      })),
      validated: { status: "secure", records: servers[0] ?? [] },
    })),
    endpoints: POLICY.owners.map((owner) => ({
      endpoint: owner === SMTP ? "mx.example.test:25" : "mx.example.test:465",
      owner,
      address: "192.0.2.10",
      own: true,
      presents: { outcome: "chain", id, certificates, subject, notBefore, notAfter },
    })),
  };
}

const BOTH = [...FIRST.records, ...SECOND.records];
const SETTLED = sight({ source: FIRST, deployed: FIRST, servers: [FIRST.records, FIRST.records] });

/** The state of a unit that has run with the first certificate for ten days. */
function settled(): RolloverState {
  let state = step(null, SETTLED, POLICY, instant(NOW - 10 * 86_400_000)).state;
  for (let hour = 240; hour > 0; hour -= 24)
    state = step(state, SETTLED, POLICY, instant(NOW - hour * 3_600_000)).state;
  expect(state.phase).toEqual({ phase: "stable", current: FIRST.id });
  // Published by us, back then.
  return { ...state, owners: state.owners.map((owner) => ({ ...owner, ours: FIRST.records })) };
}

/** Takes the state through what was seen, `every` seconds apart, every action going well. */
function after(state: RolloverState, seen: readonly Observation[], from: Instant, every: number): RolloverState {
  return seen.reduce((before, observation, at) => {
    const now = addSeconds(from, seconds(at * every));
    return recordOutcomes(step(before, observation, POLICY, now).state, []);
  }, state);
}

function events(entries: readonly ForecastEntry[]): readonly string[] {
  return entries.map((entry) => entry.event);
}

function hoursUntil(entries: readonly ForecastEntry[], event: string): number {
  const entry = entries.find((one) => one.event === event);
  return entry === undefined ? Number.NaN : Math.round(((entry.at - NOW) / 3_600_000) * 10) / 10;
}

const WHOLE = [
  "announcing",
  "publish",
  "publish",
  "seen-everywhere",
  "deploying",
  "deploy",
  "confirmed",
  "withdrawing",
];

describe("the timetable of a rollover with two owner names and the usual waits", () => {
  test("a renewal that nobody has seen yet is announced now, deployed after the wait, withdrawn a day later", () => {
    const renewed = sight({ source: SECOND, deployed: FIRST, servers: [FIRST.records, FIRST.records] });
    const entries = forecast(settled(), renewed, POLICY, NOW);
    expect(events(entries)).toEqual([...WHOLE, "withdraw", "withdraw", "withdrawn"]);
    // 5 minutes of propagation, then TTL + propagation delay + publish safety (7500 s), which is more than 2 x TTL.
    expect(hoursUntil(entries, "deploy")).toBe(2.2);
    expect(hoursUntil(entries, "withdraw")).toBe(26.2);
  });

  test("before there is anything to renew it is that of an imagined renewal", () => {
    const entries = forecastRenewal(settled(), SETTLED, POLICY, NOW);
    expect(events(entries)).toEqual([...WHOLE, "withdraw", "withdraw", "withdrawn"]);
  });

  test("a resolver that still answers from its cache follows the name servers, and takes none of them back", () => {
    const owners = SETTLED.owners.map((owner) => ({
      ...owner,
      validated: { status: "secure", records: BOTH } as const,
    }));
    const entries = forecastRenewal(settled(), { ...SETTLED, owners }, POLICY, NOW);
    expect(events(entries)).not.toContain("blocked");
    expect(events(entries).at(-1)).toBe("withdrawn");
  });

  test("an invented key is never shown as if it were one", () => {
    const details = forecastRenewal(settled(), SETTLED, POLICY, NOW).map(({ detail }) => detail);
    expect(details.join("\n")).not.toMatch(/f{8}/);
    expect(details[0]).toBe("key aaaaaaaa -> the renewed key");
    expect(details[1]).toBe("3 1 1 the renewed key at _25._tcp.mx.example.test");
  });

  test("a secondary that lags at present is taken to follow, not to block for ever", () => {
    const lagging = sight({ source: SECOND, deployed: FIRST, servers: [BOTH, FIRST.records] });
    const start = instant(NOW - 60_000);
    const renewed = sight({ source: SECOND, deployed: FIRST, servers: [FIRST.records, FIRST.records] });
    const entries = forecast(after(settled(), [renewed, lagging], start, 30), lagging, POLICY, NOW);
    expect(events(entries)).not.toContain("blocked");
    expect(hoursUntil(entries, "deploy")).toBe(2.2);
  });

  test("a silent secondary is taken to come back", () => {
    const silent = sight({ source: SECOND, deployed: FIRST, servers: [BOTH, null] });
    const renewed = sight({ source: SECOND, deployed: FIRST, servers: [FIRST.records, FIRST.records] });
    const entries = forecast(after(settled(), [renewed, silent], instant(NOW - 60_000), 30), silent, POLICY, NOW);
    expect(events(entries)).not.toContain("blocked");
    expect(hoursUntil(entries, "deploy")).toBe(2.2);
  });

  test("in the middle of the wait only what is left of it counts", () => {
    const renewed = sight({ source: SECOND, deployed: FIRST, servers: [FIRST.records, FIRST.records] });
    const served = sight({ source: SECOND, deployed: FIRST, servers: [BOTH, BOTH] });
    const start = instant(NOW - 3_600_000);
    const entries = forecast(after(settled(), [renewed, served, served], start, 60), served, POLICY, NOW);
    expect(events(entries)).toEqual([
      "deploying",
      "deploy",
      "confirmed",
      "withdrawing",
      "withdraw",
      "withdraw",
      "withdrawn",
    ]);
    expect(hoursUntil(entries, "deploy")).toBe(1.1);
  });

  test("what only a person can lift ends it, and says so", () => {
    const expired = { ...SECOND, notAfter: instant(NOW - 1) };
    const renewed = sight({ source: expired, deployed: FIRST, servers: [FIRST.records, FIRST.records] });
    const entries = forecast(settled(), renewed, POLICY, NOW);
    expect(entries.at(-1)).toMatchObject({ event: "blocked" });
    expect(entries.at(-1)?.detail).toContain("expired");
  });
});
