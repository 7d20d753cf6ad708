/** `daneward status`: the line of dots, and --watch on a terminal that a test plays. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import type { Instant } from "../../src/base/time.ts";
import { run as runStatus } from "../../src/cli/commands/status.ts";
import type { Io } from "../../src/cli/io.ts";
import { watchStatus } from "../../src/cli/watch.ts";
import { AGING } from "../report/pages.ts";
import { known, NOON } from "../report/statuses.ts";
import { recordingIo } from "./recording-io.ts";

const UP = /\u001b\[(\d+)A\r\u001b\[J/;

interface Scene {
  readonly io: Io & { readonly said: () => { out: string; err: string } };
  readonly stdin: PassThrough;
  readonly ended: Promise<void>;
  readonly looks: () => number;
}

/** A terminal on which time runs: each question for the time is `stepMs` later. */
function play(parts: Partial<Io> = {}, stepMs = 990): Scene {
  let now: Instant = NOON;
  let looks = 0;
  const stdin = new PassThrough();
  const io = recordingIo({
    outIsTerminal: true,
    columns: 80,
    rows: 30,
    stdin,
    env: { LANG: "C.UTF-8", TERM: "xterm" },
    clock: () => (now = instant(now + stepMs)),
    ...parts,
  });
  const look = (): { at: Instant; certificates: readonly ReturnType<typeof known>[] } => {
    looks++;
    return { at: now, certificates: [known("mx", AGING)] };
  };
  const text = (): string => Array.from({ length: 40 }, (_, index) => `line ${String(index)}\n`).join("");
  return { io, stdin, ended: watchStatus({ look, text, everySeconds: 5, io }), looks: () => looks };
}

async function untilOut(scene: Scene, done: (out: string) => boolean): Promise<string> {
  const deadline = Date.now() + 5000;
  while (!done(scene.io.said().out)) {
    if (Date.now() > deadline) throw new Error(`not seen in ${scene.io.said().out}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return scene.io.said().out;
}

describe("status --watch", () => {
  test("draws over itself with a countdown, reads the state every so often, and ends on q", async () => {
    const scene = play();
    const out = await untilOut(scene, (text) => text.split("swap the files").length > 8);
    scene.stdin.write("q");
    await scene.ended;
    expect(scene.looks()).toBeGreaterThan(1);
    expect(scene.looks()).toBeLessThan(6);
    const clocks = [...out.matchAll(/(\d\d:\d\d:\d\d) {2}swap the files/g)].map(([, clock]) => clock);
    expect(new Set(clocks).size).toBe(clocks.length);
    expect(clocks[0]).toBe("01:30:00");
    expect(scene.io.said().out).toMatch(/^\u001b\[\?25l[\s\S]*\u001b\[\?25h$/);
  });

  test("never goes up further than it came down, and stays within the window", async () => {
    const scene = play();
    const out = await untilOut(scene, (text) => text.split(UP).length > 6);
    scene.stdin.write("\u0003");
    await scene.ended;
    const [first = "", ...frames] = out.split(/\u001b\[\d+A\r\u001b\[J/);
    const ups = [...out.matchAll(new RegExp(UP, "g"))].map(([, count]) => Number(count));
    expect(ups[0]).toBe(first.split("\n").length - 1);
    for (const frame of frames.slice(0, -1)) expect(frame.split("\n").length - 1).toBe(29);
    expect(out).toContain("more lines");
    for (const line of out.split("\n"))
      expect(line.replaceAll(/\u001b\[[?\d;]*[a-zA-Z]|\r/g, "").length).toBeLessThan(80);
  });

  test("ends on a signal and shows the cursor again", async () => {
    const controller = new AbortController();
    const scene = play({ signal: controller.signal });
    await untilOut(scene, (text) => text.includes("q ends"));
    controller.abort();
    await scene.ended;
    expect(scene.io.said().out.endsWith("\u001b[?25h")).toBe(true);
  });

  test("has ASCII bars where the locale knows no other characters", async () => {
    const scene = play({ env: { LANG: "C", TERM: "xterm" } });
    const out = await untilOut(scene, (text) => text.includes("swap the files"));
    scene.stdin.write("q");
    await scene.ended;
    expect(out).toMatch(/#####\.\.\.\.\./);
    expect(out).not.toMatch(/[^\x00-\x7f]/);
  });
});

describe("the flag", () => {
  let root = "";
  let config = "";
  beforeEach(async () => {
    const { mkdtempSync } = await import("node:fs");
    const { tmpdir } = await import("node:os");
    root = mkdtempSync(path.join(tmpdir(), "daneward-watch-"));
    mkdirSync(path.join(root, "live"));
    config = path.join(root, "daneward.toml");
    writeFileSync(path.join(root, "tsig.key"), `key "k" { algorithm hmac-sha256; secret "c2VjcmV0"; };\n`, {
      mode: 0o600,
    });
    writeFileSync(
      config,
      `version = 1\n[publish.p]\ntype = "rfc2136"\nserver = "127.0.0.1"\nkey_file = "tsig.key"\n[certificate.mx]\nsource = "live"\nservices = ["mx.example.org:25"]\nreload = ["/bin/true"]\n`,
    );
  });
  afterEach(async () => {
    const { rmSync } = await import("node:fs");
    rmSync(root, { recursive: true, force: true });
  });

  function call(args: readonly string[], options: object, parts: Partial<Io> = {}): Promise<number> {
    return runStatus(
      args,
      { config, stateDir: path.join(root, "state"), ...options },
      recordingIo({ cwd: root, ...parts }),
    );
  }

  test("is refused off a terminal, with what to do instead", async () => {
    await expect(call([], { watch: true })).rejects.toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("daneward check") as string,
    });
    await expect(call([], { watch: true }, { outIsTerminal: true, env: { TERM: "dumb" } })).rejects.toMatchObject({
      code: "USAGE",
    });
  });

  test.each([
    ["mx", "0"],
    ["mx", "9999"],
    ["mx", "soon"],
  ])("of %s wants a time: %s", async (name, watch) => {
    await expect(call([name], { watch })).rejects.toMatchObject({ code: "USAGE" });
  });

  test("with --json is refused", async () => {
    await expect(call([], { watch: true, json: true })).rejects.toMatchObject({ code: "USAGE" });
  });

  test("may stand before the name of a certificate", async () => {
    await expect(call([], { watch: "mz" })).rejects.toMatchObject({ code: "CERTIFICATE_UNKNOWN" });
    const stopped = AbortSignal.abort();
    expect(await call([], { watch: "mx" }, { outIsTerminal: true, env: { TERM: "xterm" }, signal: stopped })).toBe(0);
  });
});
