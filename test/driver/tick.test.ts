import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { seconds } from "../../src/base/time.ts";
import { isIdle } from "../../src/driver/due.ts";
import { previewTick, tick } from "../../src/driver/tick.ts";
import type { TickReport } from "../../src/driver/tick.ts";
import type { World } from "../../src/driver/world.ts";
import { dueIndexFile } from "../../src/store/due-index.ts";
import { readJournal } from "../../src/store/journal.ts";
import { acquireLock } from "../../src/store/lock.ts";
import { readSpool, writeSpool } from "../../src/store/spool.ts";
import { loadState, stateFile } from "../../src/store/store.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

let world: FakeWorld;

beforeEach(() => {
  world = createFakeWorld();
});
afterEach(() => {
  world.remove();
});

function phase(): string {
  return loadState(world.stateDirectory, "mx")?.state.phase.phase ?? "none";
}

/** Ticks every ten seconds until `done` or the patience is over. */
async function tickUntil(done: () => boolean, patience = 3600): Promise<void> {
  for (let waited = 0; !done(); waited += 10) {
    if (waited > patience) throw new Error(`still ${phase()} after ${String(patience)} s`);
    await tick(world.input());
    if (!done()) world.advance(10);
  }
}

async function firstDeployment(): Promise<void> {
  const issued = await world.issue();
  world.serve(issued);
  world.install(issued);
  await tickUntil(() => phase() === "stable" && existsSync(world.certificate.deploy) && world.records.size === 1);
}

/** A world that fails as only a defect or a signal would: nothing of ours may catch it. */
function killingWorld(): World {
  const real = world.input().makeWorld(world.configuration, world.clock, new AbortController().signal);
  return {
    ...real,
    viewOwner: () => {
      throw new Error("killed");
    },
  };
}

function savedOf(report: TickReport): string {
  const [unit] = report.units;
  return unit?.outcome === "looked" ? unit.saved.state.phase.phase : (unit?.outcome ?? "nothing");
}

describe("a renewal with a new key", () => {
  test("is carried through without a hook, and the old record is gone at the end", async () => {
    await firstDeployment();
    const [oldRecord = ""] = world.records;
    const oldServed = world.served();
    const renewed = await world.issue();
    world.install(renewed);
    world.advance(1);
    await tick(world.input());
    expect(phase()).toBe("aging");
    expect(world.records.size).toBe(2);
    expect(world.served()).toBe(oldServed);
    // 2 x TTL is the longer arm: 120 s.
    world.advance(110);
    await tick(world.input());
    expect(world.served()).toBe(oldServed);
    await tickUntil(() => world.served() === renewed.chainPem, 60);
    expect(readFileSync(path.join(world.certificate.deploy, "privkey.pem"), "utf8")).toBe(renewed.privateKeyPem);
    expect(world.records).toContain(oldRecord);
    await tickUntil(() => phase() === "stable");
    expect([...world.records]).not.toContain(oldRecord);
    expect(world.records.size).toBe(1);
    const done = readJournal(world.stateDirectory, "mx")
      .entries.filter((entry) => entry.detail["result"] === "done")
      .map((entry) => entry.event);
    expect(done.lastIndexOf("publish")).toBeLessThan(done.lastIndexOf("deploy"));
    expect(done.lastIndexOf("deploy")).toBeLessThan(done.lastIndexOf("withdraw"));
  });

  test("waits for a name server that lags, and says which", async () => {
    await firstDeployment();
    world.freeze("ns2.example.org.", true);
    world.install(await world.issue());
    const before = world.served();
    for (let minute = 0; minute < 10; minute++) {
      world.advance(60);
      await tick(world.input());
    }
    expect(phase()).toBe("announcing");
    expect(world.served()).toBe(before);
    const refusal = loadState(world.stateDirectory, "mx")?.refusals.find(({ code }) => code === "NS_LAGGING");
    expect(refusal?.detail).toContain("ns2.example.org");
    expect(refusal?.since).toBeLessThan(world.clock() - 500_000);
    world.freeze("ns2.example.org.", false);
    await tickUntil(() => world.served() !== before);
  });

  test("whose reload fails is undone, held and reported", async () => {
    world.remove();
    const marker = { reload: [] as (readonly string[])[] };
    world = createFakeWorld(marker);
    const copy = ["/bin/cp", path.join(world.certificate.deploy, "fullchain.pem"), path.join(world.root, "served.pem")];
    const brake = path.join(world.root, "brake");
    marker.reload.push(copy, ["/usr/bin/test", "!", "-e", brake]);
    await firstDeployment();
    const before = world.served();
    const oldLink = readFileSync(path.join(world.certificate.deploy, "cert.pem"), "utf8");
    world.install(await world.issue());
    writeFileSync(brake, "");
    await tickUntil(() => phase() === "held");
    rmSync(brake);
    await tickUntil(() => world.served() === before, 120);
    expect(readFileSync(path.join(world.certificate.deploy, "cert.pem"), "utf8")).toBe(oldLink);
    expect(world.records.size).toBe(2);
    const held = loadState(world.stateDirectory, "mx")?.state.phase;
    expect(held?.phase === "held" ? held.reason : "").toBe("RELOAD_FAILED");
  });
});

describe("a renewal with the same key", () => {
  test("is deployed within one tick and changes nothing in DNS", async () => {
    const first = await world.issue();
    world.serve(first);
    world.install(first);
    await tickUntil(() => phase() === "stable" && existsSync(world.certificate.deploy));
    const records = [...world.records];
    const renewed = await world.issue({ privateKeyPem: first.privateKeyPem, days: 120 });
    world.install(renewed);
    world.advance(1);
    await tick(world.input());
    expect(world.served()).toBe(renewed.chainPem);
    expect([...world.records]).toEqual(records);
  });
});

describe("a failing update", () => {
  test("stands as a trouble, is journalled once, and is over when it works again", async () => {
    await firstDeployment();
    world.install(await world.issue());
    world.failUpdates("TSIG_BADKEY");
    for (let count = 0; count < 4; count++) {
      world.advance(60);
      await tick(world.input());
    }
    const troubles = loadState(world.stateDirectory, "mx")?.state.troubles ?? [];
    expect(troubles.map(({ code }) => code)).toEqual(["TSIG_BADKEY"]);
    const failures = readJournal(world.stateDirectory, "mx").entries.filter(
      ({ detail }) => detail["result"] === "failed",
    );
    expect(failures.length).toBe(1);
    world.failUpdates(null);
    world.advance(60);
    await tick(world.input());
    expect(loadState(world.stateDirectory, "mx")?.state.troubles).toEqual([]);
    expect(phase()).toBe("aging");
  });
});

describe("what a tick looks at", () => {
  test("is nothing when nothing is due", async () => {
    await firstDeployment();
    const [file = ""] = world.configuration.watched;
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(true);
    expect((await tick(world.input())).units).toEqual([]);
  });

  test("is a certificate whose source changed, whose time has come, or that is named", async () => {
    await firstDeployment();
    const [file = ""] = world.configuration.watched;
    expect((await tick(world.input({ named: ["mx"] }))).units.length).toBe(1);
    expect((await tick(world.input({ force: true }))).units.length).toBe(1);
    world.advance(7200);
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(false);
    expect((await tick(world.input())).units.length).toBe(1);
    world.install(await world.issue());
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(false);
    expect(savedOf(await tick(world.input()))).not.toBe("stable");
  });

  test("is everything after the clock was set back, and that once", async () => {
    await firstDeployment();
    const [file = ""] = world.configuration.watched;
    world.advance(-3600);
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(false);
    expect((await tick(world.input())).units.length).toBe(1);
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(true);
  });

  test("is, after a change of the configuration, what the change is about", async () => {
    await firstDeployment();
    const [file = ""] = world.configuration.watched;
    writeFileSync(file, "version = 1 # changed\n");
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(false);
    expect((await tick(world.input())).units).toEqual([]);
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(true);
    const changed = { ...world.certificate, policy: { ...world.certificate.policy, confirmRounds: 3 } };
    const looked = await tick(world.input({ configuration: { ...world.configuration, certificates: [changed] } }));
    expect(looked.units.map(({ certificate }) => certificate)).toEqual([changed]);
  });

  test("is everything after a change of what all share", async () => {
    await firstDeployment();
    const configuration = { ...world.configuration, sha1: false };
    expect((await tick(world.input({ configuration }))).units.length).toBe(1);
    expect((await tick(world.input({ configuration }))).units).toEqual([]);
  });

  test("is everything when the index is lost, also what a named tick passed over", async () => {
    await firstDeployment();
    const [file = ""] = world.configuration.watched;
    const other = { ...world.certificate, name: "other", deploy: path.join(world.root, "deploy/other") };
    const configuration = { ...world.configuration, certificates: [world.certificate, other] };
    rmSync(dueIndexFile(world.stateDirectory));
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(false);
    expect((await tick(world.input({ configuration, named: ["mx"] }))).units.length).toBe(1);
    expect((await tick(world.input({ configuration }))).units.map(({ certificate }) => certificate.name)).toContain(
      "other",
    );
  });

  test("stays due when the tick about it is killed, although only its name made it so", async () => {
    await firstDeployment();
    const [file = ""] = world.configuration.watched;
    const broken = { ...world.input(), named: ["mx"], makeWorld: killingWorld };
    await expect(tick(broken)).rejects.toThrow("killed");
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(false);
  });

  test("is on record as cut short when the tick is killed between an action and what it says of it", async () => {
    await firstDeployment();
    world.install(await world.issue());
    world.advance(1);
    const makeWorld = (): World => {
      const real = world.input().makeWorld(world.configuration, world.clock, new AbortController().signal);
      const publisher: World["publisher"] = async (config) => {
        const opened = await real.publisher(config);
        return { ...opened, apply: (change) => opened.apply(change).then(() => Promise.reject(new Error("killed"))) };
      };
      return { ...real, publisher };
    };
    await expect(tick(world.input({ makeWorld }))).rejects.toThrow("killed");
    expect(world.records.size).toBe(2);
    const events = (): readonly string[] => readJournal(world.stateDirectory, "mx").entries.map(({ event }) => event);
    expect(events()).not.toContain("cut-short");
    await tick(world.input());
    await tick(world.input({ force: true }));
    const told = readJournal(world.stateDirectory, "mx").entries.filter(({ event }) => event === "cut-short");
    expect(told.map(({ detail }) => detail["action"])).toContain("publish");
    expect(phase()).toBe("aging");
    expect(events().filter((event) => event === "cut-short").length, "said once").toBe(told.length);
    await tickUntil(() => phase() === "stable");
    expect(events().filter((event) => event === "cut-short").length).toBe(told.length);
  });

  test("is refused for a certificate that is not configured", async () => {
    await expect(tick(world.input({ named: ["mz"] }))).rejects.toMatchObject({ code: "CERTIFICATE_UNKNOWN" });
  });

  test("includes what a hook noted; the note is gone once the state is saved", async () => {
    await firstDeployment();
    const source = path.join(world.root, "live");
    writeSpool(world.stateDirectory, { client: "certbot", at: world.clock(), source, domains: [] });
    writeSpool(world.stateDirectory, { client: "certbot", at: world.clock(), source: "/elsewhere", domains: [] });
    writeFileSync(path.join(world.stateDirectory, "spool", "torn.json"), "{");
    expect((await tick(world.input())).units.length).toBe(1);
    expect(readSpool(world.stateDirectory)).toEqual({ notes: [], damaged: [] });
    expect(world.events.some(({ event }) => event === "spool-damaged")).toBe(true);
  });
});

describe("a tick in trouble", () => {
  test("keeps a damaged state file, and the note of the hook, for a person", async () => {
    await firstDeployment();
    writeFileSync(stateFile(world.stateDirectory, "mx"), "{");
    writeSpool(world.stateDirectory, {
      client: "certbot",
      at: world.clock(),
      source: path.join(world.root, "live"),
      domains: [],
    });
    const [unit] = (await tick(world.input())).units;
    expect(unit?.outcome === "failed" ? unit.error.code : unit?.outcome).toBe("STATE_DAMAGED");
    expect(readFileSync(stateFile(world.stateDirectory, "mx"), "utf8")).toBe("{");
    expect(readSpool(world.stateDirectory).notes.length).toBe(1);
  });

  test("starts anew from DNS, servers and deployed files once the damaged file is moved aside", async () => {
    await firstDeployment();
    const [records, served] = [[...world.records], world.served()];
    const file = stateFile(world.stateDirectory, "mx");
    writeFileSync(file, "{");
    const [unit] = (await tick(world.input({ named: ["mx"] }))).units;
    expect(unit?.outcome === "failed" ? unit.error.hint : "").toContain("daneward adopt mx");
    renameSync(file, `${file}.damaged`);
    world.advance(60);
    await tick(world.input({ named: ["mx"] }));
    await tickUntil(() => phase() === "stable");
    expect([[...world.records], world.served()]).toEqual([records, served]);
    world.install(await world.issue());
    await tickUntil(() => world.served() !== served && phase() === "stable");
    expect(world.records.size, "the old record is taken for ours again, or left").toBeGreaterThan(0);
  });

  test("leaves the state of a newer program alone, and says what to do", async () => {
    await firstDeployment();
    const file = stateFile(world.stateDirectory, "mx");
    writeFileSync(file, '{"version":99}');
    const [unit] = (await tick(world.input({ force: true }))).units;
    const error = unit?.outcome === "failed" ? unit.error : null;
    expect([error?.code, error?.hint]).toEqual(["STATE_NEWER", expect.stringContaining("upgrade daneward")]);
    expect(readFileSync(file, "utf8")).toBe('{"version":99}');
  });

  test("does not keep other certificates from going on", async () => {
    const broken = {
      ...world.certificate,
      name: "broken",
      deploy: path.join(world.root, "deploy/broken"),
      keyGroup: "no-such-group-here",
    };
    const configuration = { ...world.configuration, certificates: [broken, world.certificate] };
    const issued = await world.issue();
    world.serve(issued);
    world.install(issued);
    const report = await tick(world.input({ configuration }));
    expect(report.units.map(({ outcome }) => outcome)).toEqual(["failed", "looked"]);
  });

  test("while another one runs is refused and changes nothing", async () => {
    await firstDeployment();
    const lock = acquireLock(world.stateDirectory, world.clock());
    await expect(tick(world.input())).rejects.toBeInstanceOf(OperationalError);
    lock.release();
    expect((await tick(world.input())).units).toEqual([]);
  });

  test("that is interrupted first leaves the certificate due", async () => {
    await firstDeployment();
    const stop = new AbortController();
    stop.abort();
    const report = await tick(world.input({ force: true, signal: stop.signal }));
    expect(report.units.map(({ outcome }) => outcome)).toEqual(["skipped"]);
    const [file = ""] = world.configuration.watched;
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(false);
  });

  test("deploys nothing where the link is not ours, and says so before anything is published", async () => {
    const issued = await world.issue();
    world.serve(issued);
    world.install(issued);
    writeFileSync(path.join(world.root, "deploy"), "a file where the deploy root should be");
    await tick(world.input());
    const saved = loadState(world.stateDirectory, "mx");
    expect([...(saved?.refusals ?? []), ...(saved?.state.troubles ?? [])].map(({ code }) => code)).not.toEqual([]);
    expect(world.records.size).toBe(0);
    expect(readFileSync(path.join(world.root, "deploy"), "utf8")).toContain("a file");
  });
});

describe("slow name servers", () => {
  test("do not turn one tick into many, although the poll interval passes while they are asked", async () => {
    await firstDeployment();
    world.freeze("ns2.example.org.", true);
    world.install(await world.issue());
    let looks = 0;
    const makeWorld = (): World => {
      const real = world.input().makeWorld(world.configuration, world.clock, new AbortController().signal);
      const viewOwner: World["viewOwner"] = (owner) => {
        looks += 1;
        world.advance(40);
        return real.viewOwner(owner);
      };
      const publisher: World["publisher"] = async (config) => {
        const opened = await real.publisher(config);
        return {
          ...opened,
          apply: (change) => {
            world.advance(40);
            return opened.apply(change);
          },
        };
      };
      return { ...real, viewOwner, publisher };
    };
    await tick(world.input({ makeWorld }));
    expect(phase()).toBe("announcing");
    expect(looks).toBeLessThanOrEqual(3);
  });
});

describe("lingering", () => {
  test("is not done for services that do not read the first deployed files: the next tick looks", async () => {
    world.remove();
    world = createFakeWorld({ reload: [["/bin/true"]] });
    world.serve(await world.issue());
    world.install(await world.issue());
    const waits: string[] = [];
    await tick(world.input({ lingerMs: 15_000, onLinger: (name) => void waits.push(name) }));
    expect([phase(), waits]).toEqual(["confirming", []]);
  });

  test("finishes a confirmation within the tick when the rounds are seconds apart", async () => {
    await firstDeployment();
    const { policy } = world.certificate;
    const quick = { ...world.certificate, policy: { ...policy, confirmInterval: seconds(0) } };
    const configuration = { ...world.configuration, certificates: [quick] };
    world.install(await world.issue());
    await tick(world.input({ configuration }));
    world.advance(130);
    const waits: string[] = [];
    await tick(world.input({ configuration, lingerMs: 15_000, onLinger: (name) => void waits.push(name) }));
    const state = loadState(world.stateDirectory, "mx")?.state.phase;
    expect(state?.phase === "confirming" ? state.confirmedAt : null).not.toBeNull();
  });
});

describe("a dry run", () => {
  test("says what would be done and leaves no trace", async () => {
    const issued = await world.issue();
    world.serve(issued);
    world.install(issued);
    const [preview] = await previewTick(world.input());
    expect(preview?.step.actions.map(({ kind }) => kind)).toContain("deploy");
    expect(world.records.size).toBe(0);
    expect(existsSync(world.stateDirectory)).toBe(false);
    expect(existsSync(world.certificate.deploy)).toBe(false);
  });
});

describe("the deployment store", () => {
  test("keeps the last two versions after several renewals", async () => {
    const first = await world.issue();
    world.serve(first);
    world.install(first);
    await tickUntil(() => phase() === "stable" && existsSync(world.certificate.deploy));
    for (let days = 91; days < 95; days++) {
      world.install(await world.issue({ privateKeyPem: first.privateKeyPem, days }));
      world.advance(4000);
      await tick(world.input());
      await tickUntil(() => phase() === "stable");
    }
    expect(readdirSync(path.join(world.root, "deploy/.versions/mx")).length).toBeLessThanOrEqual(3);
  });
});
