/** That clients are refused, and that they are no more, stands in the journal, however soon one follows the other. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { mismatchEvents } from "../../src/driver/mismatch-events.ts";
import { tick } from "../../src/driver/tick.ts";
import type { Refusal } from "../../src/rollover/state.ts";
import { chainId } from "../../src/rollover/chain.ts";
import { NO_ADDRESS } from "../../src/rollover/observation.ts";
import type { Presented } from "../../src/rollover/observation.ts";
import { readJournal } from "../../src/store/journal.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

const chain: Presented = {
  outcome: "chain",
  id: chainId("ab"),
  certificates: [],
  subject: "mx.example.org",
  notBefore: instant(0),
  notAfter: instant(1),
};
const silent: Presented = { outcome: "failed", code: "CONNECT_FAILED", detail: "no answer" };

const seen = (presents: Presented, address = "192.0.2.1") => [{ endpoint: "mx.example.org:25", address, presents }];

function refusal(code: Refusal["code"], address: string, words = "presents X"): Refusal {
  return { gate: "dane", code, until: null, detail: `mx.example.org:25 at ${address} ${words}` };
}

const first = refusal("LIVE_MISMATCH", "192.0.2.1");

describe("refused clients", () => {
  test("begin with what they meet", () => {
    expect(mismatchEvents([], [first], seen(chain))).toEqual([
      { event: "mismatch", detail: { code: "LIVE_MISMATCH", detail: first.detail } },
    ]);
  });

  test("are no news in other words, nor is any other refusal", () => {
    const other: Refusal = { gate: "time", code: "CLOCK_RUNNING", until: null, detail: "wait" };
    expect(mismatchEvents([first], [refusal("LIVE_MISMATCH", "192.0.2.1", "presents Y"), other], seen(chain))).toEqual(
      [],
    );
  });

  test("at one address more begin there alone", () => {
    const second = refusal("LIVE_MISMATCH", "192.0.2.2");
    expect(mismatchEvents([first], [first, second], seen(chain))).toMatchObject([
      { detail: { detail: second.detail } },
    ]);
  });

  test.each([
    ["seen", seen(chain), "mx.example.org:25 at 192.0.2.1: no client that asks for DANE refuses it any more"],
    ["silent", seen(silent), "mx.example.org:25 at 192.0.2.1: it could not be looked at, so it is not known any more"],
    [
      "not to be found",
      seen(silent, NO_ADDRESS),
      "mx.example.org:25 at 192.0.2.1: it could not be looked at, so it is not known any more",
    ],
    ["gone", seen(chain, "192.0.2.9"), "mx.example.org:25 at 192.0.2.1: it is no address of the service any more"],
  ])("are over as the address is %s", (_, endpoints, detail) => {
    expect(mismatchEvents([first], [], endpoints)).toEqual([
      { event: "mismatch-over", detail: { code: "LIVE_MISMATCH", detail } },
    ]);
  });
});

describe("a tick", () => {
  let world: FakeWorld;
  beforeEach(() => {
    world = createFakeWorld();
  });
  afterEach(() => {
    world.remove();
  });

  test("journals when a foreign certificate comes and when it is gone, once each, and tells its caller", async () => {
    const issued = await world.issue();
    world.serve(issued);
    world.install(issued);
    for (let at = 0; at < 3; at++) {
      await tick(world.input());
      world.advance(30);
    }
    world.serve(await world.issue());
    await tick(world.input({ force: true }));
    await tick(world.input({ force: true }));
    world.serve(issued);
    await tick(world.input({ force: true }));
    const told = world.events.filter(({ event }) => event.startsWith("mismatch"));
    expect(told.map(({ event, detail }) => [event, detail["code"]])).toEqual([
      ["mismatch", "LIVE_MISMATCH"],
      ["mismatch-over", "LIVE_MISMATCH"],
    ]);
    expect(readJournal(world.stateDirectory, "mx").entries).toEqual(expect.arrayContaining(told));
  });

  test("says with a confirmation in which phase it leaves the rollover", async () => {
    const issued = await world.issue();
    world.serve(issued);
    world.install(issued);
    for (let at = 0; at < 3; at++) {
      await tick(world.input());
      world.advance(30);
    }
    world.install(await world.issue());
    for (let at = 0; at < 20; at++) {
      await tick(world.input({ force: true }));
      world.advance(30);
    }
    const confirmed = world.events.filter(({ event }) => event === "confirmed");
    expect(confirmed.map(({ detail }) => detail["to"])).toEqual(["stable", "confirming"]);
  });
});
