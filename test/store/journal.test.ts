import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { appendJournal, journalFile, readJournal } from "../../src/store/journal.ts";
import type { JournalEntry } from "../../src/store/journal.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const entry = (event: string, certificate: string | null = "mx"): JournalEntry => ({
  at: instant(1_790_000_000_123),
  certificate,
  event,
  detail: { owner: "_25._tcp.mx.example.", add: ["3 1 1 00"], ttl: 3600 },
});

describe("journal", () => {
  test("entries come back in order, or those of one certificate", () => {
    const folder = temporaryFolder();
    appendJournal(folder, [entry("publish"), entry("tick", null)]);
    appendJournal(folder, [entry("deploy", "www")]);
    expect(readJournal(folder)).toEqual({
      entries: [entry("publish"), entry("tick", null), entry("deploy", "www")],
      damagedLines: [],
    });
    expect(readJournal(folder, "www").entries).toEqual([entry("deploy", "www")]);
    expect(statSync(journalFile(folder)).mode & 0o777).toBe(0o600);
  });

  test("one line is one flat object", () => {
    const folder = temporaryFolder();
    appendJournal(folder, [entry("publish")]);
    expect(readFileSync(journalFile(folder), "utf8")).toBe(
      '{"at":"2026-09-21T14:13:20.123Z","certificate":"mx","event":"publish","owner":"_25._tcp.mx.example.","add":["3 1 1 00"],"ttl":3600}\n',
    );
  });

  test("there is no journal before the first entry, and nothing to append makes none", () => {
    const folder = temporaryFolder();
    appendJournal(folder, []);
    expect(readJournal(folder)).toEqual({ entries: [], damagedLines: [] });
  });

  test("a journal torn at any byte keeps every whole line, and the next entry is whole", () => {
    const folder = temporaryFolder();
    appendJournal(folder, [entry("one"), entry("two")]);
    const whole = readFileSync(journalFile(folder));
    for (let length = 0; length <= whole.length; length += 7) {
      writeFileSync(journalFile(folder), whole);
      truncateSync(journalFile(folder), length);
      const before = readJournal(folder).entries;
      appendJournal(folder, [entry("three")]);
      expect(readJournal(folder).entries).toEqual([...before, entry("three")]);
    }
  });

  test("lines that are no entries are counted and skipped", () => {
    const folder = temporaryFolder();
    appendJournal(folder, [entry("one")]);
    appendFileSync(journalFile(folder), 'null\n[]\n{"at":"yesterday","certificate":null,"event":"x"}\n\n{\n');
    appendJournal(folder, [entry("two")]);
    expect(readJournal(folder)).toEqual({ entries: [entry("one"), entry("two")], damagedLines: [2, 3, 4, 6] });
  });

  test("any content is read without throwing", () => {
    const folder = temporaryFolder();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        writeFileSync(journalFile(folder), bytes);
        expect(readJournal(folder).entries).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  test("a detail cannot pass for one of the journal's own keys", () => {
    const folder = temporaryFolder();
    expect(() => {
      appendJournal(folder, [{ ...entry("x"), detail: { event: "y" } }]);
    }).toThrow(/may not be called "event"/);
  });
});
