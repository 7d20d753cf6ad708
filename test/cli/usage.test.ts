/** Bad usage, as text and as the document that a program asked for. */
import { describe, expect, test } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { recordingIo } from "./recording-io.ts";

async function daneward(...argv: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  const io = recordingIo();
  const exit = await runProgram(argv, io, "0.0.0");
  return { exit, ...io.said() };
}

describe("bad usage with --json", () => {
  test.each([
    ["an unknown flag", ["tick", "--bogus", "--json"], 2, "unknown option '--bogus'", "daneward tick --help"],
    ["a misspelt flag", ["status", "--asci", "--json"], 2, "unknown option '--asci'", "did you mean --ascii?"],
    ["a misspelt command", ["statsu", "--json"], 2, "unknown command 'statsu'", "did you mean status?"],
    ["a missing argument", ["publish", "--json"], 2, "missing required argument 'owner'", "daneward publish --help"],
    ["of a plugin", ["verify", "--bogus", "--format", "json"], 3, "unknown option '--bogus'", "daneward verify --help"],
  ])("%s is answered with a document", async (_, argv, exit, message, hint) => {
    const said = await daneward(...argv);
    expect(said.exit).toBe(exit);
    expect(said.err).toBe(`daneward: error: ${message}\nhint: ${hint}\n`);
    expect(JSON.parse(said.out)).toEqual({ schema: "daneward/error/1", code: "USAGE", message, hint });
  });

  test("and without it with text alone", async () => {
    expect((await daneward("tick", "--bogus")).out).toBe("");
  });
});
