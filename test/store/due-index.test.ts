import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import {
  createDueIndex,
  dueIndexFile,
  endTurn,
  nextWake,
  noteEarliest,
  noteTime,
  readDueIndex,
  stampFiles,
  updateDueIndex,
} from "../../src/store/due-index.ts";
import type { DueEntry, DueIndex } from "../../src/store/due-index.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const now = instant(1_790_000_000_000);
const later = instant(now + 1);
const ID = "00c0ffee12345678";

/** An index with these wake-ups. */
function indexWith(folder: string, ...wakes: readonly (Instant | null)[]): DueIndex {
  createDueIndex(folder, { id: ID, count: wakes.length });
  const entries = wakes.map((wakeAt, position): DueEntry => ({ position, wakeAt, stamp: `stamp ${String(position)}` }));
  updateDueIndex(folder, entries, false);
  return readBack(folder);
}

function readBack(folder: string): DueIndex {
  return readDueIndex(folder) ?? expect.fail("no index");
}

describe("due-index", () => {
  test("made anew, everything is due", () => {
    const folder = temporaryFolder();
    createDueIndex(folder, { id: ID, count: 3 });
    const index = readBack(folder);
    expect([index.id, index.count]).toEqual([ID, 3]);
    expect(index.due(instant(0))).toEqual([0, 1, 2]);
    expect(nextWake(index)).toBe(0);
  });

  test("says which are due, and when the next is", () => {
    const folder = temporaryFolder();
    const index = indexWith(folder, null, later, now, now);
    expect(index.due(now)).toEqual([2, 3]);
    expect(index.due(later)).toEqual([1, 2, 3]);
    expect(nextWake(index)).toBe(now);
    expect(index.wakeAt(0)).toBeNull();
    expect(nextWake(indexWith(folder, null, null))).toBeNull();
    expect(nextWake(indexWith(folder))).toBeNull();
  });

  test("by a clock that was set back behind the last tick's time, everything is due", () => {
    const folder = temporaryFolder();
    indexWith(folder, later, null, instant(now + 3_600_000));
    noteTime(folder, now);
    expect(readBack(folder).due(now)).toEqual([]);
    expect(readBack(folder).due(instant(now - 1_500)), "jitter").toEqual([]);
    expect(readBack(folder).due(instant(now - 3_600_000))).toEqual([0, 1, 2]);
    noteTime(folder, instant(now - 3_600_000));
    expect(readBack(folder).due(instant(now - 3_600_000))).toEqual([]);
  });

  test("changes one entry and leaves the others", () => {
    const folder = temporaryFolder();
    indexWith(folder, later, later, later);
    updateDueIndex(folder, [{ position: 1, wakeAt: now, stamp: "new" }], true);
    const index = readBack(folder);
    expect(index.due(now)).toEqual([1]);
    expect([0, 1, 2].map((at) => index.isUnchanged(at, `stamp ${String(at)}`))).toEqual([true, false, true]);
    expect(index.isUnchanged(1, "new")).toBe(true);
  });

  test("lets an entry be taken over at another place of another index, and only so", () => {
    const folder = temporaryFolder();
    const before = indexWith(folder, later, null);
    createDueIndex(folder, { id: ID, count: 2 }, (place) => (place === 0 ? before.entry(1, 0) : before.entry(0, 0)));
    const index = readBack(folder);
    expect(index.wakeAt(0)).toBeNull();
    expect(index.isUnchanged(0, "stamp 1")).toBe(true);
    expect(index.due(now), "sealed for another place").toEqual([1]);
  });

  test("a source that was replaced, appeared or vanished is not unchanged", () => {
    const folder = temporaryFolder();
    const file = path.join(folder, "fullchain.pem");
    const link = path.join(folder, "live.pem");
    symlinkSync(file, link);
    createDueIndex(folder, { id: ID, count: 1 });
    const changed = (stamp: string): boolean => {
      updateDueIndex(folder, [{ position: 0, wakeAt: later, stamp }], false);
      return !readBack(folder).isUnchanged(0, stampFiles([link]));
    };
    const absent = stampFiles([link]);
    expect(changed(absent)).toBe(false);
    writeFileSync(file, "A");
    expect(changed(absent)).toBe(true);
    const present = stampFiles([link]);
    expect(changed(present)).toBe(false);
    writeFileSync(`${file}.new`, "B");
    renameSync(`${file}.new`, file);
    expect(changed(present)).toBe(true);
    rmSync(file);
    expect(changed(present)).toBe(true);
  });
});

describe("when the first one is due", () => {
  test("is known without the entries once it was noted, and not after a change", () => {
    const folder = temporaryFolder();
    const index = indexWith(folder, later, now, null);
    expect([index.earliest, nextWake(index)]).toEqual([null, now]);
    noteEarliest(folder, nextWake(index));
    expect([readBack(folder).earliest, nextWake(readBack(folder))]).toEqual([now, now]);
    expect(readBack(folder).due(now)).toEqual([1]);
    expect(readBack(folder).due(instant(now - 1))).toEqual([]);
    updateDueIndex(folder, [{ position: 0, wakeAt: instant(0), stamp: null }], true);
    expect(readBack(folder).earliest).toBeNull();
    expect(readBack(folder).due(instant(now - 1))).toEqual([0]);
  });

  test("may be never", () => {
    const folder = temporaryFolder();
    noteEarliest(folder, nextWake(indexWith(folder, null)));
    expect(readBack(folder).due(later)).toEqual([]);
    expect(nextWake(readBack(folder))).toBeNull();
  });
});

describe("turns of the sources", () => {
  const MINUTE = 60_000;
  const large = (folder: string, count: number): DueIndex => {
    createDueIndex(folder, { id: ID, count });
    return readBack(folder);
  };

  test("all have theirs in each tick while they are few, and nothing is written for it", () => {
    const folder = temporaryFolder();
    const index = large(folder, 1_000);
    const before = readFileSync(dueIndexFile(folder));
    endTurn(folder, index, now);
    expect(readFileSync(dueIndexFile(folder)).equals(before)).toBe(true);
    expect(readBack(folder).turn(now)).toEqual([{ from: 0, to: 1_000 }]);
  });

  test.each([
    { every: 1, ticks: 60, name: "a minute" },
    { every: 10, ticks: 6, name: "ten minutes" },
    { every: 0.1, ticks: 100, name: "six seconds" },
    { every: 61, ticks: 1, name: "more than an hour" },
  ])("of 100 000 each has its turn within an hour when there is a tick every $name", ({ every, ticks }) => {
    const folder = temporaryFolder();
    const first = large(folder, 100_000);
    expect(first.turn(now), "the first time nothing is known").toEqual([{ from: 0, to: 100_000 }]);
    endTurn(folder, first, now);
    const seen = new Set<number>();
    for (let tick = 1; tick <= ticks; tick++) {
      const at = instant(now + tick * every * MINUTE);
      const index = readBack(folder);
      const turn = index.turn(at);
      for (const { from, to } of turn) for (let position = from; position < to; position++) seen.add(position);
      if (every === 1) expect(turn.reduce((sum, { from, to }) => sum + to - from, 0)).toBeLessThan(1_700);
      endTurn(folder, index, at);
    }
    expect(seen.size).toBe(100_000);
  });

  test("a clock that was set back takes no turn away", () => {
    const folder = temporaryFolder();
    endTurn(folder, large(folder, 5_000), now);
    const [turn] = readBack(folder).turn(instant(now - 86_400_000));
    expect(turn).toEqual({ from: 0, to: 1_000 });
  });
});

describe("a due-index that is not as it was written", () => {
  test.each(["", "{", "null", '{"version":2,"configuration":"","configurationPaths":[],"entries":[]}'.padEnd(200)])(
    "%j is no index, and no error",
    (text) => {
      const folder = temporaryFolder();
      writeFileSync(dueIndexFile(folder), text);
      expect(readDueIndex(folder)).toBeNull();
    },
  );

  test("is none when it is cut short, and none when it is longer", () => {
    const folder = temporaryFolder();
    indexWith(folder, null, null);
    const whole = readFileSync(dueIndexFile(folder));
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(dueIndexFile(folder), whole.subarray(0, length));
      expect(readDueIndex(folder)).toBeNull();
    }
    writeFileSync(dueIndexFile(folder), Buffer.concat([whole, Buffer.of(0)]));
    expect(readDueIndex(folder)).toBeNull();
  });

  test("never lets a certificate sleep whose entry was changed by a single bit", () => {
    const folder = temporaryFolder();
    indexWith(folder, null, later);
    const whole = readFileSync(dueIndexFile(folder));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length * 8 - 1 }), (bit) => {
        const damaged = Buffer.from(whole);
        damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        writeFileSync(dueIndexFile(folder), damaged);
        const index = readDueIndex(folder);
        const entry = Math.floor(((bit >> 3) - 64) / 24);
        if (index !== null && entry >= 0) expect(index.due(instant(0))).toEqual([entry]);
        if (index !== null && entry < 0) expect(index.turn(now).length).toBeGreaterThan(0);
      }),
    );
  });

  test("lets nothing sleep whose entry is zeros, whatever the clock says", () => {
    const folder = temporaryFolder();
    indexWith(folder, null, null, null);
    const zeroed = readFileSync(dueIndexFile(folder)).fill(0, 64 + 24);
    writeFileSync(dueIndexFile(folder), zeroed);
    expect(readBack(folder).due(instant(0))).toEqual([1, 2]);
  });
});
