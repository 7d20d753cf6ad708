import { describe, expect, test } from "vitest";
import { instant, seconds } from "../../src/base/time.ts";
import { concernOf } from "../../src/report/model.ts";
import type { CertificateStatus, StatusReport } from "../../src/report/model.ts";
import { renderPlanJson, renderPlanText } from "../../src/report/plan-text.ts";
import { renderStatusJson } from "../../src/report/status-json.ts";
import { renderStatusText } from "../../src/report/status-text.ts";
import { renderTimelineJson, renderTimelineText } from "../../src/report/timeline-text.ts";
import { failureBlock, troubleOf } from "../../src/report/trouble-text.ts";
import { chainId, recordText } from "../../src/rollover/chain.ts";
import type { ChainFacts } from "../../src/rollover/chain.ts";
import { safetyOf } from "../../src/report/words.ts";
import type { Phase } from "../../src/rollover/state.ts";
import { nameOf } from "../fakes/driver-world.ts";

const NOON = instant(Date.UTC(2026, 10, 22, 12, 0, 0));
const after = (count: number): typeof NOON => instant(NOON + count * 1000);
const hint = (code: string): string => `mend ${code}, then daneward resume CERT`;

function chain(digit: string): ChainFacts {
  const hex = digit.repeat(64);
  return {
    id: chainId(hex),
    certificates: [{ certSha256: hex, certSha512: hex + hex, spkiSha256: hex, spkiSha512: hex + hex }],
    records: [recordText(`3 1 1 ${hex}`)],
    subject: "mx.example.org",
    notBefore: after(-86_400),
    notAfter: after(40 * 86_400),
    hasFiles: true,
  };
}

const current = chain("a");
const next = chain("b");
const owner = nameOf("_25._tcp.mx.example.org");

/** Aging: the new record published, one secondary of the zone behind. */
const AGING: CertificateStatus = {
  phase: "aging",
  phaseSince: after(-600),
  expected: null,
  detail: { phase: "aging", current: current.id, next: next.id, seenEverywhereAt: after(-600) },
  hold: null,
  current,
  next,
  obsolete: null,
  lookedAt: after(-30),
  wakeAt: after(60),
  renewalNoted: null,
  deploy: "/etc/ssl/daneward/mx",
  footing: { published: true, oldFiles: true },
  rejected: null,
  standby: [],
  override: null,
  emergency: null,
  teardown: null,
  bypassedAt: null,
  standing: { kind: "staged", readyAt: after(6600), late: false },
  refusals: [
    {
      gate: "time",
      code: "CLOCK_RUNNING",
      until: after(6600),
      detail: "1h 50m until every cache has it",
      since: after(-600),
    },
  ],
  troubles: [],
  owners: [
    {
      owner,
      finalOwner: nameOf("mx._dane.example.net"),
      zone: nameOf("example.net"),
      ttl: seconds(3600),
      records: [
        { text: recordText(`3 1 1 ${"a".repeat(64)}`), state: "omnipresent", ours: true, served: true, stale: false },
        { text: recordText(`3 1 1 ${"b".repeat(64)}`), state: "rumoured", ours: true, served: true, stale: false },
        { text: recordText(`3 1 1 ${"c".repeat(64)}`), state: "omnipresent", ours: false, served: true, stale: true },
      ],
      servers: [
        {
          server: "ns1.example.net.",
          address: "192.0.2.53",
          excluded: false,
          records: [],
          ttl: seconds(3600),
          serial: 7,
          answeredAt: NOON,
          condition: "in-sync",
          conditionSince: after(-600),
          detail: "",
        },
        {
          server: "ns2.example.net.",
          address: "2001:db8::53",
          excluded: false,
          records: [],
          ttl: seconds(3600),
          serial: 6,
          answeredAt: NOON,
          condition: "lagging",
          conditionSince: after(-300),
          detail: `does not serve 3 1 1 ${"b".repeat(64)} (serial 6)`,
        },
      ],
    },
  ],
  endpoints: [
    {
      endpoint: "mx.example.org:25",
      owner,
      address: "192.0.2.10",
      own: true,
      presents: current.id,
      detail: "",
      at: after(-30),
      protocol: "smtp",
      verdict: "in-order",
    },
  ],
};

const HELD: CertificateStatus = {
  ...AGING,
  phase: "held",
  detail: {
    phase: "held",
    reason: "RELOAD_FAILED",
    detail: '"postfix reload" ended with exit code 1',
    restoring: null,
    resume: { phase: "announcing", current: current.id, next: next.id },
  },
  hold: {
    phase: "held",
    reason: "RELOAD_FAILED",
    detail: '"postfix reload" ended with exit code 1',
    restoring: null,
    resume: { phase: "announcing", current: current.id, next: next.id },
  },
  refusals: [],
};

/** The first files are deployed, nothing is published, and the one address goes on with what it had. */
const UNREAD: CertificateStatus = {
  ...AGING,
  phase: "confirming",
  detail: {
    phase: "confirming",
    obsolete: null,
    current: current.id,
    deployedAt: NOON,
    rounds: 0,
    lastRoundAt: null,
    confirmedAt: null,
    failingSince: NOON,
  },
  next: null,
  footing: { published: false, oldFiles: false },
  refusals: [
    {
      gate: "dane",
      code: "ENDPOINT_UNPROVEN",
      until: null,
      detail: "mx.example.org:25 at 192.0.2.10 presents key 7e264979 instead of key aaaaaaaa",
      since: NOON,
    },
  ],
  owners: AGING.owners.map((each) => ({ ...each, ttl: seconds(0), records: [] })),
  endpoints: AGING.endpoints.map((each) => ({ ...each, verdict: "foreign", presents: chainId("7e".repeat(32)) })),
};

/** Folding undone: what a row says, whatever the width. */
function unfolded(text: string): string {
  return text.replace(/\n {11}(?! )/g, " ");
}

function told(report: StatusReport, options: Parameters<typeof renderStatusText>[1]): string {
  return unfolded(renderStatusText(report, options));
}

function reportOf(status: CertificateStatus): StatusReport {
  return { at: NOON, certificates: [{ outcome: "known", name: "mx", status }] };
}

describe("status for people", () => {
  test("answers first whether it is safe to leave alone, then why not now and until when", () => {
    const text = told(reportOf(AGING), { color: false });
    expect(text.split("\n")[0]).toBe("mx  aging, safe to leave alone");
    expect(text).toContain("live     3 1 1 aaaaaaaaaaaa…, mx.example.org, valid until 2027-01-01 12:00:00Z (in 40d)");
    expect(text).toContain("next     3 1 1 bbbbbbbbbbbb…");
    expect(text).toContain("aging since 2026-11-22 11:50:00Z (10m ago)");
    expect(text).toContain(
      "waits    until 2026-11-22 13:50:00Z (in 1h 50m): 1h 50m until every cache has it [CLOCK_RUNNING, since 2026-11-22 11:50:00Z (10m ago)]",
    );
    expect(text).toContain("then     swap the files and reload the services: 2026-11-22 13:50:00Z (in 1h 50m)\n");
    expect(text).toContain("deadline 39d 22h to spare: the live certificate ends 2027-01-01 12:00:00Z (in 40d)\n");
    expect(text).toContain("look     again 2026-11-22 12:01:00Z (in 1m)");
    expect(text).toContain("reloads and restarts do no harm, since the deployed files are still the old ones\n");
    expect(text).toContain("_25._tcp.mx.example.org -> mx._dane.example.net, zone example.net, TTL 1h");
    expect(text).toContain("3 1 1 bbbbbbbbbbbb…  published, not yet known everywhere\n");
    expect(text).toContain("3 1 1 cccccccccccc…  known everywhere, not ours, of no use\n");
    expect(text).toContain(`to remove it: daneward withdraw mx._dane.example.net "3 1 1 ${"c".repeat(64)}"\n`);
    expect(text).toContain("1 of 2 name server addresses in sync");
    expect(text).toContain(
      "ns2.example.net 2001:db8::53  lagging since 2026-11-22 11:55:00Z (5m ago): does not serve 3 1 1 bbbbbbbbbbbb… (serial 6)\n",
    );
    expect(text).toContain("mx.example.org:25 192.0.2.10  presents the live certificate");
  });

  test("takes a certificate that another host behind the name has for what it is", () => {
    const peers = UNREAD.endpoints.map((each) => ({ ...each, address: "192.0.2.11", own: false }));
    const text = told(reportOf({ ...AGING, endpoints: peers }), { color: false });
    expect(text).toContain("mx.example.org:25 192.0.2.11 (peer)  presents a certificate of its own");
  });

  test("of a hold says what to type", () => {
    const text = told(reportOf(HELD), { color: false });
    expect(text.split("\n")[0]).toBe("mx  held, needs you");
    expect(text).toContain('RELOAD_FAILED: "postfix reload" ended with exit code 1');
    expect(text).toContain("daneward resume mx; or give the rollover up: daneward abort mx");
    expect(text).toContain("all records stay published");
  });

  test("says one fault once: held for, failed and refused", () => {
    const message = '"postfix reload" ended with exit code 1';
    const trouble = {
      subject: "deploy",
      code: "RELOAD_FAILED",
      message,
      hint: "run it",
      since: NOON,
      at: NOON,
    } as const;
    const refusal = { gate: "policy", code: "RELOAD_FAILED", until: null, detail: message, since: NOON } as const;
    const text = told(reportOf({ ...HELD, troubles: [trouble], refusals: [refusal] }), { color: false });
    expect(text.split(message)).toHaveLength(2);
    expect(text).toContain("deploy, since 2026-11-22 12:00:00Z (now); hint: run it");
    expect(text).not.toContain("waits");
  });

  test("says what a name server lacks once, whichever names it lacks it at", () => {
    const [first] = AGING.owners;
    if (first === undefined) throw new Error("AGING has an owner");
    const second = { ...first, owner: nameOf("_465._tcp.mx.example.org") };
    const [inOrder, lagging] = first.servers;
    if (inOrder === undefined || lagging === undefined) throw new Error("it has two servers");
    const both = told(reportOf({ ...AGING, owners: [first, second] }), { color: false });
    expect(both.split("ns2.example.net")).toHaveLength(2);
    expect(both).toMatch(/ {2}server {3}ns2.example.net .*\(serial 6\)\n/);
    const one = { ...second, servers: [inOrder] };
    const half = told(reportOf({ ...AGING, owners: [first, one] }), { color: false });
    expect(half).toContain("(serial 6) (_25._tcp.mx.example.org)\n");
  });

  test("a record of another certificate of the service is called that, and nobody is told to remove it", () => {
    const owners = AGING.owners.map((owner) => ({
      ...owner,
      records: owner.records.map((one) => (one.stale ? { ...one, stale: false, companion: "mx-ec" } : one)),
    }));
    const text = told(reportOf({ ...AGING, owners }), { color: false });
    expect(text).toContain("3 1 1 cccccccccccc…  known everywhere, looked after by mx-ec\n");
    expect(text).not.toContain("daneward withdraw");
  });

  test("tells waits that time ends as one, the longest, and whatever else stands apart", () => {
    const [clock] = AGING.refusals;
    if (clock === undefined) throw new Error("AGING waits");
    const more = { ...clock, detail: "another address" };
    const shorter = {
      ...clock,
      code: "HORIZON_UNSAFE",
      until: after(60),
      detail: "caches may hold a",
      since: after(-900),
    } as const;
    const lag = { ...clock, gate: "dane", code: "NS_LAGGING", until: null, detail: "ns2 lags" } as const;
    const text = told(reportOf({ ...AGING, refusals: [clock, more, shorter, lag] }), { color: false });
    expect(text).toContain(
      "  waits    until 2026-11-22 13:50:00Z (in 1h 50m): 1h 50m until every cache has it; another address " +
        "[CLOCK_RUNNING, HORIZON_UNSAFE, since 2026-11-22 11:45:00Z (15m ago)]\n" +
        "  waits    ns2 lags [dane: NS_LAGGING, since 2026-11-22 11:50:00Z (10m ago)]\n",
    );
    expect(text.split("CLOCK_RUNNING")).toHaveLength(2);
  });

  test("gives several refusals of one kind one reason", () => {
    const [clock] = AGING.refusals;
    if (clock === undefined) throw new Error("AGING waits");
    const lag = { ...clock, gate: "dane", code: "NS_LAGGING", until: null, detail: "ns2 lags" } as const;
    const refusals = [lag, { ...lag, detail: "ns3 lags" }];
    const text = renderStatusText(reportOf({ ...AGING, refusals }), { color: false });
    expect(text).toContain("  waits    ns2 lags\n           ns3 lags [dane: NS_LAGGING");
    expect(text.split("NS_LAGGING")).toHaveLength(2);
  });

  test("of an end that has passed since the last look says that it was due", () => {
    const [clock] = AGING.refusals;
    if (clock === undefined) throw new Error("AGING waits");
    const text = told(reportOf({ ...AGING, refusals: [{ ...clock, until: after(-20) }] }), { color: false });
    expect(text).toContain("waits    its end was due 2026-11-22 11:59:40Z (20s ago): ");
  });

  test("of a first publication that no name server shows yet says just that, and waits for nothing else", () => {
    const [first] = AGING.owners;
    if (first === undefined) throw new Error("AGING has an owner");
    const coming = {
      text: recordText(`3 1 1 ${"a".repeat(64)}`),
      state: "rumoured",
      ours: true,
      served: false,
      stale: false,
    } as const;
    const lag = {
      gate: "dane",
      code: "NS_LAGGING",
      until: null,
      detail: "ns1 does not serve it",
      since: NOON,
    } as const;
    const retire = {
      gate: "time",
      code: "RETIRE_RUNNING",
      until: after(600),
      detail: "the old record goes",
      since: NOON,
    } as const;
    const status = {
      ...UNREAD,
      detail: { ...UNREAD.detail, confirmedAt: NOON, rounds: 3 } as Phase,
      owners: [{ ...first, records: [coming] }],
      refusals: [lag, retire],
    };
    const text = told(reportOf(status), { color: false });
    expect(text).toContain("3 1 1 aaaaaaaaaaaa…  asked for, not yet served by any name server\n");
    expect(text).toContain("  then     see the records on every name server\n");
    expect(text).not.toContain("the old record");
  });

  test("of many refusals alike shows the first", () => {
    const alike = Array.from({ length: 9 }, (_, at) => ({
      gate: "dane" as const,
      code: "NS_LAGGING" as const,
      until: null,
      detail: `ns${String(at)} lags`,
      since: NOON,
    }));
    const text = told(reportOf({ ...AGING, refusals: alike }), { color: false });
    expect(text).toContain("ns2 lags and 6 more [dane: NS_LAGGING");
    expect(text).not.toContain("ns3 lags");
  });

  test("of names without any RRset says so, and blames no server", () => {
    const owners = AGING.owners.map((each) => ({ ...each, ttl: seconds(0), records: [] }));
    const text = told(reportOf({ ...AGING, owners }), { color: false });
    expect(text).toContain("zone example.net, no RRset yet\n             no record of ours yet\n");
    expect(text).not.toContain("lagging");
  });

  test("of a renewal that a hook noted says what comes next", () => {
    const text = told(reportOf({ ...AGING, renewalNoted: after(-60) }), { color: false });
    expect(text).toContain("  renewal  noted 2026-11-22 11:59:00Z (1m ago); the next daneward tick looks at it\n");
    expect(text).toContain("  look     due: the next daneward tick looks; last look");
    expect(JSON.stringify(renderStatusJson(reportOf({ ...AGING, renewalNoted: after(-60) })))).toContain(
      '"renewalNoted":"2026-11-22T11:59:00Z"',
    );
  });

  test("of services that do not read the first deployed files says which files, and promises no way back", () => {
    const status = UNREAD;
    const text = told(reportOf(status), { color: false });
    expect(text.split("\n")[0]).toBe("mx  confirming, needs you");
    expect(text).toContain("deployed 3 1 1 aaaaaaaaaaaa…");
    expect(text).toContain("/etc/ssl/daneward/mx/fullchain.pem with /etc/ssl/daneward/mx/privkey.pem");
    expect(text).toContain("/etc/ssl/daneward/mx/combined.pem");
    expect(text).toContain("does not present the deployed certificate yet");
    expect(text).toContain("no TLSA record is published");
    expect(text).not.toMatch(/old files|stay published/);
  });

  test("colours only when asked", () => {
    expect(told(reportOf(AGING), { color: false })).not.toContain("\u001b");
    expect(told(reportOf(AGING), { color: true })).toContain("\u001b[33msafe to leave alone\u001b[0m");
  });

  test("of certificates never seen or unreadable says what to do", () => {
    const text = told(
      {
        at: NOON,
        certificates: [
          { outcome: "never-seen", name: "www", renewalNoted: null },
          { outcome: "unreadable", name: "old", message: "damaged", hint: "restore it" },
        ],
      },
      { color: false, whole: true },
    );
    expect(text).toContain("daneward tick www");
    expect(text).toContain("restore it");
    expect(told({ at: NOON, certificates: [] }, { color: false })).toBe("no certificate is configured\n");
  });
});

describe("status of what operators said and prepared", () => {
  const word = { at: after(-60), because: "key on a lost disk (alice)" };

  test.each([
    [
      "a standby key",
      { standby: [{ spkiSha256: "d".repeat(64), records: [], state: "omnipresent" }] },
      "  standby  key dddddddddddd…, known everywhere: a certificate with it can be deployed at once\n",
    ],
    [
      "an override",
      { override: { ...word, act: "swap", chain: next.id } },
      "  override swap at once, gates lifted for this: key on a lost disk (alice), 2026-11-22 11:59:00Z (1m ago)\n",
    ],
    [
      "an emergency",
      { emergency: { ...word, spkiSha256: "a".repeat(64) } },
      "  urgent   key aaaaaaaaaaaa… counts as compromised: key on a lost disk (alice), 2026-11-22 11:59:00Z (1m ago)\n",
    ],
    [
      "a teardown",
      { teardown: word },
      "  teardown the records go for good: key on a lost disk (alice), 2026-11-22 11:59:00Z (1m ago); daneward resume mx takes it back\n",
    ],
    [
      "an aborted certificate",
      { rejected: chain("e") },
      "left alone until a newer certificate comes, or daneward resume mx\n",
    ],
    [
      "services that read the client's files",
      {
        bypassedAt: after(-60),
        refusals: [{ gate: "policy", code: "DEPLOY_BYPASSED", until: null, detail: "postfix reads them", since: NOON }],
      },
      "; but do not renew, reload or restart by hand before the services read the deployed files\n",
    ],
    [
      "a deadline that is missed",
      { standing: { kind: "infeasible", latestStart: after(-60), readyAt: after(7200) } },
      "  deadline MISSED: a renewal with a new key that came now would be ready 2026-11-22 14:00:00Z (in 2h), and the live certificate ends",
    ],
  ] as const)("shows %s", (_, changes, line) => {
    const text = told(reportOf({ ...AGING, ...changes }), { color: false });
    expect(text).toContain(line);
    expect(JSON.stringify(renderStatusJson(reportOf({ ...AGING, ...changes })))).toContain(
      Object.keys(changes)
        .slice(0, 1)
        .join()
        .replace("rejected", "aborted")
        .replace("bypassedAt", "bypassedSince")
        .replace("standing", "infeasible"),
    );
  });

  test("shows first that everything is frozen, since when and why", () => {
    const frozen = { at: after(-3600), by: "alice", because: "zone move", damage: null };
    const text = told({ ...reportOf(AGING), frozen }, { color: false });
    expect(text).toMatch(
      /^everything is frozen since 2026-11-22 11:00:00Z \(1h ago\)\n {2}why {6}by alice: zone move\n/,
    );
    expect(text).toContain("daneward thaw");
    expect(renderStatusJson({ ...reportOf(AGING), frozen })).toMatchObject({
      frozen: { since: "2026-11-22T11:00:00Z", by: "alice", because: "zone move" },
    });
    const damaged = told(
      { ...reportOf(AGING), frozen: { ...frozen, by: "", because: "", damage: "it is not JSON" } },
      { color: false },
    );
    expect(damaged).toContain("frozen.json cannot be understood (it is not JSON)");
  });

  test("out of time it needs a person, and says how no wait is needed", () => {
    const standing = { kind: "infeasible", latestStart: after(-60), readyAt: after(7200) } as const;
    const status = {
      ...AGING,
      phase: "stable",
      detail: { phase: "stable", current: current.id },
      refusals: [],
      standing,
    } as const;
    expect(concernOf(status)).toBe("attention");
    expect(told(reportOf(status), { color: false })).toContain("  do       renew at once with the key that is in use");
  });
});

describe("status of several certificates", () => {
  const stable = {
    ...AGING,
    phase: "stable",
    detail: { phase: "stable", current: current.id },
    refusals: [],
    standing: { kind: "in-time", renewal: after(60), latestStart: after(3600) },
  } as const;
  const known = (name: string, status: CertificateStatus): StatusReport["certificates"][number] => {
    return { outcome: "known", name, status };
  };

  test("is a table, the worst first, a row each, and what the worst want", () => {
    const certificates = [known("well", stable), known("aging", AGING), known("held", HELD)];
    const text = renderStatusText({ at: NOON, certificates }, { color: false });
    expect(text).toBe(`3 certificates: 1 needs you, 1 under way, 1 well, 2026-11-22 12:00:00Z

  CERTIFICATE  PHASE        LIVE KEY  EXPIRES    NEXT
! held         held         aaaaaaaa  in 40d     you: RELOAD_FAILED
~ aging        aging        aaaaaaaa  in 40d     swap in 1h 50m
  well         stable       aaaaaaaa  in 40d     renewal in 1m

held
  "postfix reload" ended with exit code 1
  do       daneward explain RELOAD_FAILED; when it is mended: daneward resume
           held; or give the rollover up: daneward abort held

daneward status NAME shows one of them whole
`);
  });

  test("keeps to a screen, and never leaves out one that needs a person", () => {
    const many = Array.from({ length: 200 }, (_, at) => known(`c${String(at)}`, at % 4 === 0 ? HELD : stable));
    const lines = renderStatusText({ at: NOON, certificates: many }, { color: false }).split("\n");
    expect(lines.filter((line) => line.startsWith("! "))).toHaveLength(50);
    expect(lines.filter((line) => / stable /.test(line))).toHaveLength(0);
    expect(lines).toContain("  and 150 more, none of which needs you (daneward status -v shows all)");
    expect(lines).toContain("47 more need you: see the table");
  });

  test("never gets wider than a terminal", () => {
    const name = "a-very-long-name.of-a-certificate.example.org";
    const certificates = [known(name, HELD), known("b", AGING)];
    for (const line of renderStatusText({ at: NOON, certificates }, { color: false }).split("\n")) {
      expect(line.length).toBeLessThanOrEqual(line.includes("daneward") ? 120 : 80);
    }
    for (const line of renderStatusText(reportOf(AGING), { color: false }).split("\n")) {
      expect(line.length).toBeLessThanOrEqual(line.includes("to remove it") ? 200 : 80);
    }
  });
});

describe("what is safe", () => {
  const confirming = { ...UNREAD.detail, obsolete: next.id } as Phase;
  const held = HELD.detail;
  test.each([
    ["both certificates on hand", confirming, true, true, /both certificates stay published; the old files can be put/],
    ["an old certificate seen on the wire alone", confirming, true, false, /both certificates stay published$/],
    ["no record published", confirming, false, true, /^no TLSA record is published.*; the old files can be put/],
    ["leftovers alone", UNREAD.detail, true, false, /^no record is removed for now$/],
    [
      "nothing at all",
      UNREAD.detail,
      false,
      false,
      /^no TLSA record is published, so no DANE client can be turned away$/,
    ],
    ["a hold", held, true, true, /^all records stay published and no file is changed/],
    ["a hold before anything was published", held, false, false, /^no TLSA record is published.*; no file is changed/],
  ] as const)("with %s", (_, phase, published, oldFiles, words) => {
    expect(safetyOf(phase, { published, oldFiles })).toMatch(words);
  });
});

describe("status for programs", () => {
  test("is daneward/status/1", () => {
    expect(JSON.parse(JSON.stringify(renderStatusJson(reportOf(AGING))))).toMatchObject({
      schema: "daneward/status/1",
      at: "2026-11-22T12:00:00Z",
      certificates: [
        {
          name: "mx",
          phase: "aging",
          phaseSince: "2026-11-22T11:50:00Z",
          concern: "waiting",
          current: { id: "a".repeat(64), notAfter: "2027-01-01T12:00:00Z", records: [`3 1 1 ${"a".repeat(64)}`] },
          next: { spkiSha256: "b".repeat(64) },
          wakeAt: "2026-11-22T12:01:00Z",
          refusals: [{ gate: "time", code: "CLOCK_RUNNING", until: "2026-11-22T13:50:00Z" }],
          owners: [
            {
              owner: "_25._tcp.mx.example.org",
              zone: "example.net",
              ttl: 3600,
              records: [{ state: "omnipresent", ours: true }, { state: "rumoured" }, { ours: false }],
              servers: [
                { name: "ns1.example.net", address: "192.0.2.53", inSync: true, serial: 7 },
                { name: "ns2.example.net", inSync: false, serial: 6, since: "2026-11-22T11:55:00Z" },
              ],
            },
          ],
          endpoints: [
            { host: "mx.example.org", port: 25, protocol: "smtp", address: "192.0.2.10", verdict: "in-order" },
          ],
        },
      ],
    });
  });

  test("leaves out what is not there", () => {
    const [certificate] = (renderStatusJson(reportOf(AGING)) as { certificates: object[] }).certificates;
    expect(certificate).not.toHaveProperty("obsolete");
    expect(certificate).not.toHaveProperty("hold");
  });
});

describe("the next step", () => {
  const step = (status: CertificateStatus): string => told(reportOf(status), { color: false });
  const proving = {
    ...AGING,
    phase: "confirming",
    obsolete: chain("a"),
    detail: {
      phase: "confirming",
      obsolete: chain("a").id,
      current: chain("b").id,
      deployedAt: NOON,
      rounds: 1,
      lastRoundAt: NOON,
      confirmedAt: null,
      failingSince: null,
    },
  } as const satisfies CertificateStatus;
  const wait = { gate: "time", until: after(10), detail: "1 of 3 rounds good", since: NOON } as const;

  test("after the swap is the proof, without a time: that of the withdrawal is counted from there", () => {
    const text = step({ ...proving, refusals: [{ ...wait, code: "ROUNDS_MISSING" }] });
    expect(text).toContain("  then     see every address present the new certificate, round after round, and withdraw");
    const proven = step({ ...proving, refusals: [{ ...wait, code: "RETIRE_RUNNING", until: after(3600) }] });
    expect(proven).toContain("  then     withdraw the old records: 2026-11-22 13:00:00Z (in 1h)\n");
  });

  test("of a renewal that was noted is to look at it, not to wait for the next one", () => {
    const calm = {
      ...AGING,
      phase: "stable",
      detail: { phase: "stable", current: chain("a").id },
      refusals: [],
    } as const;
    expect(step({ ...calm, next: null, renewalNoted: after(-2) })).toContain(
      "  then     look at the renewal that was noted, at the next tick\n",
    );
  });

  test("of a hold offers to give up only what is under way", () => {
    const { hold } = HELD;
    if (hold === null) throw new Error("HELD is held");
    const atRest = { ...hold, reason: "OPERATOR_HOLD", resume: { phase: "stable", current: chain("a").id } } as const;
    expect(step({ ...HELD, hold: atRest, detail: atRest })).not.toContain("daneward abort");
    expect(step(HELD)).toContain("daneward abort mx");
  });
});

describe("the concern", () => {
  test.each([
    ["nothing under way", { ...AGING, phase: "stable", refusals: [] }, "well"],
    ["a clock running", AGING, "waiting"],
    ["a hold", HELD, "attention"],
    [
      "a refusal that no waiting lifts",
      { ...AGING, refusals: [{ gate: "policy", code: "DEADLINE_NEAR", until: null, detail: "", since: NOON }] },
      "attention",
    ],
  ] as const)("of %s", (_, status, expected) => {
    expect(concernOf(status)).toBe(expected);
  });
});

describe("what a tick says", () => {
  test("is nothing while all goes on by itself", () => {
    expect(troubleOf("mx", AGING, NOON, hint)).toBeNull();
  });

  test("of a failure is one block: what, since when, what is safe, what to type", () => {
    const block = troubleOf("mx", HELD, NOON, hint);
    expect(block?.key).toBe("RELOAD_FAILED");
    expect(block?.text).toBe(
      [
        'daneward: mx: "postfix reload" ended with exit code 1 [RELOAD_FAILED]',
        "  since: 2026-11-22 11:50:00Z (10m ago)",
        "  safe:  all records stay published and no file is changed until you resume or abort",
        "  do:    mend RELOAD_FAILED, then daneward resume mx",
        "  see:   daneward status mx",
        "",
      ].join("\n"),
    );
  });

  test("of a first deployment that no service reads is what to point at which files", () => {
    expect(troubleOf("mx", UNREAD, NOON, hint)?.text).toBe(
      [
        "daneward: mx: nothing is published, because the deployed certificate is not in use yet: mx.example.org:25 at 192.0.2.10 presents key 7e264979 instead of key aaaaaaaa [ENDPOINT_UNPROVEN]",
        "  since: 2026-11-22 12:00:00Z (now)",
        "  safe:  no TLSA record is published, so no DANE client can be turned away",
        "  do:    point the service at the deployed files (/etc/ssl/daneward/mx/fullchain.pem with /etc/ssl/daneward/mx/privkey.pem, or /etc/ssl/daneward/mx/combined.pem), reload it, then daneward tick mx",
        "  see:   daneward status mx",
        "",
      ].join("\n"),
    );
    // Not once records of ours are out: then it is an outage like any other.
    expect(troubleOf("mx", { ...UNREAD, owners: AGING.owners }, NOON, hint)).toBeNull();
  });

  test("of an operator's own hold is nothing", () => {
    const { hold } = HELD;
    if (hold === null) throw new Error("HELD is held");
    const byHand = { ...HELD, hold: { ...hold, reason: "OPERATOR_HOLD" } } as const;
    expect(troubleOf("mx", byHand, NOON, hint)).toBeNull();
  });

  test("does not call safe what is not, while a client is refused", () => {
    const mismatch = {
      gate: "dane",
      code: "LIVE_MISMATCH",
      until: null,
      detail: "mx presents b",
      since: NOON,
    } as const;
    const refused = { ...AGING, refusals: [mismatch] };
    expect(troubleOf("mx", refused, NOON, hint)?.text).toContain("\n  safe:  not now: DANE clients that remember");
    expect(told(reportOf(refused), { color: false })).toContain("  safe     not now: ");
    expect(told(reportOf(refused), { color: false })).not.toContain("do no harm");
  });

  test("includes a wait that has stood for a day without an end", () => {
    const lagging = { gate: "dane", code: "NS_LAGGING", until: null, detail: "ns2 lags" } as const;
    const fresh = { ...AGING, refusals: [{ ...lagging, since: after(-3600) }] };
    const stale = { ...AGING, refusals: [{ ...lagging, since: after(-86_400) }] };
    expect(troubleOf("mx", fresh, NOON, hint)).toBeNull();
    expect(troubleOf("mx", stale, NOON, hint)?.key).toBe("NS_LAGGING");
  });

  test("includes what stands when the phase lasts more than twice as long as it should", () => {
    const lagging = { gate: "dane", code: "NS_LAGGING", until: null, detail: "ns2 lags", since: after(-3600) } as const;
    const clock = { ...lagging, code: "CLOCK_RUNNING", until: after(60), detail: "the wait ends in 1m" } as const;
    const long = { ...AGING, expected: seconds(7500), phaseSince: after(-15_001) };
    const short = { ...long, phaseSince: after(-15_000) };
    expect(troubleOf("mx", { ...short, refusals: [lagging] }, NOON, hint)).toBeNull();
    expect(troubleOf("mx", { ...long, refusals: [clock, lagging] }, NOON, hint)?.key).toBe("NS_LAGGING");
    const again = troubleOf("mx", { ...long, refusals: [clock] }, NOON, hint);
    expect(again?.key).toBe("PHASE_OVERDUE");
    expect(again?.text).toContain("mx: aging for 4h 10m, where 2h 5m is usual; the wait ends in 1m [PHASE_OVERDUE]");
  });

  test("of a short phase is nothing within the hour, nor of first files that wait for a person", () => {
    const quick = { ...AGING, refusals: [], expected: seconds(30), phaseSince: after(-3600) };
    expect(troubleOf("mx", quick, NOON, hint)).toBeNull();
    expect(troubleOf("mx", { ...quick, phaseSince: after(-3601) }, NOON, hint)?.key).toBe("PHASE_OVERDUE");
    const unread = { ...UNREAD, expected: seconds(30), phaseSince: after(-86_400) };
    expect(troubleOf("mx", unread, NOON, hint)?.key).toBe("ENDPOINT_UNPROVEN");
  });

  test("of a state that cannot be used names the hint", () => {
    const block = failureBlock("mx", { code: "STATE_DAMAGED", message: "mx.json: torn", hint: "restore it" });
    expect(block.text).toContain("mx.json: torn [STATE_DAMAGED]");
    expect(block.text).toContain("do:    restore it");
  });
});

describe("a plan", () => {
  const entries = [
    { at: NOON, phase: "announcing", event: "publish", detail: `_25._tcp.mx.example.org. 3 1 1 ${"b".repeat(64)}` },
    { at: after(7200), phase: "deploying", event: "deploy", detail: "swap the files" },
    { at: after(100_000), phase: "withdrawing", event: "withdraw", detail: "the old record" },
  ] as const;
  const plan = {
    certificate: "mx",
    at: NOON,
    renewal: "imagined",
    expectedRenewal: after(-3600),
    current,
    next: null,
    ttl: { configured: seconds(3600), served: seconds(7200) },
    wait: seconds(14_400),
    standing: null,
    entries,
  } as const;

  test("is a timetable with the slack before the certificate ends", () => {
    const text = renderPlanText(plan, { color: false });
    expect(text).toContain("mx  if a certificate with a new key came now");
    expect(text).toMatch(/2026-11-22 14:00:00Z +in 2h {2}deploy/);
    expect(text).toContain("39d 22h to spare between the swap and the end of the live certificate");
    expect(text).not.toContain("b".repeat(30));
  });

  test("knows the certificate's dates, the TTL that is served, and the wait", () => {
    const text = renderPlanText({ ...plan, expectedRenewal: after(60), next }, { color: false });
    expect(text).toMatch(/^mx {2}the next renewal, with a new key, when it is to be expected\n/);
    expect(text).toContain("  next     3 1 1 bbbbbbbbbbbb…");
    expect(unfolded(text)).toContain(
      "  ttl      2h served, 1h configured; new records age 4h once every name server has them\n",
    );
    expect(text).toMatch(/2026-11-22 12:01:00Z +in 1m {2}renewal {2}by the ACME client, probably/);
    expect(text).toMatch(/2027-01-01 12:00:00Z +in 40d {2}expiry {2}of the certificate that is live/);
  });

  test("is in local time, each as it is then, and one time is said once", () => {
    const twice = [...entries.slice(0, 1), { ...entries[0], event: "announcing", detail: "again" }, entries[1]];
    const text = renderPlanText(
      { ...plan, entries: twice },
      { color: false, offsetAt: (at) => (at === NOON ? 60 : -210) },
    );
    expect(text).toMatch(/2026-11-22 13:00:00\+01:00 +now {2}publish/);
    expect(text).toMatch(/2026-11-22 10:30:00-03:30 +in 2h {2}deploy/);
    expect(text.split("13:00:00+01:00")).toHaveLength(2);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("says until when a renewal must be there, and when it no longer can", () => {
    const inTime = { kind: "in-time", renewal: after(60), latestStart: after(3600) } as const;
    expect(renderPlanText({ ...plan, standing: inTime }, { color: false })).toContain(
      "a renewal with a new key must be there by 2026-11-22 13:00:00Z (in 1h)",
    );
    const missed = { kind: "infeasible", latestStart: after(-60), readyAt: after(7200) } as const;
    expect(renderPlanText({ ...plan, standing: missed }, { color: false })).toContain(
      "too late for a renewal with a new key: it had to be there by",
    );
    expect(renderPlanJson([{ ...plan, standing: missed }], NOON)).toMatchObject({
      certificates: [{ deadline: { kind: "infeasible" }, ttl: { configured: 3600, served: 7200 }, wait: 14_400 }],
    });
  });

  test("that comes too late, or stops, says so", () => {
    const dying = { ...current, notAfter: after(60) };
    expect(renderPlanText({ ...plan, current: dying }, { color: false })).toContain("too late");
    const blocked = [{ at: NOON, phase: "announcing", event: "blocked", detail: "NS_LAGGING: ns2" }] as const;
    expect(renderPlanText({ ...plan, entries: blocked }, { color: false })).toContain("it stops there");
    expect(renderPlanText({ ...plan, entries: [] }, { color: false })).toContain("nothing is to be done");
  });

  test("for programs keeps the order and RFC 3339 times", () => {
    expect(renderPlanJson([plan], NOON)).toMatchObject({
      schema: "daneward/plan/1",
      certificates: [{ name: "mx", entries: [{ at: "2026-11-22T12:00:00Z" }, { event: "deploy" }, {}] }],
    });
  });
});

describe("the timeline", () => {
  const events = [
    { at: NOON, certificate: "mx", event: "announcing", detail: { detail: "key a -> key b" } },
    {
      at: after(5),
      certificate: "www",
      event: "publish",
      detail: { records: [`3 1 1 ${"b".repeat(64)}`], result: "failed", code: "TSIG_BADKEY", detail: "no such key" },
    },
  ];

  test("is one line an event, with names when there are several, failures plain, control characters gone", () => {
    const hostile = { at: after(9), certificate: "mx", event: "hold", detail: { because: "\u001b[2J\nx" } };
    const text = renderTimelineText({ events: [...events, hostile], damagedLines: [3] }, { color: false });
    const lines = text.trimEnd().split("\n");
    expect(lines[0]).toBe("2026-11-22 12:00:00Z           mx   announcing       key a -> key b");
    expect(lines[1]).toContain("publish          failed: no such key [TSIG_BADKEY] records=3 1 1 bbbbbbbbbbbb…");
    expect(lines[2]).not.toContain("\u001b");
    expect(lines[3]).toBe("(unreadable lines of the journal: 3)");
  });

  test("says how long it was between events, what each phase took, and what is not over", () => {
    const story = [
      { at: NOON, certificate: "mx", event: "announcing", detail: { detail: "key a -> key b" } },
      {
        at: after(1),
        certificate: "mx",
        event: "publish",
        detail: {
          owner: "_25._tcp.mx.example.org.",
          zone: "example.org.",
          ttl: 60,
          records: ["3 1 1 ab"],
          result: "done",
        },
      },
      { at: after(90), certificate: "mx", event: "seen-everywhere", detail: {} },
      { at: after(7290), certificate: "mx", event: "deploying", detail: {} },
      { at: after(7290), certificate: "mx", event: "deploy", detail: { result: "failed", code: "RELOAD_FAILED" } },
      { at: after(7291), certificate: "mx", event: "deploy", detail: { chain: "cd", result: "done" } },
      { at: after(7300), certificate: "mx", event: "hold", detail: { by: "alice", from: "confirming", to: "held" } },
    ];
    const text = renderTimelineText({ events: story, damagedLines: [] }, { color: false, at: after(7360) });
    expect(text).toBe(`2026-11-22 12:00:00Z           announcing       key a -> key b
2026-11-22 12:00:01Z      +1s  publish          3 1 1 ab at _25._tcp.mx.example.org
2026-11-22 12:01:30Z  +1m 29s  seen-everywhere (announcing took 1m 30s)
2026-11-22 14:01:30Z      +2h  deploying (aging took 2h)
2026-11-22 14:01:30Z           deploy           failed [RELOAD_FAILED]
2026-11-22 14:01:31Z      +1s  deploy           swapped the files and reloaded the services (deploying took 1s)
2026-11-22 14:01:40Z      +9s  hold             by=alice from=confirming to=held (confirming took 9s)
2026-11-22 14:02:40Z      +1m  (now)            held for 1m
`);
    expect(renderTimelineJson({ events: story, damagedLines: [] })).toMatchObject({
      events: [
        { event: "announcing" },
        { gap: 1 },
        { gap: 89, endedPhase: "announcing", took: 90 },
        {},
        {},
        {},
        { took: 9 },
      ],
    });
  });

  test("measures each certificate by itself, and says when the clock went back", () => {
    const story = [
      { at: after(10), certificate: "mx", event: "announcing", detail: {} },
      { at: after(15), certificate: "www", event: "announcing", detail: {} },
      { at: NOON, certificate: "mx", event: "clock-set", detail: {} },
      { at: after(45), certificate: "www", event: "seen-everywhere", detail: {} },
    ];
    const lines = renderTimelineText({ events: story, damagedLines: [] }, { color: false }).split("\n");
    expect(lines[2]).toContain("(back)  mx");
    expect(lines[3]).toMatch(/\+30s {2}www .*\(announcing took 30s\)/);
  });

  test("of nothing says so, and for programs is daneward/timeline/1", () => {
    expect(renderTimelineText({ events: [], damagedLines: [] }, { color: false })).toBe("nothing has happened yet\n");
    expect(renderTimelineJson({ events, damagedLines: [] })).toMatchObject({
      schema: "daneward/timeline/1",
      events: [{ at: "2026-11-22T12:00:00Z", certificate: "mx", event: "announcing" }, { code: "TSIG_BADKEY" }],
    });
  });
});
