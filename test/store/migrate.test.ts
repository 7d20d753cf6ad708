/** A state file of format 1, as the program that knew no other wrote it in the middle of a rollover. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readChain } from "../../src/driver/chain-files.ts";
import { factsOf } from "../../src/driver/facts.ts";
import { tick } from "../../src/driver/tick.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import type { ChainFacts } from "../../src/rollover/chain.ts";
import { decodeState, encodeState } from "../../src/store/format.ts";
import { loadState, stateFile } from "../../src/store/store.ts";
import type { SavedState } from "../../src/store/store.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

const V1 = readFileSync("fixtures/state/mx-v1.json", "utf8");

function read(text: string): SavedState {
  const decoded = decodeState(text);
  return decoded.ok ? decoded.value : expect.fail(decoded.fault.message);
}

const digestsOf = ({ certificates }: ChainFacts): readonly string[] =>
  certificates.flatMap(({ certSha256, certSha512, spkiSha256, spkiSha512 }) => {
    return [certSha256, certSha512, spkiSha256, spkiSha512];
  });

/** The file with the digests of other certificates in the places of those that are long gone. */
function withChains(text: string, chains: readonly ChainFacts[]): string {
  const [before, after] = [read(text).state.chains, chains].map((list) => list.flatMap(digestsOf));
  return (before ?? []).reduce((changed, digest, at) => changed.replaceAll(digest, after?.[at] ?? ""), text);
}

let world: FakeWorld;

beforeEach(() => {
  world = createFakeWorld();
});
afterEach(() => {
  world.remove();
});

const saved = (): SavedState => loadState(world.stateDirectory, "mx") ?? expect.fail("no state");

function install(issued: IssuedCertificate): ChainFacts {
  world.install(issued);
  const files = readChain(world.certificate.source);
  return files.ok ? factsOf(files.value, world.certificate.parameters) : expect.fail(files.fault.message);
}

async function tickUntil(done: () => boolean): Promise<void> {
  for (let count = 0; !done(); count++) {
    if (count > 300) throw new Error(`still ${saved().state.phase.phase}`);
    await tick(world.input());
    world.advance(10);
  }
}

describe("a state file of format 1", () => {
  test("is read as it stands, with nothing in the places that it does not have", () => {
    const { certificate, state, refusals } = read(V1);
    expect([certificate, state.phase.phase, state.chains.length]).toEqual(["mx", "aging", 2]);
    expect(refusals.map(({ code }) => code)).toEqual(["HORIZON_UNSAFE", "CLOCK_RUNNING"]);
    const { standby, override, emergency, compromised, teardown } = state;
    expect({ standby, override, emergency, compromised, teardown }).toEqual({
      standby: [],
      override: null,
      emergency: null,
      compromised: [],
      teardown: null,
    });
    expect(read(encodeState(read(V1)))).toEqual(read(V1));
  });

  test("is taken up in the middle of its rollover, saved in the present format, and carried to the end", async () => {
    const first = await world.issue();
    world.serve(first);
    const before = install(first);
    await tickUntil(() => existsSync(world.certificate.deploy) && saved().state.phase.phase === "stable");
    const renewed = await world.issue();
    const next = install(renewed);
    for (const record of next.records) world.records.add(record);
    const text = withChains(V1, [before, next]);
    writeFileSync(stateFile(world.stateDirectory, "mx"), text);
    const old = read(text).state;
    world.advance((old.lastStepAt - world.clock()) / 1000 + 10);
    const seenEverywhereAt = old.phase.phase === "aging" ? old.phase.seenEverywhereAt : expect.fail("not aging");
    await tick(world.input({ force: true }));
    expect(saved().state.phase, "no wait begins anew").toMatchObject({ phase: "aging", seenEverywhereAt });
    expect(readFileSync(stateFile(world.stateDirectory, "mx"), "utf8")).toContain('"version": 2');
    await tickUntil(() => world.served() === renewed.chainPem);
    await tickUntil(() => saved().state.phase.phase === "stable");
    expect([...world.records]).toEqual(next.records);
    expect(readFileSync(path.join(world.certificate.deploy, "fullchain.pem"), "utf8")).toBe(renewed.chainPem);
  });
});
