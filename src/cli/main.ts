/**
 * The entry: argument vector in, exit code out. The only place that reads the wall clock and the process, and the one
 * catch at the top that turns failures into `daneward: error: …` and `hint: …`. Nothing heavy is imported here:
 * `--version` answers at once, everything else is loaded by the command that needs it.
 */
import { setMaxListeners } from "node:events";
import { fstatSync } from "node:fs";
import { VERSION } from "../base/build.ts";
import { instant } from "../base/time.ts";
import type { Io } from "./io.ts";
import { isJournalStream } from "./journal-log.ts";
import { inAscii, isNarrowLocale, openOutput } from "./output.ts";
import type { Output } from "./output.ts";
import { quickParse } from "./quick.ts";
import { answerFailure, callVerb } from "./call-verb.ts";
import { EXIT } from "./exit.ts";
import type { ExitCode } from "./exit.ts";

/** Only a character device can be a terminal; asking `node:tty` costs a fifth of the start of Node itself. */
function isTerminal(descriptor: 1 | 2): boolean {
  try {
    return fstatSync(descriptor).isCharacterDevice() && process.getBuiltinModule("node:tty").isatty(descriptor);
  } catch {
    // A closed descriptor (`>&-`) is no terminal; whatever is written to it is lost, as the caller wished.
    return false;
  }
}

/** A folder that was removed under us: for the kernel still a place, in which nothing is found or made. */
const NOWHERE = "/proc/self/cwd";

function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    // Removed meanwhile. Whoever names whole paths is not concerned, and every other path is answered as not there.
    return NOWHERE;
  }
}

/** The process as an {@link Io}. Streams and signal handlers are made when a command first asks for them. */
function processIo(out: Output, err: Output): Io {
  const env = process.env;
  const outIsTerminal = isTerminal(1);
  const narrow = isNarrowLocale(env);
  const colorWanted = env["NO_COLOR"] === undefined || env["NO_COLOR"] === "";
  let interrupt: AbortController | null = null;
  const interruption = (): AbortController => (interrupt ??= interruptible());
  return {
    out: narrow
      ? (text) => {
          out.write(inAscii(text));
        }
      : out.write,
    err: narrow
      ? (text) => {
          err.write(inAscii(text));
        }
      : err.write,
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
    get cwd() {
      return workingDirectory();
    },
    get signal() {
      return interruption().signal;
    },
    endWithReader: () => {
      const controller = interruption();
      out.whenGone(() => {
        controller.abort();
      });
    },
  };
}

/** Those that are caught, with the exit codes that shells give for them. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * SIGINT and SIGTERM abort, once: a second one ends the process at once, by itself, because the system lets no signal
 * end the first process of a container.
 */
function interruptible(): AbortController {
  const controller = new AbortController();
  // Every question and probe under way listens to it, many at a time.
  setMaxListeners(0, controller.signal);
  let received = false;
  const stop = (signal: "SIGINT" | "SIGTERM"): void => {
    if (received) process.exit(SIGNALS[signal]);
    received = true;
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller;
}

async function main(argv: readonly string[], io: Io): Promise<ExitCode> {
  const call = quickParse(argv);
  if (call !== null) return callVerb(call.verb, call.args, call.options, io);
  const { runProgram } = await import("./program.ts");
  return runProgram(argv, io, VERSION);
}

/** What no command answers for, such as help that nobody takes: in the same words, and never as a trace alone. */
async function lastResort(error: unknown, io: Io): Promise<ExitCode> {
  try {
    return await answerFailure(error, io, { json: false, plugin: false });
  } catch (again) {
    io.err(`daneward: error: ${again instanceof Error ? (again.stack ?? again.message) : String(again)}\n`);
    return EXIT.bug;
  }
}

async function start(argv: readonly string[]): Promise<void> {
  const [out, err] = [openOutput(1), openOutput(2)];
  const isVersion = argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V");
  // umask 077: whatever we forget to give a mode stays private (keys, state).
  if (!isVersion) process.umask(0o077);
  try {
    if (isVersion) out.write(`${VERSION}\n`);
    else process.exitCode = await main(argv, processIo(out, err));
  } catch (error) {
    process.exitCode = await lastResort(error, processIo(out, err));
  }
}

void start(process.argv.slice(2));
