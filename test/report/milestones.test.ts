/** The course of a rollover: out of the journal, out of the waits, as a line of dots, as a countdown. */
import { describe, expect, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import { clockText, countdowns } from "../../src/report/countdown.ts";
import { courseOf, expectedEvents, pastMilestones, waitsAfterSwap } from "../../src/report/milestones.ts";
import type { Milestone } from "../../src/report/milestones.ts";
import type { CertificateStatus } from "../../src/report/model.ts";
import { drawMilestones } from "../../src/report/timeline-draw.ts";
import { painter } from "../../src/report/words.ts";
import { AGING, AGING_EVENTS, event, PAST_EVENTS } from "./pages.ts";
import { after, AT_REST, chain, known, NOON } from "./statuses.ts";

const WAITS = waitsAfterSwap({ confirmRounds: 3, confirmInterval: seconds(60), retireSafety: seconds(86_400) });
const plain = { at: NOON, paint: painter(false) };

function kinds(milestones: readonly Milestone[]): readonly string[] {
  return milestones.map(({ kind }) => kind);
}

function status(parts: Partial<CertificateStatus>): CertificateStatus {
  return { ...AT_REST, ...parts };
}

describe("what happened", () => {
  test("is the last rollover alone", () => {
    const found = pastMilestones([...PAST_EVENTS, ...AGING_EVENTS]);
    expect(kinds(found)).toEqual(["noticed", "published", "everywhere"]);
    expect(found[0]?.at).toBe(after(-1900));
    expect(kinds(pastMilestones(PAST_EVENTS))).toEqual([
      "noticed",
      "published",
      "everywhere",
      "swapped",
      "proven",
      "withdrawn",
    ]);
  });

  test("a server that fell behind takes back that the records are everywhere; what failed has not happened", () => {
    expect(kinds(pastMilestones([...AGING_EVENTS, event(-60, "regressed")]))).toEqual(["noticed", "published"]);
    expect(kinds(pastMilestones([...AGING_EVENTS, event(-60, "deploy", { result: "failed" })]))).not.toContain(
      "swapped",
    );
  });

  test("the proof came before the withdrawal that it allowed, and is done as soon as it is there", () => {
    const withdrawing = event(-60, "withdrawing", { detail: "proven since 2026-11-21T11:58:00Z" });
    expect(pastMilestones([...AGING_EVENTS, withdrawing]).find(({ kind }) => kind === "proven")?.at).toBe(
      after(-86_520),
    );
    const planned = [{ at: after(600), event: "withdrawing", detail: "proven since 2026-11-22T11:58:00Z" }];
    const course = courseOf([...AGING_EVENTS, event(-600, "deploy")], planned, NOON);
    expect(course.at(-1)).toEqual({ kind: "proven", at: after(-120), done: true });
  });

  test("is nothing before anything happened", () => {
    expect(pastMilestones([])).toEqual([]);
    expect(pastMilestones([event(-60, "request"), event(-50, "renewed")])).toEqual([]);
  });
});

describe("what is expected out of saved state", () => {
  test("while records age: the swap when the clock has run out, the proof and the withdrawal behind it", () => {
    expect(expectedEvents(status(AGING), WAITS)).toEqual([
      { at: after(5400), event: "deploy" },
      { at: after(5520), event: "withdrawing" },
      { at: after(91_920), event: "withdraw" },
    ]);
  });

  test("while name servers are waited for: what, but not when", () => {
    const detail = { phase: "announcing", current: chain("a").id, next: chain("b").id } as const;
    const course = courseOf(
      AGING_EVENTS.slice(0, 2),
      expectedEvents(status({ phase: "announcing", detail }), WAITS),
      NOON,
    );
    expect(course.slice(2).map(({ kind, at }) => [kind, at])).toEqual([
      ["everywhere", null],
      ["swapped", null],
      ["proven", null],
      ["withdrawn", null],
    ]);
  });

  test("after the swap: the withdrawal when the retire safety is over; of a first certificate none", () => {
    const confirming = {
      phase: "confirming",
      obsolete: chain("a").id,
      current: chain("b").id,
      deployedAt: after(-600),
      rounds: 3,
      lastRoundAt: after(-60),
      confirmedAt: after(-60),
      failingSince: null,
    } as const;
    expect(expectedEvents(status({ phase: "confirming", detail: confirming }), WAITS)).toEqual([
      { at: after(-60), event: "withdrawing" },
      { at: after(86_340), event: "withdraw" },
    ]);
    const first = { ...confirming, obsolete: null };
    expect(expectedEvents(status({ phase: "confirming", detail: first }), WAITS)).toHaveLength(1);
  });

  test("at rest nothing; on hold nothing with a time", () => {
    expect(expectedEvents(AT_REST, WAITS)).toEqual([]);
    const aging = AGING.detail;
    if (aging === undefined || aging.phase !== "aging") throw new Error("not aging");
    const detail = { phase: "held", resume: aging, reason: "OPERATOR_HOLD", detail: "", restoring: null } as const;
    const held = expectedEvents(status({ ...AGING, phase: "held", detail }), WAITS);
    expect(held.map(({ at }) => at)).toEqual([null, null, null]);
  });
});

describe("the line of dots", () => {
  const course = courseOf(AGING_EVENTS, expectedEvents(status(AGING), WAITS), NOON);

  test("is solid up to now and dotted from there", () => {
    expect(drawMilestones(course, { ...plain, unicode: true })).toEqual([
      "  renewed published everywhere swap    proven  withdraw",
      "  ●───────●─────────●───┄┄┄┄┄┄┄○┄┄┄┄┄┄┄○┄┄┄┄┄┄┄○",
      "  11:28   11:28     11:30      13:30   13:32   11-23 13:32",
    ]);
  });

  test("has an ASCII form of the same shape", () => {
    expect(drawMilestones(course, { ...plain, unicode: false })[1]).toBe(
      "  *-------*---------*---.......o.......o.......o",
    );
  });

  test("fits 80 columns whatever the dates, and has no time where nobody knows it", () => {
    const far = course.map((one): Milestone => ({ ...one, at: one.done ? after(-90 * 86_400) : null }));
    const lines = drawMilestones(far, { ...plain, unicode: true });
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines[2]).toBe("  08-24 12:00 08-24 12:00 08-24 12:00");
    const all = course.map((one): Milestone => ({ ...one, at: after(90 * 86_400) }));
    for (const line of drawMilestones(all, { ...plain, unicode: true })) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("is not drawn where there is nothing", () => {
    expect(drawMilestones([], { ...plain, unicode: true })).toEqual([]);
  });
});

describe("the countdown", () => {
  test("has steps that come by themselves, the nearest first", () => {
    const report = {
      at: NOON,
      certificates: [
        known("well"),
        known("mx", AGING),
        { outcome: "never-seen", name: "new", renewalNoted: null } as const,
      ],
    };
    expect(countdowns(report)).toEqual([
      { certificate: "mx", what: "swap the files and reload the services", at: after(5400), since: after(-1800) },
    ]);
  });

  test.each([
    [0, "due"],
    [-5, "due"],
    [59, "00:59"],
    [3599, "59:59"],
    [5400, "01:30:00"],
    [90_061, "1d 01:01:01"],
  ])("%i seconds ahead reads %s", (ahead, text) => {
    expect(clockText(after(ahead), NOON)).toBe(text);
  });
});
