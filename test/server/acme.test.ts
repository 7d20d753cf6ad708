/**
 * ACME clients end to end: certbot, dehydrated and lego prove control of their names by dns-01 on the same BIND, with the
 * same TSIG key, that daneward publishes with; pebble is the authority. Each certificate is issued, enrolled, renewed with
 * a new key, rolled over and its former record withdrawn, side by side, and an independent DANE client that looks all the
 * while never meets a moment in which it would refuse.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { readSpool } from "../../src/store/spool.ts";
import type { HookState } from "./lab/acme-clients.ts";
import { ACME_PROGRAMS, NAMES, TTL, startAcmeWorld } from "./lab/acme-world.ts";
import type { AcmeWorld, Name } from "./lab/acme-world.ts";
import { until } from "./lab/poll.ts";
import type { Ended } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { assertQuiet, tickUntil } from "./lab/rollover.ts";
import type { Sampler } from "./lab/sampler.ts";

/** These two have keys whose records are published before there is a certificate. */
const AHEAD: readonly Name[] = ["ahead", "requests"];
const USUAL: readonly Name[] = ["certbot", "dehydrated", "lego"];

const record = (key: string): string => `3 1 1 ${key}`;

function assertDone({ code, stdout, stderr }: Ended): void {
  if (code !== 0) throw new Error(`ended with ${String(code)}\n${stdout}${stderr}`);
}

/** The keys of the newest certificates that the clients have. */
function newest(world: AcmeWorld, names: readonly Name[]): readonly string[] {
  return names.map((name) => world.clients[name].spki());
}

function deployed(world: AcmeWorld, names: readonly Name[]): readonly string[] {
  return names.map((name) => world.deployedKey(name));
}

/** The newest keys' records alone, or with one key to come, are on every name server, and nothing is under way. */
async function isSettled(world: AcmeWorld): Promise<boolean> {
  for (const name of NAMES) {
    const served = await world.served(name);
    if (!served.includes(record(world.clients[name].spki()))) return false;
    if (served.length !== (AHEAD.includes(name) ? 2 : 1)) return false;
  }
  const { stdout } = await world.run(["status", "--json"]);
  const phases = [...stdout.matchAll(/"phase": "([a-z]+)"/g)].map(([, phase]) => phase);
  return phases.length === NAMES.length && phases.every((phase) => phase === "stable");
}

async function settle(world: AcmeWorld): Promise<void> {
  await tickUntil(world, "everything is at rest", () => isSettled(world));
  await until("the clients' cache has followed", async () => {
    const sets = await Promise.all(NAMES.map((name) => Promise.all([world.served(name), world.known(name)])));
    return sets.every(([served, known]) => JSON.stringify(served) === JSON.stringify(known));
  });
}

serverSuite("ACME clients that share BIND and the TSIG key with daneward", ACME_PROGRAMS, () => {
  let world: AcmeWorld;
  let sampler: Sampler | null = null;
  /** Keys that were in use, oldest first. */
  const used: Record<Name, string[]> = { certbot: [], dehydrated: [], lego: [], ahead: [], requests: [] };

  beforeAll(async () => {
    world = await startAcmeWorld();
  }, 90_000);
  afterAll(async () => {
    await sampler?.stop();
    await world.stop();
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(world.logs());
  });

  /** All side by side, as timers of several hosts would. */
  async function renew(names: readonly Name[], hook: HookState): Promise<readonly Ended[]> {
    return Promise.all(
      names.map(async (name) => {
        const client = world.clients[name];
        client.hook(hook);
        const before = client.spki();
        const renewed = await client.renew();
        expect(client.spki(), `${name} has a new key\n${renewed.stdout}${renewed.stderr}`).not.toBe(before);
        used[name].push(client.spki());
        return renewed;
      }),
    );
  }

  async function keysToComeAreKnown(): Promise<void> {
    await until("the keys to come are known everywhere", async () => {
      const asked = await Promise.all(AHEAD.map((name) => world.run(["csr", name, "--dry-run"])));
      return asked.every(({ stderr }) => stderr.includes("known everywhere: the certificate is deployed as soon as"));
    });
  }

  const notes = (): readonly (readonly string[])[] =>
    readSpool(world.stateDirectory).notes.map(({ note }) => [note.client, ...note.domains]);

  test("each gets a first certificate, one of them for a key of daneward's", async () => {
    await Promise.all(
      NAMES.map(async (name) => {
        world.clients[name].hook("told");
        assertDone(await world.clients[name].issue());
        used[name].push(world.clients[name].spki());
      }),
    );
    expect(new Set(Object.values(used).flat()).size).toBe(NAMES.length);
    // certbot does not call programs in renewal-hooks/deploy at the first issue.
    expect([...notes()].sort()).toEqual([
      ["dehydrated", "ahead.example.test"],
      ["dehydrated", "dehydrated.example.test"],
      ["lego", "lego.example.test"],
    ]);
  }, 60_000);

  test("each is enrolled: deployed, published once the service has it, two of them with the key to come", async () => {
    const first = await world.tick();
    expect([first.code, first.stdout]).toEqual([1, ""]);
    for (const name of NAMES) expect(first.stderr).toContain(`daneward: ${name}: nothing is published`);
    expect(deployed(world, NAMES)).toEqual(newest(world, NAMES));
    for (const name of NAMES) expect(await world.served(name)).toEqual([]);
    await world.moveServices();
    sampler = world.startSampler();
    await settle(world);
  }, 60_000);

  test("a renewal with a new key, told by the hook, waits for DNS; with a key known in advance it does not", async () => {
    const before = deployed(world, USUAL);
    await keysToComeAreKnown();
    for (const renewal of await renew(NAMES, "told")) assertDone(renewal);
    expect([...notes()].sort()).toEqual([
      ["certbot", "mx.example.test"],
      ["dehydrated", "ahead.example.test"],
      ["dehydrated", "dehydrated.example.test"],
      ["lego", "lego.example.test"],
    ]);
    for (const name of AHEAD) expect(await world.served(name)).toContain(record(world.clients[name].spki()));

    assertQuiet(await world.tick());
    expect(notes()).toEqual([]);
    expect(deployed(world, AHEAD)).toEqual(newest(world, AHEAD));
    expect(deployed(world, USUAL)).toEqual(before);
    await settle(world);
    expect(deployed(world, NAMES)).toEqual(newest(world, NAMES));
  }, 90_000);

  test("daneward roll has a request signed for the key to come, and that is live when it ends", async () => {
    await keysToComeAreKnown();
    const before = world.deployedKey("requests");
    const coming = (await world.served("requests")).filter((one) => one !== record(before));
    const rolled = await world.run(["roll", "requests", "--now"]);
    expect(rolled.code, rolled.stderr).toBe(0);
    const key = world.clients.requests.spki();
    used.requests.push(key);
    expect([record(key)]).toEqual(coming);
    expect(world.deployedKey("requests")).toBe(key);
  }, 60_000);

  test("a hook that fails or cannot be found changes nothing: the tick finds the renewal", async () => {
    const before = deployed(world, USUAL);
    // certbot tells nobody, dehydrated goes on, lego ends with an error; each has its new certificate all the same.
    const [certbot, dehydrated, lego] = await renew(USUAL, "broken");
    expect([certbot?.code, certbot?.stdout, certbot?.stderr]).toEqual([0, "", ""]);
    expect(dehydrated?.code).toBe(0);
    expect(lego?.code).not.toBe(0);
    expect(notes()).toEqual([]);

    assertQuiet(await world.tick());
    expect(deployed(world, USUAL)).toEqual(before);
    for (const name of USUAL) expect(await world.served(name)).toHaveLength(2);
    await settle(world);
    expect(deployed(world, NAMES)).toEqual(newest(world, NAMES));
  }, 90_000);

  test("an independent DANE client got through at every moment, with every key", async () => {
    await delay(2 * TTL * 1000); // until every cache has forgotten the former records
    const samples = sampler?.samples() ?? [];
    await sampler?.stop();
    expect(sampler?.failures()).toEqual([]);
    expect(samples.length).toBeGreaterThan(200);
    for (const name of NAMES) {
      const { host } = world.clients[name];
      const mine = samples.filter(({ service }) => service.startsWith(`${host}:`));
      const published = mine.findIndex(({ outcome }) => outcome === "match");
      expect(mine.slice(published).filter(({ outcome }) => outcome !== "match")).toEqual([]);
      // Behind the bracket is what the server presented.
      const presented = mine.map(({ evidence }) => evidence.slice(evidence.indexOf("]")));
      for (const key of used[name])
        expect(presented.filter((evidence) => evidence.includes(key)).length).toBeGreaterThan(3);
    }
  });
});
