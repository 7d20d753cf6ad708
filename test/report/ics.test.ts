/** The calendar, read by a strict reader of RFC 5545 that is written here. */
import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { renderCalendar } from "../../src/report/ics.ts";
import { inOrder, stepsOfPlan, stepsOfStatus } from "../../src/report/upcoming.ts";
import type { UpcomingStep } from "../../src/report/upcoming.ts";
import { instant, seconds } from "../../src/base/time.ts";
import { after, AT_REST, chain, NOON } from "./statuses.ts";
import { IMAGINED, PLAN } from "./pages.ts";

interface Component {
  readonly name: string;
  readonly properties: ReadonlyMap<string, string>;
  readonly components: readonly Component[];
}

const OPTIONS = { at: NOON, version: "1.0.0" };

/** Unfolds, checks every line, and builds the tree; values are as in the file. */
function read(text: string): Component {
  expect(text.endsWith("\r\n")).toBe(true);
  expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  for (const line of text.split("\r\n")) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(75);
  const lines = text.slice(0, -2).replaceAll("\r\n ", "").split("\r\n");
  const root: Component[] = [];
  const stack: { name: string; properties: Map<string, string>; components: Component[] }[] = [];
  for (const line of lines) {
    const parsed = /^([A-Z-]+)((?:;[A-Z-]+=[^;:"]+)*):([^\p{Cc}]*)$/u.exec(line);
    if (parsed === null) throw new Error(`no content line: ${line}`);
    const [, name = "", parameters = "", value = ""] = parsed;
    const top = stack.at(-1);
    if (name === "BEGIN") stack.push({ name: value, properties: new Map(), components: [] });
    else if (name === "END") {
      expect(top?.name).toBe(value);
      const done = stack.pop();
      if (done !== undefined) (stack.at(-1)?.components ?? root).push(done);
    } else {
      expect(top?.properties.has(name), `${name} twice`).toBe(false);
      top?.properties.set(name, value);
      if (name.startsWith("REFRESH")) expect(parameters).toBe(";VALUE=DURATION");
    }
  }
  expect(stack).toEqual([]);
  const [calendar] = root;
  if (calendar?.name !== "VCALENDAR" || root.length !== 1) throw new Error("no single VCALENDAR");
  expect(calendar.properties.get("VERSION")).toBe("2.0");
  expect(calendar.properties.has("PRODID")).toBe(true);
  expect(calendar.components.length).toBeGreaterThan(0);
  for (const { name, properties } of calendar.components) {
    if (name !== "VEVENT") continue;
    for (const required of ["UID", "DTSTAMP", "DTSTART"]) expect(properties.has(required)).toBe(true);
    for (const time of ["DTSTAMP", "DTSTART"]) expect(properties.get(time)).toMatch(/^\d{8}T\d{6}Z$/);
  }
  const uids = calendar.components.flatMap(({ properties }) => properties.get("UID") ?? []);
  expect(new Set(uids).size).toBe(uids.length);
  return calendar;
}

function unescape(value: string): string {
  expect(value.replace(/\\[\\,;nN]/g, "")).not.toMatch(/[\\,;]/);
  return value.replace(/\\([\\,;nN])/g, (_, character: string) => (/n/i.test(character) ? "\n" : character));
}

function eventsOf(calendar: Component): readonly string[] {
  return calendar.components.map(({ properties }) =>
    `${properties.get("DTSTART") ?? ""} ${unescape(properties.get("SUMMARY") ?? "")}`.trim(),
  );
}

describe("the calendar", () => {
  test("has the steps of a rollover under way and the end of the live certificate", () => {
    expect(eventsOf(read(renderCalendar(stepsOfPlan(PLAN), OPTIONS)))).toEqual([
      "20261122T133000Z mx: certificate is swapped",
      "20261123T133200Z mx: old TLSA records are withdrawn",
      "20270101T120000Z mx: certificate ends",
    ]);
  });

  test("has the renewal that is expected, its steps, and the last call for it", () => {
    expect(eventsOf(read(renderCalendar(stepsOfPlan(IMAGINED), OPTIONS)))).toEqual([
      "20261218T120000Z imap: renewal expected",
      "20261218T120000Z imap: new TLSA records are published",
      "20261218T140000Z imap: certificate is swapped",
      "20261219T140000Z imap: old TLSA records are withdrawn",
      "20261231T120000Z imap: last call for a renewal with a new key",
      "20270101T120000Z imap: certificate ends",
    ]);
  });

  test("keeps the identity of a step when its time moves, also when the renewal has come", () => {
    const uidsOf = (steps: readonly UpcomingStep[]): ReadonlyMap<string, string> =>
      new Map(steps.map(({ kind, key }) => [kind, key]));
    const imagined = uidsOf(stepsOfPlan({ ...IMAGINED, certificate: "mx" }));
    const later = {
      ...PLAN,
      at: after(600),
      entries: PLAN.entries.map((one) => ({ ...one, at: instant(one.at + 600_000) })),
    };
    const actual = uidsOf(stepsOfPlan(later));
    for (const kind of ["swap", "withdraw", "end"]) expect(actual.get(kind)).toBe(imagined.get(kind));
    // Another rollover is another step.
    const following = uidsOf(stepsOfPlan({ ...PLAN, replaced: chain("b").id, current: chain("b") }));
    expect(following.get("swap")).not.toBe(actual.get("swap"));
  });

  test("out of saved state alone has the dates of the certificate", () => {
    const status = {
      ...AT_REST,
      standing: { kind: "in-time", renewal: after(86_400), latestStart: after(172_800) },
    } as const;
    expect(stepsOfStatus("mx", status, NOON).map(({ kind }) => kind)).toEqual(["renewal", "deadline", "end"]);
    expect(stepsOfStatus("mx", { ...AT_REST, current: chain("a", -1) }, NOON)).toEqual([]);
  });

  test("without anything to tell is a calendar all the same", () => {
    expect(read(renderCalendar([], OPTIONS)).components.map(({ name }) => name)).toEqual(["VTIMEZONE"]);
  });

  test("holds any text, in any script, and no line of it becomes another property", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 200 });
    fc.assert(
      fc.property(text, text, (certificate, what) => {
        const step = { at: NOON, certificate, kind: "swap", what, by: "daneward", key: `swap-${certificate}` } as const;
        const [event] = read(renderCalendar([step], OPTIONS)).components;
        const said = unescape(event?.properties.get("DESCRIPTION") ?? "");
        expect(said).toContain(what.replace(/\r\n?|\n/g, "\n").replace(/(?!\n)\p{Cc}/gu, " "));
        expect(event?.properties.get("UID")).toMatch(/^[\w.-]+@daneward\.invalid$/);
      }),
      { numRuns: 200 },
    );
    const nasty = "a\r\nATTENDEE:mailto:x@example.org\nb;c,d\\";
    const step = { at: NOON, certificate: nasty, kind: "end", what: nasty, by: "you", key: nasty } as const;
    const [event] = read(renderCalendar([step], OPTIONS)).components;
    expect([...(event?.properties.keys() ?? [])]).not.toContain("ATTENDEE");
  });

  test("is in the order of time", () => {
    const all = inOrder([...stepsOfPlan(IMAGINED), ...stepsOfPlan({ ...PLAN, wait: seconds(1) })]);
    expect(all.map(({ at }) => at)).toEqual(all.map(({ at }) => at).toSorted((a, b) => a - b));
  });
});
