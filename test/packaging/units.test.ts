/** systemd units, the cron line and the logs' rotation, as they are shipped. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { journalFile } from "../../src/store/journal.ts";
import { serverSuite } from "../server/lab/programs.ts";
import { must, run } from "../server/lab/process.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const SHARE = path.join(ROOT, "src/share");
const read = (file: string): string => readFileSync(path.join(SHARE, file), "utf8");
const UNITS = ["daneward.service", "daneward-run.service"];

/** The settings of a unit without comments. */
function settings(unit: string): readonly string[] {
  return read(`systemd/${unit}`)
    .split("\n")
    .filter((line) => /^[A-Z]\w+=/.test(line));
}

serverSuite("the systemd units", ["systemd-analyze"], () => {
  // The threshold is in tenths. What is left is what daneward is there for: root's files, the network.
  test.each(UNITS)("%s is exposed no more than the README says", async (unit) => {
    const file = path.join(SHARE, "systemd", unit);
    const text = await must("systemd-analyze", ["security", "--offline=true", "--no-pager", "--threshold=27", file]);
    const score = /Overall exposure level for \S+: ([\d.]+)/.exec(text)?.[1];
    expect(Number(score)).toBeLessThanOrEqual(2.7);
    expect(readFileSync(path.join(ROOT, "README.md"), "utf8").includes("scores 2.7 ")).toBe(true);
  });

  test("systemd finds nothing wrong with them", async () => {
    const folder = temporaryFolder();
    cpSync(path.join(SHARE, "systemd"), folder, { recursive: true });
    for (const unit of UNITS) {
      const file = path.join(folder, unit);
      writeFileSync(file, readFileSync(file, "utf8").replace("/usr/bin/daneward", "/bin/true"));
    }
    const files = [...UNITS, "daneward.timer"].map((unit) => path.join(folder, unit));
    const { code, stdout, stderr } = await run("systemd-analyze", ["verify", "--man=no", ...files]);
    // What is wrong with other units of the host is none of this.
    expect({ code, said: (stdout + stderr).split("\n").filter((line) => line.includes("daneward")) }).toEqual({
      code: 0,
      said: [],
    });
  });

  test("the timer fires six times an hour", async () => {
    const [expression = ""] = settings("daneward.timer").flatMap((line) => /^OnCalendar=(.*)/.exec(line)?.[1] ?? []);
    const text = await must("systemd-analyze", [
      "calendar",
      "--iterations=7",
      "--base-time=2026-01-01 00:00:01 UTC",
      expression,
    ]);
    const minutes = [...text.matchAll(/(?:Next elapse|Iter\. #\d+|Iteration #\d+): .* (\d\d:\d\d):00/g)].map(
      ([, time]) => time,
    );
    expect(minutes).toEqual(["00:10", "00:20", "00:30", "00:40", "00:50", "01:00", "01:10"]);
  });
});

describe("the units", () => {
  test("do nothing before there is a configuration, and are as hardened one as the other", () => {
    const hardening = (unit: string): readonly string[] => {
      const all = settings(unit);
      const end = all.findIndex((line) => line.startsWith("WantedBy"));
      return all.slice(all.indexOf("UMask=0077"), end === -1 ? undefined : end);
    };
    for (const unit of UNITS) {
      expect(settings(unit)).toContain("ConditionPathExists=/etc/daneward/daneward.toml");
    }
    expect(hardening("daneward.service").length).toBeGreaterThan(20);
    expect(hardening("daneward-run.service")).toEqual(hardening("daneward.service"));
  });
});

/** The line of the table, with paths of ours in place of the system's. */
function cronCommand(folder: string): string {
  const [line = ""] = read("cron/daneward")
    .split("\n")
    .filter((one) => /^[*\d]/.test(one));
  const [, command = ""] = /^\*\/10(?: \*){4} root (.*)$/.exec(line) ?? [];
  // In a crontab an unescaped % ends the command: crontab(5).
  expect(command).not.toMatch(/%|^$/);
  return command
    .replaceAll("/run/", `${folder}/run/`)
    .replaceAll("/etc/", `${folder}/etc/`)
    .replaceAll("/usr/", `${folder}/usr/`);
}

describe("the cron line", () => {
  test.each([
    ["runs a tick", [], "tick\n"],
    ["leaves it to the timer under systemd", ["run/systemd/system/x"], ""],
  ])("%s", (_, more, said) => {
    const folder = temporaryFolder();
    for (const file of ["etc/daneward/daneward.toml", "usr/bin/daneward", ...more]) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), '#!/bin/sh\necho "$*"\n');
      chmodSync(path.join(folder, file), 0o755);
    }
    const { status, stdout, stderr } = spawnSync("sh", ["-c", cronCommand(folder)], { encoding: "utf8" });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: said, stderr: "" });
  });

  test("is silent where nothing is configured, and after the package was removed", () => {
    const { status, stdout, stderr } = spawnSync("sh", ["-c", cronCommand(temporaryFolder())], { encoding: "utf8" });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  });
});

test("the rotations are of the journal where it is", () => {
  const journal = journalFile("/var/lib/daneward");
  expect(read("logrotate/daneward")).toContain(`\n${journal} {\n`);
  expect(read("newsyslog/daneward.conf")).toContain(`\n${journal} `);
});
