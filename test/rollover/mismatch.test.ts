import { describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { chainId, recordText } from "../../src/rollover/chain.ts";
import type { ChainFacts, RecordText } from "../../src/rollover/chain.ts";
import type { Observation } from "../../src/rollover/observation.ts";
import { isAlarm } from "../../src/rollover/mismatch.ts";
import { resume } from "../../src/rollover/operator.ts";
import { recordOutcomes } from "../../src/rollover/outcomes.ts";
import type { Policy } from "../../src/rollover/policy.ts";
import type { RolloverState } from "../../src/rollover/state.ts";
import { step } from "../../src/rollover/step.ts";
import type { Step } from "../../src/rollover/step.ts";

const NOW = 1_800_000_000_000;

function name(text: string): DomainName {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

const OWNER = name("_25._tcp.mx.example.test");
const POLICY: Policy = {
  ttl: seconds(3600),
  propagationDelay: seconds(0),
  publishSafety: seconds(0),
  retireSafety: seconds(3600),
  confirmRounds: 1,
  confirmInterval: seconds(10),
  confirmPatience: seconds(600),
  pollInterval: seconds(60),
  observeInterval: seconds(3600),
  cacheFloor: seconds(0),
  maxRecords: 12,
  owners: [OWNER],
};

function chain(digit: string): ChainFacts {
  const hex = digit.repeat(64);
  return {
    id: chainId(hex),
    certificates: [{ certSha256: hex, certSha512: hex + hex, spkiSha256: hex, spkiSha512: hex + hex }],
    records: [recordText(`3 1 1 ${hex}`)],
    subject: "mx.example.test",
    notBefore: instant(NOW - 86_400_000),
    notAfter: instant(NOW + 90 * 86_400_000),
    hasFiles: true,
  };
}

const FIRST = chain("a");
const SECOND = chain("b");

function sight(
  source: ChainFacts,
  deployed: ChainFacts,
  presented: ChainFacts,
  records: readonly RecordText[],
): Observation {
  const { id, certificates, subject, notBefore, notAfter } = presented;
  const said = { outcome: "answer", records, ttl: POLICY.ttl, authoritative: true, signed: true, serial: 1 } as const;
  return {
    uptime: null,
    source: { outcome: "chain", chain: source, faults: [] },
    deployed,
    stored: [FIRST.id, SECOND.id],
    owners: [
      {
        outcome: "seen",
        owner: OWNER,
        finalOwner: OWNER,
        zone: name("example.test"),
        aliasTtl: seconds(0),
        servers: [{ server: "ns1", address: "192.0.2.1", excluded: false, said }],
        validated: { status: "secure", records },
      },
    ],
    endpoints: [
      {
        endpoint: "mx.example.test:25",
        owner: OWNER,
        address: "192.0.2.10",
        own: true,
        presents: { outcome: "chain", id, certificates, subject, notBefore, notAfter },
      },
    ],
  };
}

function look(state: RolloverState | null, seen: Observation, minute: number): Step {
  return step(state, seen, POLICY, instant(NOW + minute * 60_000));
}

function settled(): RolloverState {
  const seen = sight(FIRST, FIRST, FIRST, FIRST.records);
  return look(look(null, seen, -600).state, seen, -1).state;
}

const codes = (result: Step): readonly string[] => result.refusals.map((refusal) => refusal.code);

describe("a certificate that went live before its record", () => {
  const early = look(settled(), sight(SECOND, FIRST, SECOND, FIRST.records), 0);

  test("is an alarm at once, with the end of it unknown while the old RRset is served alone", () => {
    expect(codes(early)).toContain("LIVE_MISMATCH");
    expect(early.refusals.find((refusal) => refusal.code === "LIVE_MISMATCH")).toMatchObject({
      gate: "dane",
      until: null,
    });
    expect(early.events.map((event) => event.event)).toContain("bypassed");
  });

  test("gets its record as soon as may be, and the alarm says when the last cache has forgotten the old RRset", () => {
    const both = [...FIRST.records, ...SECOND.records];
    const actions = early.actions.map((action) => action.kind);
    expect(actions).toContain("deploy");
    const published = actions.includes("publish")
      ? early
      : look(
          recordOutcomes(early.state, [
            { kind: "deploy", chain: SECOND.id, at: instant(NOW), flipped: true, reloaded: true, fault: null },
          ]),
          sight(SECOND, SECOND, SECOND, FIRST.records),
          1,
        );
    expect(published.actions).toContainEqual(expect.objectContaining({ kind: "publish", add: SECOND.records }));
    const later = look(published.state, sight(SECOND, SECOND, SECOND, both), 2);
    const alarm = later.refusals.find((refusal) => refusal.code === "LIVE_MISMATCH");
    expect(alarm?.until).toBe(NOW + 2 * 60_000 + 3_600_000);
  });

  test("leaves a warning that outlasts it, until a later rollover was not run past", () => {
    const both = [...FIRST.records, ...SECOND.records];
    const after = sight(SECOND, SECOND, SECOND, both);
    const calm = look(look(early.state, after, 2).state, after, 300);
    expect(codes(calm)).not.toContain("LIVE_MISMATCH");
    expect(codes(calm)).toContain("DEPLOY_BYPASSED");
    const aging: RolloverState = {
      ...calm.state,
      phase: { phase: "aging", current: FIRST.id, next: SECOND.id, seenEverywhereAt: instant(NOW) },
    };
    expect(codes(look(aging, sight(SECOND, FIRST, FIRST, both), 310))).not.toContain("DEPLOY_BYPASSED");
  });

  test("is not suspected while everything goes its way", () => {
    const waiting = look(settled(), sight(SECOND, FIRST, FIRST, FIRST.records), 0);
    expect(codes(waiting)).not.toContain("LIVE_MISMATCH");
    expect(codes(waiting)).not.toContain("DEPLOY_BYPASSED");
  });

  test("is not suspected of a renewal that keeps the key", () => {
    const sameKey = { ...SECOND, certificates: FIRST.certificates, records: FIRST.records };
    const result = look(settled(), sight(sameKey, FIRST, sameKey, FIRST.records), 0);
    expect(codes(result)).not.toContain("DEPLOY_BYPASSED");
  });
});

describe("what servers are configured to read", () => {
  const mended = { deployed: ["postfix (/etc/postfix/main.cf:10)"], source: [] };
  const wrong = { deployed: [], source: ["postfix (/etc/postfix/main.cf:10)"] };
  const bypassed: RolloverState = { ...settled(), bypassedAt: instant(NOW - 60_000) };
  const calm = sight(FIRST, FIRST, FIRST, FIRST.records);
  /** The record is ours, so that clients are bound by our word. */
  const binding = (state: RolloverState): RolloverState => ({
    ...state,
    owners: state.owners.map((owner) => ({ ...owner, ours: FIRST.records })),
  });

  test("ends the warning when it is the deployed files", () => {
    expect(codes(look(bypassed, calm, 0))).toContain("DEPLOY_BYPASSED");
    const after = look(bypassed, { ...calm, readers: mended }, 0);
    expect(codes(after)).not.toContain("DEPLOY_BYPASSED");
    expect(after.state.bypassedAt).toBeNull();
    // What is on the wire counts for more than what a file says.
    const early = look(bypassed, { ...sight(SECOND, FIRST, SECOND, FIRST.records), readers: mended }, 0);
    expect(early.state.bypassedAt).not.toBeNull();
  });

  test("does not end it while somebody else is known to read the client's own, or nothing is known", () => {
    const both = { deployed: mended.deployed, source: wrong.source };
    expect(look(bypassed, { ...calm, readers: both }, 0).state.bypassedAt).not.toBeNull();
    expect(look(bypassed, { ...calm, readers: { deployed: [], source: [] } }, 0).state.bypassedAt).not.toBeNull();
  });

  test("is an alarm before anything happened when it is the client's own, once a record of ours is out", () => {
    const seen = { ...calm, readers: wrong };
    const alarm = look(binding(settled()), seen, 0).refusals.find(({ code }) => code === "DEPLOY_BYPASSED");
    expect(alarm?.detail).toContain("postfix (/etc/postfix/main.cf:10) reads the ACME client's own files");
    const unbound = { ...settled(), owners: settled().owners.map((owner) => ({ ...owner, ours: [] })) };
    expect(codes(look(unbound, seen, 0))).not.toContain("DEPLOY_BYPASSED");
  });

  test("and the operator's word ends it too", () => {
    const result = resume(bypassed, instant(NOW));
    expect(result.ok && result.value.bypassedAt).toBeNull();
  });
});

test("an alarm that time ends is looked at again when it does", () => {
  const both = [...FIRST.records, ...SECOND.records];
  const mixed = look(settled(), sight(SECOND, FIRST, SECOND, FIRST.records), 0);
  const served = look(mixed.state, sight(SECOND, SECOND, SECOND, both), 2);
  const slow = { ...POLICY, pollInterval: seconds(86_400), observeInterval: seconds(86_400), retireSafety: seconds(0) };
  const later = step(served.state, sight(SECOND, SECOND, SECOND, both), slow, instant(NOW + 3 * 60_000));
  const alarm = later.refusals.find(({ code }) => code === "LIVE_MISMATCH");
  expect(alarm?.until).not.toBeNull();
  expect(later.wakeAt).toBeLessThanOrEqual(alarm?.until ?? 0);
});

test("the proof of a swap is told once, whenever the withdrawal follows", () => {
  const both = [...FIRST.records, ...SECOND.records];
  const deployed: RolloverState = {
    ...settled(),
    phase: {
      phase: "confirming",
      obsolete: FIRST.id,
      current: SECOND.id,
      deployedAt: instant(NOW - 60_000),
      rounds: 0,
      lastRoundAt: null,
      confirmedAt: null,
      failingSince: null,
    },
    chains: [FIRST, SECOND],
  };
  const seen = sight(SECOND, SECOND, SECOND, both);
  const told = (result: Step): readonly string[] => result.events.map(({ event }) => event);
  const proven = look(deployed, seen, 0);
  expect(told(proven)).toEqual(["confirmed"]);
  expect(told(look(proven.state, seen, 1))).toEqual([]);
  const atOnce = step(deployed, seen, { ...POLICY, retireSafety: seconds(0) }, instant(NOW));
  expect(told(atOnce).filter((event) => event === "confirmed")).toHaveLength(1);
});

describe("a publisher whose key cannot be used", () => {
  const publisher = fault("KEY_FILE_EXPOSED", "the key file has mode 0644");
  const seen = { ...sight(FIRST, FIRST, FIRST, FIRST.records), publisher };

  test("is an alarm at rest, which keeps nothing from being at rest", () => {
    const result = look(settled(), seen, 0);
    const alarm = result.refusals.find(({ code }) => code === "PUBLISHER_UNUSABLE");
    expect(alarm?.detail).toBe("the key file has mode 0644 [KEY_FILE_EXPOSED]");
    expect(result.refusals.filter((refusal) => !isAlarm(refusal))).toEqual([]);
    expect(result.wakeAt).toBe(look(settled(), sight(FIRST, FIRST, FIRST, FIRST.records), 0).wakeAt);
  });

  test("is not told a second time beside the publication that failed for it", () => {
    const renewed = look(settled(), { ...sight(SECOND, FIRST, FIRST, FIRST.records), publisher }, 0);
    expect(renewed.actions.map(({ kind }) => kind)).toContain("publish");
    const failed = recordOutcomes(renewed.state, [
      { kind: "publish", owner: OWNER, at: instant(NOW), fault: publisher },
    ]);
    const again = look(failed, { ...sight(SECOND, FIRST, FIRST, FIRST.records), publisher }, 1);
    expect(codes(again)).not.toContain("PUBLISHER_UNUSABLE");
    expect(again.state.troubles.map(({ code }) => code)).toEqual(["KEY_FILE_EXPOSED"]);
  });
});
