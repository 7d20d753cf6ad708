/**
 * Changes of the TLSA parameters of services that are in use (RFC 7671 §8.2 to §8.4), on BIND: an administrator edits
 * the configuration, and a strict client, for whom every combination in the RRset must match, notices nothing. Some
 * certificates are renewed in the same moment.
 */
import { expect, test } from "vitest";
import { establishCells, expectFlawless, mayWaitForOther, sampleCells, useMatrixWorld } from "./lab/matrix.ts";
import { matrixPrograms, newestRecords, settle } from "./lab/matrix-world.ts";
import type { Cell, CellPlan } from "./lab/matrix-world.ts";
import { serverSuite } from "./lab/programs.ts";

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
        await settle(world, (cell) => newestRecords(cell, tlsa[cell.name] ?? []), mayWaitForOther);
        for (const [cell, seen] of keys) seen.push(...cell.lineages.map((lineage) => lineage.spki()));
      }
      await expectFlawless(sampler, world.cells, keys);
    } finally {
      await sampler.stop();
    }
    const status = await world.run(["status"]);
    expect(status.stdout).not.toMatch(/warning|error/i);
  }, 240_000);
});
