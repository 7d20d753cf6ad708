/** Which publisher gets which change, and that changes go together where they can. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fault, OperationalError } from "../../src/base/errors.ts";
import { failure, success } from "../../src/base/result.ts";
import { seconds } from "../../src/base/time.ts";
import type { PublisherConfig } from "../../src/config/schema.ts";
import { createInTurn } from "../../src/driver/in-turn.ts";
import { perform } from "../../src/driver/perform.ts";
import type { Tools } from "../../src/driver/perform.ts";
import { displayName } from "../../src/dns/name.ts";
import type { Publisher, ReadBack, TlsaChange } from "../../src/publisher/publisher.ts";
import { DNS_TTL_LIMITS } from "../../src/publisher/plan-updates.ts";
import type { Action } from "../../src/rollover/actions.ts";
import { recordText } from "../../src/rollover/chain.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { name } from "../fakes/scripted-dns.ts";

let world: FakeWorld;
beforeEach(() => {
  world = createFakeWorld();
});
afterEach(() => {
  world.remove();
});

const RECORD = recordText(`3 1 1 ${"ab".repeat(32)}`);
const READ_BACK: ReadBack = { status: "served", records: [], ttl: seconds(60), signed: true };

function publish(owner: string, finalOwner = owner, zone = "example.org"): Action {
  const names = { owner: name(owner), finalOwner: name(finalOwner), zone: name(zone) };
  return { kind: "publish", ...names, ttl: seconds(60), add: [RECORD] };
}

/** Writes down `publisher: owner owner…`, one line a call. */
function toolsWith(
  calls: string[],
  options: {
    readonly together?: boolean;
    readonly followCname?: boolean;
    readonly aliasZone?: string;
    readonly readBack?: ReadBack;
  } = {},
): Tools {
  const { readBack = READ_BACK } = options;
  const own = world.configuration.publishers.get("local");
  if (own?.type !== "rfc2136") throw new Error("the fake world has no publisher");
  const publisher: PublisherConfig = { ...own, followCname: options.followCname ?? true };
  const other: PublisherConfig = { ...own, name: "aliases", zone: name(options.aliasZone ?? "example.net") };
  const write = (who: PublisherConfig, changes: readonly TlsaChange[]): void => {
    calls.push(`${who.name}: ${changes.map(({ owner }) => displayName(owner)).join(" ")}`);
  };
  const open = (who: PublisherConfig): Publisher => {
    const capabilities = { granularity: "record", atomic: true, compareAndSwap: true } as const;
    const outcomeOf = ({ owner }: TlsaChange): OperationalError | null =>
      owner.startsWith("bad.") ? new OperationalError("UPDATE_REFUSED", "refused") : null;
    const applyAll: Publisher["applyAll"] = (changes) => {
      write(who, changes);
      const settle = (
        problem: OperationalError | null,
      ): ReturnType<typeof success<ReadBack>> | ReturnType<typeof failure<OperationalError>> =>
        problem === null ? success(readBack) : failure(problem);
      return Promise.resolve(changes.map((change) => settle(outcomeOf(change))));
    };
    return {
      capabilities: { ...capabilities, ...DNS_TTL_LIMITS, readBack: "served" },
      apply: (change) => {
        write(who, [change]);
        const problem = outcomeOf(change);
        return problem === null ? Promise.resolve(readBack) : Promise.reject(problem);
      },
      ...(options.together === true ? { applyAll } : {}),
    };
  };
  const base = world.input();
  return {
    certificate: world.certificate,
    publisher,
    publishers: new Map([
      ["local", publisher],
      ["aliases", other],
    ]),
    target: { link: world.certificate.deploy, keyGroupId: null },
    world: {
      ...base.makeWorld(world.configuration, world.clock, new AbortController().signal),
      publisher: (config) => Promise.resolve(open(config)),
    },
    clock: world.clock,
    inTurn: createInTurn(),
    reload: base.reload,
    source: null,
  };
}

describe("changes of records", () => {
  test.each([true, false])(
    "what a publisher notes about a change that went well is kept (together: %s)",
    async (together) => {
      const notes = [fault("PUBLISH_TTL_CHANGED", "the TTL is 1h")];
      const actions = [publish("a.example.org"), publish("bad.example.org")];
      const outcomes = await perform(actions, toolsWith([], { together, readBack: { ...READ_BACK, notes } }));
      expect(outcomes.map((one) => ("notes" in one ? one.notes : null))).toEqual([notes, null]);
    },
  );

  const three = [publish("a.example.org"), publish("bad.example.org"), publish("c.example.org")];

  test.each([
    ["go together", true, ["local: a.example.org bad.example.org c.example.org"]],
    ["go one by one", false, ["local: a.example.org", "local: bad.example.org", "local: c.example.org"]],
  ])("%s, each with its own outcome, in order", async (_, together, expected) => {
    const calls: string[] = [];
    const outcomes = await perform(three, toolsWith(calls, { together }));
    expect(calls).toEqual(expected);
    const seen = outcomes.map((one) => ["owner" in one ? one.owner : "", one.fault?.code ?? "done"]);
    expect(seen).toEqual([
      ["a.example.org.", "done"],
      ["bad.example.org.", "UPDATE_REFUSED"],
      ["c.example.org.", "done"],
    ]);
  });

  test("for an alias go to the publisher of the target's zone", async () => {
    const calls: string[] = [];
    const actions = [publish("a.example.org"), publish("b.example.org", "x.example.net", "example.net")];
    expect((await perform(actions, toolsWith(calls, { together: true }))).map((one) => one.fault)).toEqual([
      null,
      null,
    ]);
    expect(calls).toEqual(["local: a.example.org", "aliases: x.example.net"]);
  });

  test("for an alias go to the certificate's own publisher where no other has the zone", async () => {
    const calls: string[] = [];
    const actions = [publish("b.example.org", "x.example.net", "example.net")];
    await perform(actions, toolsWith(calls, { aliasZone: "example.com" }));
    expect(calls).toEqual(["local: x.example.net"]);
  });

  test("for an alias are not made when aliases are not to be followed", async () => {
    const calls: string[] = [];
    const actions = [publish("b.example.org", "x.example.net", "example.net")];
    const [outcome] = await perform(actions, toolsWith(calls, { followCname: false }));
    expect(outcome?.fault?.code).toBe("PUBLISH_CNAME_AT_OWNER");
    expect(calls).toEqual([]);
  });
});
