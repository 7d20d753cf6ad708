/** An upgrade takes the files of the old version away under a process that has not loaded all of them. */
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");

describe("a part of the program is gone", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "daneward-upgrade-"));
  const chunks = path.join(folder, "dist/chunks");
  const call = (...args: readonly string[]): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, [path.join(folder, "bin/daneward.js"), ...args], { encoding: "utf8" });
  const remove = (pattern: RegExp): number => {
    const names = readdirSync(chunks).filter((name) => pattern.test(name));
    for (const name of names) rmSync(path.join(chunks, name));
    return names.length;
  };

  beforeAll(() => {
    for (const part of ["bin", "dist"]) cpSync(path.join(root, part), path.join(folder, part), { recursive: true });
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("said in one line with what to do, as a failure that passes", () => {
    expect(remove(/^tick-.*\.cjs$/)).toBeGreaterThan(0);
    const { status, stderr } = call("tick", "--state-dir", folder);
    expect(stderr).toMatch(/^daneward: error: a part of the program is gone: .*\nhint: run the command again; .*\n$/);
    expect(status).toBe(75);
  });

  test("and so when what words failures is gone too; unknown to monitoring", () => {
    expect(remove(/^(?:failure|verify|check)-.*\.cjs$/)).toBeGreaterThan(2);
    const { status, stderr } = call("check", "--config", path.join(folder, "none.toml"));
    expect(stderr).toContain("a part of the program is gone");
    expect(status).toBe(3);
    expect(call("status", "--config", path.join(folder, "none.toml")).status).toBe(75);
    expect(call("--version").status).toBe(0);
  });
});
