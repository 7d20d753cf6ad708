/** `daneward roll CERT`: wants a new certificate; with --emergency because the key that is live can be trusted no more. */
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { runSteering } from "../steering.ts";
import type { SteerOptions } from "../steering.ts";

export interface RollOptions extends SteerOptions {
  readonly emergency?: boolean;
}

/** Ends as {@link runSteering}. */
export function run(args: readonly string[], options: RollOptions, io: Io): Promise<ExitCode> {
  return runSteering(options.emergency === true ? "emergency" : "roll", args, options, io);
}
