/**
 * The entry: argument vector in, exit code out. The only place that reads the wall clock and the process, and the one
 * catch at the top that turns failures into `daneward: error: …` and `hint: …`. Nothing heavy is imported here:
 * `--version` answers at once, everything else is loaded by the command that needs it.
 */
import { setMaxListeners } from "node:events";
import { instant } from "../base/time.ts";
import type { Io } from "./io.ts";
import { quickParse } from "./quick.ts";
import { callVerb } from "./verbs.ts";

declare const __DANEWARD_VERSION__: string;

/** The version that was built; `0.0.0` when the sources run unbundled. */
export const VERSION: string = typeof __DANEWARD_VERSION__ === "string" ? __DANEWARD_VERSION__ : "0.0.0";

function processIo(signal: AbortSignal): Io {
  const env = process.env;
  const colorWanted = env["NO_COLOR"] === undefined || env["NO_COLOR"] === "";
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    stdin: process.stdin,
    outIsTerminal: process.stdout.isTTY,
    errIsTerminal: process.stderr.isTTY,
    color: process.stdout.isTTY && colorWanted && env["TERM"] !== "dumb",
    columns: process.stdout.isTTY ? process.stdout.columns : 100,
    clock: () => instant(Date.now()),
    env,
    cwd: process.cwd(),
    signal,
  };
}

/** Ends quietly when the reader of our output has gone (`daneward … | head`). */
function tolerateClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(0);
      throw error;
    });
  }
}

async function main(argv: readonly string[]): Promise<void> {
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  tolerateClosedPipes();
  const interrupt = new AbortController();
  // Each question in flight listens for the interruption; how many there may be is decided elsewhere.
  setMaxListeners(0, interrupt.signal);
  const stop = (): void => {
    interrupt.abort();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  // umask 077: whatever we forget to give a mode stays private (keys, state).
  process.umask(0o077);
  const io = processIo(interrupt.signal);
  const call = quickParse(argv);
  if (call !== null) {
    process.exitCode = await callVerb(call.verb, call.args, call.options, io);
  } else {
    const { runProgram } = await import("./program.ts");
    process.exitCode = await runProgram(argv, io, VERSION);
  }
  process.removeListener("SIGINT", stop);
  process.removeListener("SIGTERM", stop);
}

void main(process.argv.slice(2));
