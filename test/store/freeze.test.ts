/** The stop switch: what is written is read back, and whatever cannot be understood means stop. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import {
  findFreeze,
  freezeFault,
  journalFreeze,
  readFreeze,
  removeFreeze,
  writeFreeze,
} from "../../src/store/freeze.ts";
import { readJournal } from "../../src/store/journal.ts";
import { prepareStateDirectory } from "../../src/store/store.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const now = instant(1_790_000_000_000);
const said = { at: now, by: "alice", because: "the signer is broken" };

function prepared(): { readonly folder: string; readonly file: string } {
  const folder = path.join(temporaryFolder(), "state");
  prepareStateDirectory(folder, now);
  return { folder, file: path.join(folder, "frozen.json") };
}

test("nothing is frozen while there is no file, not even a state directory", () => {
  expect(readFreeze(path.join(temporaryFolder(), "nowhere"))).toBeNull();
});

test("what is written is read back, private, and gone when removed", () => {
  const { folder, file } = prepared();
  writeFreeze(folder, said);
  expect(readFreeze(folder)).toEqual({ ...said, damage: null });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(freezeFault({ ...said, damage: null })).toMatchObject({
    code: "FROZEN",
    message: "everything is frozen since 2026-09-21T14:13:20Z by alice: the signer is broken",
  });
  removeFreeze(folder);
  expect(readFreeze(folder)).toBeNull();
  expect(readdirSync(folder).filter((name) => name.includes("frozen"))).toEqual([]);
  removeFreeze(folder);
});

test("is written to the journal once, by whoever holds the lock next", () => {
  const { folder } = prepared();
  writeFreeze(folder, said);
  expect(readJournal(folder).entries).toEqual([]);
  const entry = { at: now, certificate: null, event: "freeze", detail: { by: "alice", because: said.because } };
  expect(journalFreeze(folder)).toEqual([entry]);
  expect(journalFreeze(folder)).toEqual([]);
  expect(readJournal(folder).entries).toEqual([entry]);
  expect(readFreeze(folder)).toEqual({ ...said, damage: null });
});

const DAMAGED: readonly (readonly [why: string, content: string])[] = [
  ["empty", ""],
  ["zeroed", "\0".repeat(40)],
  ["another JSON", "[]"],
  [
    "with a key more",
    JSON.stringify({ version: 1, ...said, at: "2026-09-21T14:13:20.000Z", journalled: true, until: 0 }),
  ],
  ["with a key less", JSON.stringify({ version: 1, at: "2026-09-21T14:13:20.000Z", by: "alice", because: "" })],
  ["with a time that is none", JSON.stringify({ version: 1, ...said, at: "today", journalled: true })],
  ["of a later version", JSON.stringify({ version: 2, ...said, at: "2026-09-21T14:13:20.000Z", journalled: true })],
];
test.each(DAMAGED)("a file that is %s still stops everything, and says so", (_, content) => {
  const { folder, file } = prepared();
  writeFileSync(file, content);
  const freeze = readFreeze(folder);
  expect(freeze?.damage).toMatch(/./);
  expect(freezeFault(freeze ?? expect.fail("thawed"))).toMatchObject({
    code: "FREEZE_DAMAGED",
    message: expect.stringMatching(/^everything counts as frozen since .*frozen\.json: ./) as string,
  });
  expect(journalFreeze(folder)).toEqual([]);
  removeFreeze(folder);
  expect(existsSync(file)).toBe(false);
});

test("a file that cannot be opened still stops everything", () => {
  const { folder, file } = prepared();
  mkdirSync(file);
  expect(readFreeze(folder)?.damage).toBe("EISDIR");
});

test("a file in the place of the state directory is no stop: there is nothing that could be stopped", () => {
  const file = path.join(temporaryFolder(), "state");
  writeFileSync(file, "");
  expect(readFreeze(file)).toBeNull();
  expect(findFreeze(file)).toBeNull();
});

test.skipIf(process.getuid?.() === 0)(
  "where this user may not look a person is told so; for the driver it stops everything",
  () => {
    const { folder, file } = prepared();
    writeFreeze(folder, said);
    chmodSync(file, 0);
    expect(() => findFreeze(folder)).toThrow(
      expect.objectContaining({ code: "PERMISSION_DENIED", retry: "never" }) as Error,
    );
    chmodSync(folder, 0);
    expect(() => findFreeze(folder)).toThrow(expect.objectContaining({ code: "PERMISSION_DENIED" }) as Error);
    expect(readFreeze(folder)?.damage).toBe("EACCES");
    chmodSync(folder, 0o700);
  },
);

test("torn at any octet it still stops everything", () => {
  const { folder, file } = prepared();
  writeFreeze(folder, said);
  const whole = readFileSync(file);
  for (let length = 0; length < whole.length - 1; length++) {
    writeFileSync(file, whole.subarray(0, length));
    expect(readFreeze(folder)?.damage).not.toBeNull();
  }
});

test("whatever the file holds, it stops everything and nothing throws", () => {
  const { folder, file } = prepared();
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => new TextEncoder().encode(text)),
      ),
      (octets) => {
        writeFileSync(file, octets);
        expect(readFreeze(folder)).not.toBeNull();
      },
    ),
    { numRuns: 200 },
  );
});
