import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CatalogueDamaged,
  catalogueFile,
  createCatalogue,
  openCatalogue,
  removeCatalogue,
  writeCatalogue,
} from "../../src/store/catalogue.ts";
import type { Catalogue, CatalogueItem } from "../../src/store/catalogue.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const item: fc.Arbitrary<CatalogueItem> = fc.record({
  text: fc.string({ unit: "grapheme" }),
  watched: fc.array(fc.string({ minLength: 1 }).filter((path) => !path.includes("\0"))),
  keys: fc.array(fc.string()),
});

function openIn(folder: string): Catalogue {
  return openCatalogue(folder) ?? expect.fail("no catalogue");
}

/** Everything that can be read of it, or that it is damaged. */
function contentOf(folder: string): unknown {
  const catalogue = openCatalogue(folder);
  if (catalogue === null) return "damaged";
  try {
    const { id, identity, settings, count } = catalogue;
    const texts = Array.from({ length: count }, (_, position) => catalogue.text(position));
    return { id, identity, settings, texts, keys: ["one", "two", "both"].map((key) => catalogue.lookUp(key)) };
  } catch (error) {
    if (error instanceof CatalogueDamaged) return "damaged";
    throw error;
  } finally {
    catalogue.close();
  }
}

const SAMPLE: readonly CatalogueItem[] = [
  { text: "first", watched: ["/live/first.pem", "/live/first.key"], keys: ["one", "both"] },
  { text: "zweites: ü", watched: [], keys: ["two", "both"] },
  { text: "", watched: ["/live/third.pem"], keys: [] },
];

describe("catalogue", () => {
  test("on disk as in memory, each item comes back, by place and by key", () => {
    const folder = temporaryFolder();
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.array(item, { maxLength: 12 }), (identity, settings, items) => {
        writeCatalogue(folder, createCatalogue(identity, settings, items));
        const catalogue = openIn(folder);
        const at = (each: CatalogueItem): number => items.indexOf(each);
        expect([catalogue.identity, catalogue.settings, catalogue.count]).toEqual([identity, settings, items.length]);
        expect(items.map((each) => catalogue.text(at(each)))).toEqual(items.map(({ text }) => text));
        expect(catalogue.watched(0, items.length)).toEqual(items.map(({ watched }) => watched));
        for (const each of items) for (const key of each.keys) expect(catalogue.lookUp(key)).toContain(at(each));
        catalogue.close();
      }),
      { numRuns: 50 },
    );
  });

  test("paths are read of some items without the others", () => {
    const catalogue = createCatalogue("", "", SAMPLE);
    expect(catalogue.watched(1, 3)).toEqual([[], ["/live/third.pem"]]);
    expect(catalogue.watched(0, 1)).toEqual([["/live/first.pem", "/live/first.key"]]);
    expect(catalogue.watched(3, 3)).toEqual([]);
    expect([catalogue.lookUp("both"), catalogue.lookUp("none")]).toEqual([[0, 1], []]);
  });

  test("its id tells contents apart", () => {
    const ids = [
      createCatalogue("a", "b", SAMPLE).id,
      createCatalogue("a", "c", SAMPLE).id,
      createCatalogue("d", "b", SAMPLE).id,
      createCatalogue("a", "b", SAMPLE.slice(1)).id,
      createCatalogue("a", "b", [...SAMPLE].reverse()).id,
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(createCatalogue("a", "b", SAMPLE).id).toBe(ids[0]);
  });

  test("is for its owner only, and gone when removed", () => {
    const folder = temporaryFolder();
    expect(openCatalogue(folder)).toBeNull();
    writeCatalogue(folder, createCatalogue("", "", SAMPLE));
    expect(statSync(catalogueFile(folder)).mode & 0o777).toBe(0o600);
    removeCatalogue(folder);
    removeCatalogue(folder);
    expect(existsSync(catalogueFile(folder))).toBe(false);
  });
});

describe("a damaged catalogue", () => {
  test("cut short anywhere, or longer than it was, is none", () => {
    const folder = temporaryFolder();
    writeCatalogue(folder, createCatalogue("identity", "settings", SAMPLE));
    const whole = readFileSync(catalogueFile(folder));
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(catalogueFile(folder), whole.subarray(0, length));
      expect(openCatalogue(folder)).toBeNull();
    }
    writeFileSync(catalogueFile(folder), Buffer.concat([whole, Buffer.of(0)]));
    expect(openCatalogue(folder)).toBeNull();
  });

  test("with any bit changed says so or reads the same: never another item, never another finding place", () => {
    const folder = temporaryFolder();
    writeCatalogue(folder, createCatalogue("identity", "settings", SAMPLE));
    const whole = readFileSync(catalogueFile(folder));
    const content = contentOf(folder);
    for (let bit = 0; bit < whole.length * 8; bit += 5) {
      const damaged = Buffer.from(whole);
      damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      writeFileSync(catalogueFile(folder), damaged);
      expect([content, "damaged"]).toContainEqual(contentOf(folder));
    }
  });
});
