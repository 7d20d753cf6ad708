/** What is said before a verb, of states that take long to reach otherwise. */
import { describe, expect, test } from "vitest";
import { addSeconds, instant, seconds } from "../../src/base/time.ts";
import { outlookOf } from "../../src/cli/steer-outlook.ts";
import { parseName } from "../../src/dns/name.ts";
import { announce, renderAnnouncement } from "../../src/report/steer-text.ts";
import type { Prospect, SteerWord } from "../../src/report/steer-model.ts";
import { chainId, recordText } from "../../src/rollover/chain.ts";
import type { ChainFacts } from "../../src/rollover/chain.ts";
import type { Policy } from "../../src/rollover/policy.ts";
import type { EndpointState, OwnerState, RolloverState } from "../../src/rollover/state.ts";
import { initialState } from "../../src/rollover/step.ts";

const NOW = instant(1_790_000_000_000);

function name(text: string): OwnerState["owner"] {
  const parsed = parseName(text);
  return parsed.ok ? parsed.value : expect.fail(text);
}

const OWNER = name("_25._tcp.mx.example.org");
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
  owners: [OWNER],
};

function chain(digit: string, days = 60): ChainFacts {
  const digest = digit.repeat(64);
  return {
    id: chainId(digest),
    certificates: [
      { certSha256: digest, certSha512: digest + digest, spkiSha256: digest, spkiSha512: digest + digest },
    ],
    records: [recordText(`3 1 1 ${digest}`)],
    subject: "mx.example.org",
    notBefore: NOW,
    notAfter: addSeconds(NOW, seconds(days * 86_400)),
    hasFiles: true,
  };
}

const [A, B, C] = [chain("a"), chain("b"), chain("c", 20)];

/** Both records are served, the old set was until half an hour ago. */
function ownerState(more: Partial<OwnerState> = {}): OwnerState {
  const records = [...A.records, ...B.records];
  const entry = { ttl: seconds(3600), appearedAt: NOW };
  return {
    owner: OWNER,
    finalOwner: OWNER,
    zone: name("example.org"),
    aliasTtl: seconds(0),
    ours: records,
    coming: [],
    leaving: [],
    horizon: [
      { ...entry, records, servedUntil: null, seen: true },
      { ...entry, records: A.records, servedUntil: addSeconds(NOW, seconds(-1800)), seen: true },
    ],
    clocks: [
      { record: A.records[0] ?? expect.fail(), since: addSeconds(NOW, seconds(-90_000)), ttl: seconds(3600) },
      { record: B.records[0] ?? expect.fail(), since: addSeconds(NOW, seconds(-1800)), ttl: seconds(3600) },
    ],
    servers: [],
    reverted: 0,
    ...more,
  };
}

function state(more: Partial<RolloverState> = {}): RolloverState {
  const phase = { phase: "aging", current: A.id, next: B.id, seenEverywhereAt: NOW } as const;
  return { ...initialState(NOW), phase, chains: [A, B, C], owners: [ownerState()], ...more };
}

const STABLE = { phase: "stable", current: A.id } as const;

function said(
  verb: SteerWord,
  before: RolloverState,
  after: RolloverState = before,
  more: Partial<Prospect> = {},
): string {
  const prospect: Prospect = {
    verb,
    certificate: "mx",
    before,
    after,
    policy: POLICY,
    deploy: "/etc/ssl/daneward/mx",
    reload: [
      ["postfix", "reload"],
      ["doveadm", "reload"],
    ],
    now: NOW,
    outlook: outlookOf(after, POLICY, NOW),
    renewal: { kind: "typed", command: "certbot renew --cert-name mx --force-renewal", note: "" },
    frozen: null,
    ...more,
  };
  return renderAnnouncement(`mx: ${verb}`, announce(prospect)).replace(/\n {11}/g, " ");
}

describe("the figures", () => {
  test("are the end of the wait and the end of what caches hold", () => {
    const text = said("override", state());
    expect(text).toContain("a DANE client that cached 3 1 1 aaaaaaaaaaaa… refuses until 2026-09-21 14:43:20Z (in 30m)");
    expect(text).toContain(
      "without it the swap comes at 2026-09-21 15:48:20Z (in 1h 35m), when every cache knows its record",
    );
    expect(text).toContain('is flipped, then "postfix reload", "doveadm reload" are run');
  });

  test("of a wait that has not begun are how long it will last", () => {
    const text = said("override", state({ owners: [ownerState({ clocks: [] })] }));
    expect(text).toContain("without it the swap comes 2h 5m after every name server serves its record");
  });

  test("of a set that is still served say so", () => {
    const [first, second] = ownerState().horizon;
    const horizon = [first, { ...(second ?? expect.fail()), servedUntil: null, seen: true }].filter(
      (entry) => entry !== undefined,
    );
    const text = said("override", state({ owners: [ownerState({ horizon })] }));
    expect(text).toContain("refuses for as long as a name server serves that, and up to 1h after");
  });

  test("of nothing in the way say that", () => {
    const horizon = ownerState().horizon.slice(0, 1);
    const clocks = ownerState().clocks.map((clock) => ({ ...clock, since: addSeconds(NOW, seconds(-90_000)) }));
    const text = said("override", state({ owners: [ownerState({ horizon, clocks })] }));
    expect(text).toContain("no cache is known to hold an RRset that it does not match");
    expect(text).toContain("without it the swap comes as soon as every gate is open (every cache knows its record)");
  });
});

describe("an override of the withdrawal", () => {
  const confirming = {
    phase: "confirming",
    obsolete: A.id,
    current: B.id,
    deployedAt: NOW,
    rounds: 3,
    lastRoundAt: NOW,
    confirmedAt: addSeconds(NOW, seconds(-3600)),
    failingSince: null,
  } as const;
  const endpoint = (address: string, presents: EndpointState["presents"], detail = ""): EndpointState => {
    return { endpoint: "mx.example.org:25", owner: OWNER, address, own: false, presents, detail, at: NOW };
  };

  test("names what goes, when it would have gone, and who is turned away by it", () => {
    const endpoints = [
      endpoint("192.0.2.1", B.id),
      endpoint("192.0.2.2", A.id),
      endpoint("192.0.2.3", null, "connection refused"),
    ];
    const text = said("override", state({ phase: confirming, endpoints }));
    expect(text).toContain(
      "withdraw 3 1 1 aaaaaaaaaaaa… at _25._tcp.mx.example.org at the next tick (without it in 23h)",
    );
    expect(text).not.toContain("192.0.2.1 ");
    expect(text).toContain("192.0.2.2 presents another certificate: DANE clients refuse it from then on");
    expect(text).toContain(
      "192.0.2.3 could not be asked: should it present the old certificate, DANE clients refuse it",
    );
    expect(text).toContain("there is no way back at once");
  });

  test("leaves the records of standby keys out", () => {
    const standby = [{ spkiSha256: "a".repeat(64), records: A.records }];
    const text = said("override", state({ phase: confirming, standby }));
    expect(text).toContain("withdraw what only the old certificate needs at the next tick");
  });
});

describe("an emergency", () => {
  test("with a standby key that every cache knows has no wait and no choice", () => {
    const horizon = [
      { records: [...A.records, ...B.records], ttl: seconds(3600), appearedAt: NOW, servedUntil: null, seen: true },
    ];
    const standby = [{ spkiSha256: "b".repeat(64), records: B.records }];
    const text = said("emergency", state({ phase: STABLE, standby, owners: [ownerState({ horizon })] }));
    expect(text).toContain("swap without a wait to a certificate for key bbbbbbbb, which every cache knows");
    expect(text).toContain("a certificate for another key than key bbbbbbbb has to wait");
    expect(text).not.toContain("yours to choose");
  });

  test("with a standby key that is not known everywhere yet is like one without", () => {
    const standby = [{ spkiSha256: "b".repeat(64), records: B.records }];
    const text = said("emergency", state({ phase: STABLE, standby }));
    expect(text).toContain("publish a new key as soon as a certificate has one, and swap 2h 5m after");
    expect(text).toContain("yours to choose: 1.");
  });

  test("with another key on its way goes on with that, and asks for no third one", () => {
    const text = said("emergency", state());
    expect(text).toContain("count key aaaaaaaa as compromised");
    expect(text).toContain("go on with key bbbbbbbb, which is swapped to at 2026-09-21 15:48:20Z (in 1h 35m)");
    expect(text).not.toContain("certbot");
  });

  test("in a hold goes nowhere until that is over", () => {
    const phase = {
      phase: "held",
      resume: { phase: "aging", current: A.id, next: B.id, seenEverywhereAt: NOW },
      reason: "OPERATOR_HOLD",
      detail: "test",
      restoring: null,
    } as const;
    expect(said("emergency", state({ phase }))).toContain(
      "it stays held: nothing of this happens before daneward resume mx",
    );
  });

  test("has what is to be typed in one line", () => {
    expect(said("emergency", state({ phase: STABLE }))).toContain(
      "\n  then     type: certbot renew --cert-name mx --force-renewal\n",
    );
  });
});

describe("a rollback after the rollover", () => {
  const after = state({ phase: { phase: "announcing", current: A.id, next: C.id }, rejected: A.id });

  test("says which record is published, and that the earlier certificate ends earlier", () => {
    const text = said("rollback", state({ phase: STABLE }), after);
    expect(text).toContain(
      "go back to key cccccccc (valid until 2026-10-11 14:13:20Z (in 20d)) by a rollover of its own",
    );
    expect(text).toContain("publish 3 1 1 cccccccccccc… at _25._tcp.mx.example.org");
    expect(text).toContain("key cccccccc ends earlier than what is live now: renew before 2026-10-11");
    expect(text).not.toContain("it expires before the wait is over");
  });

  test("to one that does not outlive the wait says that too", () => {
    const soon = { ...C, notAfter: addSeconds(NOW, seconds(3600)) };
    const chains = [A, B, soon];
    const text = said("rollback", state({ phase: STABLE, chains }), { ...after, chains });
    expect(text).toContain("it expires before the wait is over: renew instead");
  });
});

describe("a resume", () => {
  test("after a deinit publishes again, after reverts writes again, after an abort takes up again", () => {
    const before = state({
      phase: STABLE,
      rejected: B.id,
      teardown: { at: NOW, because: "test" },
      owners: [ownerState({ reverted: 2 })],
    });
    const after = { ...before, rejected: null, teardown: null };
    const text = said("resume", before, after);
    expect(text).toContain("publish again the records of key aaaaaaaa");
    expect(text).toContain(
      "take up key bbbbbbbb (valid until 2026-11-20 14:13:20Z (in 60d)) again, which was given up",
    );
    expect(text).toContain("write again at _25._tcp.mx.example.org, where records of ours were removed 2 times");
    expect(text).toContain("a program that writes there too will remove them again");
  });

  test("after a failed reload says what happens if nothing was mended", () => {
    const resume = { phase: "announcing", current: A.id, next: B.id } as const;
    const phase = { phase: "held", resume, reason: "RELOAD_FAILED", detail: "exit 1", restoring: null } as const;
    const text = said("resume", state({ phase }), state({ phase: resume }));
    expect(text).toContain("nothing, if the cause of RELOAD_FAILED is mended; else the old files go back");
  });
});

test("what is frozen is said of every verb, and no letter plays with a terminal", () => {
  const frozen = "everything is frozen by \u001b[31malice";
  const text = said("hold", state(), state(), { frozen });
  expect(text).toContain("everything is frozen by  [31malice; nothing of this happens before daneward thaw");
});
