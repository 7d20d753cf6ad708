/** `daneward rollback CERT`: back to the certificate before the present one, also after a rollover that is finished. */
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { runSteering } from "../steering.ts";
import type { SteerOptions } from "../steering.ts";

/** Ends as {@link runSteering}. */
export function run(args: readonly string[], options: SteerOptions, io: Io): Promise<ExitCode> {
  return runSteering("rollback", args, options, io);
}
