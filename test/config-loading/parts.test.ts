import fc from "fast-check";
import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { locateKeys, pathKey } from "../../src/config/locate.ts";
import type { KeyPath } from "../../src/config/locate.ts";
import { nearest } from "../../src/config/nearest.ts";
import { readToml } from "../../src/config/toml.ts";
import { canonicalAddress, splitWords } from "../../src/config/values.ts";

describe("finding keys in TOML", () => {
  const TEXT = `# a comment with [brackets] and "quotes
plain = "a # no comment" # but this
"quoted key" = 'x'
dotted . "in.ner" = 1
multi = """
[not a table]
x = 1 \\"""" # end
literal = '''
y = 2'''
list = [ 1, # one
  "two", [ 3, 4 ], { a = 5, b = { c = 6 } }
]
[ table . sub ]
key = true
[[things]]
name = "a"
[[things]]
  name = "b"
[things.part]
deep = 1
`;
  const cases: readonly (readonly [KeyPath, number, number])[] = [
    [["plain"], 2, 1],
    [["quoted key"], 3, 1],
    [["dotted"], 4, 1],
    [["dotted", "in.ner"], 4, 10],
    [["multi"], 5, 1],
    [["literal"], 8, 1],
    [["list"], 10, 1],
    [["list", 0], 10, 10],
    [["list", 1], 11, 3],
    [["list", 2, 1], 11, 15],
    [["list", 3, "a"], 11, 22],
    [["list", 3, "b", "c"], 11, 35],
    [["table", "sub"], 13, 11],
    [["table", "sub", "key"], 14, 1],
    [["things", 0, "name"], 16, 1],
    [["things", 1], 17, 3],
    [["things", 1, "name"], 18, 3],
    [["things", 1, "part", "deep"], 20, 1],
  ];

  test.each(cases)("%j is at %d:%d", (path, line, column) => {
    expect(parse(TEXT)).toBeDefined();
    expect(locateKeys(TEXT).get(pathKey(path))).toEqual({ line, column });
  });

  test("nothing inside a string is taken for a key", () => {
    const keys = [...locateKeys(TEXT).keys()];
    expect(keys).not.toContain(pathKey(["not a table"]));
    expect(keys).not.toContain(pathKey(["x"]));
    expect(keys).not.toContain(pathKey(["y"]));
  });

  test("any text, TOML or not, is walked to its end", () => {
    const pieces = fc.constantFrom(
      "[",
      "]",
      "{",
      "}",
      "=",
      '"',
      "'",
      '"""',
      "'''",
      "\\",
      "\n",
      "#",
      ",",
      ".",
      "a",
      " ",
      "1",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join("")),
        ),
        (text) => {
          expect(locateKeys(text)).toBeInstanceOf(Map);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("any bytes are read or refused with a place, never thrown at", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array(),
          fc.string().map((text) => new TextEncoder().encode(text)),
        ),
        async (bytes) => {
          const read = await readToml(bytes, "x.toml");
          expect(read.ok || (read.fault.place?.line ?? 0) >= 1).toBe(true);
        },
      ),
    );
  });
});

describe("the nearest word", () => {
  const KNOWN = ["retire_safety", "publish_safety", "ttl", "tlsa", "services", "source"];
  test.each([
    ["retire_savety", "retire_safety"],
    ["retire-safety", "retire_safety"],
    ["TTL", "ttl"],
    ["tsla", "tlsa"],
    ["service", "services"],
    ["sevrices", "services"],
    ["nothing_like_it", null],
    ["", null],
  ])("to %j is %j", (word, want) => {
    expect(nearest(word, KNOWN)).toBe(want);
  });
});

describe("words of a command line", () => {
  test.each([
    ["systemctl reload postfix", ["systemctl", "reload", "postfix"]],
    ["  a\tb  ", ["a", "b"]],
    [`run 'two words' "and 'these'" x'y'"z"`, ["run", "two words", "and 'these'", "xyz"]],
    [`a ''`, ["a", ""]],
    [`echo '$HOME | x'`, ["echo", "$HOME | x"]],
  ])("%j", (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  test.each([
    ["a 'b", "the quote ' is not closed"],
    ['a "$b"', '"$" within double quotes means something to a shell only'],
    ["   ", "an action needs at least the program"],
    ["ls *", '"*" means something to a shell only'],
    ["~/x", '"~" means something to a shell only'],
  ])("%j is refused", (line, why) => {
    expect(splitWords(line)).toBe(why);
  });

  test("quoting any words and splitting gives them back", () => {
    const word = fc.string().filter((text) => !text.includes("'"));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (words) => {
        expect(splitWords(words.map((one) => `'${one}'`).join(" "))).toEqual(words);
      }),
    );
  });
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["2001:DB8:0:0::1", "2001:db8::1"],
  ["::ffff:127.0.0.1", "::ffff:7f00:1"],
  ["192.0.2", null],
  ["fe80::1%lo", null],
  ["example.org", null],
])("the canonical form of %j is %j", (written, want) => {
  expect(canonicalAddress(written)).toBe(want);
});
