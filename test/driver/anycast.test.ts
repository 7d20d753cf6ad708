import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { seconds } from "../../src/base/time.ts";
import type { Rfc2136Config } from "../../src/config/publisher-rfc2136.ts";
import type { Configuration } from "../../src/config/schema.ts";
import { tellNodesApart } from "../../src/driver/anycast.ts";
import { observe } from "../../src/driver/observe.ts";
import { subjectOf } from "../../src/driver/rollover-unit.ts";
import { tick } from "../../src/driver/tick.ts";
import type { World } from "../../src/driver/world.ts";
import type { ServerView } from "../../src/resolver/server-view.ts";
import { recordText } from "../../src/rollover/chain.ts";
import type { OwnerObservation, ServerObservation } from "../../src/rollover/observation.ts";
import { loadState } from "../../src/store/store.ts";
import { createFakeWorld, nameOf, START } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

interface Said {
  readonly records?: readonly string[];
  readonly ttl?: number;
  readonly serial?: number | null;
  readonly signed?: boolean;
}

function seen({ records = ["a"], ttl = 60, serial = 7, signed = true }: Said, server = "ns1."): ServerObservation {
  const texts = records.map((text) => recordText(text));
  const said = { outcome: "answer", records: texts, ttl: seconds(ttl), authoritative: true, signed, serial } as const;
  return { server, address: "192.0.2.1", excluded: false, said };
}

const silent: ServerObservation = {
  ...seen({}),
  said: { outcome: "failed", fault: fault("DNS_TIMEOUT", "it did not answer") },
};

/** Name, and what it says, in one word each. */
function summary(looks: readonly (readonly ServerObservation[])[]): readonly string[] {
  return tellNodesApart(looks).map(({ server, said }) =>
    said.outcome === "failed" ? `${server}: silent` : `${server}: ${said.records.join("+")}`,
  );
}

describe("several looks at one address", () => {
  test.each<readonly [string, readonly ServerObservation[], readonly string[]]>([
    ["that are alike are one server", [seen({}), seen({})], ["ns1.: a"]],
    [
      "with the records in another order are alike",
      [seen({ records: ["a", "b"] }), seen({ records: ["b", "a"] })],
      ["ns1.: b+a"],
    ],
    ["that differ in the serial alone are alike, and the latest counts", [seen({ serial: 8 }), seen({})], ["ns1.: a"]],
    [
      "at nodes of two ages are two servers, the newest first",
      [seen({ records: ["old"], serial: 6 }), seen({ records: ["new"] })],
      ["ns1.: new", "ns1 (node 2): old"],
    ],
    [
      "know that serials begin again",
      [seen({ records: ["old"], serial: 0xffff_ffff }), seen({ records: ["new"], serial: 1 })],
      ["ns1.: new", "ns1 (node 2): old"],
    ],
    [
      "that differ in TTL or signature are two servers",
      [seen({ records: ["x"] }), seen({ records: ["x"], ttl: 90 }), seen({ records: ["x"], signed: false })],
      ["ns1.: x", "ns1 (node 2): x", "ns1 (node 3): x"],
    ],
    ["one of them in vain are not all good", [silent, seen({}), silent], ["ns1.: a", "ns1 (node 2): silent"]],
    ["all of them in vain are one silent server", [silent, silent], ["ns1.: silent"]],
  ])("%s", (_, looks, expected) => {
    expect(summary(looks.map((look) => [look]))).toEqual(expected);
  });

  test("are told apart by name and address", () => {
    const other: ServerObservation = { ...seen({ records: ["b"] }), address: "192.0.2.2" };
    const looks = [seen({}), seen({ records: ["c"] }, "ns2."), other];
    expect(summary([looks, looks])).toEqual(["ns1.: a", "ns2.: c", "ns1.: b"]);
  });
});

describe("the driver, with anycast_polls", () => {
  let fake: FakeWorld;
  beforeEach(() => {
    fake = createFakeWorld();
  });
  afterEach(() => {
    fake.remove();
  });

  function configured(polls: number): Configuration {
    const publishers = new Map(
      [...fake.configuration.publishers].map(([key, one]) => [key, { ...one, anycastPolls: polls }] as const),
    );
    return { ...fake.configuration, publishers };
  }

  function realWorld(): World {
    return fake.input().makeWorld(fake.configuration, fake.clock, new AbortController().signal);
  }

  /** Two nodes behind the second name server, asked in turn; while it is stale, the second one lacks what came last. */
  function twoNodes(isStale: () => boolean): World {
    const real = realWorld();
    let asked = 0;
    return {
      ...real,
      viewOwner: async (owner) => {
        asked += 1;
        const view = await real.viewOwner(owner);
        const [one, other] = view.servers;
        if (asked % 2 === 1 || !isStale() || one === undefined || other?.said.outcome !== "answer") return view;
        const { rrset } = other.said;
        const old = rrset === null ? null : { ...rrset, rdatas: rrset.rdatas.slice(0, 1) };
        return { ...view, servers: [one, { ...other, said: { ...other.said, rrset: old } }] };
      },
    };
  }

  test("keeps the old certificate while one look in two meets a node that lags, and goes on when none does", async () => {
    let stale = false;
    const nodes = twoNodes(() => stale);
    const ticks = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at += 1) {
        await tick(fake.input({ configuration: configured(2), makeWorld: () => nodes }));
        fake.advance(10);
      }
    };
    const first = await fake.issue();
    fake.serve(first);
    fake.install(first);
    await ticks(60);
    expect(existsSync(fake.certificate.deploy)).toBe(true);
    expect(fake.records.size).toBe(1);

    stale = true;
    fake.install(await fake.issue());
    await ticks(60);
    expect(fake.records.size).toBe(2);
    expect(fake.served()).toBe(first.chainPem);
    const saved = loadState(fake.stateDirectory, "mx");
    expect(saved?.refusals.find(({ code }) => code === "NS_LAGGING")?.detail).toContain("ns2.example.org (node 2)");

    stale = false;
    await ticks(60);
    expect(fake.served()).not.toBe(first.chainPem);
    expect(loadState(fake.stateDirectory, "mx")?.state.owners[0]?.servers.map(({ server }) => server)).toEqual([
      "ns1.example.org.",
      "ns2.example.org.",
    ]);
  });

  test("looks so often at every name, and finds fault with one that leads elsewhere in between", async () => {
    const real = realWorld();
    const publisher = configured(3).publishers.get("local");
    if (publisher === undefined) throw new Error("the fake configuration has a publisher");
    let asked = 0;
    const lookThrough = async (world: World): Promise<OwnerObservation | undefined> => {
      const subject = subjectOf({ ...fake.input(), world, sharers: () => [] }, fake.certificate);
      return (await observe({ ...subject, publisher })).observation.owners[0];
    };
    const counting = await lookThrough({
      ...real,
      viewOwner: (owner) => {
        asked += 1;
        return real.viewOwner(owner);
      },
    });
    expect(asked).toBe(3);
    expect(counting?.outcome).toBe("seen");
    const moving = await lookThrough({
      ...real,
      viewOwner: async (owner) => {
        asked += 1;
        const finalOwner = nameOf(asked < 6 ? "old.example.org" : "new.example.org");
        return { ...(await real.viewOwner(owner)), finalOwner };
      },
    });
    expect(moving).toMatchObject({ outcome: "failed", fault: { code: "DNS_ALIAS_DIFFERS" } });
  });

  describe("and a hidden primary", () => {
    const address = "192.0.2.99";

    /** Which servers are seen, and whether they count and are taken for signed. */
    async function seenWith(changes: Partial<Rfc2136Config>, said: ServerView["said"]): Promise<readonly string[]> {
      const real = realWorld();
      const world: World = {
        ...real,
        viewOwner: async (owner, only) => {
          const view = await real.viewOwner(owner);
          return only === undefined ? view : { ...view, servers: [{ server: only, said }] };
        },
      };
      const publisher = configured(1).publishers.get("local");
      if (publisher?.type !== "rfc2136") throw new Error("the fake configuration has a publisher");
      const subject = subjectOf({ ...fake.input(), world, sharers: () => [] }, fake.certificate);
      const [owner] = (await observe({ ...subject, publisher: { ...publisher, ...changes } })).observation.owners;
      if (owner?.outcome !== "seen") throw new Error("the owner was not seen");
      return owner.servers.map((one) => {
        const what = one.said.outcome === "failed" ? one.said.fault.code : one.said.signed ? "well" : "unsigned";
        return `${one.server} ${one.address} ${one.excluded ? "excluded" : what}`;
      });
    }

    const unsigned: ServerView["said"] = {
      ...{ outcome: "answer", at: START, authoritative: true, rcode: 0, rrset: null, negativeTtl: seconds(60) },
      ...{ serial: 9, signed: false, signatureExpires: null },
    };
    const named = ["ns1.example.org. 192.0.2.53 well", "ns2.example.org. 192.0.2.54 well"];

    test("is looked at when configured, whatever it leaves to sign to others and check_ns names", async () => {
      expect(await seenWith({}, unsigned)).toEqual(named);
      const hiddenPrimary = { host: address, port: 53 };
      expect(await seenWith({ hiddenPrimary }, unsigned)).toEqual([...named, `(hidden primary) ${address} well`]);
      expect((await seenWith({ hiddenPrimary, checkNs: ["ns1.example.org."] }, unsigned)).slice(1)).toEqual([
        "ns2.example.org. 192.0.2.54 excluded",
        `(hidden primary) ${address} well`,
      ]);
      expect(await seenWith({ hiddenPrimary: { host: "192.0.2.53", port: 53 } }, unsigned)).toEqual(named);
    });

    test("is not enough where no name server counts", async () => {
      const hiddenPrimary = { host: address, port: 53 };
      expect(await seenWith({ hiddenPrimary, checkNs: ["ns9.example.org."] }, unsigned)).toEqual([
        "ns1.example.org. 192.0.2.53 excluded",
        "ns2.example.org. 192.0.2.54 excluded",
      ]);
    });

    test("blocks when it is silent", async () => {
      const silence: ServerView["said"] = { outcome: "failed", at: START, fault: fault("DNS_TIMEOUT", "no answer") };
      expect((await seenWith({ hiddenPrimary: { host: address, port: 53 } }, silence)).at(-1)).toBe(
        `(hidden primary) ${address} DNS_TIMEOUT`,
      );
    });
  });
});
