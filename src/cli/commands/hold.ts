/** `daneward hold CERT`: stops every automatic step of a certificate; looking goes on. */
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { runSteering } from "../steering.ts";
import type { SteerOptions } from "../steering.ts";

/** Ends as {@link runSteering}. */
export function run(args: readonly string[], options: SteerOptions, io: Io): Promise<ExitCode> {
  return runSteering("hold", args, options, io);
}
