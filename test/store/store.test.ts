import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import { ensureDirectory, makeDirectories, replaceFile, writeFailure } from "../../src/store/atomic-file.ts";
import { appendJournal, readJournal } from "../../src/store/journal.ts";
import type { JournalEntry } from "../../src/store/journal.ts";
import {
  completeJournal,
  listStates,
  loadState,
  prepareStateDirectory,
  saveState,
  saveWithJournal,
  stateFile,
} from "../../src/store/store.ts";
import { savedState } from "./arbitraries.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const now = instant(1_790_000_000_000);
const samples = fc.sample(savedState, { seed: 3, numRuns: 2 });
const first = { ...(samples[0] ?? expect.fail("no sample")), certificate: "mx" };
const second = { ...(samples[1] ?? expect.fail("no sample")), certificate: "mx" };
const isRoot = process.getuid?.() === 0;

function prepared(): string {
  const folder = path.join(temporaryFolder(), "state");
  prepareStateDirectory(folder, now);
  return folder;
}

function problemOf(work: () => unknown): OperationalError {
  try {
    work();
  } catch (problem) {
    if (problem instanceof OperationalError) return problem;
    throw problem;
  }
  throw new Error("nothing thrown");
}

function codeOf(work: () => unknown): string {
  return problemOf(work).code;
}

describe("state and journal", () => {
  const entry = (event: string): JournalEntry => ({ at: now, certificate: "mx", event, detail: { detail: event } });

  test("are saved together", () => {
    const folder = prepared();
    const saved = saveWithJournal(folder, first, [entry("one"), entry("two")]);
    expect(saved.unjournalled).toEqual([]);
    expect(loadState(folder, "mx")).toEqual(saved);
    expect(readJournal(folder).entries).toEqual([entry("one"), entry("two")]);
    expect(completeJournal(folder, "mx")).toEqual([]);
  });

  test("torn apart by a kill are completed, and nothing is written twice", () => {
    const folder = prepared();
    expect(completeJournal(folder, "mx")).toEqual([]);
    saveState(folder, { ...first, unjournalled: [entry("one"), entry("two")] });
    appendJournal(folder, [entry("one"), entry("of another")]);
    expect(completeJournal(folder, "mx")).toEqual([entry("two")]);
    expect(readJournal(folder).entries.map(({ event }) => event)).toEqual(["one", "of another", "two"]);
    expect(loadState(folder, "mx")).toEqual({ ...first, unjournalled: [] });
    expect(completeJournal(folder, "mx")).toEqual([]);
  });
});

describe("state store", () => {
  test("a state that was saved is loaded, the newest wins, and nothing else is left in the folder", () => {
    const folder = prepared();
    expect(loadState(folder, "mx")).toBeNull();
    saveState(folder, first);
    saveState(folder, second);
    expect(loadState(folder, "mx")).toEqual(second);
    expect(listStates(folder)).toEqual(["mx"]);
    expect(readdirSync(path.join(folder, "certificates"))).toEqual(["mx.json"]);
  });

  test("folders are 0700 and files 0600, whatever the umask", () => {
    const before = process.umask(0o000);
    try {
      const folder = prepared();
      saveState(folder, first);
      expect(statSync(folder).mode & 0o777).toBe(0o700);
      expect(statSync(path.join(folder, "certificates")).mode & 0o777).toBe(0o700);
      expect(statSync(stateFile(folder, "mx")).mode & 0o777).toBe(0o600);
    } finally {
      process.umask(before);
    }
  });

  test("a damaged file is an error that names file and place, never an empty state", () => {
    const folder = prepared();
    writeFileSync(stateFile(folder, "mx"), '{"version":1}');
    expect(() => loadState(folder, "mx")).toThrow(/certificates\/mx\.json: \$: the key "certificate" is missing/);
    expect(codeOf(() => loadState(folder, "mx"))).toBe("STATE_DAMAGED");
  });

  test("what is refused says what is safe and what to type", () => {
    const folder = prepared();
    writeFileSync(stateFile(folder, "mx"), "{");
    const { hint } = problemOf(() => loadState(folder, "mx"));
    expect(hint).toContain("no record is withdrawn");
    expect(hint).toContain("or type daneward adopt mx to make it anew");
    writeFileSync(stateFile(folder, "mx"), '{"version":3}');
    const newer = problemOf(() => loadState(folder, "mx"));
    expect([newer.code, newer.hint]).toEqual(["STATE_NEWER", expect.stringContaining("upgrade daneward")]);
  });

  test("a file that holds the state of another certificate is refused", () => {
    const folder = prepared();
    saveState(folder, first);
    writeFileSync(stateFile(folder, "www"), readFileSync(stateFile(folder, "mx")));
    expect(() => loadState(folder, "www")).toThrow(/holds the state of "mx"/);
  });

  test("a state directory that is missing is not made by a save", () => {
    const folder = path.join(temporaryFolder(), "nowhere");
    expect(
      codeOf(() => {
        saveState(folder, first);
      }),
    ).toBe("STATE_UNWRITABLE");
  });

  test.skipIf(isRoot)("a folder without write permission keeps the old file and leaves no temporary", () => {
    const folder = prepared();
    saveState(folder, first);
    chmodSync(path.join(folder, "certificates"), 0o500);
    const code = codeOf(() => {
      saveState(folder, second);
    });
    chmodSync(path.join(folder, "certificates"), 0o700);
    expect(code).toBe("PERMISSION_DENIED");
    expect(loadState(folder, "mx")).toEqual(first);
    expect(readdirSync(path.join(folder, "certificates"))).toEqual(["mx.json"]);
  });

  test("a full disk is told as such, and a write that fails leaves no temporary", () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    expect(writeFailure("/x", full)).toMatchObject({
      code: "DISK_FULL",
      message: "cannot write /x: no space left on device",
      retry: "later",
    });
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, "target"));
    expect(
      codeOf(() => {
        replaceFile(path.join(folder, "target"), "a file cannot replace a folder");
      }),
    ).toBe("STATE_UNWRITABLE");
    expect(readdirSync(folder)).toEqual(["target"]);
  });

  test.each([
    ["EROFS", "read-only file system", "PERMISSION_DENIED"],
    ["ENOTDIR", "not a directory", "STATE_UNWRITABLE"],
    ["ENOENT", "no such file or directory", "STATE_UNWRITABLE"],
  ])("what waiting does not change (%s) is told with what does, and is not tried again", (code, says, want) => {
    const cause = Object.assign(new Error(`${code}: ${says}, open '/x'`), { code });
    const told = writeFailure("/x", cause);
    expect(told).toMatchObject({ code: want, message: `cannot write /x: ${says}`, retry: "never" });
    expect(told.hint).toMatch(/another place/);
  });

  test("directories are made where there are none, each tried once", () => {
    const folder = temporaryFolder();
    expect(makeDirectories(path.join(folder, "a", "b"), 0o700)).toEqual([
      path.join(folder, "a", "b"),
      path.join(folder, "a"),
    ]);
    expect(makeDirectories(path.join(folder, "a", "b"), 0o700)).toEqual([]);
    writeFileSync(path.join(folder, "file"), "");
    symlinkSync("nowhere", path.join(folder, "link"));
    const inVain = ["file", "file/below", "link"].map((name) =>
      codeOf(() => {
        ensureDirectory(path.join(folder, name));
      }),
    );
    expect(inVain).toEqual(["STATE_UNWRITABLE", "STATE_UNWRITABLE", "STATE_UNWRITABLE"]);
    expect(readdirSync(folder).sort()).toEqual(["a", "file", "link"]);
  });

  test("leftovers of a killed process go after an hour, young ones stay", () => {
    const folder = prepared();
    const old = path.join(folder, "certificates", ".mx.json.00.tmp");
    const young = path.join(folder, "spool", ".1.json.01.tmp");
    writeFileSync(old, "half");
    writeFileSync(young, "half");
    utimesSync(old, now / 1000 - 3601, now / 1000 - 3601);
    utimesSync(young, now / 1000 - 3599, now / 1000 - 3599);
    prepareStateDirectory(folder, now);
    expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
    expect(listStates(folder)).toEqual([]);
  });
});
