/** A unit in a small obedient world: what an operator says, and keys known ahead, lead where they should. */
import { describe, expect, test } from "vitest";
import { addSeconds, instant, seconds } from "../../src/base/time.ts";
import type { Instant, Seconds } from "../../src/base/time.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { chainId, recordText } from "../../src/rollover/chain.ts";
import type { ChainFacts, RecordText } from "../../src/rollover/chain.ts";
import type { Observation } from "../../src/rollover/observation.ts";
import { abort, adopt, declareEmergency, override, resume, rollBack, tearDown } from "../../src/rollover/operator.ts";
import { recordOutcomes } from "../../src/rollover/outcomes.ts";
import type { Policy } from "../../src/rollover/policy.ts";
import { sameSet, without, union } from "../../src/rollover/records.ts";
import type { RolloverState } from "../../src/rollover/state.ts";
import { step } from "../../src/rollover/step.ts";
import type { Step } from "../../src/rollover/step.ts";
import type { Result } from "../../src/base/result.ts";
import { fault } from "../../src/base/errors.ts";
import type { Fault } from "../../src/base/errors.ts";

const START = instant(1_800_000_000_000);
const TTL = seconds(300);

function name(text: string): DomainName {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

const OWNER = name("_25._tcp.mx.example.test");

const POLICY: Policy = {
  ttl: TTL,
  propagationDelay: seconds(5),
  publishSafety: seconds(5),
  retireSafety: seconds(3_600),
  confirmRounds: 2,
  confirmInterval: seconds(10),
  confirmPatience: seconds(60),
  pollInterval: seconds(30),
  observeInterval: seconds(600),
  cacheFloor: seconds(0),
  maxRecords: 8,
  owners: [OWNER],
};

/** The chain of key number `key`. */
function chain(key: number, serial = 0): ChainFacts {
  const digit = key.toString(16);
  const digest = digit.repeat(64);
  return {
    id: chainId(`${digit.repeat(60)}${String(serial).padStart(4, "0")}`),
    certificates: [
      { certSha256: digest, certSha512: digest.repeat(2), spkiSha256: digest, spkiSha512: digest.repeat(2) },
    ],
    records: [record(key)],
    subject: "mx.example.test",
    notBefore: START,
    notAfter: addSeconds(START, seconds(90 * 86_400)),
    hasFiles: true,
  };
}

function record(key: number): RecordText {
  return recordText(`3 1 1 ${key.toString(16).repeat(64)}`);
}

/** One name server, one address, every action a success. */
class Unit {
  now: Instant = START;
  state: RolloverState | null = null;
  source = chain(1);
  deployed: ChainFacts | null = null;
  served: readonly RecordText[] = [];
  /** At a primary that nobody asks. */
  hidden: readonly RecordText[] = [];
  standby: readonly number[] | null = null;
  foreign: readonly RecordText[] = [];
  readonly stored: ChainFacts[] = [];
  readonly events: string[] = [];
  last: Step | null = null;

  observe(): Observation {
    const records = union(this.served, this.foreign);
    const presents = this.deployed ?? this.source;
    return {
      uptime: null,
      source: { outcome: "chain", chain: this.source, faults: [] },
      deployed: this.deployed,
      stored: this.stored.map(({ id }) => id),
      owners: [
        {
          outcome: "seen",
          owner: OWNER,
          finalOwner: OWNER,
          zone: name("example.test"),
          aliasTtl: seconds(0),
          servers: [
            {
              server: "ns.example.test",
              address: "192.0.2.53",
              excluded: false,
              said: { outcome: "answer", records, ttl: TTL, authoritative: true, signed: true, serial: null },
            },
          ],
          validated: { status: "secure", records },
        },
      ],
      endpoints: [
        {
          endpoint: "mx.example.test:25",
          owner: OWNER,
          address: "192.0.2.1",
          own: true,
          presents: { outcome: "chain", ...presents },
        },
      ],
      ...(this.standby === null
        ? {}
        : {
            standby: {
              outcome: "keys" as const,
              keys: this.standby.map((key) => ({ spkiSha256: key.toString(16).repeat(64), records: [record(key)] })),
            },
          }),
    };
  }

  /** One look and what it asks for. */
  tick(): Step {
    const result = step(this.state, this.observe(), POLICY, this.now);
    this.events.push(...result.events.map(({ event }) => event));
    const outcomes = result.actions.map((action) => {
      const at = this.now;
      switch (action.kind) {
        case "store":
          this.stored.unshift(this.source);
          return { kind: "store", chain: action.chain, at, fault: null } as const;
        case "deploy": {
          const found = this.stored.find(({ id }) => id === action.chain);
          this.deployed = found ?? this.deployed;
          return { kind: "deploy", chain: action.chain, at, flipped: true, reloaded: true, fault: null } as const;
        }
        case "publish":
          this.served = union(this.served, action.add);
          return { kind: "publish", owner: action.owner, at, fault: null } as const;
        case "withdraw":
          if (!sameSet(action.expected, union(this.served, this.foreign, this.hidden))) {
            return { kind: "withdraw", owner: action.owner, at, fault: fault("PUBLISH_CONFLICT", "NXRRSET") } as const;
          }
          this.served = without(this.served, action.remove);
          return { kind: "withdraw", owner: action.owner, at, fault: null } as const;
      }
    });
    this.state = recordOutcomes(result.state, outcomes);
    this.last = result;
    return result;
  }

  run(length: Seconds): this {
    for (const end = addSeconds(this.now, length); this.now < end; this.now = addSeconds(this.now, seconds(10)))
      this.tick();
    return this;
  }

  say(verb: (state: RolloverState, now: Instant) => Result<RolloverState, Fault>): Fault | null {
    if (this.state === null) throw new Error("nothing was looked at yet");
    const result = verb(this.state, this.now);
    if (!result.ok) return result.fault;
    this.state = result.value;
    return null;
  }

  codes(): readonly string[] {
    return this.last?.refusals.map(({ code }) => code) ?? [];
  }
}

function enrolled(): Unit {
  const unit = new Unit().run(seconds(600));
  expect(unit.state?.phase).toMatchObject({ phase: "stable", current: chain(1).id });
  expect(unit.served).toEqual([record(1)]);
  return unit;
}

/** Renewed with key 2, and everything over. */
function rolled(): Unit {
  const unit = enrolled();
  unit.source = chain(2);
  unit.run(seconds(6_000));
  expect(unit.state?.phase).toMatchObject({ phase: "stable", current: chain(2).id });
  expect(unit.served).toEqual([record(2)]);
  return unit;
}

describe("standby keys", () => {
  test("are published beside the current key, never before it", () => {
    const unit = new Unit();
    unit.standby = [2];
    unit.tick();
    expect(unit.served).toEqual([]);
    unit.run(seconds(600));
    expect(unit.served).toEqual([record(1), record(2)]);
    expect(unit.state?.phase.phase).toBe("stable");
  });

  test("take the wait away from the renewal that bears them", () => {
    const unit = enrolled();
    unit.standby = [2];
    unit.run(seconds(1_200));
    unit.source = chain(2);
    unit.standby = [3];
    unit.tick();
    expect(unit.deployed).toEqual(chain(2));
    unit.run(seconds(4_800));
    expect(unit.served).toEqual([record(2), record(3)]);
    expect(unit.state?.phase).toMatchObject({ phase: "stable" });
  });

  test("are no help while they are no older than a record asked for now", () => {
    const unit = enrolled();
    unit.standby = [2];
    unit.run(seconds(100));
    unit.source = chain(2);
    unit.tick();
    expect(unit.deployed).toEqual(chain(1));
    expect(unit.codes()).toContain("CLOCK_RUNNING");
  });

  test("stay published while the place where they are kept cannot be read, and go when they are given up", () => {
    const unit = enrolled();
    unit.standby = [2];
    unit.run(seconds(600));
    const blind = {
      ...unit.observe(),
      standby: { outcome: "failed", fault: { code: "FILE_UNREADABLE", message: "no", hint: "" } },
    } as const;
    const looked = step(unit.state, blind, POLICY, unit.now);
    expect(looked.actions).toEqual([]);
    expect(looked.state.standby).toHaveLength(1);
    unit.standby = null;
    unit.run(seconds(5_000));
    expect(unit.served).toEqual([record(1)]);
  });

  test("stand back where there would be too many records", () => {
    const unit = enrolled();
    unit.standby = [2, 3, 4, 5, 6, 7, 8, 9];
    unit.run(seconds(600));
    expect(unit.served).toEqual([record(1)]);
    unit.standby = [2, 3];
    unit.run(seconds(600));
    expect(unit.served).toEqual([record(1), record(2), record(3)]);
  });
});

describe("rollback", () => {
  test("before the withdrawal puts the old files back at once", () => {
    const unit = enrolled();
    unit.source = chain(2);
    unit.run(seconds(900));
    expect(unit.state?.phase.phase).toBe("confirming");
    expect(unit.say((state, now) => rollBack(state, unit.stored, now))).toBeNull();
    unit.tick();
    expect(unit.deployed).toEqual(chain(1));
  });

  test("after it announces the earlier chain anew, and keeps the newer one out until a second word", () => {
    const unit = rolled();
    expect(unit.say((state, now) => rollBack(state, unit.stored, now))).toBeNull();
    unit.run(seconds(300));
    expect(unit.deployed).toEqual(chain(2));
    expect(unit.served).toEqual([record(1), record(2)]);
    unit.run(seconds(6_000));
    expect(unit.deployed).toEqual(chain(1));
    expect(unit.served).toEqual([record(1)]);
    expect(unit.codes()).toContain("REJECTED_CHAIN");
    expect(unit.say(resume)).toBeNull();
    unit.run(seconds(6_000));
    expect(unit.deployed).toEqual(chain(2));
  });

  test("is refused where there is nothing to go back to, or only an expired certificate", () => {
    const unit = enrolled();
    expect(unit.say((state, now) => rollBack(state, unit.stored, now))?.message).toContain("no earlier certificate");
    const old = { ...chain(9), notAfter: addSeconds(START, seconds(1)) };
    expect(unit.say((state, now) => rollBack(state, [...unit.stored, old], now))?.message).toContain("expired");
  });
});

describe("override", () => {
  test("swaps without the wait, once, and for this chain alone", () => {
    const unit = enrolled();
    unit.source = chain(2);
    unit.tick();
    expect(unit.say((state, now) => override(state, now, "the old key leaked"))).toBeNull();
    unit.tick();
    expect(unit.deployed).toEqual(chain(2));
    expect(unit.events).toContain("overridden");
    unit.run(seconds(10));
    expect(unit.state?.override).toBeNull();
    expect(unit.served).toEqual([record(1), record(2)]);
  });

  test("is spent when a newer certificate takes the place of the one it was for", () => {
    const unit = enrolled();
    unit.source = chain(2);
    unit.tick();
    unit.say((state, now) => override(state, now, "because"));
    unit.source = chain(3);
    unit.run(seconds(30));
    expect(unit.deployed).toEqual(chain(1));
    expect(unit.state?.override).toBeNull();
  });

  test("withdraws without the retire safety", () => {
    const unit = enrolled();
    unit.source = chain(2);
    unit.run(seconds(900));
    expect(unit.codes()).toContain("RETIRE_RUNNING");
    unit.say((state, now) => override(state, now, "because"));
    unit.run(seconds(30));
    expect(unit.served).toEqual([record(2)]);
  });

  test("never leaves the live chain without a record that matches", () => {
    const unit = enrolled();
    unit.source = chain(2);
    unit.run(seconds(900));
    unit.served = without(unit.served, [record(2)]);
    unit.foreign = [record(7)];
    unit.say((state, now) => override(state, now, "because"));
    const looked = step(unit.state, unit.observe(), POLICY, unit.now);
    expect(looked.actions.filter(({ kind }) => kind === "withdraw")).toEqual([]);
  });

  test("has nothing to lift at rest", () => {
    expect(enrolled().say((state, now) => override(state, now, "because"))?.code).toBe("NOT_APPLICABLE");
  });
});

describe("an emergency", () => {
  test("keeps the compromised key out and shortens the retire safety when another comes", () => {
    const unit = enrolled();
    expect(unit.say((state, now) => declareEmergency(state, now, "leaked"))).toBeNull();
    unit.source = chain(1, 1);
    unit.run(seconds(60));
    expect(unit.deployed).toEqual(chain(1));
    expect(unit.codes()).toContain("KEY_COMPROMISED");
    unit.source = chain(2);
    unit.run(seconds(900));
    expect(unit.deployed).toEqual(chain(2));
    expect(unit.served).toEqual([record(2)]);
    expect(unit.state?.emergency).toBeNull();
  });

  test("with a standby key is over within the confirmation", () => {
    const unit = enrolled();
    unit.standby = [2];
    unit.run(seconds(1_200));
    unit.say((state, now) => declareEmergency(state, now, "leaked"));
    unit.source = chain(2);
    unit.run(seconds(20));
    expect(unit.deployed).toEqual(chain(2));
    unit.run(seconds(100));
    expect(unit.served).not.toContain(record(1));
  });

  test("stops a renewal that keeps the key, and any way back to it", () => {
    const unit = enrolled();
    unit.source = { ...chain(1, 1), records: [record(1), recordText(`3 0 1 ${"e".repeat(64)}`)] };
    unit.tick();
    expect(unit.state?.phase.phase).toBe("announcing");
    unit.say((state, now) => declareEmergency(state, now, "leaked"));
    expect(unit.state?.phase.phase).toBe("stable");
    const other = rolled();
    other.say((state, now) => declareEmergency(state, now, "leaked"));
    other.source = chain(3);
    other.run(seconds(800));
    expect(other.state?.phase.phase).toBe("stable");
    expect(other.state?.emergency).toBeNull();
    // An emergency is over one day; what was compromised stays so.
    expect(other.say((state, now) => rollBack(state, [chain(2)], now))?.message).toContain("compromised");
    expect(other.say((state, now) => rollBack(state, [chain(1)], now))).toBeNull();
  });

  test("refuses to go back to the compromised key while it lasts", () => {
    const unit = enrolled();
    unit.say((state, now) => declareEmergency(state, now, "leaked"));
    unit.source = chain(2);
    unit.run(seconds(620));
    expect(unit.state?.phase.phase).toBe("confirming");
    expect(unit.say(abort)?.message).toContain("compromised");
  });
});

describe("a teardown", () => {
  test("withdraws every record of ours, keeps the certificate, and goes on renewing without DNS", () => {
    const unit = enrolled();
    unit.standby = [4];
    unit.run(seconds(100));
    expect(unit.say((state, now) => tearDown(state, now, "moving away"))).toBeNull();
    unit.run(seconds(40));
    expect(unit.served).toEqual([]);
    expect(unit.events).toContain("torn-down");
    expect(unit.codes()).toContain("TORN_DOWN");
    unit.source = chain(2);
    unit.run(seconds(60));
    // Caches may still hold the record of the current chain.
    expect(unit.deployed).toEqual(chain(1));
    expect(unit.codes()).toContain("HORIZON_UNSAFE");
    unit.run(seconds(400));
    expect(unit.deployed).toEqual(chain(2));
    expect(unit.served).toEqual([]);
    expect(unit.say(resume)).toBeNull();
    unit.run(seconds(100));
    expect(unit.served).toEqual([record(2), record(4)]);
  });

  test("waits while what others have there would not match", () => {
    const unit = enrolled();
    unit.foreign = [record(7)];
    unit.run(seconds(100));
    unit.say((state, now) => tearDown(state, now, ""));
    unit.run(seconds(100));
    expect(unit.served).toEqual([record(1)]);
    expect(unit.codes()).toContain("HORIZON_UNSAFE");
  });

  test("is refused in the middle of a rollover, and twice", () => {
    const unit = enrolled();
    unit.source = chain(2);
    unit.tick();
    expect(unit.say((state, now) => tearDown(state, now, ""))?.message).toContain("announcing");
    const other = enrolled();
    other.say((state, now) => tearDown(state, now, ""));
    expect(other.say((state, now) => tearDown(state, now, ""))?.code).toBe("NOT_APPLICABLE");
  });
});

test("renewals that keep the key do not pile up in the state", () => {
  const unit = enrolled();
  for (let serial = 1; serial <= 30; serial++) {
    unit.source = chain(1, serial);
    unit.run(seconds(120));
  }
  expect(unit.deployed).toEqual(chain(1, 30));
  expect(unit.state?.chains.length).toBeLessThanOrEqual(2);
});

describe("adopting records", () => {
  test("makes them ours, to be withdrawn when no chain needs them", () => {
    const unit = new Unit();
    unit.served = [record(1), record(5)];
    unit.run(seconds(600));
    expect(unit.served).toEqual([record(1), record(5)]);
    expect(unit.say((state) => adopt(state, [record(1), record(5)]))).toBeNull();
    unit.run(seconds(6_000));
    expect(unit.served).toEqual([record(1)]);
  });

  test("is refused for what no name server serves", () => {
    expect(enrolled().say((state) => adopt(state, [record(6)]))?.message).toContain(record(6));
  });
});

test("a record on its way behind a hidden primary is withdrawn when it has come", () => {
  const unit = enrolled();
  unit.standby = [4];
  unit.tick();
  unit.served = [record(1)];
  unit.hidden = [record(4)];
  expect(unit.say((state, now) => tearDown(state, now, ""))).toBeNull();
  unit.run(seconds(100));
  expect(unit.served).toEqual([record(1)]);
  unit.served = [record(1), record(4)];
  unit.hidden = [];
  unit.run(seconds(100));
  expect(unit.served).toEqual([]);
  expect(unit.state?.phase.phase).toBe("stable");
});

test("a record that was lost on its way holds up no withdrawal", () => {
  const unit = enrolled();
  unit.standby = [4];
  unit.tick();
  unit.served = [record(1)];
  expect(unit.say((state, now) => tearDown(state, now, ""))).toBeNull();
  unit.run(seconds(100));
  expect(unit.served).toEqual([]);
  expect(unit.state).toMatchObject({ phase: { phase: "stable" }, owners: [{ ours: [], coming: [] }] });
});
