/** Signed primaries of three makes, each with NSD as its secondary: records arrive there, and go again. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { daneward, hostPort } from "./lab/daneward.ts";
import { until } from "./lab/poll.ts";
import type { Ended } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { ALLOWED, UPDATE_PROGRAMS, startUpdateWorld } from "./lab/update-world.ts";
import type { PrimaryKind, UpdateWorld } from "./lab/update-world.ts";
import { TLSA, ask, tlsaText } from "./lab/wire.ts";

const OWNER = ALLOWED[0];
const ONE = `3 1 1 ${"11".repeat(32)}`;
const TWO = `3 1 1 ${"22".repeat(32)}`;

function secondarySuite(kind: PrimaryKind, title: string): void {
  serverSuite(`a signed zone on ${title} with a secondary`, [...UPDATE_PROGRAMS[kind], "nsd"], () => {
    let lab: UpdateWorld | null = null;
    const world = (): UpdateWorld => {
      if (lab === null) throw new Error("the lab did not start");
      return lab;
    };
    beforeAll(async () => {
      lab = await startUpdateWorld(kind, "with-secondary");
    }, 60_000);
    afterAll(async () => {
      await lab?.stop();
    });
    afterEach(({ task }) => {
      if (task.result?.state === "fail") console.error(lab?.logs());
    });

    const change = async (verb: "publish" | "withdraw", record: string): Promise<void> => {
      const { primary, resolver, tsigKey } = world();
      const where = ["--server", hostPort(primary), "--resolver", hostPort(resolver), "--key-file", tsigKey];
      const ended = await daneward([verb, OWNER, record, "--ttl", "60s", ...where]);
      expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" });
    };
    const behind = async (): Promise<readonly string[]> =>
      (await ask(world().secondary, OWNER, TLSA, { recursion: false })).answers
        .map(({ data }) => tlsaText(data))
        .sort();
    const look = (): Promise<Ended> => {
      const where = ["--resolver", hostPort(world().resolver), "--name-server-port", String(world().primary.port)];
      return daneward(["propagation", OWNER, "--json", ...where]);
    };
    /** The secondary serves exactly these, and `propagation` finds both servers in sync and signed. */
    const expectEverywhere = async (records: readonly string[]): Promise<void> => {
      const wanted = JSON.stringify(records);
      await until(`the secondary serves ${wanted}`, async () => JSON.stringify(await behind()) === wanted);
      const { primary, secondary } = world();
      const document: unknown = JSON.parse((await look()).stdout);
      const servers = [primary, secondary].map(({ address }): unknown =>
        expect.objectContaining({ address, condition: "in-sync", records, signed: true }),
      );
      expect(document).toMatchObject({ exit: 0, servers: expect.arrayContaining(servers) as unknown });
    };

    test("what is published and withdrawn at the primary arrives at the secondary, signed", async () => {
      await change("publish", ONE);
      await expectEverywhere([ONE]);
      await change("publish", TWO);
      await expectEverywhere([ONE, TWO]);
      await change("withdraw", ONE);
      await expectEverywhere([TWO]);
    }, 30_000);
  });
}

secondarySuite("bind", "BIND");
secondarySuite("knot", "Knot DNS");
secondarySuite("powerdns", "PowerDNS");
