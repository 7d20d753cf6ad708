/** The README against the program: its commands, its keys and its links exist. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { flagsOf, VERBS } from "../../src/cli/verbs.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const README = readFileSync(path.join(ROOT, "README.md"), "utf8");

test("every flag of a command that it shows is a flag of that command", () => {
  const known = new Map(
    VERBS.map((verb) => [
      verb.usage.split(" ")[0],
      ["--help", ...flagsOf(verb).flatMap(([notation]) => notation.match(/--[a-z-]+/g) ?? [])],
    ]),
  );
  const shown = [...README.matchAll(/(?:^|[#$] |[`'/])daneward ([a-z][a-z-]+)([^`\n|(#;>]*)/gm)];
  const checked = shown.flatMap(([, verb = "", rest = ""]) =>
    (rest.match(/--[a-z][a-z-]*/g) ?? []).map((flag) => ({ verb, flag, exists: known.get(verb)?.includes(flag) })),
  );
  expect(checked.length).toBeGreaterThan(20);
  expect(checked.filter(({ exists }) => exists !== true)).toEqual([]);
});

test("it names every key of the configuration", () => {
  const schema = readFileSync(path.join(ROOT, "src/share/schema/daneward.schema.json"), "utf8");
  const keys = new Set<string>();
  JSON.parse(schema, (name, value: unknown) => {
    if (name === "properties" && typeof value === "object" && value !== null) {
      for (const key of Object.keys(value)) keys.add(key);
    }
    return value;
  });
  expect(keys.size).toBeGreaterThan(40);
  expect([...keys].filter((key) => !new RegExp(`\\b${key}\\b`).test(README))).toEqual([]);
});

test("its links within itself lead somewhere", () => {
  const slug = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
  const headings = new Set([...README.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => slug(heading)));
  const links = [...README.matchAll(/\]\(#([^)]*)\)/g)].map(([, target = ""]) => target);
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((target) => !headings.has(target))).toEqual([]);
});
