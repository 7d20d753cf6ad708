/**
 * Runs the operator's commands: argument words, never a shell; an environment of our own, so that nothing of the
 * caller (an ACME client, cron, a terminal) decides how they behave; a time limit after which the whole process group
 * is ended.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { systemCode } from "../store/atomic-file.ts";
import type { CommandEnding, CommandOptions, CommandResult } from "../publisher/command.ts";

/** A background process may inherit the pipe and keep it open: after the exit we read what is there, no longer. */
const DRAIN_MS = 200;
/** How long the end of a killed process is waited for. */
const KILL_MS = 2000;
/** Of both streams together, from the end. */
const KEPT_OUTPUT = 4096;
/** Of standard output, from the beginning; an answer longer than this is cut, and then is not JSON. */
const KEPT_STDOUT = 1_048_576;
const SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Folders in which programs are found: the absolute ones of `path`, then the system's, since cron leaves out `sbin`. */
export function searchPath(path: string | undefined): string {
  const own = (path ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return [...new Set([...own, ...SYSTEM_PATH])].join(":");
}

/** Runs one command to its end; `path` are folders to look in before the system's. */
export async function runCommand(
  argv: readonly string[],
  options: CommandOptions,
  path?: string,
): Promise<CommandResult> {
  const { timeoutMs, input } = options;
  const child = start(argv, options, path);
  if ("kind" in child) return { ending: child, stdout: "", said: "" };
  const output = collectOutput(child);
  if (child.stdin !== null) {
    // A program that does not read all of its input ends as it likes: its exit code says how it went.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  }
  const ending = await endOf(child, timeoutMs);
  await output.drained();
  return { ending, ...output.texts() };
}

/** Some failures to start are an event, others (ENOTDIR, E2BIG, a NUL within a word) are thrown: here all are endings. */
function start(
  argv: readonly string[],
  options: CommandOptions,
  path: string | undefined,
): ChildProcess | CommandEnding {
  const [program = "", ...words] = argv;
  try {
    return spawn(program, words, {
      cwd: options.cwd ?? "/",
      detached: true,
      env: { ...options.env, PATH: searchPath(path), LANG: "C" },
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
  } catch (cause) {
    const code = systemCode(cause);
    if (code === null || !(cause instanceof Error)) throw cause;
    return { kind: "not-started", code, message: cause.message };
  }
}

interface Output {
  readonly texts: () => Pick<CommandResult, "stdout" | "said">;
  readonly drained: () => Promise<void>;
}

function collectOutput(child: ChildProcess): Output {
  let stdout = "";
  let said = "";
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  for (const stream of streams) {
    const decoder = new TextDecoder();
    stream.on("data", (chunk: Uint8Array) => {
      const text = decoder.decode(chunk, { stream: true });
      said = (said + text).slice(-KEPT_OUTPUT);
      if (stream === child.stdout) stdout = (stdout + text).slice(0, KEPT_STDOUT);
    });
  }
  const closed = Promise.all(
    streams
      .filter((stream) => !stream.closed)
      .map((stream) => new Promise<void>((done) => void stream.once("close", done))),
  );
  return {
    texts: () => ({ stdout, said }),
    drained: async () => {
      const timer = setTimeout(() => {
        for (const stream of streams) stream.destroy();
      }, DRAIN_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

function endOf(child: ChildProcess, timeoutMs: number): Promise<CommandEnding> {
  return new Promise((done) => {
    let timedOut = false;
    let giveUp: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
      // A process of another user (sudo), or one that waits for a dead disk, cannot be ended: it is left alone.
      giveUp = setTimeout(() => {
        child.unref();
        done({ kind: "timeout" });
      }, KILL_MS);
    }, timeoutMs);
    const end = (ending: CommandEnding): void => {
      clearTimeout(timer);
      clearTimeout(giveUp);
      done(timedOut ? { kind: "timeout" } : ending);
    };
    // For as long as the process is there: a signal that may not be sent is an event of this kind too.
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) end({ kind: "not-started", code: error.code ?? "", message: error.message });
    });
    child.once("exit", (code, signal) => {
      end(code === null ? { kind: "signal", signal: signal ?? "unknown" } : { kind: "exit", code });
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is already gone, or it is another user's: the process itself may still listen.
    child.kill("SIGKILL");
  }
}
