/** Processes of the lab: one-shot commands, and daemons that end with the suite whatever becomes of it. */
import { spawn } from "node:child_process";
import { PATH, findProgram, program } from "./programs.ts";
import { until } from "./poll.ts";

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
  /** SIGKILL after so many milliseconds. */
  readonly killAfterMs?: number;
}

/** The environment every child of the lab gets; `C` keeps messages readable for the tests. */
const ENVIRONMENT = { PATH, LC_ALL: "C.UTF-8", TZ: "UTC" } as const;

/** Runs a command to its end; a failing command is an answer, not an error. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const started = Date.now();
    const child = spawn(command, [...args], { cwd: options.cwd, env: { ...ENVIRONMENT, ...options.env } });
    const out = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (out.stderr += text));
    const timers = [setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 30_000)];
    if (options.killAfterMs !== undefined) timers.push(setTimeout(() => child.kill("SIGKILL"), options.killAfterMs));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      for (const timer of timers) clearTimeout(timer);
      resolve({ code, signal, ...out, durationMs: Date.now() - started });
    });
    child.stdin.on("error", () => undefined); // a child that does not read its input is fine
    child.stdin.end(options.input ?? "");
  });
}

/** Runs a command that must succeed and gives its standard output. */
export async function must(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const ended = await run(command, args, options);
  if (ended.code !== 0) {
    throw new Error(
      `${[command, ...args].join(" ")} ended with ${String(ended.code ?? ended.signal)}\n${ended.stdout}${ended.stderr}`,
    );
  }
  return ended.stdout;
}

export interface Daemon {
  readonly name: string;
  readonly pid: number;
  /** Everything it wrote so far. */
  readonly output: () => string;
  readonly signal: (signal: NodeJS.Signals) => void;
  readonly stop: () => Promise<void>;
}

export interface DaemonSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Whether it answers already. */
  readonly ready: () => Promise<boolean>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a daemon in the foreground and waits until it answers. It dies with this process (`setpriv --pdeathsig`). */
export async function startDaemon(spec: DaemonSpec): Promise<Daemon> {
  const tie = findProgram("setpriv");
  const [command, args] =
    tie === null
      ? [program(spec.command), spec.args]
      : [tie, ["--pdeathsig", "KILL", "--", program(spec.command), ...spec.args]];
  const child = spawn(command, [...args], {
    cwd: spec.cwd,
    env: { ...ENVIRONMENT, ...spec.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let ended: string | null = null;
  const note = (text: string): void => {
    output = (output + text).slice(-200_000);
  };
  child.stdout.setEncoding("utf8").on("data", note);
  child.stderr.setEncoding("utf8").on("data", note);
  const gone = new Promise<void>((resolve) => {
    child.on("error", (error) => {
      ended = error.message;
      resolve();
    });
    child.on("exit", (code, signal) => {
      ended = `ended with ${String(code ?? signal)}`;
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    if (ended === null) child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await gone;
    clearTimeout(timer);
  };
  const news = (): string => `--- ${spec.name} ${ended ?? "is running"}, its output:\n${output}`;
  try {
    await until(
      `${spec.name} answers`,
      async () => {
        if (ended !== null) throw new Error(`${spec.name} did not start\n${news()}`);
        return await spec.ready();
      },
      { deadlineMs: 20_000, news },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  const { pid } = child;
  if (pid === undefined) throw new Error(`${spec.name} has no process id`);
  return { name: spec.name, pid, output: () => output, signal: (signal) => void child.kill(signal), stop };
}
