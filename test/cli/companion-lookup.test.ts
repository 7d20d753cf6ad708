/** What `status` says of the records of a certificate of another kind of key that shares the service. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import { companionLookup } from "../../src/cli/companion-lookup.ts";
import type { CertificateConfig } from "../../src/config/schema.ts";
import { chainId, recordText } from "../../src/rollover/chain.ts";
import type { ChainFacts, RecordText } from "../../src/rollover/chain.ts";
import type { OwnerState } from "../../src/rollover/state.ts";
import { initialState } from "../../src/rollover/step.ts";
import { prepareStateDirectory, saveWithJournal } from "../../src/store/store.ts";
import { START, createFakeWorld, nameOf } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

const record = (digit: string): RecordText => recordText(`3 1 1 ${digit.repeat(64)}`);
const OWNER = nameOf("_25._tcp.mx.example.org");
const WANTED = record("a");
const PUBLISHED = record("b");
const FOREIGN = record("c");

let world: FakeWorld;
let companion: CertificateConfig;
beforeEach(() => {
  world = createFakeWorld();
  companion = { ...world.certificate, name: "mx-ec" };
});
afterEach(() => {
  world.remove();
});

function ownerWith(ours: readonly RecordText[], owner = OWNER): OwnerState {
  const nothing = { coming: [], leaving: [], horizon: [], clocks: [], servers: [], reverted: 0 };
  return { owner, finalOwner: owner, zone: nameOf("example.org"), aliasTtl: seconds(0), ours, ...nothing };
}

function save(): void {
  prepareStateDirectory(world.stateDirectory, START);
  const chain: ChainFacts = {
    id: chainId("1".repeat(64)),
    certificates: [],
    records: [WANTED],
    subject: "mx.example.org",
    notBefore: START,
    notAfter: START,
    hasFiles: true,
  };
  const state = {
    ...initialState(START),
    phase: { phase: "stable", current: chain.id },
    chains: [chain],
    owners: [ownerWith([PUBLISHED])],
  } as const;
  const saved = { certificate: companion.name, savedAt: START, state, wakeAt: null, refusals: [] };
  saveWithJournal(world.stateDirectory, saved, []);
}

const lookup = (sharers: readonly CertificateConfig[], one: RecordText, owner = OWNER): string | null =>
  companionLookup(world.stateDirectory, sharers)(ownerWith([], owner), one);

test("what it wants or has published is its own", () => {
  save();
  expect([WANTED, PUBLISHED, FOREIGN].map((one) => lookup([companion], one))).toEqual(["mx-ec", "mx-ec", null]);
});

test("before it was ever looked at every record may be its own", () => {
  expect(lookup([companion], FOREIGN)).toBe("mx-ec");
});

test("other names, and certificates that share nothing, are not its business", () => {
  save();
  expect(lookup([companion], WANTED, nameOf("_25._tcp.other.example.org"))).toBeNull();
  expect(lookup([], WANTED)).toBeNull();
});
