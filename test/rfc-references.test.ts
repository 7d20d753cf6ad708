/**
 * Citations as a test: every section of an RFC that a comment or a message cites stands in fixtures/rfc-sections.txt
 * with its title, and nothing else does. A number that was mistyped, or guessed, is then seen by whoever adds the line.
 */
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "..");

const SECTION = String.raw`(?:§\d+(?:\.\d+)*|appendix [A-Z](?:\.\d+)*)`;
const CITATION = new RegExp(String.raw`\bRFC (\d+) (${SECTION}(?:(?:,| and|, and) ${SECTION})*)`, "g");

/** Other documents whose sections are cited in the same way; their titles are not checked. */
const OTHER_DOCUMENTS = /(?:X\.690|Filesystem Hierarchy Standard 3\.0) §\d+(?:\.\d+)*/g;

/** Ways of writing a citation that the scanner above would overlook. */
// `RFC2136_NAMESERVER` is a variable of lego.
const MISSPELT = [/\bRFC-?\d+\b/g, /\bRFC \d+,? (?:[Ss]ec(?:tion|\.)|Appendix|§ |\d+\.\d)/g, /§/g];

/** Fewer than these mean that the scanner has gone blind, not that comments have gone. */
const FEWEST = { citations: 200, sections: 150 } as const;

/** One section of one RFC as the list writes it: `7671 8.1`, `4034 appendix B`. */
interface Citation {
  readonly section: string;
  readonly file: string;
}

/** Comments may break a citation over two lines: ` * ` and `// ` at the start of a line are not text. */
function unwrap(source: string): string {
  return source.replace(/\n[ \t]*(?:\*(?!\/)|\/\/)?[ \t]*/g, " ");
}

function citationsIn(text: string): readonly string[] {
  return [...unwrap(text).matchAll(CITATION)].flatMap(([, rfc = "", sections = ""]) =>
    [...sections.matchAll(new RegExp(SECTION, "g"))].map(([section]) => `${rfc} ${section.replace("§", "")}`),
  );
}

function misspeltIn(text: string): readonly string[] {
  const rest = unwrap(text).replace(CITATION, "").replace(OTHER_DOCUMENTS, "");
  return MISSPELT.flatMap((pattern) => [...rest.matchAll(pattern)]).map(({ index }) => rest.slice(index, index + 40));
}

const sources = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => ({ file, text: readFileSync(path.join(root, "src", file), "utf8") }));

const cited: readonly Citation[] = sources.flatMap(({ file, text }) =>
  citationsIn(text).map((section) => ({ section, file })),
);

const lines = readFileSync(path.join(root, "fixtures/rfc-sections.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));

/** `7671 8.1` of `7671 8.1 Key Rollover with Fixed TLSA Parameters`; null for a line of another form. */
function sectionOf(line: string): string | null {
  return /^(\d+ (?:\d+(?:\.\d+)*|appendix [A-Z](?:\.\d+)*)) \S.*\S$/.exec(line)?.[1] ?? null;
}

const listed = lines.map(sectionOf);

/** Sorts as numbers, part by part, appendices behind sections. */
function sortKey(section: string): string {
  return section.replace(/\d+/g, (digits) => digits.padStart(5, "0"));
}

describe("the scanner", () => {
  test.each([
    ["a single section", "// RFC 7671 §8.1: wait", ["7671 8.1"]],
    ["several sections of one RFC", "(RFC 7671 §8.1, §9)", ["7671 8.1", "7671 9"]],
    ["sections joined by a word", "RFC 6890 §2.2.2 and §2.2.3.", ["6890 2.2.2", "6890 2.2.3"]],
    ["several RFCs", "(RFC 4034 §6, RFC 6840 §5.1)", ["4034 6", "6840 5.1"]],
    ["an appendix", "(RFC 4034 appendix B, RFC 4034 appendix B.1).", ["4034 appendix B", "4034 appendix B.1"]],
    ["a citation over two lines of a block", "/**\n * see RFC\n * 2136 §2.4.2\n */", ["2136 2.4.2"]],
    ["a citation over two line comments", "  // see RFC 2136\n  // §2.4.2", ["2136 2.4.2"]],
    ["a string", 'hint: "as RFC 7671 §5.2.2 asks"', ["7671 5.2.2"]],
    ["a whole RFC, which needs no line", "SNI (RFC 6066)", []],
  ])("reads %s", (_what, text, sections) => {
    expect(citationsIn(text)).toEqual(sections);
    expect(misspeltIn(text)).toEqual([]);
  });

  test.each([
    "RFC7671 §8.1",
    "RFC 7671 section 8.1",
    "RFC 7671, Section 8",
    "RFC 4034 Appendix B",
    "RFC 7671 8.1",
    "§8.1",
  ])("does not let %s pass unread", (text) => {
    expect(misspeltIn(text)).not.toEqual([]);
  });

  test("finds as many citations as there must be", () => {
    expect(cited.length).toBeGreaterThanOrEqual(FEWEST.citations);
    expect(new Set(cited.map(({ section }) => section)).size).toBeGreaterThanOrEqual(FEWEST.sections);
  });
});

describe("the list of sections", () => {
  test("has an RFC, a section and a title on each line", () => {
    expect(lines.filter((line) => sectionOf(line) === null)).toEqual([]);
  });

  test("is sorted, without doubles", () => {
    const keys = listed.map((section) => sortKey(section ?? ""));
    expect(keys).toEqual([...new Set(keys)].sort());
  });

  test("holds every section that is cited", () => {
    const known = new Set(listed);
    const unknown = cited.filter(({ section }) => !known.has(section));
    expect(unknown.map(({ section, file }) => `${file} cites RFC ${section}`)).toEqual([]);
  });

  test("holds nothing that is cited nowhere", () => {
    const used = new Set(cited.map(({ section }) => section));
    expect(listed.filter((section) => section === null || !used.has(section))).toEqual([]);
  });
});

test("citations are written so that they can be found", () => {
  const found = sources.flatMap(({ file, text }) => misspeltIn(text).map((excerpt) => `${file}: ${excerpt}`));
  expect(found).toEqual([]);
});
