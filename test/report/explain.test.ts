import { describe, expect, test } from "vitest";
import { CODE_AREAS, explanationOf } from "../../src/base/codes/explained/areas.ts";
import { DNS_EXPLANATIONS } from "../../src/base/codes/explained/dns.ts";
import type { ExplanationTable } from "../../src/base/codes/explained/explanation.ts";
import { FILE_EXPLANATIONS } from "../../src/base/codes/explained/files.ts";
import { GENERAL_EXPLANATIONS } from "../../src/base/codes/explained/general.ts";
import { PUBLISH_EXPLANATIONS } from "../../src/base/codes/explained/publish.ts";
import { ROLLOVER_EXPLANATIONS } from "../../src/base/codes/explained/rollover.ts";
import { WAIT_EXPLANATIONS } from "../../src/base/codes/explained/waits.ts";
import { CATALOGUE } from "../../src/base/errors.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { renderCodeList, renderExplanation } from "../../src/report/explain-text.ts";
import type { ExplainedCode } from "../../src/report/explain-text.ts";

const TABLES: readonly ExplanationTable[] = [
  WAIT_EXPLANATIONS,
  ROLLOVER_EXPLANATIONS,
  PUBLISH_EXPLANATIONS,
  FILE_EXPLANATIONS,
  DNS_EXPLANATIONS,
  GENERAL_EXPLANATIONS,
];

const CODES = Object.entries(CATALOGUE).map(([code, { title, hint }]): ExplainedCode => {
  const found = explanationOf(code);
  if (found === null) throw new Error(`${code} belongs to no area`);
  const { area, why, lifts, meanwhile, type = [] } = found;
  return { code, title, hint, area, why, lifts, meanwhile, type };
});

/** Areas of which every code is met by people who run a rollover, and the one whose codes have nothing in common. */
const WHOLE = [
  "rollover: why not now",
  "source, deployment and keys",
  "state directory",
  "what operators say",
  "everything else",
];

describe("explanations", () => {
  test("are there for every code of the catalogue, and for no other", () => {
    expect(CODES.map(({ code }) => code).sort()).toEqual(Object.keys(CATALOGUE).sort());
    const explained = TABLES.flatMap((table) => Object.keys(table));
    expect(explained.filter((code) => !Object.hasOwn(CATALOGUE, code))).toEqual([]);
    expect(explained).toHaveLength(new Set(explained).size);
    const listed = CODE_AREAS.flatMap(({ codes }) => Object.keys(codes));
    expect(listed.filter((code) => !Object.hasOwn(CATALOGUE, code))).toEqual([]);
  });

  test("are a code's own where people meet it during a rollover", () => {
    const own = new Set(TABLES.flatMap((table) => Object.keys(table)));
    const without = CODES.filter(({ area, code }) => WHOLE.includes(area) && !own.has(code)).map(({ code }) => code);
    expect(without).toEqual([]);
  });

  test("name commands that exist", () => {
    const verbs = new Set(VERBS.map(({ usage }) => usage.split(" ")[0]));
    const commands = TABLES.flatMap((table) => Object.values(table)).flatMap(({ type = [] }) => type);
    expect(commands.filter((command) => command.startsWith("daneward ")).length).toBeGreaterThan(40);
    const unknown = commands
      .map((command) => /^daneward ([a-z-]+)/.exec(command)?.[1])
      .filter((verb) => verb !== undefined && !verb.startsWith("-") && !verbs.has(verb));
    expect(unknown).toEqual([]);
  });

  test("fit a terminal of 80 columns", () => {
    for (const code of CODES) {
      for (const line of renderExplanation(code).split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    }
  });

  test("say what a code means, why, what lifts it, what happens until then, what to do and to type", () => {
    const clock = CODES.find(({ code }) => code === "CLOCK_RUNNING");
    if (clock === undefined) throw new Error("CLOCK_RUNNING is a code");
    const labels = renderExplanation(clock)
      .split("\n")
      .flatMap((line) => /^ {2}([a-z]+) /.exec(line)?.[1] ?? []);
    expect(labels).toEqual(["means", "why", "lifts", "until", "do", "type"]);
  });

  test("are listed by area", () => {
    const text = renderCodeList(CODES);
    expect(text).toMatch(/^rollover: why not now\n(?: {2}(?:[A-Z_]+)? +\S.*\n)+\n/m);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(text.split("\n\n").length).toBe(new Set(CODES.map(({ area }) => area)).size);
  });
});
