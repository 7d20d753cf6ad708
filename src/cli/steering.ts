/** What `hold`, `resume` and `abort` share: one certificate, a reason, a word about what came of it. */
import { steer } from "../driver/steer.ts";
import type { SteerVerb } from "../driver/steer.ts";
import { safetyOf } from "../report/words.ts";
import type { Phase } from "../rollover/state.ts";
import { chosenCertificates, configurationOf } from "./driver-files.ts";
import { EXIT } from "./exit.ts";
import type { ExitCode } from "./exit.ts";
import { stateDirectoryOf } from "./file-options.ts";
import type { FileOptions } from "./file-options.ts";
import type { Io } from "./io.ts";

export interface SteerOptions extends FileOptions {
  readonly because?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Runs one verb. Throws CERTIFICATE_UNKNOWN, NEVER_SEEN, NOT_APPLICABLE, LOCK_HELD. */
export async function runSteering(
  verb: SteerVerb,
  args: readonly string[],
  options: SteerOptions,
  io: Io,
): Promise<ExitCode> {
  const configuration = await configurationOf(options, io);
  const [name = ""] = args;
  chosenCertificates(configuration, name);
  const state = await steer({
    verb,
    certificate: name,
    because: options.because ?? "",
    who: io.env["SUDO_USER"] ?? io.env["USER"] ?? "unknown",
    stateDirectory: stateDirectoryOf(options, io),
    clock: io.clock,
    dryRun: options.dryRun === true,
  });
  say(name, state.phase, options, io);
  return EXIT.done;
}

function say(name: string, phase: Phase, options: SteerOptions, io: Io): void {
  const dryRun = options.dryRun === true;
  if (options.json === true) {
    io.out(`${JSON.stringify({ schema: "daneward/steer/1", certificate: name, phase: phase.phase, dryRun })}\n`);
    return;
  }
  if (options.quiet === true) return;
  const tail = phase.phase === "held" ? "" : `; daneward tick ${name} goes on at once`;
  io.err(`${name}: ${dryRun ? "would be" : "now"} ${phase.phase}: ${safetyOf(phase)}${dryRun ? "" : tail}\n`);
}
