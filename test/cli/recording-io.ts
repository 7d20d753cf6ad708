import { Readable } from "node:stream";
import { instant } from "../../src/base/time.ts";
import type { Io } from "../../src/cli/io.ts";

/** An {@link Io} that keeps what is written, with a clock that stands still. */
export function recordingIo(parts: Partial<Io> = {}): Io & { readonly said: () => { out: string; err: string } } {
  let out = "";
  let err = "";
  return {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    stdin: Readable.from([]),
    outIsTerminal: false,
    errIsTerminal: false,
    color: false,
    columns: 100,
    clock: () => instant(1_790_000_000_000),
    env: {},
    cwd: "/",
    signal: new AbortController().signal,
    ...parts,
    said: () => ({ out, err }),
  };
}
