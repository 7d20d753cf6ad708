/**
 * `daneward demo`: a whole rollover in half a minute, on loopback, without privileges: the real driver against a really
 * signed DNS (src/sandbox), watched by an independent sampler, and the naive renewal for contrast.
 */
import { createScreen } from "../demo/screen.ts";
import { play } from "../demo/show.ts";
import { setStage } from "../demo/stage.ts";
import { styleOf } from "../demo/style.ts";
import { isProved, summarize, summaryJson } from "../demo/summary.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";

export interface Options {
  /** Leave the temporary directory behind. */
  readonly keep?: boolean;
  /** Draw with ASCII characters only. */
  readonly ascii?: boolean;
  /** The findings as a document; the picture goes to standard error. */
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Plays the demo. Exit code 0: no sample failed under daneward, it came to rest, and the naive renewal did fail. */
export async function run(_args: readonly string[], options: Options, io: Io): Promise<ExitCode> {
  const detected = styleOf(io);
  const style = options.ascii === true ? { ...detected, unicode: false } : detected;
  const isJson = options.json === true;
  const talk = isJson ? (options.quiet === true ? () => undefined : io.err) : io.out;
  const screen = createScreen(talk, isJson ? { ...style, live: false, color: false } : style);
  const start = io.clock();
  io.endWithReader?.();
  const stage = await setStage(io.clock, options.keep === true);
  try {
    screen.say("daneward demo: root, test. and example.test. signed on loopback; ns2 lags 2 s; every TTL is 2 s");
    const findings = await play({ stage, screen, style, io, start });
    const interrupted = io.signal.aborted;
    if (isJson) io.out(`${JSON.stringify(summaryJson(findings, interrupted), null, 2)}\n`);
    if (interrupted) {
      screen.say("interrupted");
      return EXIT.failed;
    }
    if (!isJson) for (const line of summarize(findings, style)) screen.say(line);
    return isProved(findings) ? EXIT.done : EXIT.failed;
  } finally {
    screen.settle(true);
    await stage.close();
    if (options.keep === true) talk(`kept: ${stage.directory}\n`);
  }
}
