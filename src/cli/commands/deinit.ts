/** `daneward deinit CERT`: withdraws every record of ours for good; the certificate stays deployed and in use. */
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { runSteering } from "../steering.ts";
import type { SteerOptions } from "../steering.ts";

/** Ends as {@link runSteering}. */
export function run(args: readonly string[], options: SteerOptions, io: Io): Promise<ExitCode> {
  return runSteering("deinit", args, options, io);
}
