/** A plugin that could not look says so where monitoring reads it. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { reportFailure } from "../../src/cli/failure.ts";
import { OperationalError } from "../../src/base/errors.ts";
import { readFailure } from "../../src/store/atomic-file.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";
import { recordingIo } from "./recording-io.ts";

async function daneward(...argv: readonly string[]): Promise<{ readonly exit: number; out: string; err: string }> {
  const folder = temporaryFolder();
  mkdirSync(path.join(folder, "state"));
  writeFileSync(path.join(folder, "broken.toml"), "version = 1\nresolver = |\n");
  const io = recordingIo({ cwd: folder });
  const exit = await runProgram(argv, io, "0.0.0");
  return { exit, ...io.said() };
}

test("check with a broken configuration prints its status line, and tells people too", async () => {
  const { exit, out, err } = await daneward("check", "--config", "broken.toml", "--state-dir", "state");
  expect(exit).toBe(3);
  expect(out).toMatch(/^DANEWARD UNKNOWN - .*broken\.toml:2/);
  expect(out).toMatch(/\nhint: .*\n$/);
  expect(out).not.toContain("|");
  expect(err).toMatch(/^daneward: error: .*broken\.toml:2/);
});

test("check as JSON prints JSON alone", async () => {
  const { exit, out } = await daneward("check", "--config", "broken.toml", "--json");
  expect(exit).toBe(3);
  expect(JSON.parse(out)).toMatchObject({ schema: "daneward/error/1" });
});

test("verify prints its status line when it was asked for that format, and only then", async () => {
  const { exit, out } = await daneward("verify", "mx.example.org:x", "--format", "nagios");
  expect(exit).toBe(3);
  expect(out).toMatch(/^DANE UNKNOWN - /);
  expect(await daneward("verify", "mx.example.org:x")).toMatchObject({ exit: 3, out: "" });
});

test.each([
  [["check", "--bogus"], "DANEWARD"],
  [["verify", "a", "--bogus", "--format", "nagios"], "DANE"],
])("bad usage is a status line: %j", async (argv, service) => {
  const { exit, out } = await daneward(...argv);
  expect(exit).toBe(3);
  expect(out).toBe(`${service} UNKNOWN - unknown option '--bogus'\n`);
});

test("other commands print nothing there", async () => {
  expect(await daneward("status", "--config", "broken.toml")).toMatchObject({ out: "" });
});

test("a state that may not be read says whose it is", () => {
  const io = recordingIo();
  const refused = Object.assign(new Error("EACCES: permission denied, open"), { code: "EACCES" });
  const error = readFailure("/var/lib/daneward/events.jsonl", refused);
  expect(error).toBeInstanceOf(OperationalError);
  reportFailure(error, io, { json: false, plugin: true, service: "DANEWARD" });
  expect(io.said().out).toBe(
    "DANEWARD UNKNOWN - cannot read /var/lib/daneward/events.jsonl: permission denied\n" +
      "hint: run it as root (sudo), or as the user that daneward runs as: the state holds private matters\n",
  );
});
