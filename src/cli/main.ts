/**
 * The entry: argument vector in, exit code out. The only place that reads the wall clock and the process, and the one
 * catch at the top that turns failures into `daneward: error: …` and `hint: …`. Nothing heavy is imported here:
 * `--version` answers at once, everything else is loaded by the command that needs it.
 */
import { setMaxListeners } from "node:events";
import { fstatSync, writeSync } from "node:fs";
import { VERSION } from "../base/build.ts";
import { instant } from "../base/time.ts";
import type { Io } from "./io.ts";
import { isJournalStream } from "./journal-log.ts";
import { quickParse } from "./quick.ts";
import { callVerb } from "./call-verb.ts";

/** Only a character device can be a terminal; asking `node:tty` costs a fifth of the start of Node itself. */
function isTerminal(descriptor: 1 | 2): boolean {
  try {
    return fstatSync(descriptor).isCharacterDevice() && process.getBuiltinModule("node:tty").isatty(descriptor);
  } catch {
    // A closed descriptor (`>&-`) is no terminal; whatever is written to it is lost, as the caller wished.
    return false;
  }
}

/**
 * Writes straight to the descriptor: setting up `process.stdout` costs more than many a command's work. A pipe that
 * does not block takes the stream after all. The reader gone (`daneward … | head`) ends the process quietly.
 */
function write(descriptor: 1 | 2, text: string): void {
  const octets = Buffer.from(text);
  let written = 0;
  try {
    while (written < octets.length) written += writeSync(descriptor, octets, written);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "EPIPE") process.exit();
    if (code === "EBADF") return;
    if (code !== "EAGAIN") throw error;
    (descriptor === 1 ? process.stdout : process.stderr).write(octets.subarray(written));
  }
}

/** The process as an {@link Io}. Streams and signal handlers are made when a command first asks for them. */
function processIo(): Io {
  const env = process.env;
  const outIsTerminal = isTerminal(1);
  const colorWanted = env["NO_COLOR"] === undefined || env["NO_COLOR"] === "";
  let interrupt: AbortController | null = null;
  return {
    out: (text) => {
      write(1, text);
    },
    err: (text) => {
      write(2, text);
    },
    get stdin() {
      return process.stdin;
    },
    outIsTerminal,
    errIsTerminal: isTerminal(2),
    errIsJournal: isJournalStream(env["JOURNAL_STREAM"], 2),
    color: outIsTerminal && colorWanted && env["TERM"] !== "dumb",
    get columns() {
      return outIsTerminal ? process.stdout.columns : 100;
    },
    get rows() {
      return outIsTerminal ? process.stdout.rows : undefined;
    },
    clock: () => instant(Date.now()),
    env,
    cwd: process.cwd(),
    get signal() {
      interrupt ??= interruptible();
      return interrupt.signal;
    },
  };
}

/** SIGINT and SIGTERM abort, once: a second one ends the process as usual. */
function interruptible(): AbortController {
  const controller = new AbortController();
  // Every question and probe under way listens to it, many at a time.
  setMaxListeners(0, controller.signal);
  const stop = (): void => {
    controller.abort();
    process.removeListener("SIGINT", stop);
    process.removeListener("SIGTERM", stop);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller;
}

async function main(argv: readonly string[]): Promise<void> {
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
    write(1, `${VERSION}\n`);
    return;
  }
  // umask 077: whatever we forget to give a mode stays private (keys, state).
  process.umask(0o077);
  const io = processIo();
  const call = quickParse(argv);
  if (call !== null) {
    process.exitCode = await callVerb(call.verb, call.args, call.options, io);
  } else {
    const { runProgram } = await import("./program.ts");
    process.exitCode = await runProgram(argv, io, VERSION);
  }
}

void main(process.argv.slice(2));
