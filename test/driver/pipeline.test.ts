/** A rollover whose records go into a file, and from there to the name servers whenever somebody builds the zone. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import type { ZonefileConfig } from "../../src/config/publisher-zonefile.ts";
import type { Configuration } from "../../src/config/schema.ts";
import { openPublisher } from "../../src/driver/open-publisher.ts";
import { tick } from "../../src/driver/tick.ts";
import type { World } from "../../src/driver/world.ts";
import { loadState } from "../../src/store/store.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

let world: FakeWorld;
let fragment = "";
let runs = "";

beforeEach(() => {
  world = createFakeWorld();
  fragment = path.join(world.root, "tlsa.inc");
  runs = path.join(world.root, "runs");
});
afterEach(() => {
  world.remove();
});

function configuration(): Configuration {
  const publisher: ZonefileConfig = {
    ...{ name: "local", type: "zonefile", file: fragment, parent: null, touch: false, owners: [] },
    ...{ check: ["/usr/bin/test", "-s", "{file}"], serial: null, reload: [["/bin/sh", "-c", `echo >> ${runs}`]] },
    ...{
      zone: null,
      checkNs: "all",
      excludeNs: [],
      anycastPolls: 1,
      hiddenPrimary: null,
      timeout: seconds(20),
      patience: seconds(7200),
    },
  };
  return { ...world.configuration, publishers: new Map([["local", publisher]]) };
}

async function tickOnce(): Promise<void> {
  const real = world.input().makeWorld(world.configuration, world.clock, new AbortController().signal);
  const { resolve } = real;
  const { clock } = world;
  const outside = { configuration: configuration(), resolve, clock, signal: new AbortController().signal };
  const publisher: World["publisher"] = (config) => openPublisher(config, { ...outside, path: undefined });
  await tick(world.input({ configuration: configuration(), makeWorld: () => ({ ...real, publisher }) }));
}

/** Builds the zone: the name servers serve what the file holds. */
function build(): void {
  world.records.clear();
  for (const record of recordsInFile()) world.records.add(record);
}

function recordsInFile(): readonly string[] {
  if (!existsSync(fragment)) return [];
  const lines = readFileSync(fragment, "utf8").split("\n");
  return lines.flatMap((line) => / IN TLSA (.+)$/.exec(line)?.[1] ?? []);
}

function commandRuns(): number {
  return existsSync(runs) ? readFileSync(runs, "utf8").length : 0;
}

function phase(): string {
  return loadState(world.stateDirectory, "mx")?.state.phase.phase ?? "none";
}

/** Ticks every half minute, building the zone each minute, until `done`. */
async function tickUntil(done: () => boolean, patience = 3600): Promise<void> {
  for (let waited = 0; !done(); waited += 30) {
    if (waited > patience) throw new Error(`still ${phase()} after ${String(patience)} s`);
    await tickOnce();
    world.advance(30);
    if (waited % 60 === 0) build();
  }
}

test("is carried through, advances only by what is served, and runs commands only for changes", async () => {
  const first = await world.issue();
  world.serve(first);
  world.install(first);
  await tickUntil(() => phase() === "stable" && existsSync(world.certificate.deploy));
  const [oldRecord = ""] = recordsInFile();
  expect(commandRuns()).toBe(1);
  const renewed = await world.issue();
  world.install(renewed);
  for (let minute = 0; minute < 10; minute++) {
    world.advance(60);
    await tickOnce();
  }
  // Nobody has built the zone: the file holds both, the servers one, and nothing moves.
  expect(recordsInFile()).toHaveLength(2);
  expect(phase()).toBe("announcing");
  expect(world.served()).toBe(first.chainPem);
  expect(commandRuns()).toBe(2);
  await tickUntil(() => world.served() === renewed.chainPem);
  expect(recordsInFile()).toContain(oldRecord);
  await tickUntil(() => phase() === "stable");
  expect(recordsInFile()).toHaveLength(1);
  expect(recordsInFile()).not.toContain(oldRecord);
  expect(commandRuns()).toBe(3);
}, 20_000);
