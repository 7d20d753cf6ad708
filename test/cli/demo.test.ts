/** The demo up to the first certificate, interrupted there; `npm run demo` plays all of it. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { run } from "../../src/cli/commands/demo.ts";
import type { Io } from "../../src/cli/io.ts";

let folder = "";
const before = process.env["TMPDIR"];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "daneward-test-"));
  process.env["TMPDIR"] = folder;
});
afterEach(() => {
  if (before === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = before;
  rmSync(folder, { recursive: true });
});

/** An Io that interrupts as soon as the output says so. */
function interruptedAt(words: string): { readonly io: Io; readonly text: () => string } {
  const interrupt = new AbortController();
  let text = "";
  const out = (more: string): void => {
    text += more;
    if (text.includes(words)) interrupt.abort();
  };
  return {
    text: () => text,
    io: {
      out,
      err: out,
      stdin: Readable.from([]),
      outIsTerminal: false,
      errIsTerminal: false,
      color: false,
      columns: 100,
      clock: () => instant(Date.now()),
      env: { PATH: process.env["PATH"] },
      cwd: folder,
      signal: interrupt.signal,
    },
  };
}

describe("daneward demo", () => {
  test("enrols with the real driver; an interrupt ends it with 1 and leaves nothing behind", async () => {
    const { io, text } = interruptedAt("second certificate issued");
    expect(await run([], {}, io)).toBe(1);
    expect(text()).toContain("enrolled: the certificate is live and its record is in DNS");
    expect(text().endsWith("interrupted\n")).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("with --json puts one document on standard output, and the picture on standard error", async () => {
    const { io, text } = interruptedAt("first certificate issued");
    let out = "";
    expect(await run([], { json: true }, { ...io, out: (more) => void (out += more) })).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      schema: "daneward/demo/1",
      proved: false,
      interrupted: true,
      rollover: { finished: false, samples: 0, failed: 0 },
    });
    expect(text()).toContain("daneward demo: root, test.");
  });

  test("--keep keeps the directory and names it", async () => {
    const { io, text } = interruptedAt("first certificate issued");
    expect(await run([], { keep: true }, io)).toBe(1);
    const kept = /^kept: (.*)$/m.exec(text())?.[1] ?? "";
    expect(kept.startsWith(folder)).toBe(true);
    for (const file of ["daneward.toml", "tsig.key", "live/mx.example.test/fullchain.pem"]) {
      expect(existsSync(path.join(kept, file))).toBe(true);
    }
  });
});
