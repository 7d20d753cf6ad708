/** Prints a failure as `daneward: error: …` / `hint: …` and finds its exit code. */
import { CATALOGUE, OperationalError } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import { EXIT, PLUGIN } from "./exit.ts";
import type { ExitCode } from "./exit.ts";
import type { Io } from "./io.ts";

const BY_CODE: Partial<Record<FaultCode, ExitCode>> = {
  USAGE: EXIT.usage,
  PUBLISH_INVALID: EXIT.usage,
  LOCK_HELD: EXIT.temporary,
  PERMISSION_DENIED: EXIT.permission,
  KEY_FILE_UNREADABLE: EXIT.permission,
  KEY_FILE_EXPOSED: EXIT.permission,
  CONFIG_SYNTAX: EXIT.configuration,
  CONFIG_INVALID: EXIT.configuration,
  CONFIG_UNKNOWN_KEY: EXIT.configuration,
  CONFIG_MISSING: EXIT.configuration,
  CONFIG_UNSUPPORTED: EXIT.configuration,
  TRUST_ANCHOR_INVALID: EXIT.configuration,
  INTERNAL_BUG: EXIT.bug,
};

/** Errors of the system calls that reach the top unwrapped: still answered in our own words. */
const BY_ERRNO: Readonly<Record<string, FaultCode>> = {
  EACCES: "PERMISSION_DENIED",
  EPERM: "PERMISSION_DENIED",
  EROFS: "PERMISSION_DENIED",
  ENOENT: "FILE_NOT_FOUND",
  ENOSPC: "DISK_FULL",
  EDQUOT: "DISK_FULL",
  EIO: "FILE_UNREADABLE",
  EISDIR: "FILE_UNREADABLE",
};

function describe(error: unknown): { code: FaultCode; message: string; hint: string } {
  if (error instanceof OperationalError) return error;
  const errno = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  const known = BY_ERRNO[errno];
  if (known !== undefined && error instanceof Error) {
    return { code: known, message: error.message, hint: CATALOGUE[known].hint };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "INTERNAL_BUG", message: text, hint: CATALOGUE.INTERNAL_BUG.hint };
}

/**
 * Reports `error` on standard error (as JSON on standard output when asked) and returns the exit code: that of the
 * code, or UNKNOWN (3) for commands that speak the monitoring-plugin convention.
 */
export function reportFailure(error: unknown, io: Io, options: { json: boolean; plugin: boolean }): ExitCode {
  const { code, message, hint } = describe(error);
  io.err(`daneward: error: ${message}\nhint: ${hint}\n`);
  if (options.json) io.out(`${JSON.stringify({ schema: "daneward/error/1", code, message, hint })}\n`);
  if (code === "INTERNAL_BUG") return EXIT.bug;
  if (options.plugin) return PLUGIN.unknown;
  if (error instanceof OperationalError && error.retry !== "never" && BY_CODE[code] === undefined)
    return EXIT.temporary;
  return BY_CODE[code] ?? EXIT.failed;
}
