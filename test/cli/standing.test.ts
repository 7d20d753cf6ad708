/** How `status` tells the waits and the end of the live certificate, over states that whole ticks made. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run as runStatus } from "../../src/cli/commands/status.ts";
import { tick } from "../../src/driver/tick.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { recordingIo } from "./recording-io.ts";

const HOURS = 1 / 24;

let world: FakeWorld;

beforeEach(() => {
  world = createFakeWorld();
  writeFileSync(
    path.join(world.root, "daneward.toml"),
    `version = 1
deploy_root = "${path.join(world.root, "deploy")}"
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "tsig.key"
[certificate.mx]
source = "live"
services = ["mx.example.org:25"]
reload = ["/bin/true"]
`,
  );
});
afterEach(() => {
  world.remove();
});

async function status(json = false): Promise<string> {
  const io = recordingIo({ cwd: world.root, clock: world.clock });
  await runStatus([], { config: "daneward.toml", stateDir: world.stateDirectory, json }, io);
  return io.said().out;
}

/** Published and at rest, with a certificate that ends so many hours after the start. */
async function atRest(hours: number): Promise<void> {
  const issued = await world.issue({ days: hours * HOURS });
  world.serve(issued);
  world.install(issued);
  for (let at = 0; at < 3; at++) {
    await tick(world.input());
    world.advance(30);
  }
}

describe("the standing of a certificate", () => {
  test("in time: until when a renewal may still come", async () => {
    await atRest(48);
    expect(await status()).toMatch(
      /^mx {2}stable, all is well\n[^]* {2}deadline a renewal with a new key must be there by /,
    );
    expect(JSON.parse(await status(true))).toMatchObject({ certificates: [{ deadline: { kind: "in-time" } }] });
  });

  test("out of time with nothing staged it needs a person, and a renewal with the same key", async () => {
    await atRest(2);
    const text = await status();
    expect(text).toMatch(/^mx {2}stable, needs you\n[^]* {2}deadline MISSED: /);
    expect(text).toMatch(/ {2}do {7}renew at once with the key that is in use/);
    expect(JSON.parse(await status(true))).toMatchObject({
      certificates: [{ concern: "attention", deadline: { kind: "infeasible" }, then: { by: "you" } }],
    });
  });

  test("with a renewal under way the wait that runs counts, and past the end of the certificate it says so", async () => {
    await atRest(2);
    world.install(await world.issue());
    await tick(world.input({ force: true }));
    world.advance(5);
    const text = await status();
    expect(text).toMatch(/^mx {2}aging, /);
    expect(JSON.parse(await status(true))).toMatchObject({
      certificates: [{ deadline: { kind: "staged", late: false } }],
    });
    world.advance(2 * 3600);
    expect(await status()).toContain("deadline MISSED: the live certificate ended");
  });

  test("with nothing published nobody is bound, and no renewal has to wait", async () => {
    world.failUpdates("UPDATE_REFUSED");
    world.serve(await world.issue());
    world.install(await world.issue({ days: 2 * HOURS }));
    await tick(world.input());
    expect(JSON.parse(await status(true))).toMatchObject({ certificates: [{ deadline: { kind: "off-path" } }] });
  });
});
