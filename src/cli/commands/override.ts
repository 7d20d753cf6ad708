/** `daneward override CERT --because TEXT`: does the next step of a rollover now, against gates that say no. */
import { fault, OperationalError } from "../../base/errors.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { runSteering } from "../steering.ts";
import type { SteerOptions } from "../steering.ts";

/** Ends as {@link runSteering}. Rejects with USAGE without a reason. */
export async function run(args: readonly string[], options: SteerOptions, io: Io): Promise<ExitCode> {
  if ((options.because ?? "").trim() !== "") return runSteering("override", args, options, io);
  const hint = 'add --because "…": whoever reads the journal later wants to know';
  throw OperationalError.of(fault("USAGE", "an override needs a reason", hint));
}
