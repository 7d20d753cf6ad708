/** Prints a failure as `daneward: error: …` / `hint: …` and finds its exit code. */
import { CATALOGUE, OperationalError } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import { EXIT, PLUGIN } from "./exit.ts";
import type { ExitCode } from "./exit.ts";
import type { Io } from "./io.ts";
import { loggingIo } from "./journal-log.ts";
import { unknownLines } from "./monitoring.ts";

const BY_CODE: Partial<Record<FaultCode, ExitCode>> = {
  USAGE: EXIT.usage,
  PUBLISH_INVALID: EXIT.usage,
  LOCK_HELD: EXIT.temporary,
  PERMISSION_DENIED: EXIT.permission,
  DISK_FULL: EXIT.temporary,
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

/** How a failure is to be answered. */
export interface FailureOptions {
  /** As JSON on standard output too. */
  readonly json: boolean;
  /** The command speaks the monitoring-plugin convention. */
  readonly plugin: boolean;
  /** The word before the state in its status line, which then is on standard output; absent: it prints none. */
  readonly service?: string | null;
}

/** A key file that is not there or is a directory is nobody's permission. */
function isDenied(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "EACCES" || cause.code === "EPERM");
}

/**
 * Reports `error` on standard error and returns the exit code: that of the code, or UNKNOWN (3) for commands that speak
 * the monitoring-plugin convention.
 */
export function reportFailure(error: unknown, io: Io, options: FailureOptions): ExitCode {
  const { code, message, hint } = describe(error);
  const { service = null } = options;
  loggingIo(io).err(`daneward: error: ${message}\nhint: ${hint}\n`);
  if (options.json) io.out(`${JSON.stringify({ schema: "daneward/error/1", code, message, hint })}\n`);
  else if (service !== null) io.out(unknownLines(service, message, hint));
  if (code === "INTERNAL_BUG") return EXIT.bug;
  if (options.plugin) return PLUGIN.unknown;
  if (error instanceof OperationalError && error.retry !== "never" && BY_CODE[code] === undefined)
    return EXIT.temporary;
  if (code === "KEY_FILE_UNREADABLE" && error instanceof Error && isDenied(error.cause)) return EXIT.permission;
  return BY_CODE[code] ?? EXIT.failed;
}
