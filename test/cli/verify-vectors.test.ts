/** All chains of both suites as typed: `daneward verify --chain … --tlsa … --name … --at … --json`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { argumentsFor, loadChainSuite, wantedByOpenssl, wantedByRfc } from "../chain-suites.ts";
import type { ChainCase, ChainSuite, Wanted } from "../chain-suites.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";
import { recordingIo } from "./recording-io.ts";

const absent = vectorsFolder() === null;
const folder = mkdtempSync(path.join(tmpdir(), "daneward-vectors-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Document {
  readonly exit: number;
  readonly targets: readonly {
    readonly verdict: string;
    readonly addresses: readonly {
      readonly verdict: string;
      readonly reason: string;
      readonly records: readonly { readonly status: string; readonly depth?: number; readonly reason?: string }[];
    }[];
  }[];
}

async function check(suite: ChainSuite, one: ChainCase, profile: "smtp" | "generic", wanted: Wanted): Promise<void> {
  const io = recordingIo({ cwd: folder });
  const exit = await runProgram(["verify", ...argumentsFor(suite, one, profile, folder)], io, "0.0.0");
  const { out, err } = io.said();
  expect(err).toBe("");
  const document = JSON.parse(out) as Document;
  const [address] = document.targets[0]?.addresses ?? [];
  expect(wanted.verdicts, address?.reason).toContain(address?.verdict);
  expect([exit, document.exit]).toEqual([wanted.exit, wanted.exit]);
  const depths = address?.records.filter(({ status }) => status === "matched").map(({ depth }) => depth) ?? [];
  if (wanted.depth === null) expect(depths).toEqual([]);
  else if (wanted.depth !== undefined) expect(depths).toContain(wanted.depth);
}

const danetest = loadChainSuite("openssl-danetest.json");
const further = loadChainSuite("chain-cases.json");

describe.skipIf(absent)(vectorsTitle("OpenSSL's danetest as typed"), () => {
  test("all 55 cases are there", () => {
    expect(danetest.cases).toHaveLength(55);
  });

  test.each(danetest.cases)("$id", (one) => check(danetest, one, "generic", wantedByOpenssl(one)));
});

describe.skipIf(absent)(vectorsTitle("further chains as typed"), () => {
  test("all 67 cases are there", () => {
    expect(further.cases).toHaveLength(67);
  });

  for (const profile of ["smtp", "generic"] as const) {
    test.each(further.cases)(`${profile}: $id`, (one) => check(further, one, profile, wantedByRfc(one, profile)));
  }
});
