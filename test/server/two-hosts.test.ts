/**
 * Two hosts behind one name, each with a daneward of its own that knows nothing of the other: own state, own
 * certificate and key, own address in `verify`. They share one RRset, and neither may ever take from the other's clients.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeHostWard } from "./lab/daneward.ts";
import type { Ward } from "./lab/daneward.ts";
import { makeLineage } from "./lab/lineage.ts";
import type { Lineage } from "./lab/lineage.ts";
import { until } from "./lab/poll.ts";
import type { Ended } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { tickUntil } from "./lab/rollover.ts";
import { startSampler } from "./lab/sampler.ts";
import type { Sampler } from "./lab/sampler.ts";
import { startNginx } from "./lab/services.ts";
import type { Service } from "./lab/services.ts";
import { useWorld } from "./lab/suite.ts";
import { ZONE } from "./lab/tree.ts";
import { WORLD_PROGRAMS } from "./lab/world.ts";
import { A, ask } from "./lab/wire.ts";

const SHARED = { host: `both.${ZONE}`, port: 8443, starttls: false } as const;
const LABEL = `${SHARED.host}:${String(SHARED.port)}`;
const OWNER = `_${String(SHARED.port)}._tcp.${SHARED.host}`;
/** TTL of the addresses, in seconds: one is taken out of DNS for a while. */
const ADDRESS_TTL = 1;

interface Host {
  readonly ward: Ward;
  readonly lineage: Lineage;
  readonly nginx: Service;
  readonly address: string;
}

serverSuite("two hosts behind one name, each with a daneward of its own", WORLD_PROGRAMS, () => {
  const lab = useWorld();
  const hosts: Host[] = [];

  const makeHost = async (name: string, address: string): Promise<Host> => {
    const world = lab();
    const folder = join(world.folder, name);
    mkdirSync(folder, { mode: 0o711 });
    const lineage = await makeLineage(join(folder, "letsencrypt"), world.authority, name, [SHARED.host]);
    const nginx = await startNginx(folder, [{ address, port: SHARED.port }], lineage.live);
    const keyFile = join(world.folder, "administrator.key");
    const host = { name, source: lineage.live, service: `${LABEL}/tls`, address, reload: nginx.reload, keyFile };
    return { ward: makeHostWard(world, host), lineage, nginx, address };
  };
  const inDns = (verb: "add" | "delete", address: string): Promise<void> =>
    lab().asAdministrator([`${verb} ${SHARED.host}. ${String(ADDRESS_TTL)} A ${address}`]);
  beforeAll(async () => {
    const prefix = lab().secondary.address.replace(/\d+$/, "");
    for (const [name, address] of [
      ["one", `${prefix}20`],
      ["two", `${prefix}21`],
    ] as const) {
      await inDns("add", address);
      hosts.push(await makeHost(name, address));
    }
  }, 60_000);
  afterAll(async () => {
    for (const { nginx } of hosts) await nginx.stop();
  });

  const both = (): readonly [Host, Host] => {
    const [one, two] = hosts;
    if (one === undefined || two === undefined) throw new Error("the hosts did not start");
    return [one, two];
  };
  const record = ({ lineage }: Host, version?: number): string => `3 1 1 ${lineage.spki(version)}`;
  /** Whether both name servers and the clients' cache show exactly these. */
  const isServed = async (records: readonly string[]): Promise<boolean> => {
    const { primary, secondary, resolver } = lab();
    const sets = await Promise.all([primary, secondary, resolver].map((place) => lab().served(OWNER, place)));
    return sets.every((set) => set.join() === [...records].sort().join());
  };
  const isStable = async ({ ward }: Host): Promise<boolean> => (await ward.status()).phase === "stable";
  const isAtRest = async (host: Host): Promise<boolean> => (await host.ward.status()).concern === "well";
  const watch = (): Sampler => startSampler(lab().resolver, [SHARED]);
  const isNoFailure = (tick: Ended): void => {
    if (tick.code !== 0 && tick.code !== 1) throw new Error(tick.stderr);
  };

  test("with no RRset there, each says which address keeps it from publishing, and no client is turned away", async () => {
    const sampler = watch();
    for (const host of both()) {
      await tickUntil(host.ward, "the first files are deployed", () => isStable(host), { check: isNoFailure });
      await host.nginx.readFrom(host.ward.deploy);
      const tick = await host.ward.run(["tick", "--force"]);
      const other = both().find((one) => one !== host);
      expect({ code: tick.code, said: tick.stderr }).toEqual({
        code: 1,
        said: expect.stringContaining("[FIRST_SET_WITHOUT_PEER]") as string,
      });
      const { text, json, codes } = await host.ward.told();
      for (const said of [tick.stderr, text]) expect(said).toContain(`${LABEL} at ${other?.address ?? "?"}`);
      expect(text).toContain("needs you");
      expect(json.concern).toBe("attention");
      expect(codes).toContain("FIRST_SET_WITHOUT_PEER");
    }
    await sampler.stop();
    expect(await isServed([])).toBe(true);
    expect(new Set(sampler.samples().map(({ outcome }) => outcome))).toEqual(new Set(["absent"]));
  }, 60_000);

  test("one after the other behind the name they settle: the second publishes before its address is in DNS", async () => {
    const [one, two] = both();
    const sampler = watch();
    try {
      await inDns("delete", two.address);
      await until("clients know one address", async () => {
        const { answers } = await ask(lab().resolver, SHARED.host, A);
        return answers.length === 1;
      });
      await tickUntil(one.ward, "the first is at rest", () => isAtRest(one), { check: isNoFailure });
      const isKnown = async ({ ward }: Host): Promise<boolean> => {
        const records = (await ward.status()).owners[0]?.records ?? [];
        return records.some(({ text, state }) => text === record(two) && state === "omnipresent");
      };
      const follow = (host: Host): Promise<void> =>
        tickUntil(host.ward, "the second's record is known everywhere", () => isKnown(host), { check: isNoFailure });
      await Promise.all([one, two].map(follow));
      await inDns("add", two.address);
      await tickUntil(two.ward, "the second is at rest", () => isAtRest(two), { check: isNoFailure });
      await tickUntil(one.ward, "the first still is", () => isAtRest(one));
    } finally {
      await sampler.stop();
    }
    expect(sampler.failures()).toEqual([]);
    for (const host of both()) {
      const records = (await host.ward.status()).owners[0]?.records ?? [];
      expect(records.filter(({ ours }) => ours).map(({ text }) => text)).toEqual([record(host)]);
    }
  }, 60_000);

  test("both renew at the same moment: no client notices, and all four records are handled", async () => {
    const [one, two] = both();
    const sampler = watch();
    try {
      await Promise.all(hosts.map(({ lineage }) => lineage.renew()));
      const roll = (host: Host): Promise<void> =>
        tickUntil(host.ward, "only the new record of this host is left", async () => {
          const records = await lab().served(OWNER);
          return records.includes(record(host)) && !records.includes(record(host, 1)) && (await isStable(host));
        });
      await Promise.all(hosts.map(roll));
      await until("clients know the new records alone", () => isServed([record(one), record(two)]));
    } finally {
      await sampler.stop();
    }
    expect(sampler.samples().filter(({ outcome }) => outcome !== "match")).toEqual([]);
    for (const { lineage } of hosts) {
      for (const version of [1, 2]) expect(sampler.seen(lineage.spki(version))).toBeGreaterThan(5);
    }
    for (const host of hosts) {
      expect(await isAtRest(host)).toBe(true);
      const { text } = await host.ward.told();
      for (const other of hosts.filter((one) => one !== host)) {
        expect(text).toContain(`${other.address} (peer) presents a certificate of its own`);
      }
    }
  }, 90_000);
});
