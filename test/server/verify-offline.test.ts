/** A few chains of each kind through the program as installed, one process each: exit code and verdict. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { argumentsFor, loadChainSuite, wantedByRfc } from "../chain-suites.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";
import { daneward } from "./lab/daneward.ts";

const folder = mkdtempSync(path.join(tmpdir(), "daneward-offline-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const suite = loadChainSuite("chain-cases.json");
const CHOSEN = [
  "ee-expired",
  "ta-200-root-not-sent",
  "ta-appended-genuine-ca",
  "ta-wrongname",
  "agility-ta-strong-wrong",
  "unusable-empty",
];

describe.skipIf(vectorsFolder() === null)(vectorsTitle("chains as processes"), () => {
  test.each(CHOSEN)("%s", async (id) => {
    const one = suite.cases.find((each) => each.id === id);
    if (one === undefined) throw new Error(`no case ${id}`);
    const { code, stdout, stderr } = await daneward(["verify", ...argumentsFor(suite, one, "smtp", folder)], {
      cwd: folder,
    });
    const wanted = wantedByRfc(one, "smtp");
    expect(stderr).toBe("");
    expect(code).toBe(wanted.exit);
    const document = JSON.parse(stdout) as { readonly targets: readonly { readonly verdict: string }[] };
    expect(wanted.verdicts).toContain(document.targets[0]?.verdict);
  });
});
