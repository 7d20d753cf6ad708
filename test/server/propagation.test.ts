/** `daneward propagation` before a signing BIND primary with a lagging, a dead and a lying secondary. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { CLASS, TYPE } from "../../src/dns/iana.ts";
import { encodeTlsa, parseTlsa } from "../../src/dns/rdata.ts";
import { name, record, reply, soaRecord, startDnsServer } from "../fakes/scripted-dns.ts";
import { makeTsigKey, startBindPrimary, startBindSecondary } from "./lab/bind.ts";
import type { Place } from "./lab/bind.ts";
import { daneward, hostPort } from "./lab/daneward.ts";
import { drawNetwork } from "./lab/network.ts";
import { until } from "./lab/poll.ts";
import type { Daemon } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { startRelay } from "./lab/relay.ts";
import type { Relay } from "./lab/relay.ts";
import { ZONE, makeTree } from "./lab/tree.ts";
import { startUnbound } from "./lab/unbound.ts";
import { unwind } from "./lab/unwind.ts";
import { TLSA, ask } from "./lab/wire.ts";

const OWNER = `_25._tcp.mx.${ZONE}`;
const ONE = `3 1 1 ${"11".repeat(32)}`;
const TWO = `3 1 1 ${"22".repeat(32)}`;
const LIE = `3 1 1 ${"66".repeat(32)}`;

const PROGRAMS = ["root", "named", "dnssec-keygen", "dnssec-signzone", "tsig-keygen", "unbound"];

interface Lab {
  readonly primary: Place;
  readonly lagging: Place;
  readonly dead: Place;
  readonly liar: Place;
  readonly resolver: Place;
  readonly tsigKey: string;
  readonly relay: Relay;
  readonly daemons: readonly Daemon[];
}

/** The serial of the zone at its primary, read from the RDATA behind two names. */
async function serialAt(place: Place): Promise<number> {
  const [soa] = (await ask(place, ZONE, TYPE.SOA, { recursion: false })).answers;
  if (soa === undefined) throw new Error("no SOA");
  return soa.data.readUInt32BE(soa.data.length - 20);
}

async function startLab(folder: string, undo: (() => Promise<void>)[]): Promise<Lab> {
  const network = await drawNetwork();
  const place = (host: number): Place => ({ address: network.address(host), port: network.dnsPort });
  const primary: Place = { address: "127.0.0.1", port: network.dnsPort };
  const [lagging, relayed, dead, liar, resolver] = [place(2), place(3), place(4), place(5), place(53)] as const;
  const nameServers = [primary, lagging, dead, liar].map(({ address }) => address);
  const tree = await makeTree(folder, { nameServers, records: [`mx.${ZONE}. IN A 127.0.0.9`] });
  const tsigKey = await makeTsigKey(folder, "daneward");
  const daemons: Daemon[] = [];
  const add = (daemon: Daemon): void => {
    daemons.push(daemon);
    undo.push(daemon.stop);
  };
  const grants = [`grant daneward name ${OWNER}. TLSA`];
  add(await startBindPrimary({ tree, at: primary, keyFiles: [tsigKey], grants, notify: [lagging] }));
  const relay = await startRelay(relayed, primary);
  undo.push(relay.stop);
  const behind: Place = { address: "127.0.0.1", port: network.sparePort };
  add(await startBindSecondary(folder, behind, relayed));
  undo.push((await startRelay(lagging, behind)).stop);
  // The liar has the serial of the primary, and another record under it.
  const lie = parseTlsa(LIE);
  if (!lie.ok) throw new Error(lie.fault.message);
  const serials = { now: 0 };
  const fake = await startDnsServer((request) => {
    const asked = request.message.question[0];
    const soa = soaRecord(ZONE, 2, serials.now, 2);
    if (asked?.type === TYPE.SOA && asked.name === soa.name) return reply(request, { answer: [soa] });
    const isOwner = asked?.name === name(OWNER) && asked.type === TYPE.TLSA && asked.class === CLASS.IN;
    return reply(
      request,
      isOwner ? { answer: [record(OWNER, TYPE.TLSA, 60, encodeTlsa(lie.value))] } : { authority: [soa] },
    );
  }, liar);
  undo.push(fake.close);
  const timer = setInterval(() => {
    serialAt(primary).then(
      (serial) => (serials.now = serial),
      () => undefined,
    );
  }, 50);
  undo.push(() => {
    clearInterval(timer);
    return Promise.resolve();
  });
  add(await startUnbound({ tree, at: resolver, zones: { ".": [primary], test: [primary], [ZONE]: [primary] } }));
  return { primary, lagging, dead, liar, resolver, tsigKey, relay, daemons };
}

serverSuite("propagation over good, lagging, dead and lying servers", PROGRAMS, () => {
  const undo: (() => Promise<void>)[] = [];
  let lab: Lab | null = null;
  const world = (): Lab => {
    if (lab === null) throw new Error("the lab did not start");
    return lab;
  };
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "daneward-lab-"));
    chmodSync(folder, 0o711);
    undo.push(() => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    });
    lab = await startLab(folder, undo);
  }, 60_000);
  afterAll(() => unwind(undo));
  afterEach(({ task }) => {
    if (task.result?.state !== "fail") return;
    for (const daemon of lab?.daemons ?? []) console.error(daemon.output().split("\n").slice(-20).join("\n"));
  });

  const publish = (text: string): ReturnType<typeof daneward> => {
    const { primary, resolver, tsigKey } = world();
    const where = ["--server", hostPort(primary), "--resolver", hostPort(resolver), "--key-file", tsigKey];
    return daneward(["publish", OWNER, text, "--ttl", "60s", ...where]);
  };
  const look = (...flags: readonly string[]): ReturnType<typeof daneward> => {
    const where = ["--resolver", hostPort(world().resolver), "--name-server-port", String(world().primary.port)];
    return daneward(["propagation", OWNER, ...where, ...flags]);
  };
  const countAt = async (place: Place): Promise<number> =>
    (await ask(place, OWNER, TLSA, { recursion: false })).answers.length;

  test("each is called what it is, in text and in JSON", async () => {
    const { primary, lagging, dead, liar, relay } = world();
    expect((await publish(ONE)).code).toBe(0);
    await until("the secondary follows", async () => (await countAt(lagging)) === 1);
    relay.close();
    expect((await publish(TWO)).code).toBe(0);
    expect(await countAt(primary)).toBe(2);

    await until("the liar has the new serial", async () => (await serialAt(liar)) === (await serialAt(primary)));
    const text = await look();
    expect(text.code).toBe(2);
    expect(text.stdout).toMatch(/^CRITICAL: _25\._tcp\.mx\.example\.test TLSA: 1 of 4 addresses contradicts/);
    for (const [condition, place] of [
      ["in-sync", primary],
      ["lags", lagging],
      ["failed", dead],
      ["contradicts", liar],
    ] as const) {
      expect(text.stdout).toMatch(new RegExp(`^${condition} +ns\\d\\.example\\.test +${place.address} `, "m"));
    }
    const { stdout } = await look("--json", "--polls", "2", "--interval", "0s", "--primary", hostPort(primary));
    const document: unknown = JSON.parse(stdout);
    const row = (place: Place, condition: string, more: object = {}): unknown =>
      expect.objectContaining({ address: place.address, condition, ...more });
    expect(document).toMatchObject({
      exit: 2,
      polls: 2,
      servers: expect.arrayContaining([
        row(primary, "in-sync", { hidden: true, goodPolls: 2 }),
        row(primary, "in-sync", { hidden: false, goodPolls: 2, records: [ONE, TWO], signed: true }),
        row(lagging, "lags", { records: [ONE], goodPolls: 0 }),
        row(dead, "failed", { goodPolls: 0 }),
        row(liar, "contradicts", { records: [LIE], signed: false }),
      ]) as unknown,
    });
  }, 40_000);

  test("the one that lagged is in sync once it follows", async () => {
    const { lagging, relay } = world();
    relay.open();
    await until("the secondary follows", async () => (await countAt(lagging)) === 2);
    expect((await look()).stdout).toMatch(new RegExp(`^in-sync +ns2\\.example\\.test +${lagging.address} `, "m"));
  }, 30_000);
});
