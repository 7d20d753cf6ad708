/**
 * `daneward verify --targets FILE|-`: very many targets in one process. The list is read as places become free and each
 * result is printed as it is finished, so memory does not grow with the list; the order of the results is therefore the
 * order in which they were finished, and each says which line it belongs to.
 *
 * A line that is no target is reported with its place and counted, and stops nothing. An interrupt stops at once: what
 * was under way and what was not begun goes to the file of --left, and the run can be taken up with that.
 */
import { open, rename, stat } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import type { TargetResult } from "../report/verify-result.ts";
import { OperationalError } from "../base/errors.ts";
import type { ServiceProtocol } from "../base/service-protocol.ts";
import { worseExit } from "../verifier/verdict.ts";
import type { VerifyExit } from "../verifier/verdict.ts";
import { createVerifier } from "../verifier/verify.ts";
import type { Verifier } from "../verifier/verify.ts";
import type { ExitCode } from "./exit.ts";
import { isStdin, nameOfInput } from "./input-file.ts";
import type { Io } from "./io.ts";
import { startProgress } from "./progress.ts";
import { readTargetLines } from "./target-list.ts";
import type { TargetLine } from "./target-list.ts";
import { unreadable } from "./unreadable.ts";
import { openVerification, parseFormat, parseStarttls, refuse, usage } from "./verify-options.ts";
import type { VerifyCommandOptions } from "./verify-options.ts";
import { createSink } from "./verify-sink.ts";
import { guessAt, readTarget, withoutGuess } from "./verify-target.ts";

/** One target may not hold a place for longer: a domain with many dead exchangers would hold up the rest. */
const DEFAULT_DEADLINE = "1m";

type Lines = AsyncGenerator<TargetLine, void, undefined>;

/** Throws OperationalError for bad usage and a list that cannot be read. */
export async function verifyList(
  args: readonly string[],
  list: string,
  options: VerifyCommandOptions,
  io: Io,
): Promise<ExitCode> {
  if (args.length > 0) throw usage(`a target ("${args[0] ?? ""}") and --targets exclude each other`);
  refuse(options, ["chain", "tlsa", "address", "host", "port"], "only without --targets");
  const format = parseFormat(options);
  const starttls = parseStarttls(options.starttls);
  const settings = await openVerification(options, DEFAULT_DEADLINE, io);
  const watched = io.errIsTerminal && options.quiet !== true;
  const progress = startProgress(watched, watched ? await countTargets(list, io) : null, io);
  const source = await openList(list, io);
  const tally = createTally();
  io.endWithReader?.();
  const sink = createSink(format, options, io, (text) => {
    if (io.outIsTerminal) progress.hide();
    io.out(text);
  });
  const take = (result: TargetResult): void => {
    if ("fault" in result) {
      progress.hide();
      io.err(
        `daneward: error: ${nameOfInput(list)}:${String(result.line)}: ${result.fault.message}\nhint: ${result.fault.hint}\n`,
      );
    }
    tally.add(result);
    sink.result(result);
    progress.report(tally.total(), tally.failures());
  };
  const warn = (line: number, message: string): void => {
    if (format !== "text" || options.quiet === true) return;
    progress.hide();
    io.err(`daneward: warning: ${nameOfInput(list)}:${String(line)}: ${message}\n`);
  };
  const lines = readTargetLines(source, nameOfInput(list));
  if (options.left === undefined) stopReading(source, io.signal);
  const unfinished = await workThrough(lines, workOn(createVerifier(settings), starttls, io.signal, { take, warn }), {
    limit: settings.concurrency,
    signal: io.signal,
  });
  progress.hide();
  const interrupted = io.signal.aborted;
  if (options.left !== undefined) await writeLeft(path.resolve(io.cwd, options.left), unfinished, lines);
  if (interrupted) io.err(`daneward: ${interruption(tally.total(), options.left)}\n`);
  else if (tally.total() === 0)
    throw usage(`${nameOfInput(list)}: no target`, "write one target a line, as HOST:PORT or mx:DOMAIN");
  const exit = interrupted ? worseExit(tally.exit(), 3) : tally.exit();
  await sink.end(exit, settings.at);
  return exit;
}

function interruption(done: number, left: string | undefined): string {
  const what = `interrupted after ${String(done)} ${done === 1 ? "target" : "targets"}`;
  return left === undefined ? `${what}; --left FILE would keep what is left` : `${what}; what is left is in ${left}`;
}

interface Tally {
  readonly add: (result: TargetResult) => void;
  readonly total: () => number;
  readonly failures: () => number;
  /** The worst so far; 3 when there was nothing. */
  readonly exit: () => VerifyExit;
}

function createTally(): Tally {
  let total = 0;
  let failures = 0;
  let worst: VerifyExit | null = null;
  return {
    add: (result) => {
      const exit = "fault" in result ? 3 : result.report.exit;
      total += 1;
      failures += exit >= 2 ? 1 : 0;
      worst = worst === null ? exit : worseExit(worst, exit);
    },
    total: () => total,
    failures: () => failures,
    exit: () => worst ?? 3,
  };
}

async function openList(list: string, io: Io): Promise<Readable> {
  if (isStdin(list)) return io.stdin;
  const handle = await open(path.resolve(io.cwd, list)).catch((cause: unknown) => {
    throw unreadable(list, cause);
  });
  if ((await handle.stat()).isDirectory()) {
    await handle.close();
    const options = { retry: "never", hint: "name the file with the list" } as const;
    throw new OperationalError("FILE_UNREADABLE", `${list} is a directory`, options);
  }
  return handle.createReadStream();
}

/** How many targets there are, to tell how long it will take; null: only a plain file can be read twice. */
async function countTargets(list: string, io: Io): Promise<number | null> {
  const file = path.resolve(io.cwd, list);
  if (isStdin(list) || !(await stat(file).catch(() => null))?.isFile()) return null;
  let count = 0;
  for await (const { line } of readTargetLines(await openList(list, io), nameOfInput(list))) count += line > 0 ? 1 : 0;
  return count;
}

/** Who is told what came of the lines. */
interface Listener {
  readonly take: (result: TargetResult) => void;
  readonly warn: (line: number, message: string) => void;
}

/** Looks at one line. False: interrupted, so that the line is still to be done. */
type Work = (line: TargetLine) => Promise<boolean>;

function workOn(
  verify: Verifier,
  starttls: ServiceProtocol | null,
  signal: AbortSignal,
  { take, warn }: Listener,
): Work {
  const interrupted = (): boolean => signal.aborted;
  return async ({ line, text }) => {
    if (interrupted()) return false;
    const target = readTarget(text, starttls);
    if (!target.ok) {
      take({ line, target: text, fault: target.fault });
      return true;
    }
    const guess = guessAt(target.value, starttls);
    if (guess !== null) warn(line, guess);
    try {
      const report = withoutGuess(await verify(target.value), [target.value], starttls);
      // What was cut off in the middle says nothing about its target.
      if (interrupted()) return false;
      take({ line, target: text, report });
      return true;
    } catch (error) {
      if (interrupted()) return false;
      throw error;
    }
  };
}

/** Works on the lines as they come, at most `limit` at a time. Returns what was begun and not finished, in order. */
async function workThrough(
  lines: Lines,
  work: Work,
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
): Promise<readonly TargetLine[]> {
  const unfinished: TargetLine[] = [];
  const worker = async (): Promise<void> => {
    while (!signal.aborted) {
      const next = await nextOf(lines, signal);
      if (next === null) return;
      if (!(await work(next))) unfinished.push(next);
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  return unfinished.sort((left, right) => left.line - right.line);
}

/** Null: no more, or nobody reads on after an interrupt. */
async function nextOf(lines: Lines, signal: AbortSignal): Promise<TargetLine | null> {
  try {
    const next = await lines.next();
    return next.done === true ? null : next.value;
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

/** After an interrupt nobody waits for a list that may come from somewhere slow. */
function stopReading(source: Readable, signal: AbortSignal): void {
  const stop = (): void => {
    source.destroy();
  };
  signal.addEventListener("abort", stop, { once: true });
}

/** What was not finished, and what the list still holds; an empty file when nothing is left. It may be the list itself. */
async function writeLeft(file: string, unfinished: readonly TargetLine[], lines: Lines): Promise<void> {
  const temporary = `${file}.${String(process.pid)}.new`;
  const handle = await open(temporary, "w", 0o600);
  try {
    for (const { text } of unfinished) await handle.write(`${text}\n`);
    for await (const { text } of lines) await handle.write(`${text}\n`);
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
