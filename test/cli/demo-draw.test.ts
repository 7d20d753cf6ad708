import { describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { drawBlock, drawLine } from "../../src/cli/demo/draw.ts";
import { createScreen } from "../../src/cli/demo/screen.ts";
import { createStory, tell } from "../../src/cli/demo/story.ts";
import { styleOf, widthOf } from "../../src/cli/demo/style.ts";
import type { Style } from "../../src/cli/demo/style.ts";
import { isProved, summarize } from "../../src/cli/demo/summary.ts";
import type { Findings } from "../../src/cli/demo/show.ts";
import type { DemoView } from "../../src/cli/demo/view.ts";
import type { Sample } from "../../src/sandbox/sampler.ts";
import { nameOf } from "../../src/sandbox/records.ts";

const ESC = String.fromCharCode(27);
const PLAIN: Style = { unicode: false, color: false, columns: 100, live: false };
const VIEW: DemoView = {
  elapsed: 6_800,
  host: "mx.example.test",
  from: "3 1 1 9a590dfa",
  to: "3 1 1 4c1f77e0",
  phase: "aging",
  detail: "caches may still hold the old RRset",
  because: "1s until every cache has the new RRset",
  milestones: [
    { label: "renewed", at: 4_300 },
    { label: "published", at: 4_400 },
    { label: "deployed", at: null },
  ],
  servers: [
    { name: "ns1", address: "127.0.0.1", condition: "in-sync", serial: 5 },
    { name: "ns2", address: "127.0.0.2", condition: "lagging", serial: 4 },
  ],
  next: { what: "deploy", inMs: 740 },
  samples: { taken: 3, failed: 1, recent: [true, false, true] },
};

describe("the picture", () => {
  test("in ASCII without colour", () => {
    expect(drawBlock(VIEW, PLAIN).join("\n")).toBe(
      [
        "mx.example.test   3 1 1 9a590dfa -> 3 1 1 4c1f77e0",
        "  renewed 4.3   published 4.4  deployed",
        "  *-------------*..............o",
        "  phase     aging        caches may still hold the old RRset",
        "  waits for 1s until every cache has the new RRset",
        "  servers   ns1 127.0.0.1 in-sync serial 5   ns2 127.0.0.2 lagging serial 4",
        "  next      deploy     in  0.7 s  ###.................",
        "  samples   3 taken, 1 failed  .X.",
      ].join("\n"),
    );
  });

  test("colour changes no width, and no line is wider than the terminal", () => {
    for (const columns of [40, 60, 100]) {
      const plain = drawBlock(VIEW, { ...PLAIN, unicode: true, columns });
      const coloured = drawBlock(VIEW, { ...PLAIN, unicode: true, color: true, columns });
      expect(coloured.map(widthOf)).toEqual(plain.map(widthOf));
      expect(Math.max(...plain.map(widthOf))).toBeLessThan(columns);
      expect(plain.join("")).not.toContain(ESC);
    }
  });

  test("as one line of a log", () => {
    expect(drawLine(VIEW)).toBe(
      "  6.8s  aging       ns1 in-sync, ns2 lagging; next: deploy in 0.7 s; 3 samples, 1 failed",
    );
  });
});

describe("the screen", () => {
  const written = (style: Style, play: (screen: ReturnType<typeof createScreen>) => void): string => {
    let text = "";
    play(createScreen((more) => (text += more), style));
    return text;
  };

  test("off a terminal: a line when something changes, no escape sequences", () => {
    const text = written(PLAIN, (screen) => {
      screen.show(VIEW);
      screen.show({ ...VIEW, elapsed: 6_900, next: { what: "deploy", inMs: 640 } });
      screen.event(7_000, "published");
      screen.draw(["not shown"]);
      screen.show({ ...VIEW, elapsed: 9_000, phase: "deploying" });
      screen.settle(true);
    });
    expect(text.split("\n").map((line) => line.slice(0, 18))).toEqual([
      "  6.8s  aging     ",
      "  7.0s  published",
      "  9.0s  deploying ",
      "",
    ]);
    expect(text).not.toContain(ESC);
  });

  test("on a terminal: the block is drawn over, events go above it, the cursor comes back", () => {
    const text = written({ ...PLAIN, live: true }, (screen) => {
      screen.show(VIEW);
      screen.event(7_000, "published");
      screen.settle(true);
    });
    const block = `${drawBlock(VIEW, PLAIN).join("\n")}\n`;
    expect(text).toBe(`${ESC}[?25l${block}${ESC}[8A\r${ESC}[J  7.0s  published\n${block}${ESC}[?25h`);
  });

  test("what the terminal can show is found out from its environment", () => {
    const io = { color: true, outIsTerminal: true, columns: 80 };
    const style = (env: Readonly<Record<string, string>>): Style =>
      styleOf({
        ...io,
        env,
        out: () => undefined,
        err: () => undefined,
        stdin: process.stdin,
        errIsTerminal: true,
        clock: () => instant(0),
        cwd: "/",
        signal: new AbortController().signal,
      });
    expect(style({ LANG: "en_US.UTF-8", TERM: "xterm" })).toMatchObject({ unicode: true, color: true, live: true });
    expect(style({ LANG: "C", TERM: "xterm" })).toMatchObject({ unicode: false, live: true });
    expect(style({ LC_ALL: "C", LANG: "en_US.UTF-8", TERM: "xterm" })).toMatchObject({ unicode: false });
    expect(style({ LANG: "en_US.UTF-8", TERM: "dumb" })).toMatchObject({ unicode: false, color: false, live: false });
  });
});

describe("the story", () => {
  test("steps count from the renewal on, and a failed action is no step", () => {
    const story = createStory(instant(1_000));
    const entry = { certificate: "mx", detail: {} };
    story.hear({ ...entry, at: instant(2_000), event: "publish" });
    story.reached("renewed", instant(3_000));
    story.hear({ ...entry, at: instant(3_500), event: "publish", detail: { result: "failed" } });
    story.hear({ ...entry, at: instant(4_000), event: "publish", detail: { result: "done" } });
    story.hear({ ...entry, at: instant(5_000), event: "seen-everywhere" });
    expect(story.milestones().map(({ at }) => at)).toEqual([2_000, 3_000, 4_000, null, null, null]);
  });

  test("journal entries in words", () => {
    const entry = { at: instant(0), certificate: "mx" };
    const records = ["3 1 1 4c1f77e000000000"];
    const owner = "_25._tcp.mx.example.test.";
    expect(tell({ ...entry, event: "publish", detail: { owner, records, result: "done" } })).toBe(
      "publish 3 1 1 4c1f77e0 at _25._tcp.mx.example.test",
    );
    expect(tell({ ...entry, event: "deploy", detail: { result: "failed", detail: "no space" } })).toBe(
      "deploy failed: no space",
    );
    expect(tell({ ...entry, event: "prune", detail: {} })).toBeNull();
  });
});

describe("the verdict", () => {
  const sample = (at: number, failure: string | null): Sample => ({
    at: instant(at),
    failure,
    target: { host: nameOf("mx.example.test"), port: 25, protocol: "smtp", owner: nameOf("_25._tcp.mx.example.test") },
  });
  const proved: Findings = {
    enrolled: true,
    rollover: { finished: true, samples: [sample(0, null), sample(150, null)] },
    naive: { samples: [sample(0, null), sample(1_000, "no match"), sample(3_500, "no match")] },
    finalRecords: [{ owner: "_25._tcp.mx.example.test", records: ["3 1 1 4c1f"] }],
  };
  test.each([
    { name: "all shown", findings: proved, want: true },
    { name: "not enrolled", findings: { ...proved, enrolled: false }, want: false },
    {
      name: "one sample failed",
      findings: { ...proved, rollover: { finished: true, samples: [sample(0, null), sample(1, "x")] } },
      want: false,
    },
    { name: "no samples", findings: { ...proved, rollover: { finished: true, samples: [] } }, want: false },
    { name: "not at rest", findings: { ...proved, rollover: { ...proved.rollover, finished: false } }, want: false },
    {
      name: "the naive renewal did not fail",
      findings: { ...proved, naive: { samples: [sample(0, null)] } },
      want: false,
    },
  ])("$name", ({ findings, want }) => {
    expect(isProved(findings)).toBe(want);
  });

  test("the summary names counts, the outage, the reason and the final records", () => {
    const text = summarize(proved, PLAIN).join("\n");
    expect(text).toContain("with daneward     2 samples, 0 failed");
    expect(text).toContain("naive renewal     3 samples, 2 failed: mail would have waited for 2.5 s");
    expect(text).toContain("no match");
    expect(text).toContain("_25._tcp.mx.example.test TLSA 3 1 1 4c1f");
  });
});
