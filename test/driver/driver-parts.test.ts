/** The small parts around the tick: demand, alarms, steering, the schedule, probing, groups. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import { TYPE } from "../../src/dns/iana.ts";
import { encodeA, encodeAaaa } from "../../src/dns/rdata.ts";
import { hasAlarms, repeatAlarms, updateAlarms } from "../../src/driver/alarms.ts";
import { notesAbout } from "../../src/driver/due.ts";
import { observeEndpoints } from "../../src/driver/endpoints.ts";
import type { LookContext } from "../../src/driver/endpoints.ts";
import { groupIdOf } from "../../src/driver/group.ts";
import { observe } from "../../src/driver/observe.ts";
import { subjectOf } from "../../src/driver/rollover-unit.ts";
import { runSchedule } from "../../src/driver/schedule.ts";
import { considerSteering, steer } from "../../src/driver/steer.ts";
import { tick } from "../../src/driver/tick.ts";
import type { World } from "../../src/driver/world.ts";
import type { ChainId } from "../../src/rollover/chain.ts";
import type { RolloverState } from "../../src/rollover/state.ts";
import type { ProbeOutcome } from "../../src/verifier/endpoint.ts";
import { readJournal } from "../../src/store/journal.ts";
import { readDueIndex } from "../../src/store/due-index.ts";
import { loadState } from "../../src/store/store.ts";
import { createFakeWorld, nameOf } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

let world: FakeWorld;
const signal = new AbortController().signal;

beforeEach(() => {
  world = createFakeWorld();
});
afterEach(() => {
  world.remove();
});

function theWorld(): World {
  return world.input().makeWorld(world.configuration, world.clock, signal);
}

describe("a hook's note", () => {
  test.each([
    ["the source folder", { source: "SOURCE", domains: [] }, true],
    ["a file in it", { source: "SOURCE/fullchain.pem", domains: [] }, true],
    ["a name that the certificate serves", { source: "/elsewhere", domains: ["MX.example.org"] }, true],
    ["something else", { source: "/elsewhere", domains: ["www.example.org"] }, false],
  ])("about %s", (_, note, expected) => {
    const source = note.source.replace("SOURCE", path.join(world.root, "live"));
    const noted = { client: "certbot", at: world.clock(), ...note, source };
    expect(notesAbout([{ file: "note", note: noted }])(world.certificate).length > 0).toBe(expected);
  });
});

describe("alarms", () => {
  const alarm = { certificate: "mx", key: "RELOAD_FAILED", text: "block\n" };
  const news = (hours: number, changes: object = {}): Parameters<typeof updateAlarms>[1] => ({
    alarms: [alarm],
    looked: new Set(["mx"]),
    isConfigured: (name) => name === "mx",
    now: instant(hours * 3_600_000),
    ...changes,
  });

  test("are said when they appear, when they change, and once a day", () => {
    mkdirSync(world.stateDirectory);
    expect(updateAlarms(world.stateDirectory, news(0)).due).toEqual([alarm]);
    expect(updateAlarms(world.stateDirectory, news(1)).due).toEqual([]);
    const other = { ...alarm, key: "CONFIRM_FAILED" };
    expect(updateAlarms(world.stateDirectory, news(2, { alarms: [other] })).due).toEqual([other]);
    expect(updateAlarms(world.stateDirectory, news(25, { alarms: [other] })).due).toEqual([]);
    expect(updateAlarms(world.stateDirectory, news(26, { alarms: [other] })).due.length).toBe(1);
  });

  test("stand while nobody looks, and end when the look finds nothing", () => {
    mkdirSync(world.stateDirectory);
    updateAlarms(world.stateDirectory, news(0));
    updateAlarms(world.stateDirectory, news(1, { alarms: [], looked: new Set() }));
    expect(hasAlarms(world.stateDirectory)).toBe(true);
    expect(repeatAlarms(world.stateDirectory, instant(3_600_000)).due).toEqual([]);
    expect(repeatAlarms(world.stateDirectory, instant(25 * 3_600_000)).due.length).toBe(1);
    updateAlarms(world.stateDirectory, news(30, { alarms: [] }));
    expect(hasAlarms(world.stateDirectory)).toBe(false);
  });

  test("survive a damaged file at the price of one repetition", () => {
    mkdirSync(world.stateDirectory);
    updateAlarms(world.stateDirectory, news(0));
    writeFileSync(path.join(world.stateDirectory, "alarms.json"), "{");
    expect(updateAlarms(world.stateDirectory, news(1)).due).toEqual([alarm]);
  });
});

describe("steering", () => {
  /** Rejects where considering it throws. */
  const say = async (verb: "hold" | "resume" | "abort"): Promise<RolloverState> => {
    const { certificate, stateDirectory, clock } = world;
    const input = { verb, certificate, because: "maintenance of ns2", who: "alice", stateDirectory, clock };
    return (await steer(input, considerSteering(input))).after;
  };

  async function begin(): Promise<void> {
    const issued = await world.issue();
    world.serve(issued);
    world.install(issued);
    await tick(world.input());
    world.advance(30);
    await tick(world.input());
    world.install(await world.issue());
    await tick(world.input());
  }

  test("is impossible before the first look", async () => {
    await expect(say("hold")).rejects.toMatchObject({ code: "NEVER_SEEN" });
  });

  test("holds and resumes, on record with who and why, and wakes the next tick", async () => {
    await begin();
    const held = await say("hold");
    expect(held.phase.phase).toBe("held");
    expect(held.phase.phase === "held" ? held.phase.detail : "").toBe("maintenance of ns2 (by alice)");
    expect(readDueIndex(world.stateDirectory)?.due(world.clock())).toEqual([0]);
    world.advance(10_000);
    await tick(world.input());
    expect(loadState(world.stateDirectory, "mx")?.state.phase.phase).toBe("held");
    await expect(say("hold")).rejects.toMatchObject({ code: "NOT_APPLICABLE" });
    expect((await say("resume")).phase.phase).toBe("aging");
    const [last] = readJournal(world.stateDirectory, "mx").entries.slice(-1);
    expect([last?.event, last?.detail["by"], last?.detail["because"]]).toEqual([
      "resume",
      "alice",
      "maintenance of ns2",
    ]);
  });

  test("aborts, and the certificate is not picked up again", async () => {
    await begin();
    const served = world.served();
    await say("abort");
    for (let count = 0; count < 30; count++) {
      world.advance(60);
      await tick(world.input());
    }
    expect(world.served()).toBe(served);
    expect(loadState(world.stateDirectory, "mx")?.state.phase.phase).toBe("stable");
  });
});

describe("the schedule", () => {
  test("runs a pass at once, another when the next is due, and ends when told", async () => {
    const stop = new AbortController();
    let passes = 0;
    const pass = (): Promise<null> => {
      passes += 1;
      return Promise.resolve(null);
    };
    const running = runSchedule({ expression: "* * * * * *", clock: world.clock, signal: stop.signal, pass });
    await vi.waitUntil(() => passes >= 2, { timeout: 4000, interval: 20 });
    stop.abort();
    await running;
    const after = passes;
    expect(after).toBeGreaterThanOrEqual(2);
  });

  test("does not run again after it was stopped during a pass", async () => {
    const stop = new AbortController();
    let passes = 0;
    await runSchedule({
      clock: world.clock,
      signal: stop.signal,
      pass: () => {
        passes += 1;
        stop.abort();
        return Promise.resolve(world.clock());
      },
    });
    expect(passes).toBe(1);
  });
});

describe("probing", () => {
  const knowing = (deployed: ChainId | null): LookContext => ({
    deployed,
    known: new Set(deployed === null ? [] : [deployed]),
    sharing: null,
    before: null,
    isPublished: false,
    now: world.clock(),
  });
  const answer = (
    name: string,
    type: number,
    rdatas: readonly Uint8Array[],
  ): Awaited<ReturnType<World["resolve"]>> => ({
    status: "insecure",
    name: nameOf(name),
    type,
    rcode: 0,
    aliases: [],
    finalName: nameOf(name),
    negativeTtl: null,
    rrset: { name: nameOf(name), type, class: 1, ttl: world.certificate.policy.ttl, rdatas, signatures: [] },
  });

  test("asks every A and AAAA address and marks those of this host, however they are spelt", async () => {
    world.serve(await world.issue());
    const both: World = {
      ...theWorld(),
      resolve: (name, type) =>
        Promise.resolve(
          answer(
            name,
            type,
            type === TYPE.A ? [encodeA("192.0.2.10")] : [encodeAaaa("2001:db8::10"), encodeAaaa("2001:db8::11")],
          ),
        ),
    };
    const certificate = { ...world.certificate, verify: ["2001:0DB8:0:0::10"] };
    const seen = await observeEndpoints(certificate, both, signal, knowing(null));
    expect(seen.map(({ address, own }) => [address, own])).toEqual([
      ["192.0.2.10", false],
      ["2001:db8::10", true],
      ["2001:db8::11", false],
    ]);
    expect(seen.every(({ presents }) => presents.outcome === "chain")).toBe(true);
  });

  test("sees the chain that is not the deployed one, whichever kind of client gets it", async () => {
    const [service] = world.certificate.services;
    if (service === undefined) throw new Error("the fake configuration has a service");
    const served = async (): ReturnType<World["probe"]> => {
      world.serve(await world.issue());
      return theWorld().probe(service, "192.0.2.10", signal, { look: "every-kind" });
    };
    const own = await served();
    const other = await served();
    const silent = { outcome: "failed", fault: fault("CONNECT_TIMEOUT", "no answer") } as const;
    const idSeen = async (outcomes: readonly ProbeOutcome[], deployed: ChainId | null): Promise<ChainId | null> => {
      const dual: World = { ...theWorld(), probe: () => Promise.resolve(outcomes) };
      const [seen] = await observeEndpoints(world.certificate, dual, signal, knowing(deployed));
      return seen?.presents.outcome === "chain" ? seen.presents.id : null;
    };
    const ownId = await idSeen(own, null);
    const otherId = await idSeen(other, null);
    expect(ownId).not.toBe(otherId);
    expect(await idSeen([...own, ...own], ownId)).toBe(ownId);
    expect(await idSeen([...own, ...other], ownId)).toBe(otherId);
    expect(await idSeen([...other, ...own], ownId)).toBe(otherId);
    expect(await idSeen([...own, silent], ownId)).toBeNull();
    expect(await idSeen([...own, silent, ...other], ownId)).toBe(otherId);
  });

  test("counts a host whose addresses cannot be found as one that failed", async () => {
    const broken: World = {
      ...theWorld(),
      resolve: (name, type) =>
        Promise.resolve({ status: "indeterminate", name, type, reasons: [fault("DNS_TIMEOUT", "no answer")] }),
    };
    const [seen] = await observeEndpoints(world.certificate, broken, signal, knowing(null));
    expect(seen?.presents).toEqual({ outcome: "failed", code: "DNS_TIMEOUT", detail: "no answer" });
    const empty: World = { ...theWorld(), resolve: (name, type) => Promise.resolve(answer(name, type, [])) };
    const [none] = await observeEndpoints(world.certificate, empty, signal, knowing(null));
    expect(none?.presents.outcome === "failed" ? none.presents.code : "").toBe("HOST_WITHOUT_ADDRESS");
  });
});

describe("observing", () => {
  test("marks name servers that do not count, by name or address", async () => {
    const publisher = world.configuration.publishers.get("local");
    if (publisher === undefined) throw new Error("the fake configuration has a publisher");
    const excludedBy = async (changes: object): Promise<readonly boolean[]> => {
      const setting = { ...world.input(), world: theWorld(), sharers: () => [] };
      const subject = { ...subjectOf(setting, world.certificate), publisher: { ...publisher, ...changes } };
      const { observation } = await observe(subject);
      const [owner] = observation.owners;
      return owner?.outcome === "seen" ? owner.servers.map(({ excluded }) => excluded) : [];
    };
    expect(await excludedBy({})).toEqual([false, false]);
    expect(await excludedBy({ excludeNs: ["NS2.example.org"] })).toEqual([false, true]);
    expect(await excludedBy({ excludeNs: ["192.0.2.53"] })).toEqual([true, false]);
    expect(await excludedBy({ checkNs: ["ns1.example.org."] })).toEqual([false, true]);
  });
});

describe("a key group", () => {
  test("is found by name or number, and refused when it does not exist", () => {
    expect(groupIdOf("root")).toBe(0);
    expect(groupIdOf("1234")).toBe(1234);
    expect(() => groupIdOf("no-such-group-here")).toThrow('no group "no-such-group-here"');
  });
});
