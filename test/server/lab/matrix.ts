/** The matrix of name server and TLSA parameters, as a suite: each test file runs it on a primary of another make. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { matrixPrograms, newestRecords, settle, startMatrixWorld } from "./matrix-world.ts";
import type { Cell, CellPlan, MatrixWorld } from "./matrix-world.ts";
import { until } from "./poll.ts";
import type { Ended } from "./process.ts";
import { serverSuite } from "./programs.ts";
import { assertQuiet } from "./rollover.ts";
import { startSampler } from "./sampler.ts";
import type { Sample, Sampler } from "./sampler.ts";
import type { PrimaryKind } from "./update-world.ts";

const CELLS: readonly CellPlan[] = [
  { name: "key", tlsa: ["3 1 1"], ports: [8443, 9443] },
  { name: "leaf", tlsa: ["3 0 1"] },
  { name: "issuer", tlsa: ["2 0 1"] },
  { name: "mixed", tlsa: ["3 1 1", "2 1 1"] },
  { name: "kinds", tlsa: ["3 1 1"], kinds: ["rsa", "ecdsa"] },
];

const SAMPLE_EVERY_MS = 75;
/** Of each service and kind of client. */
const SAMPLES_AT_LEAST = 200;

/** Starts the witness over every cell. */
export function sampleCells(world: MatrixWorld): Sampler {
  return startSampler(
    world.resolver,
    world.cells.flatMap(({ services }) => services),
    SAMPLE_EVERY_MS,
  );
}

/** What the witness saw of a cell. */
export function samplesOf(sampler: Sampler, { services }: Cell): readonly Sample[] {
  const names = services.map(({ host, port }) => `${host}:${String(port)}`);
  return sampler.samples().filter(({ service }) => names.includes(service));
}

/** How often the servers of a cell presented a key. */
export function timesPresented(sampler: Sampler, cell: Cell, spki: string): number {
  return samplesOf(sampler, cell).filter(({ evidence }) => evidence.slice(evidence.indexOf("]")).includes(spki)).length;
}

/** Every sample of these cells is good, there are hundreds, and each of the keys was presented while it was its turn. */
export async function expectFlawless(
  sampler: Sampler,
  cells: readonly Cell[],
  keys: ReadonlyMap<Cell, readonly string[]>,
): Promise<void> {
  const least = (cell: Cell): number => SAMPLES_AT_LEAST * cell.services.length;
  await until("there are samples enough", () => cells.every((cell) => samplesOf(sampler, cell).length > least(cell)));
  await sampler.stop();
  for (const cell of cells) {
    const samples = samplesOf(sampler, cell);
    const bad = samples.filter(({ outcome }) => outcome !== "match");
    expect({ cell: cell.name, bad: bad.length, first: bad.slice(0, 3), last: bad.slice(-1) }).toEqual({
      cell: cell.name,
      bad: 0,
      first: [],
      last: [],
    });
    for (const key of keys.get(cell) ?? []) expect(timesPresented(sampler, cell, key)).toBeGreaterThan(5);
  }
}

/** A matrix world of the suite's own; the function it gives may be called inside tests. */
export function useMatrixWorld(kind: PrimaryKind, plans: readonly CellPlan[]): () => MatrixWorld {
  let started: MatrixWorld | null = null;
  beforeAll(async () => {
    started = await startMatrixWorld(kind, plans);
  }, 60_000);
  afterAll(async () => {
    await started?.stop();
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(started?.logs());
  });
  return () => {
    if (started === null) throw new Error("the lab did not start");
    return started;
  };
}

/**
 * A tick is quiet, but for one thing: of two kinds of certificate the first one to come waits for the other before a
 * new combination is published. That is said once, and is a failure until then.
 */
function mayWaitForOther(tick: Ended): void {
  if (tick.stderr !== "" && !tick.stderr.includes("FIRST_SET_WITHOUT_LIVE")) assertQuiet(tick);
}

/** From servers that read the ACME client's files to servers that read what daneward deploys, all records published. */
export async function establishCells(world: MatrixWorld): Promise<void> {
  await settle(world, (cell) => newestRecords(cell), mayWaitForOther);
  await world.readFrom("deployed");
}

/** The whole row of the matrix. `wrongSwap`: also shows that the witness is able to fail. */
export function matrixSuite(kind: PrimaryKind, title: string, options: { readonly wrongSwap?: boolean } = {}): void {
  serverSuite(`rollovers of every kind of record side by side, on ${title}`, matrixPrograms(kind), () => {
    const lab = useMatrixWorld(kind, CELLS);

    test("two renewals, the second under another intermediate, without one failed sample in any cell", async () => {
      const world = lab();
      await establishCells(world);
      const sampler = sampleCells(world);
      const keys = new Map<Cell, string[]>(world.cells.map((cell) => [cell, []]));
      const records = new Map(world.cells.map((cell) => [cell, [newestRecords(cell)]]));
      const note = (): void => {
        for (const [cell, seen] of keys) seen.push(...cell.lineages.map((lineage) => lineage.spki()));
      };
      try {
        note();
        for (const issuer of world.issuers) {
          const lineages = world.cells.flatMap((cell) => cell.lineages);
          await Promise.all(lineages.map((lineage) => lineage.renew({ issuer })));
          note();
          await settle(world, (cell) => newestRecords(cell));
          for (const [cell, sets] of records) sets.push(newestRecords(cell));
        }
        await expectFlawless(sampler, world.cells, keys);
      } finally {
        await sampler.stop();
      }
      for (const cell of world.cells) {
        // What was settled for each time was another set, but that of an issuer who had not changed.
        const sets = (records.get(cell) ?? []).map((set) => set.join());
        expect(new Set(sets).size).toBe(cell.name === "issuer" ? 2 : 3);
      }
    }, 240_000);

    test.runIf(options.wrongSwap === true)("the witness sees servers that do not wait, in every cell", async () => {
      const world = lab();
      const sampler = sampleCells(world);
      try {
        // With the key it had, `mixed` fails for its issuer alone.
        const renewals = world.cells.flatMap(({ name, lineages }) =>
          lineages.map((lineage) => lineage.renew({ reuseKey: name === "mixed", issuer: world.issuers[0] })),
        );
        await Promise.all(renewals);
        await delay(200);
        expect(sampler.failures()).toEqual([]);
        await world.readFrom("live");
        await delay(600);
      } finally {
        await sampler.stop();
      }
      for (const cell of world.cells) {
        expect(samplesOf(sampler, cell).filter(({ outcome }) => outcome === "failure").length).toBeGreaterThan(3);
      }
    });
  });
}
