/**
 * Changes of the TLSA parameters of services that are in use (RFC 7671 §8.2 to §8.4), on BIND: an administrator edits
 * the configuration, and a strict client, for whom every combination in the RRset must match, notices nothing. Some
 * certificates are renewed in the same moment.
 */
import { expect, test } from "vitest";
import {
  establishCells,
  expectFlawless,
  sampleCells,
  samplesOf,
  timesPresented,
  useMatrixWorld,
} from "./lab/matrix.ts";
import { matrixPrograms, newestRecords, settle } from "./lab/matrix-world.ts";
import type { Cell, CellPlan } from "./lab/matrix-world.ts";
import { until } from "./lab/poll.ts";
import { serverSuite } from "./lab/programs.ts";
import { assertQuiet } from "./lab/rollover.ts";

interface Change extends CellPlan {
  /** The parameters of each step. */
  readonly steps: readonly (readonly string[])[];
  /** In the moment of each change the certificate is renewed, under the other intermediate. */
  readonly renewed?: boolean;
}

const [KEY, KEY_512, ISSUER] = ["3 1 1", "3 1 2", "2 0 1"] as const;

const CHANGES: readonly Change[] = [
  { name: "leaf-to-key", tlsa: ["3 0 1"], steps: [[KEY], [KEY]] },
  { name: "digest", tlsa: [KEY], steps: [[KEY_512], [KEY]] },
  { name: "digest-renewed", tlsa: [KEY], steps: [[KEY_512], [KEY]], renewed: true },
  { name: "digest-kinds", tlsa: [KEY], steps: [[KEY_512], [KEY]], kinds: ["rsa", "ecdsa"] },
  { name: "issuer", tlsa: [KEY], steps: [[ISSUER], [KEY]] },
  { name: "issuer-renewed", tlsa: [KEY], steps: [[ISSUER], [KEY]], renewed: true },
  { name: "added", tlsa: [KEY], steps: [[KEY, "2 1 1"], [KEY]] },
];

serverSuite("changes of TLSA parameters side by side", matrixPrograms("bind"), () => {
  const lab = useMatrixWorld("bind", CHANGES);

  test("there and back without one failed sample, with exactly the configured records in the end", async () => {
    const world = lab();
    await establishCells(world);
    const sampler = sampleCells(world);
    const keys = new Map<Cell, string[]>(world.cells.map((cell) => [cell, []]));
    try {
      for (const step of [0, 1]) {
        const tlsa = Object.fromEntries(CHANGES.map(({ name, steps }) => [name, steps[step] ?? []]));
        const renewals = CHANGES.filter(({ renewed }) => renewed === true).flatMap(({ name }) =>
          world.cells.filter((cell) => cell.name === name).flatMap(({ lineages }) => lineages),
        );
        const issuer = world.issuers[step === 0 ? 1 : 0];
        await Promise.all(renewals.map((lineage) => lineage.renew({ issuer })));
        world.configure(tlsa);
        await settle(world, (cell) => newestRecords(cell, tlsa[cell.name] ?? []));
        for (const [cell, seen] of keys) seen.push(...cell.lineages.map((lineage) => lineage.spki()));
      }
      await expectFlawless(sampler, world.cells, keys);
    } finally {
      await sampler.stop();
    }
    const status = await world.run(["status"]);
    expect(status.stdout).not.toMatch(/warning|error/i);
  }, 240_000);

  test("a teardown takes the records of one certificate away, renewals then go live at once, and resume brings them back", async () => {
    const world = lab();
    const gone = world.cells.find(({ name }) => name === "issuer");
    const [lineage] = gone?.lineages ?? [];
    if (gone === undefined || lineage === undefined) throw new Error("there is no such cell");
    const rest = (cell: Cell): readonly string[] => newestRecords(cell, [KEY]);
    const sampler = sampleCells(world);
    try {
      const said = await world.run(["deinit", gone.name, "--because", "it moves", "--yes"]);
      expect({ code: said.code, err: said.stderr }).toMatchObject({ code: 0 });
      await settle(world, (cell) => (cell === gone ? [] : rest(cell)));
      await lineage.renew();
      await until("the renewal is live", async () => {
        assertQuiet(await world.run(["tick"]));
        return timesPresented(sampler, gone, lineage.spki()) > 5;
      });
      expect((await world.run(["resume", gone.name, "--because", "it stays", "--yes"])).code).toBe(0);
      await settle(world, rest);
      await until("the last answers are there", () => samplesOf(sampler, gone).at(-1)?.outcome === "match");
    } finally {
      await sampler.stop();
    }
    for (const cell of world.cells) {
      const outcomes = new Set(samplesOf(sampler, cell).map(({ outcome }) => outcome));
      expect({ cell: cell.name, outcomes: [...outcomes].sort() }).toEqual({
        cell: cell.name,
        outcomes: cell === gone ? ["absent", "match"] : ["match"],
      });
    }
  }, 240_000);
});
