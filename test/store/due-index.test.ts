import { renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import {
  dueIndexFile,
  dueNow,
  isCurrent,
  nextWake,
  readDueIndex,
  stampFiles,
  writeDueIndex,
} from "../../src/store/due-index.ts";
import type { DueIndex } from "../../src/store/due-index.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const now = instant(1_790_000_000_000);
const later = instant(now + 1);

const indexOf = (...entries: DueIndex["entries"]): DueIndex => ({
  configuration: stampFiles([]),
  configurationPaths: [],
  entries,
});

describe("due-index", () => {
  test("it comes back ordered by time, those that wait for nothing last", () => {
    const folder = temporaryFolder();
    const entry = { paths: ["/nowhere"], stamp: "ENOENT" };
    const [a, b, c, d] = [
      { certificate: "a", wakeAt: null, ...entry },
      { certificate: "b", wakeAt: later, ...entry },
      { certificate: "c", wakeAt: now, ...entry },
      { certificate: "d", wakeAt: now, ...entry },
    ];
    writeDueIndex(folder, indexOf(a, b, d, c));
    const read = readDueIndex(folder) ?? expect.fail("no index");
    expect(read).toEqual(indexOf(c, d, b, a));
    expect(nextWake(read)).toBe(now);
    expect(dueNow(read, now)).toEqual(["c", "d"]);
  });

  test("any number of certificates has a next wake-up", () => {
    const entries = Array.from({ length: 300_000 }, (_, at) => {
      return { certificate: String(at), wakeAt: at === 5 ? now : later, paths: [], stamp: "" };
    });
    expect(nextWake(indexOf(...entries.slice(0, 3)))).toBe(later);
    expect(nextWake({ configuration: "", configurationPaths: [], entries })).toBe(now);
    expect(nextWake(indexOf())).toBeNull();
  });

  test("a certificate is due when its source was replaced, appeared or vanished", () => {
    const folder = temporaryFolder();
    const file = path.join(folder, "fullchain.pem");
    const link = path.join(folder, "live.pem");
    symlinkSync(file, link);
    const due = (stamp: string): boolean =>
      dueNow(indexOf({ certificate: "mx", wakeAt: later, paths: [link], stamp }), now).length === 1;
    const absent = stampFiles([link]);
    expect(due(absent)).toBe(false);
    writeFileSync(file, "A");
    expect(due(absent)).toBe(true);
    const present = stampFiles([link]);
    expect(due(present)).toBe(false);
    writeFileSync(`${file}.new`, "B");
    renameSync(`${file}.new`, file);
    expect(due(present)).toBe(true);
    rmSync(file);
    expect(due(present)).toBe(true);
  });

  test("it is current until a configuration file changes", () => {
    const folder = temporaryFolder();
    const file = path.join(folder, "daneward.toml");
    writeFileSync(file, "version = 1");
    const index: DueIndex = { configuration: stampFiles([file]), configurationPaths: [file], entries: [] };
    expect(isCurrent(index)).toBe(true);
    writeFileSync(file, "version = 1 ");
    expect(isCurrent(index)).toBe(false);
  });

  test.each([
    "",
    "{",
    "null",
    '{"version":2}',
    '{"version":2,"configuration":"","configurationPaths":[],"entries":[{}]}',
    '{"version":2,"configuration":"","configurationPaths":[],"entries":[{"certificate":"mx","wakeAt":1.5,"paths":[],"stamp":""}]}',
    '{"version":1,"configuration":"","configurationPaths":[],"entries":[]}',
  ])("%j is no index, and no error", (text) => {
    const folder = temporaryFolder();
    writeFileSync(dueIndexFile(folder), text);
    expect(readDueIndex(folder)).toBeNull();
  });
});
