import { describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { chainId, recordText } from "../../src/rollover/chain.ts";
import type { ChainFacts, RecordText } from "../../src/rollover/chain.ts";
import { NO_ADDRESS } from "../../src/rollover/observation.ts";
import type { Observation, ServerObservation } from "../../src/rollover/observation.ts";
import type { Policy } from "../../src/rollover/policy.ts";
import { step } from "../../src/rollover/step.ts";
import type { Step } from "../../src/rollover/step.ts";

const NOW = instant(1_800_000_000_000);
const HOUR = 3_600_000;

function name(text: string): DomainName {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

const OWNER = name("_25._tcp.mx.example.test");

const POLICY: Policy = {
  ttl: seconds(3600),
  propagationDelay: seconds(300),
  publishSafety: seconds(600),
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

function chain(digit: string, more: Partial<ChainFacts> = {}): ChainFacts {
  const hex = digit.repeat(64);
  return {
    id: chainId(hex),
    certificates: [{ certSha256: hex, certSha512: hex + hex, spkiSha256: hex, spkiSha512: hex + hex }],
    records: [recordText(`3 1 1 ${hex}`)],
    subject: "mx.example.test",
    notBefore: instant(NOW - HOUR),
    notAfter: instant(NOW + 2000 * HOUR),
    hasFiles: true,
    ...more,
  };
}

const X = chain("a");
const Y = chain("b");
const BOTH = [...X.records, ...Y.records];

interface Server {
  readonly records?: readonly RecordText[];
  readonly ttl?: number;
  readonly serial?: number;
  readonly silent?: boolean;
  readonly signed?: boolean;
  readonly authoritative?: boolean;
  readonly excluded?: boolean;
}

function server(index: number, { records = [], ...server }: Server): ServerObservation {
  return {
    server: `ns${String(index)}.`,
    address: `192.0.2.${String(index)}`,
    excluded: server.excluded ?? false,
    said:
      server.silent === true
        ? { outcome: "failed", fault: fault("DNS_TIMEOUT", "is silent") }
        : {
            outcome: "answer",
            records,
            ttl: seconds(server.ttl ?? 3600),
            authoritative: server.authoritative ?? true,
            signed: server.signed ?? true,
            serial: server.serial ?? 1,
          },
  };
}

function look(servers: readonly Server[], more: Partial<Observation> & { aliasTtl?: number } = {}): Observation {
  const shown = servers.find(({ silent }) => silent !== true)?.records ?? [];
  const { aliasTtl = 0, ...rest } = more;
  return {
    uptime: null,
    source: { outcome: "chain", chain: Y, faults: [] },
    deployed: X,
    stored: [X.id, Y.id],
    owners: [
      {
        outcome: "seen",
        owner: OWNER,
        finalOwner: OWNER,
        zone: name("example.test"),
        aliasTtl: seconds(aliasTtl),
        servers: servers.map((one, index) => server(index + 1, one)),
        validated: { status: "secure", records: shown },
      },
    ],
    endpoints: [
      {
        endpoint: "mx.example.test:25",
        owner: OWNER,
        address: "192.0.2.9",
        own: true,
        presents: { outcome: "chain", ...X },
      },
    ],
    ...rest,
  };
}

/** Steps at hours 0, 1, 2 …: the last step is what is asked about. */
function hourly(looks: readonly Observation[], policy = POLICY): Step {
  const [first, ...rest] = looks;
  if (first === undefined) throw new Error("no look");
  return rest.reduce(
    (before, seen, at) => step(before.state, seen, policy, instant(NOW + (at + 1) * HOUR)),
    step(null, first, policy, NOW),
  );
}

const OLD = { records: X.records };
const NEW = { records: BOTH };

describe("the renewed chain is kept from the servers", () => {
  const announced = [look([OLD, OLD]), look([NEW, NEW])];
  const table: readonly (readonly [string, readonly Observation[], readonly string[]])[] = [
    ["while a name server lags", [look([OLD, OLD]), look([NEW, OLD])], ["NS_LAGGING"]],
    ["while a name server is silent", [look([OLD, OLD]), look([NEW, { silent: true }])], ["NS_UNREACHABLE"]],
    [
      "while a name server serves it unsigned",
      [look([OLD, OLD]), look([NEW, { ...NEW, signed: false }])],
      ["NS_UNSIGNED"],
    ],
    [
      "while a name server is not authoritative",
      [look([OLD, OLD]), look([NEW, { ...NEW, authoritative: false }])],
      ["NS_NOT_AUTHORITATIVE"],
    ],
    ["while caches may hold the old RRset", announced, ["HORIZON_UNSAFE", "CLOCK_RUNNING"]],
    ["for a second TTL after that", [...announced, look([NEW, NEW])], ["CLOCK_RUNNING"]],
    [
      "when its zone cannot be found at the last moment",
      [
        ...announced,
        look([NEW, NEW]),
        look([NEW, NEW], { owners: [{ outcome: "failed", owner: OWNER, fault: fault("ZONE_UNKNOWN", "gone") }] }),
      ],
      ["ZONE_UNKNOWN", "NOT_SECURE"],
    ],
  ];
  test.each(table)("%s", (_, looks, codes) => {
    const result = hourly(looks);
    const refused = result.refusals.map(({ code }) => code);
    expect(result.actions.map(({ kind }) => kind)).not.toContain("deploy");
    expect(refused.length).toBeGreaterThan(0);
    expect(codes.some((code) => refused.some((other) => other === code))).toBe(true);
    if (codes.length === 1) expect(refused).toEqual(codes);
  });

  test("until two TTLs after the last server had it, and not longer", () => {
    const looks = [...announced, look([NEW, NEW]), look([NEW, NEW])];
    expect(hourly(looks).actions).toEqual([{ kind: "deploy", chain: Y.id }]);
  });

  test("no longer by a silent server that is excluded", () => {
    const seen = look([NEW, { silent: true, excluded: true }]);
    expect(hourly([look([OLD, OLD]), seen, seen, seen]).actions).toEqual([{ kind: "deploy", chain: Y.id }]);
  });

  test("from the start again after a server regressed", () => {
    const looks = [...announced, look([NEW, OLD]), look([NEW, NEW]), look([NEW, NEW])];
    expect(hourly(looks).refusals.map(({ code }) => code)).toEqual(["CLOCK_RUNNING"]);
    expect(hourly([...looks, look([NEW, NEW])]).actions).toEqual([{ kind: "deploy", chain: Y.id }]);
  });

  test("by the TTL that the old RRset had, not by ours", () => {
    const old = { ...OLD, ttl: 4 * 3600 };
    const looks = [look([old]), ...Array.from({ length: 8 }, () => look([NEW]))];
    expect(hourly(looks).refusals.map(({ code }) => code)).toEqual(["CLOCK_RUNNING"]);
    expect(hourly([...looks, look([NEW])]).actions).toEqual([{ kind: "deploy", chain: Y.id }]);
  });

  test("by the TTL of the alias in front of the name where that is longer", () => {
    const seen = look([NEW], { aliasTtl: 2 * 3600 });
    const looks = [look([OLD], { aliasTtl: 2 * 3600 }), seen, seen, seen, seen];
    expect(hourly(looks).refusals.map(({ code }) => code)).toEqual(["CLOCK_RUNNING"]);
    expect(hourly([...looks, seen]).actions).toEqual([{ kind: "deploy", chain: Y.id }]);
  });

  test("by the longest life that caches of this site are known to give an RRset", () => {
    const policy = { ...POLICY, cacheFloor: seconds(2 * 3600) };
    const looks = [look([OLD]), look([NEW]), look([NEW]), look([NEW]), look([NEW])];
    expect(hourly(looks, policy).actions).toEqual([]);
    expect(hourly([...looks, look([NEW])], policy).actions).toEqual([{ kind: "deploy", chain: Y.id }]);
  });

  const unsound: readonly (readonly [string, Partial<Observation>])[] = [
    [
      "while it is not valid yet",
      { source: { outcome: "chain", chain: { ...Y, notBefore: instant(NOW + 9 * HOUR) }, faults: [] } },
    ],
    [
      "when it has expired",
      { source: { outcome: "chain", chain: { ...Y, notAfter: instant(NOW + HOUR) }, faults: [] } },
    ],
    [
      "when something is wrong with it",
      { source: { outcome: "chain", chain: Y, faults: [fault("SOURCE_INCOMPLETE", "no key")] } },
    ],
  ];
  test.each(unsound)("%s, whatever DNS says", (_, more) => {
    const looks = [look([OLD], more), ...[1, 2, 3, 4].map(() => look([NEW], more))];
    const result = hourly(looks);
    expect(result.actions.map(({ kind }) => kind)).not.toContain("deploy");
    expect(result.refusals.map(({ code }) => code)).toContain("SOURCE_UNUSABLE");
  });

  test("while the resolver's validated answer lacks its record, or is not validated", () => {
    for (const validated of [
      { status: "secure", records: X.records },
      { status: "insecure", records: BOTH },
      { status: "bogus", fault: fault("DNS_RCODE", "SERVFAIL") },
    ] as const) {
      const last = look([NEW]);
      const owners = last.owners.map((owner) => (owner.outcome === "seen" ? { ...owner, validated } : owner));
      const result = hourly([look([OLD]), look([NEW]), look([NEW]), { ...last, owners }]);
      expect(result.refusals.map(({ code }) => code)).toEqual([
        validated.status === "secure" ? "NOT_YET_RESOLVED" : "NOT_SECURE",
      ]);
    }
  });
});

describe("the system clock", () => {
  const looks = (uptimes: readonly (number | null)[]): readonly Observation[] =>
    uptimes.map((uptime, at) => look([at === 0 ? OLD : NEW], { uptime: uptime === null ? null : seconds(uptime) }));

  test("set ahead while the machine ran on starts the wait again", () => {
    const result = hourly(looks([0, 3600, 7200, 7230]));
    expect(result.events.map(({ event }) => event)).toContain("clock-set");
    expect(result.actions).toEqual([]);
  });

  test("is believed when the machine ran that long, was started meanwhile, or does not say", () => {
    for (const uptimes of [
      [0, 3600, 7200, 10_800],
      [0, 3600, 7200, 60],
      [null, null, null, null],
    ]) {
      expect(hourly(looks(uptimes)).actions).toEqual([{ kind: "deploy", chain: Y.id }]);
    }
  });

  test("set back starts the wait again", () => {
    const before = hourly([look([OLD]), look([NEW]), look([NEW])]);
    const after = step(before.state, look([NEW]), POLICY, instant(NOW - 9 * HOUR));
    expect(after.events.map(({ event }) => event)).toContain("clock-set");
    expect(after.refusals.map(({ until }) => until)).toContain(instant(NOW - 7 * HOUR));
  });
});

describe("somebody else at the name", () => {
  const source = { outcome: "chain", chain: X, faults: [] } as const;
  const stray = recordText(`3 1 1 ${"e".repeat(64)}`);
  const at = (records: readonly RecordText[], serial: number): Observation => look([{ records, serial }], { source });

  test("who removes our record twice is told of, and not written against while nobody needs it", () => {
    const result = hourly([at([], 1), at(X.records, 2), at([], 3), at(X.records, 4), at([], 5)]);
    expect(result.refusals.map(({ code }) => code)).toContain("SECOND_WRITER");
    expect(result.actions).toEqual([]);
  });

  test("who leaves an RRset that our live chain fails is written against each time", () => {
    const result = hourly([at([], 1), at(X.records, 2), at([stray], 3), at(X.records, 4), at([stray], 5)]);
    expect(result.refusals.map(({ code }) => code)).toContain("SECOND_WRITER");
    expect(result.actions).toMatchObject([{ kind: "publish", add: X.records }]);
  });

  test("who fills the RRset cannot keep the live chain's record out", () => {
    const many = Array.from({ length: 12 }, (_, index) => recordText(`3 1 1 ${index.toString(16).repeat(64)}`)).filter(
      (record) => !X.records.includes(record),
    );
    const full = [...many, recordText(`3 0 1 ${"9".repeat(64)}`)];
    const result = hourly([at(X.records, 1), at(full, 2)]);
    expect(result.refusals.map(({ code }) => code)).toContain("TOO_MANY_RECORDS");
    expect(result.actions).toMatchObject([{ kind: "publish", add: X.records }]);
  });

  test("who removes it from the primary is answered before the secondaries have lost it too", () => {
    const changing = look(
      [
        { records: [stray], serial: 8 },
        { ...OLD, serial: 7 },
      ],
      { source },
    );
    const lagging = look(
      [
        { ...OLD, serial: 7 },
        { records: [], serial: 6 },
      ],
      { source },
    );
    expect(hourly([look([OLD, OLD], { source }), changing]).actions).toMatchObject([
      { kind: "publish", add: X.records },
    ]);
    expect(hourly([look([OLD, OLD], { source }), lagging]).actions).toEqual([]);
  });

  test("name servers that cannot be found for a moment have not lost our record", () => {
    // As the driver tells it: a server without an address, in place of those that were known.
    const silent = look([{ silent: true }], { source });
    const owners = silent.owners.map((owner) =>
      owner.outcome === "seen"
        ? { ...owner, servers: owner.servers.map((one) => ({ ...one, address: "unknown" })) }
        : owner,
    );
    const unknown = { ...silent, owners };
    const result = hourly([at([], 1), at(X.records, 2), unknown, at(X.records, 2), unknown, at(X.records, 2)]);
    expect(result.state.owners.map(({ reverted }) => reverted)).toEqual([0]);
  });
});

describe("a record of a new kind", () => {
  const strong = { ...X, records: [recordText(`3 1 2 ${"a".repeat(128)}`)] };
  const peer = chain("7");
  const seenWith = (presented: readonly (ChainFacts | null)[], records: readonly RecordText[]): Observation =>
    look([{ records }], {
      source: { outcome: "chain", chain: strong, faults: [] },
      deployed: strong,
      endpoints: presented.map((one, at) => ({
        endpoint: "mx.example.test:25",
        owner: OWNER,
        address: `192.0.2.${String(at)}`,
        own: at === 0,
        presents:
          one === null ? { outcome: "failed", code: "DNS_TIMEOUT", detail: "is down" } : { outcome: "chain", ...one },
      })),
    });

  test("is published when every chain behind the name has one", () => {
    expect(hourly([seenWith([strong], X.records)]).actions).toMatchObject([{ kind: "publish", add: strong.records }]);
  });

  test("is not when it would hide the record of a peer", () => {
    const result = hourly([seenWith([strong, peer], [...X.records, ...peer.records])]);
    expect(result.refusals.map(({ code }) => code)).toContain("COMBINATION_UNMATCHED");
    expect(result.actions).toEqual([]);
  });

  test("is not while an address cannot be asked what it presents", () => {
    const result = hourly([seenWith([strong, null], X.records)]);
    expect(result.refusals.map(({ code }) => code)).toContain("COMBINATION_UNMATCHED");
    expect(result.actions).toEqual([]);
  });

  test("is a first one beside records that mail clients ignore", () => {
    const litter = recordText(`1 1 1 ${"9".repeat(64)}`);
    const result = hourly([seenWith([strong, peer], [litter])]);
    const refusal = result.refusals.find(({ code }) => code === "FIRST_SET_WITHOUT_PEER");
    // Whoever publishes for both must know the record of the other host.
    expect(refusal?.detail).toMatch(/another host, to which "3 1 \d [0-9a-f]{64,}" would belong/);
    expect(result.actions).toEqual([]);
  });
});

describe("a chain that is only seen on the wire", () => {
  const deployedNothing = { source: { outcome: "chain", chain: Y, faults: [] }, deployed: null, stored: [] } as const;
  const elsewhere = [recordText(`3 1 1 ${"e".repeat(64)}`)];
  const spoofed = look([{ records: X.records }, { records: X.records }], deployedNothing);
  const owners = spoofed.owners.map((owner) =>
    owner.outcome === "seen" ? { ...owner, validated: { status: "secure", records: elsewhere } as const } : owner,
  );

  test("keeps its record when a validated answer holds it", () => {
    const seen = look([{ records: X.records, serial: 1 }], deployedNothing);
    const gone = look([{ records: elsewhere, serial: 2 }], deployedNothing);
    const asked = hourly([seen, gone]).actions.flatMap((action) => (action.kind === "publish" ? action.add : []));
    expect(asked).toEqual(BOTH);
  });

  test("gets no record when name servers say so and no validated answer does", () => {
    const gone = look([{ records: elsewhere, serial: 2 }], deployedNothing);
    const asked = hourly([{ ...spoofed, owners }, gone]).actions.flatMap((action) =>
      action.kind === "publish" ? action.add : [],
    );
    expect(asked).toEqual(Y.records);
  });
});

test("addresses that cannot be looked up are a trouble of DNS, not of the service", () => {
  const source = { outcome: "chain", chain: X, faults: [] } as const;
  const endpoints = [
    {
      endpoint: "mx.example.test:25",
      owner: OWNER,
      address: NO_ADDRESS,
      own: true,
      presents: { outcome: "failed", code: "DNSSEC_SIGNATURE_EXPIRED", detail: "a signature expired" },
    },
  ] as const;
  const { refusals } = hourly([look([{}], { source, endpoints })]);
  const codes = refusals.map(({ code }) => code);
  expect(codes).toContain("DNSSEC_SIGNATURE_EXPIRED");
  expect(codes).not.toContain("ENDPOINT_UNPROVEN");
  expect(refusals.map(({ detail }) => detail).join(" ")).not.toContain(NO_ADDRESS);
});

test("a trouble is forgotten when nothing is asked for any more", () => {
  const source = { outcome: "chain", chain: X, faults: [] } as const;
  const before = hourly([look([{}], { source })]);
  const trouble = { subject: `publish ${OWNER}`, ...fault("UPDATE_REFUSED", "REFUSED"), since: NOW, at: NOW };
  const state = { ...before.state, troubles: [trouble] };
  const asked = step(state, look([{}], { source }), POLICY, instant(NOW + HOUR));
  expect(asked.state.troubles).toEqual([trouble]);
  const byHand = step(state, look([OLD], { source }), POLICY, instant(NOW + HOUR));
  expect(byHand.state.troubles).toEqual([]);
});

test("an owner name that left the configuration is reported with what stands there", () => {
  const source = { outcome: "chain", chain: X, faults: [] } as const;
  const before = hourly([look([{}], { source })]);
  const other = name("_465._tcp.mx.example.test");
  const result = step(before.state, look([OLD], { source }), { ...POLICY, owners: [other] }, instant(NOW + HOUR));
  const dropped = result.events.find(({ event }) => event === "owner-dropped");
  expect(dropped?.detail).toContain(X.records.join());
});
