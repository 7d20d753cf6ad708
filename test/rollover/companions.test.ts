import { describe, expect, test } from "vitest";
import { instant, seconds } from "../../src/base/time.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { chainId, recordText } from "../../src/rollover/chain.ts";
import type { ChainFacts, RecordText } from "../../src/rollover/chain.ts";
import { companionOf, settleOwnership } from "../../src/rollover/companions.ts";
import type { Companion } from "../../src/rollover/companions.ts";
import type { Observation } from "../../src/rollover/observation.ts";
import type { Policy } from "../../src/rollover/policy.ts";
import type { OwnerState, RolloverState } from "../../src/rollover/state.ts";
import { step } from "../../src/rollover/step.ts";
import type { Step } from "../../src/rollover/step.ts";

const NOW = 1_800_000_000_000;
const TTL = seconds(3600);

function name(text: string): DomainName {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

const OWNER = name("_25._tcp.mx.example.test");
const POLICY: Policy = {
  ttl: TTL,
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

const [OWN, RENEWED, THEIRS] = [chain("a"), chain("b"), chain("e")];
const [OWN_RECORD, THEIR_RECORD] = [OWN, THEIRS].map(({ records }) => records[0] ?? recordText(""));

interface View {
  readonly source?: ChainFacts;
  readonly records?: readonly (RecordText | undefined)[];
  readonly companions?: readonly Companion[];
  /** What clients of the other kind are presented; null: they were not looked at. */
  readonly beside?: readonly ChainFacts[] | null;
}

function presenting(facts: ChainFacts): Extract<NonNullable<Observation["endpoints"]>[number]["presents"], object> {
  const { id, certificates, subject, notBefore, notAfter } = facts;
  return { outcome: "chain", id, certificates, subject, notBefore, notAfter };
}

function sight({ source = OWN, records = [], companions = [], beside = [THEIRS] }: View): Observation {
  const served = records.filter((record) => record !== undefined);
  const said = { outcome: "answer", records: served, ttl: TTL, authoritative: true, signed: true, serial: 1 } as const;
  return {
    uptime: null,
    source: { outcome: "chain", chain: source, faults: [] },
    deployed: OWN,
    stored: [OWN.id, RENEWED.id],
    owners: [
      {
        outcome: "seen",
        owner: OWNER,
        finalOwner: OWNER,
        zone: name("example.test"),
        aliasTtl: seconds(0),
        servers: [{ server: "ns1", address: "192.0.2.1", excluded: false, said }],
        validated: { status: "secure", records: served },
      },
    ],
    endpoints: [
      {
        endpoint: "mx.example.test:25",
        owner: OWNER,
        address: "192.0.2.10",
        own: true,
        presents: presenting(OWN),
        ...(beside === null ? {} : { beside: beside.map(presenting) }),
      },
    ],
    companions,
  };
}

function look(state: RolloverState | null, seen: Observation, minute: number): Step {
  return step(state, seen, POLICY, instant(NOW + minute * 60_000));
}

/** The other unit at rest with its chain, last seen at that minute. */
function companion(minute: number, changes: Partial<OwnerState> = {}): Companion {
  const alone = sight({ records: [THEIR_RECORD], beside: [] });
  const { state } = look(
    null,
    {
      ...alone,
      source: { outcome: "chain", chain: THEIRS, faults: [] },
      deployed: THEIRS,
      endpoints: (alone.endpoints ?? []).map((endpoint) => ({ ...endpoint, presents: presenting(THEIRS) })),
    },
    minute,
  );
  const owners = state.owners.map((owner) => ({ ...owner, ...changes }));
  return companionOf("other", [OWNER], { ...state, owners });
}

const UNSEEN = companionOf("other", [OWNER], null);

function ownerOf({ state }: Step): OwnerState {
  const [owner] = state.owners;
  if (owner === undefined) throw new Error("there is one owner name");
  return owner;
}

const codes = ({ refusals }: Step): readonly string[] => refusals.map(({ code }) => code);

describe("a first RRset at a shared service", () => {
  test("holds the companion's record too", () => {
    const seen = sight({ companions: [companion(-1, { horizon: [], servers: [] })] });
    expect(look(null, seen, 0).actions).toContainEqual(
      expect.objectContaining({ kind: "publish", add: [OWN_RECORD, THEIR_RECORD] }),
    );
  });

  test("waits while the companion has no records to give, and clients of its kind meet a certificate", () => {
    const result = look(null, sight({ companions: [UNSEEN] }), 0);
    expect(result.actions).toEqual([]);
    expect(codes(result)).toContain("FIRST_SET_WITHOUT_LIVE");
  });

  test("does not wait for a companion whose kind of certificate no client meets", () => {
    const result = look(null, sight({ companions: [UNSEEN], beside: [] }), 0);
    expect(result.actions).toContainEqual(expect.objectContaining({ kind: "publish", add: [OWN_RECORD] }));
  });

  test("is not published before every kind was looked at", () => {
    const result = look(null, sight({ companions: [companion(-1)], beside: null }), 0);
    expect(result.actions).toEqual([]);
    expect(codes(result)).toContain("KINDS_UNASKED");
  });
});

describe("what a companion has learnt", () => {
  const atRest = look(null, sight({ companions: [UNSEEN] }), -10).state;

  test("that a first RRset is on its way binds this unit too: no renewal is deployed past it", () => {
    const both = [OWN_RECORD, THEIR_RECORD].filter((record) => record !== undefined);
    const silent = look(atRest, sight({ source: RENEWED, companions: [companion(-20)] }), 0);
    expect(silent.actions.map(({ kind }) => kind)).toContain("deploy");
    const warned = look(atRest, sight({ source: RENEWED, companions: [companion(-1, { coming: both })] }), 0);
    expect(warned.actions.map(({ kind }) => kind)).not.toContain("deploy");
  });

  test("counts once: an account older than the last look of this unit adds nothing", () => {
    const servers = [OWN_RECORD, THEIR_RECORD];
    const fresh = look(atRest, sight({ records: servers, companions: [companion(-1)] }), 0);
    const stale = look(atRest, sight({ records: servers, companions: [companion(-11)] }), 0);
    const hold = (result: Step): boolean =>
      ownerOf(result).horizon.some(({ records }) => records.length === 1 && records[0] === THEIR_RECORD);
    expect([hold(fresh), hold(stale)]).toEqual([true, false]);
  });

  test("is where a unit begins that was never looked at, but for what is whose", () => {
    const gone: OwnerState["horizon"] = [
      {
        records: [recordText(`3 1 1 ${"9".repeat(64)}`)],
        ttl: TTL,
        appearedAt: instant(0),
        servedUntil: instant(NOW),
        seen: true,
      },
    ];
    const seen = sight({ records: [THEIR_RECORD], companions: [companion(-1, { horizon: gone, ours: [] })] });
    const owner = ownerOf(look(null, seen, 0));
    expect(owner.horizon).toContainEqual(expect.objectContaining({ records: gone[0]?.records }));
    expect(owner.ours).not.toContain(THEIR_RECORD);
  });
});

describe("whose a record is", () => {
  const base = ownerOf(look(null, sight({ records: [OWN_RECORD, THEIR_RECORD], companions: [UNSEEN] }), 0));
  const texts = [OWN_RECORD, THEIR_RECORD].filter((record) => record !== undefined);
  const settle = (ours: readonly RecordText[], theirs: readonly RecordText[]): readonly RecordText[] =>
    settleOwnership({ ...base, ours }, sight({ companions: [companion(-1, { ours: theirs })] }), OWN.records).ours;

  test("what a companion published for this unit becomes its own", () => {
    expect(settle([], texts)).toEqual(OWN.records);
  });

  test("what this unit published for a companion is let go once that one has taken it over, not before", () => {
    expect(settle(texts, [])).toEqual(texts);
    expect(settle(texts, THEIRS.records)).toEqual(OWN.records);
  });

  test("what stands there by somebody else's hand stays his", () => {
    expect(settle([], THEIRS.records)).toEqual([]);
  });
});

test("two keys of one kind stop everything but the alarms", () => {
  const clash = { code: "SAME_KIND_SHARED", message: "both have RSA keys", hint: "" } as const;
  const result = look(null, { ...sight({ companions: [UNSEEN], beside: [] }), halted: clash }, 0);
  expect(result.actions).toEqual([]);
  expect(codes(result)).toEqual(["SAME_KIND_SHARED"]);
});

test("what a companion saw leave every cache is not held against anybody again", () => {
  // This unit looked long ago, when only its own record was there; the companion has rolled over since.
  const [own, theirs] = [OWN_RECORD, THEIR_RECORD];
  if (own === undefined || theirs === undefined) throw new Error("two records");
  const longAgo = look(null, sight({ records: [own], companions: [UNSEEN] }), -90_000).state;
  const lately = ownerOf(look(null, sight({ records: [own, theirs], companions: [UNSEEN] }), -10));
  const news = { ...companion(-10), owners: [lately] };
  const seen = ownerOf(look(longAgo, sight({ records: [own, theirs], companions: [news] }), 0));
  expect(seen.horizon.map(({ records }) => records)).toEqual([[own, theirs].sort()]);
});
