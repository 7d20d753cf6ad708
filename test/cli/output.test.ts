/** Writing to the standard descriptors, whatever stands behind them. */
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { OutputFailure, inAscii, isNarrowLocale, openOutput } from "../../src/cli/output.ts";
import { changedIo } from "../../src/cli/io.ts";
import { recordingIo } from "./recording-io.ts";

function failing(code: string): { readonly take: (octets: Uint8Array) => number; readonly tried: () => number } {
  let tried = 0;
  return {
    take: () => {
      tried += 1;
      throw Object.assign(new Error(`${code}: no space left on device, write`), { code });
    },
    tried: () => tried,
  };
}

describe("standard output", () => {
  test("takes everything, in as many pieces as the system wants", () => {
    let got = "";
    const { write } = openOutput(1, (octets) => {
      got += new TextDecoder().decode(octets.subarray(0, 3));
      return Math.min(3, octets.length);
    });
    write("ten octets");
    write("");
    expect(got).toBe("ten octets");
  });

  test.each(["EPIPE", "EIO"])("without a reader (%s) drops what comes, ends nothing, and says so once", (code) => {
    const { take, tried } = failing(code);
    const { write, whenGone } = openOutput(1, take);
    let gone = 0;
    whenGone(() => (gone += 1));
    write("a");
    write("b");
    expect([tried(), gone]).toEqual([1, 1]);
    whenGone(() => (gone += 1));
    expect(gone).toBe(2);
  });

  test("that was closed by the caller is no failure, and no reader that went away", () => {
    const { take, tried } = failing("EBADF");
    const { write, whenGone } = openOutput(1, take);
    whenGone(() => expect.fail("gone"));
    write("a");
    write("b");
    expect(tried()).toBe(1);
  });

  test("that takes no more fails once, in words, and drops the rest", () => {
    const { take, tried } = failing("ENOSPC");
    const { write } = openOutput(1, take);
    expect(() => {
      write("a");
    }).toThrow(new OutputFailure("cannot write to standard output: no space left on device"));
    write("b");
    expect(tried()).toBe(1);
  });

  test("that does not block takes the stream from then on, in order, and survives its end", async () => {
    const stream = new PassThrough();
    let room = 2;
    const take = (octets: Uint8Array): number => {
      if (room === 0) throw Object.assign(new Error("EAGAIN: try again, write"), { code: "EAGAIN" });
      room -= 1;
      return Math.min(2, octets.length);
    };
    const { write, whenGone } = openOutput(1, take, () => stream);
    write("abcdef");
    room = 1;
    write("gh");
    expect(String(stream.read())).toBe("efgh");
    const gone = new Promise<void>((resolve) => {
      whenGone(resolve);
    });
    stream.destroy(Object.assign(new Error("EPIPE"), { code: "EPIPE" }));
    await gone;
    write("i");
  });
});

test.each(["EPIPE", "ENOSPC", "EIO", "EBADF"])(
  "standard error never fails: there is no place left to say it (%s)",
  (code) => {
    const { take, tried } = failing(code);
    const { write } = openOutput(2, take);
    write("a");
    write("b");
    expect(tried()).toBe(1);
  },
);

test("a process without colour is the same process, and none of its streams and handlers is made before it is asked for", () => {
  const asked: string[] = [];
  const io = Object.defineProperties(recordingIo({ color: true }), {
    signal: { get: () => (asked.push("signal"), new AbortController().signal) },
    stdin: { get: () => (asked.push("stdin"), new PassThrough()) },
    cwd: { get: () => (asked.push("cwd"), "/somewhere") },
  });
  const plain = changedIo(io, { color: false });
  expect([plain.color, asked]).toEqual([false, []]);
  expect([plain.cwd, plain.columns, asked]).toEqual(["/somewhere", 100, ["cwd"]]);
});

describe("a locale without UTF-8", () => {
  test.each([
    [{}, false],
    [{ LANG: "" }, false],
    [{ LANG: "C.UTF-8" }, false],
    [{ LC_ALL: "", LC_CTYPE: "en_GB.utf8", LANG: "C" }, false],
    [{ LANG: "C" }, true],
    [{ LC_ALL: "POSIX", LANG: "en_GB.UTF-8" }, true],
    [{ LANG: "de_DE.ISO-8859-1" }, true],
  ])("%o: %s", (env, narrow) => {
    expect(isNarrowLocale(env)).toBe(narrow);
  });

  test("has texts in ASCII", () => {
    expect(inAscii("3 1 1 9a59… (RFC 7671 §8.1): 2 × TTL — a → b")).toBe(
      "3 1 1 9a59... (RFC 7671 section 8.1): 2 x TTL - a -> b",
    );
  });
});
