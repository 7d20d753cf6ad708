/** `daneward freeze`: from now on nothing is published, swapped or withdrawn; looking, verifying and alarms go on. */
import { freezeAll } from "../../driver/steer.ts";
import { freezeFault, readFreeze } from "../../store/freeze.ts";
import type { Announcement } from "../../report/steer-model.ts";
import { renderAnnouncement } from "../../report/steer-text.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { isConfirmed, sayingOf } from "../steering.ts";
import type { SteerOptions } from "../steering.ts";

const WILL: Announcement = {
  will: [
    "stop every step for every certificate: nothing is published, swapped, reloaded or withdrawn, and no hold file is written",
    "go on looking, verifying and raising alarms; hooks go on noting renewals",
  ],
  costs: [
    "renewals are not deployed: what is live must last; waits go on, and are acted on after the thaw",
    "a record of ours that somebody removes is not put back meanwhile",
  ],
  then: ["daneward thaw lets everything go on"],
};

/** Ends with 0, with 1 when the answer was no. Throws NOT_APPLICABLE when it is frozen already. */
export async function run(_args: readonly string[], options: SteerOptions, io: Io): Promise<ExitCode> {
  if (options.quiet !== true && options.json !== true) io.err(renderAnnouncement("freeze", WILL));
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
