/** `daneward freeze`: from now on nothing is published, swapped or withdrawn; looking, verifying and alarms go on. */
import { freezeAll } from "../../driver/steer.ts";
import { freezeFault, readFreeze } from "../../store/freeze.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { isConfirmed, sayingOf } from "../steering.ts";
import type { SteerOptions } from "../steering.ts";

const WILL = `freeze
  will    stop every step for every certificate: nothing is published, swapped, reloaded or withdrawn; hold files are not written
          go on looking, verifying and raising alarms; hooks go on noting renewals
  costs   renewals are not deployed: the live certificates must last; waits go on, and their ends are acted on after the thaw
          a record of ours that somebody removes is not put back meanwhile
  then    daneward thaw
`;

/** Ends with 0, with 1 when the answer was no. Throws NOT_APPLICABLE when it is frozen already. */
export async function run(_args: readonly string[], options: SteerOptions, io: Io): Promise<ExitCode> {
  if (options.quiet !== true && options.json !== true) io.err(WILL);
  const saying = sayingOf(options, io);
  const dryRun = options.dryRun === true;
  if (dryRun || !(await isConfirmed("freeze everything?", false, options, io))) return dryRun ? EXIT.done : EXIT.failed;
  const busy = await freezeAll(saying);
  const freeze = readFreeze(saying.stateDirectory);
  const message = freeze === null ? "somebody else has just thawed it" : freezeFault(freeze).message;
  if (options.json === true)
    io.out(`${JSON.stringify({ schema: "daneward/freeze/1", frozen: freeze !== null, message, busy })}\n`);
  else if (options.quiet !== true) {
    io.err(`${message}${busy === null ? "" : `\n${busy}: it ends what it has begun, and begins nothing else`}\n`);
  }
  return EXIT.done;
}
