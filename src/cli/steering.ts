/** What `hold`, `resume` and `abort` share: one certificate, a reason, a word about what came of it. */
import { userInfo } from "node:os";
import { steer } from "../driver/steer.ts";
import type { SteerVerb } from "../driver/steer.ts";
import { footingOf } from "../report/model.ts";
import { safetyOf } from "../report/words.ts";
import type { RolloverState } from "../rollover/state.ts";
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
    who: loginName(io),
    stateDirectory: stateDirectoryOf(options, io),
    clock: io.clock,
    dryRun: options.dryRun === true,
  });
  say(name, state, options, io);
  return EXIT.done;
}

/** Who is at work, for the journal. Service managers set none of the variables: then it is the user of this process. */
function loginName(io: Io): string {
  const { SUDO_USER, USER, LOGNAME } = io.env;
  const named = [SUDO_USER, USER, LOGNAME].find((name) => name !== undefined && name !== "");
  if (named !== undefined) return named;
  try {
    return userInfo().username;
  } catch {
    // A user id without an entry in the system's list, as in a container.
    return `user ${String(process.getuid?.() ?? "unknown")}`;
  }
}

function say(name: string, state: RolloverState, options: SteerOptions, io: Io): void {
  const { phase } = state;
  const dryRun = options.dryRun === true;
  if (options.json === true) {
    io.out(`${JSON.stringify({ schema: "daneward/steer/1", certificate: name, phase: phase.phase, dryRun })}\n`);
    return;
  }
  if (options.quiet === true) return;
  const tail = phase.phase === "held" ? "" : `; daneward tick ${name} goes on at once`;
  io.err(
    `${name}: ${dryRun ? "would be" : "now"} ${phase.phase}: ${safetyOf(phase, footingOf(state))}${dryRun ? "" : tail}\n`,
  );
}
