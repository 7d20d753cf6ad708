import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Fault } from "../../src/base/errors.ts";
import { decodeState, encodeState } from "../../src/store/format.ts";
import { savedState } from "./arbitraries.ts";

const [sample] = fc.sample(savedState, { seed: 7, numRuns: 1 });
const rich = fc
  .sample(savedState, { seed: 11, numRuns: 300 })
  .find(
    ({ state }) =>
      state.chains.length > 0 && state.troubles.length > 0 && state.owners.some((o) => o.servers.length > 0),
  );

const MAY_BE_MISSING = new Set(["surprise", "unjournalled", "everyKind"]);

function faultOf(text: string): Fault {
  const decoded = decodeState(text);
  if (decoded.ok) throw new Error("expected a fault");
  return decoded.fault;
}

/** Every path to an object of a JSON value, as keys. */
function objectsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [];
  const below = Object.entries(value).flatMap(([key, child]) => objectsOf(child, [...path, key]));
  return Array.isArray(value) ? below : [path, ...below];
}

function objectAt(root: object, path: readonly string[]): Record<string, unknown> {
  let place: unknown = root;
  for (const key of path) place = (place as Record<string, unknown>)[key];
  return place as Record<string, unknown>;
}

describe("state file, format 2", () => {
  test("every state comes back as it was written", () => {
    fc.assert(
      fc.property(savedState, (saved) => {
        expect(decodeState(encodeState(saved))).toEqual({ ok: true, value: saved });
      }),
      { numRuns: 300 },
    );
  });

  test("instants are written as RFC 3339 with milliseconds", () => {
    const written: unknown = JSON.parse(encodeState(sample ?? expect.fail("no sample")));
    expect(written).toMatchObject({ version: 2 });
    expect((written as { savedAt: string }).savedAt).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/);
  });

  test("a file of format 1 is read: what it did not know is not there", () => {
    fc.assert(
      fc.property(savedState, (saved) => {
        const { state } = saved;
        const seen = state.owners.map((owner) => ({
          ...owner,
          horizon: owner.horizon.map((entry) => ({ ...entry, seen: true })),
        }));
        const added = { standby: [], override: null, emergency: null, compromised: [], teardown: null };
        const old = { ...saved, state: { ...state, ...added, owners: seen } };
        const written = JSON.parse(encodeState(old)) as { version: number; state: Record<string, unknown> };
        for (const key of Object.keys(added)) Reflect.deleteProperty(written.state, key);
        const owners = written.state["owners"] as { horizon: object[] }[];
        for (const entry of owners.flatMap(({ horizon }) => horizon)) Reflect.deleteProperty(entry, "seen");
        expect(decodeState(JSON.stringify({ ...written, version: 1 }))).toEqual({ ok: true, value: old });
      }),
    );
    expect(faultOf('{"version":1,"state":[]}').code).toBe("STATE_DAMAGED");
  });

  test("any text is read or refused, never thrown at", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `{"version":1,"state":${json}}`),
          fc.json().map((json) => `{"version":2,"state":${json}}`),
        ),
        (text) => {
          expect(decodeState(text).ok).toBe(false);
        },
      ),
    );
  });

  test("a file cut off at any byte is refused as damaged", () => {
    const text = encodeState(sample ?? expect.fail("no sample")).trimEnd();
    for (let length = 0; length < text.length; length++) {
      expect(faultOf(text.slice(0, length)).code).toBe("STATE_DAMAGED");
    }
  });

  test("an unknown key is refused in every object, a missing one too", () => {
    const text = encodeState(rich ?? expect.fail("no rich sample"));
    const paths = objectsOf(JSON.parse(text));
    expect(paths.length).toBeGreaterThan(8);
    for (const path of paths) {
      const more = JSON.parse(text) as object;
      objectAt(more, path)["surprise"] = 1;
      expect(faultOf(JSON.stringify(more)).message).toMatch(/unknown key "surprise"/);
      for (const key of Object.keys(objectAt(more, path)).filter((name) => !MAY_BE_MISSING.has(name))) {
        const less = JSON.parse(text) as object;
        Reflect.deleteProperty(objectAt(less, path), key);
        expect(faultOf(JSON.stringify(less)).code, [...path, key].join(".")).toBe("STATE_DAMAGED");
      }
    }
  });

  test("a value of another type is refused by its path", () => {
    const text = encodeState(rich ?? expect.fail("no rich sample"));
    for (const path of objectsOf(JSON.parse(text))) {
      for (const key of Object.keys(objectAt(JSON.parse(text) as object, path))) {
        const wrong = JSON.parse(text) as object;
        objectAt(wrong, path)[key] = -1.5;
        expect(faultOf(JSON.stringify(wrong)).message, [...path, key].join(".")).toContain(key);
      }
    }
  });

  test.each([
    { name: "a newer version", change: { version: 3 }, code: "STATE_NEWER", says: "format 3, this daneward knows 2" },
    { name: "no version", change: { version: undefined }, code: "STATE_DAMAGED", says: "$.version: expected a number" },
    {
      name: "a day that is not in the calendar",
      change: { savedAt: "2026-02-30T00:00:00.000Z" },
      code: "STATE_DAMAGED",
      says: "$.savedAt",
    },
    {
      name: "a time without milliseconds",
      change: { savedAt: "2026-02-03T00:00:00Z" },
      code: "STATE_DAMAGED",
      says: "$.savedAt",
    },
  ])("$name is refused", ({ change, code, says }) => {
    const text = JSON.stringify({
      ...(JSON.parse(encodeState(sample ?? expect.fail("no sample"))) as object),
      ...change,
    });
    expect(faultOf(text).code).toBe(code);
    expect(faultOf(text).message).toContain(says);
  });

  test("a file without lines for the journal is one whose journal is complete", () => {
    const whole = { ...(sample ?? expect.fail("no sample")), unjournalled: [] };
    expect(encodeState(whole)).not.toContain("unjournalled");
    expect(decodeState(encodeState(whole))).toEqual({ ok: true, value: whole });
  });

  test("what is to be journalled and is no line of a journal is refused", () => {
    const text = JSON.stringify({
      ...(JSON.parse(encodeState(sample ?? expect.fail("none"))) as object),
      unjournalled: ["{}"],
    });
    expect(faultOf(text).message).toContain("$.unjournalled[0]: expected a line of the journal");
  });

  test("a record in another than its canonical spelling is refused", () => {
    const [record] = rich?.state.chains.flatMap((chain) => chain.records) ?? [];
    const text = encodeState(rich ?? expect.fail("no rich sample"));
    const spelt = (record ?? expect.fail("no record")).toUpperCase().replace(" ", "  ");
    expect(faultOf(text.replaceAll(record ?? "", spelt)).message).toMatch(/records\[\d+\]: expected a TLSA record/);
  });
});
