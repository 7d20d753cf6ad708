import { chmodSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { readSpool, removeSpool, spoolDirectory, writeSpool } from "../../src/store/spool.ts";
import type { SpoolNote } from "../../src/store/spool.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const note = (at: number): SpoolNote => ({
  client: "certbot",
  at: instant(at),
  source: "/etc/letsencrypt/live/mx.example.org",
  domains: ["mx.example.org", "imap.example.org"],
});

describe("spool", () => {
  test("notes come back oldest first and are gone once removed", () => {
    const folder = temporaryFolder();
    writeSpool(folder, note(1_790_000_000_200));
    writeSpool(folder, note(1_790_000_000_100));
    const { notes, damaged } = readSpool(folder);
    expect(notes.map((one) => one.note)).toEqual([note(1_790_000_000_100), note(1_790_000_000_200)]);
    expect(damaged).toEqual([]);
    const files = notes.map((one) => one.file);
    removeSpool(files);
    removeSpool(files);
    expect(readdirSync(spoolDirectory(folder))).toEqual([]);
  });

  test("two notes of the same instant are two", () => {
    const folder = temporaryFolder();
    writeSpool(folder, note(1_790_000_000_000));
    writeSpool(folder, note(1_790_000_000_000));
    expect(readSpool(folder).notes).toHaveLength(2);
  });

  test("there is nothing in a spool that was never written to", () => {
    expect(readSpool(temporaryFolder())).toEqual({ notes: [], damaged: [] });
  });

  test.each(["", "{", "null", "[]", '{"version":2}', '{"version":1,"client":"c","at":"x","source":"/","domains":[]}'])(
    "%j is reported as damaged",
    (text) => {
      const folder = temporaryFolder();
      writeSpool(folder, note(5));
      const file = path.join(spoolDirectory(folder), "9.json");
      writeFileSync(file, text);
      writeFileSync(path.join(spoolDirectory(folder), ".9.json.0.tmp"), "being written");
      expect(readSpool(folder)).toMatchObject({ notes: [{ note: note(5) }], damaged: [file] });
    },
  );

  test.skipIf(process.getuid?.() === 0)("a spool that cannot be written is PERMISSION_DENIED", () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o500);
    expect(() => writeSpool(folder, note(1))).toThrow(expect.objectContaining({ code: "PERMISSION_DENIED" }));
    expect(existsSync(spoolDirectory(folder))).toBe(false);
  });
});
