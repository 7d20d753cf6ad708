/**
 * Runs the operator's reload actions, as `command.ts` runs commands. That one ends with 0 proves nothing about the
 * service: the live handshakes do.
 */
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { describeFailure } from "../publisher/command.ts";
import { runCommand } from "./command.ts";
import { maskSecrets } from "./mask.ts";

/** How a reload is run. */
export interface ReloadOptions {
  /** The caller's search path; the usual system folders are added, since cron leaves out `sbin`. */
  readonly path: string | undefined;
  /** Milliseconds after which the process group is killed. */
  readonly timeoutMs: number;
}

/** No official reference; a restart of a large mail server takes seconds, and systemd's own limit is 90 s. */
export const RELOAD_TIMEOUT_MS = 60_000;

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
  if (argv.length === 0) return fault("RELOAD_FAILED", "a reload action has no words", "name the program to run");
  const { path, timeoutMs } = options;
  const result = await runCommand(argv, { timeoutMs }, path);
  const message = describeFailure(argv, { ...result, said: maskSecrets(result.said) }, timeoutMs);
  if (message === null) return null;
  const { ending } = result;
  if (ending.kind === "timeout") {
    const hint = "a reload action must end by itself; start services through systemctl or rc";
    return fault("RELOAD_FAILED", message, hint);
  }
  const isMissing = ending.kind === "not-started" && ["ENOENT", "ENOTDIR"].includes(ending.code);
  return isMissing
    ? fault("RELOAD_FAILED", message, "write its absolute path in `reload`; words are not given to a shell")
    : fault("RELOAD_FAILED", message);
}
