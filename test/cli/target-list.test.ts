import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readTargetLines } from "../../src/cli/target-list.ts";

async function* pieces(parts: readonly (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
  await Promise.resolve();
  yield* parts;
}

async function read(...parts: readonly (string | Uint8Array)[]): Promise<readonly (readonly [number, string])[]> {
  const lines: (readonly [number, string])[] = [];
  for await (const { line, text } of readTargetLines(pieces(parts), "list.txt")) lines.push([line, text]);
  return lines;
}

describe("a list of targets", () => {
  test("comments and blank lines mean nothing, and are counted", async () => {
    const text =
      "# mail\n\nmx.example.org:25  # the first\r\n   mx:example.org\t\n  # done\nhttps://example.org/#top\n";
    expect(await read(text)).toEqual([
      [3, "mx.example.org:25"],
      [4, "mx:example.org"],
      [6, "https://example.org/#top"],
    ]);
  });

  test("a last line without its end, and a byte order mark", async () => {
    expect(await read(Uint8Array.of(0xef, 0xbb, 0xbf), "a:1\nb:2")).toEqual([
      [1, "a:1"],
      [2, "b:2"],
    ]);
    expect(await read()).toEqual([]);
    expect(await read("\n\n# nothing")).toEqual([]);
  });

  test("wherever the pieces are cut, the lines are the same", async () => {
    const text = "# ä\nmx.example.org:25\r\n\nmx:bücher.example # ü\nlast:1";
    const octets = new TextEncoder().encode(text);
    const whole = await read(octets);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(octets.length), { maxLength: 6 }), async (cuts) => {
        const at = [0, ...cuts.sort((left, right) => left - right), octets.length];
        const parts = at.slice(1).map((end, index) => octets.subarray(at[index], end));
        expect(await read(...parts)).toEqual(whole);
      }),
    );
  });

  test("a line without an end does not fill the memory, and is no target", async () => {
    const lines = await read(...Array.from({ length: 100 }, () => "x".repeat(10_000)), "\nmx.example.org:25\n");
    expect(lines.map(([line, text]) => [line, text.length])).toEqual([
      [1, 2048],
      [2, 17],
    ]);
  });

  test("what never comes to the end of a line is no list", async () => {
    const megabyte = new Uint8Array(1_048_576);
    await expect(read("a:1\n\n", ...Array.from({ length: 17 }, () => megabyte))).rejects.toMatchObject({
      code: "FILE_UNREADABLE",
      message: "list.txt: line 3 is longer than 16777216 characters",
      retry: "never",
    });
  });
});
