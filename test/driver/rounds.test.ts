/** After a swap only whole rounds count: every address of every service, one after the other, without a miss. */
import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import type { CertificateConfig } from "../../src/config/schema.ts";
import { parseIpv4 } from "../../src/dns/address.ts";
import { CLASS, TYPE } from "../../src/dns/iana.ts";
import { displayName } from "../../src/dns/name.ts";
import { tick } from "../../src/driver/tick.ts";
import type { World } from "../../src/driver/world.ts";
import type { Phase } from "../../src/rollover/state.ts";
import { loadState } from "../../src/store/store.ts";
import { createFakeWorld, nameOf, OWNER } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

const HERE = ["192.0.2.10", "192.0.2.11"];
const PEER = "192.0.2.99";
const [MX, IMAP] = [nameOf("mx.example.org"), nameOf("imap.example.org")];

let world: FakeWorld;
/** `host address` that do not answer, hosts that cannot be looked up, and what was asked in the last tick. */
let silent: Set<string>;
let lost: Set<string>;
let asked: Set<string>;

function start(changes: Partial<CertificateConfig> = {}): void {
  const plain = createFakeWorld();
  const { policy } = plain.certificate;
  plain.remove();
  world = createFakeWorld({
    services: [
      { host: MX, port: 25, protocol: "smtp", owner: OWNER, label: "mx.example.org:25" },
      { host: IMAP, port: 993, protocol: "tls", owner: OWNER, label: "imap.example.org:993" },
    ],
    policy: { ...policy, confirmRounds: 3 },
    ...changes,
  });
}

beforeEach(() => {
  [silent, lost, asked] = [new Set(), new Set(), new Set()];
});
afterEach(() => {
  world.remove();
});

function withTwoAddresses(addresses: readonly string[]): World {
  const real = world.input().makeWorld(world.configuration, world.clock, new AbortController().signal);
  return {
    ...real,
    resolve: async (name, type) => {
      if (lost.has(name) && type === TYPE.A) {
        return { status: "indeterminate", name, type, reasons: [fault("DNS_TIMEOUT", "no answer")] };
      }
      const answer = await real.resolve(name, type);
      if (type !== TYPE.A || "reasons" in answer) return answer;
      const rdatas = addresses.map((address) => parseIpv4(address) ?? new Uint8Array());
      return {
        ...answer,
        rrset: { name, type, class: CLASS.IN, ttl: world.certificate.policy.ttl, rdatas, signatures: [] },
      };
    },
    probe: (service, address, signal, look) => {
      const place = `${displayName(service.host)}:${String(service.port)} ${address}`;
      asked.add(place);
      if (!silent.has(place)) return real.probe(service, address, signal, look);
      return Promise.resolve([{ outcome: "failed", fault: fault("CONNECT_TIMEOUT", "no answer") }]);
    },
  };
}

function phase(): Phase["phase"] | null {
  return loadState(world.stateDirectory, "mx")?.state.phase.phase ?? null;
}

function rounds(): number | string {
  const now = loadState(world.stateDirectory, "mx")?.state.phase;
  return now?.phase === "confirming" ? now.rounds : (now?.phase ?? "nothing");
}

async function look(addresses: readonly string[] = HERE): Promise<void> {
  asked = new Set();
  await tick(world.input({ makeWorld: () => withTwoAddresses(addresses), force: true }));
}

async function until(done: () => boolean): Promise<void> {
  for (let count = 0; !done(); count += 1) {
    if (count > 400) throw new Error(`still ${String(phase())}`);
    await look();
    if (!done()) world.advance(5);
  }
}

/** A renewal, up to the tick that swaps. */
async function swap(): Promise<void> {
  const first = await world.issue();
  world.serve(first);
  world.install(first);
  await until(() => phase() === "stable" && existsSync(world.certificate.deploy) && world.records.size === 1);
  world.install(await world.issue());
  await until(() => phase() === "confirming");
}

/** What the next looks, five seconds apart, count to. */
async function nextRounds(count: number): Promise<readonly (number | string)[]> {
  const seen: (number | string)[] = [];
  for (let at = 0; at < count; at += 1) {
    world.advance(5);
    await look();
    seen.push(rounds());
  }
  return seen;
}

describe("a round", () => {
  test("asks every address of every service, and one that fails starts the count anew", async () => {
    start();
    await swap();
    const before = rounds();
    expect(await nextRounds(1)).toEqual([Number(before) + 1]);
    expect([...asked].sort()).toEqual(
      ["imap.example.org:993", "mx.example.org:25"].flatMap((label) => HERE.map((address) => `${label} ${address}`)),
    );
    for (const place of [...asked]) {
      silent.add(place);
      expect([place, await nextRounds(1)]).toEqual([place, [0]]);
      silent.clear();
      expect([place, await nextRounds(2)]).toEqual([place, [1, 2]]);
    }
    expect(await nextRounds(1)).toEqual([3]);
  });

  test("does not count while a host cannot be looked up, even where only some addresses are this host", async () => {
    start({ verify: HERE });
    await swap();
    await nextRounds(1);
    lost.add(IMAP);
    expect(await nextRounds(2)).toEqual([0, 0]);
    lost.clear();
    expect(await nextRounds(3)).toEqual([1, 2, 3]);
  });

  test("does not wait for a peer, which is another host", async () => {
    start({ verify: HERE });
    await swap();
    await nextRounds(1);
    silent.add(`mx.example.org:25 ${PEER}`);
    const before = Number(rounds());
    world.advance(5);
    await look([...HERE, PEER]);
    expect(asked).toContain(`mx.example.org:25 ${PEER}`);
    expect(rounds()).toBe(before + 1);
  });
});
