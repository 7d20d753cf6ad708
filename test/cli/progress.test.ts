import { describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { startProgress } from "../../src/cli/progress.ts";
import { recordingIo } from "./recording-io.ts";

function terminal(env: Readonly<Record<string, string>> = {}): ReturnType<typeof recordingIo> & {
  readonly pass: (milliseconds: number) => void;
} {
  let now = 1_790_000_000_000;
  const io = recordingIo({ errIsTerminal: true, env, clock: () => instant(now) });
  return { ...io, pass: (milliseconds) => (now += milliseconds) };
}

describe("progress", () => {
  test("count, rate, failures and the time left, in one line that is rewritten", () => {
    const io = terminal();
    const progress = startProgress(true, 1000, io);
    io.pass(2000);
    progress.report(200, 0);
    io.pass(1000);
    progress.report(500, 3);
    expect(io.said().err).toBe(
      "\r\u001b[K200 of 1000, 100/s, 8s left\r\u001b[K500 of 1000, 167/s, 3 failures, 3s left",
    );
  });

  test("a few times a second at most, and again at once after it made room", () => {
    const io = terminal();
    const progress = startProgress(true, null, io);
    progress.report(1, 0);
    progress.report(2, 0);
    expect(io.said().err).toBe("\r\u001b[K1");
    progress.hide();
    progress.report(3, 1);
    expect(io.said().err).toBe("\r\u001b[K1\r\u001b[K\r\u001b[K3, 1 failure");
  });

  test("nothing where nobody looks, and nothing on a terminal that cannot rewrite a line", () => {
    for (const [wanted, env] of [
      [false, {}],
      [true, { TERM: "dumb" }],
    ] as const) {
      const io = terminal(env);
      const progress = startProgress(wanted, 10, io);
      progress.report(1, 0);
      progress.hide();
      expect(io.said().err).toBe("");
    }
  });
});
