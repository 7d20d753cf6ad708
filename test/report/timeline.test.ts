/** The timeline in the words of people. */
import { describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { renderTimelineJson, renderTimelineText } from "../../src/report/timeline-text.ts";
import { plainTimes } from "../../src/report/words.ts";

const NOON = instant(Date.UTC(2026, 10, 22, 12, 0, 0));
const HEX = "a7860ef5aaab".padEnd(64, "0");
const after = (count: number): typeof NOON => instant(NOON + count * 1000);

const words = (event: string, detail: Readonly<Record<string, unknown>>): string =>
  renderTimelineText({ events: [{ at: NOON, certificate: "mx", event, detail }], damagedLines: [] }, { color: false })
    .trimEnd()
    .slice("2026-11-22 12:00:00Z           ".length)
    .replace(/ +/g, " ");

describe("an event", () => {
  test.each([
    ["store", { chain: HEX, result: "done" }, "store copied the certificate and its key into the deployment store"],
    ["deploy", { chain: HEX, result: "done" }, "deploy swapped the files and reloaded the services"],
    [
      "deploy",
      { chain: HEX, result: "failed", code: "RELOAD_FAILED", detail: "no" },
      "deploy failed: no [RELOAD_FAILED]",
    ],
    ["prune", { versions: ["v1", "v2"] }, "prune removed old versions from the deployment store: v1, v2"],
    [
      "mismatch",
      { code: "LIVE_MISMATCH", detail: "mx:25 at ::1 presents" },
      "mismatch mx:25 at ::1 presents [LIVE_MISMATCH]",
    ],
    ["withdrawing", { detail: "proven since 2026-11-23T02:57:17Z" }, "withdrawing proven since 2026-11-23 02:57:17Z"],
    ["confirmed", { detail: "every address presents it", to: "confirming" }, "confirmed every address presents it"],
  ])("%s %j", (event, detail, expected) => {
    expect(words(event, detail)).toBe(expected);
  });

  test("has its time as machines write it for machines", () => {
    const detail = { detail: "proven since 2026-11-23T02:57:17Z" };
    const events = [{ at: NOON, certificate: "mx", event: "withdrawing", detail }];
    expect(renderTimelineJson({ events, damagedLines: [] })).toMatchObject({
      events: [{ at: "2026-11-22T12:00:00Z", detail: "proven since 2026-11-23T02:57:17Z" }],
    });
  });
});

test("a rollover goes on after it was confirmed, a first deployment is at its end", () => {
  const entry = (at: number, event: string, detail = {}) => ({ at: after(at), certificate: "mx", event, detail });
  const begun = [entry(0, "deploying"), entry(1, "deploy", { result: "done" })];
  const draw = (...events: readonly ReturnType<typeof entry>[]): string =>
    renderTimelineText({ events: [...begun, ...events], damagedLines: [] }, { color: false, at: after(100) });
  const inRollover = draw(entry(11, "confirmed", { to: "confirming" }));
  expect(inRollover).toMatch(/\(now\) +confirming for 1m 39s\n$/);
  expect(inRollover).not.toContain("confirming took");
  const ended = draw(entry(11, "confirmed", { to: "confirming" }), entry(61, "settled"));
  expect(ended).toMatch(/settled +\(confirming took 1m\)\n$/);
  expect(draw(entry(11, "confirmed", { to: "stable" }))).toMatch(/\(confirming took 10s\)\n$/);
  // As earlier versions wrote it.
  expect(draw(entry(11, "confirmed"))).toMatch(/\(confirming took 10s\)\n$/);
});

test("times of machines become times of people wherever they stand", () => {
  expect(plainTimes("(2026-11-23T02:57:17.125Z)")).toBe("(2026-11-23 02:57:17Z)");
  expect(plainTimes("2026-11-23T02:57Z and v2026-11-23T02:57:17Zx")).toBe(
    "2026-11-23T02:57Z and v2026-11-23T02:57:17Zx",
  );
});
