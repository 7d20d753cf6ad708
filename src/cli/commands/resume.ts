/** `daneward resume CERT`: goes on after a hold or a failed deployment. */
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { runSteering } from "../steering.ts";
import type { SteerOptions } from "../steering.ts";

/** Ends with 0; what it throws is said by {@link runSteering}. */
export function run(args: readonly string[], options: SteerOptions, io: Io): Promise<ExitCode> {
  return runSteering("resume", args, options, io);
}
