/**
 * Runs the operator's reload actions: argument words, never a shell; an environment of our own, so that nothing of the
 * caller (an ACME client, cron, a terminal) decides how a service is reloaded; a time limit after which the whole
 * process group is ended. That a command ends with 0 proves nothing about the service: the live handshakes do.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { formatDuration, seconds } from "../base/time.ts";

/** How a reload is run. */
export interface ReloadOptions {
  /** The caller's search path; the usual system folders are added, since cron leaves out `sbin`. */
  readonly path: string | undefined;
  /** Milliseconds after which the process group is killed. */
  readonly timeoutMs: number;
}

/** No official reference; a restart of a large mail server takes seconds, and systemd's own limit is 90 s. */
export const RELOAD_TIMEOUT_MS = 60_000;
/** A background process may inherit the pipe and keep it open: after the exit we read what is there, no longer. */
const DRAIN_MS = 200;
const KEPT_OUTPUT = 4096;
const SHOWN_LINES = 3;
const SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

type Ending =
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "signal"; readonly signal: string }
  | { readonly kind: "timeout" }
  | { readonly kind: "not-started"; readonly code: string; readonly message: string };

/** Runs each command in turn and stops at the first that fails. Null: every one ended with exit code 0. */
export async function runReloads(
  commands: readonly (readonly string[])[],
  options: ReloadOptions,
): Promise<Fault | null> {
  for (const argv of commands) {
    const problem = await runReload(argv, options);
    if (problem !== null) return problem;
  }
  return null;
}

/** Runs one command. Null when it ended with exit code 0, else RELOAD_FAILED with the last lines of its output. */
export async function runReload(argv: readonly string[], options: ReloadOptions): Promise<Fault | null> {
  const [program, ...words] = argv;
  if (program === undefined) return fault("RELOAD_FAILED", "a reload action has no words", "name the program to run");
  const child = spawn(program, words, {
    cwd: "/",
    detached: true,
    env: { PATH: searchPath(options.path), LANG: "C" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = collectOutput(child);
  const ending = await endOf(child, options.timeoutMs);
  await output.drained();
  return judgeEnding(argv.join(" "), ending, options.timeoutMs, output.text());
}

/** Folders in which reload programs are found: the absolute ones of `path`, then the system's. */
export function searchPath(path: string | undefined): string {
  const own = (path ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return [...new Set([...own, ...SYSTEM_PATH])].join(":");
}

function collectOutput(child: ChildProcess): { readonly text: () => string; readonly drained: () => Promise<void> } {
  let kept = "";
  const decoder = new TextDecoder();
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  for (const stream of streams) {
    stream.on("data", (chunk: Uint8Array) => {
      kept = (kept + decoder.decode(chunk, { stream: true })).slice(-KEPT_OUTPUT);
    });
  }
  const closed = Promise.all(
    streams
      .filter((stream) => !stream.closed)
      .map((stream) => new Promise<void>((done) => void stream.once("close", done))),
  );
  return {
    text: () => kept,
    drained: async () => {
      const timer = setTimeout(() => {
        for (const stream of streams) stream.destroy();
      }, DRAIN_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

function endOf(child: ChildProcess, timeoutMs: number): Promise<Ending> {
  return new Promise((done) => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, timeoutMs);
    child.once("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      done({ kind: "not-started", code: error.code ?? "", message: error.message });
    });
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      if (timedOut) done({ kind: "timeout" });
      else if (code !== null) done({ kind: "exit", code });
      else done({ kind: "signal", signal: signal ?? "unknown" });
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is already gone: there is nothing left to end.
    child.kill("SIGKILL");
  }
}

function judgeEnding(command: string, ending: Ending, timeoutMs: number, output: string): Fault | null {
  const said = lastLines(output);
  switch (ending.kind) {
    case "exit":
      if (ending.code === 0) return null;
      return fault("RELOAD_FAILED", `"${command}" ended with exit code ${String(ending.code)}${said}`);
    case "signal":
      return fault("RELOAD_FAILED", `"${command}" was ended by ${ending.signal}${said}`);
    case "timeout": {
      const limit = formatDuration(seconds(Math.ceil(timeoutMs / 1000)));
      return fault(
        "RELOAD_FAILED",
        `"${command}" was still running after ${limit} and was ended${said}`,
        "a reload action must end by itself; start services through systemctl or rc",
      );
    }
    case "not-started":
      if (ending.code === "ENOENT") {
        return fault(
          "RELOAD_FAILED",
          `"${command}" could not be started: there is no such program`,
          "write its absolute path in `reload`; words are not given to a shell",
        );
      }
      if (ending.code === "EACCES") {
        return fault("RELOAD_FAILED", `"${command}" could not be started: not executable for this user`);
      }
      return fault("RELOAD_FAILED", `"${command}" could not be started: ${ending.message}`);
  }
}

/** The last lines for the message, without control characters that could play with a terminal. */
function lastLines(output: string): string {
  const lines = output
    .split(/\r?\n/)
    .map((line) => line.replace(/\p{Cc}/gu, " ").trim())
    .filter((line) => line !== "");
  return lines.length === 0 ? "" : `; it said: ${lines.slice(-SHOWN_LINES).join(" / ").slice(-400)}`;
}
