/** `daneward freeze`: from now on nothing is published, swapped or withdrawn; looking, verifying and alarms go on. */
import { freezeAll } from "../../driver/steer.ts";
import { findFreeze, freezeFault, readFreeze } from "../../store/freeze.ts";
import type { Announcement } from "../../report/steer-model.ts";
import { renderAnnouncement } from "../../report/steer-text.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { isConfirmed, NOTHING_CHANGED, sayingOf } from "../steering.ts";
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

/** What came of it, for programs; people read the message. */
interface Facts extends Readonly<Record<string, unknown>> {
  readonly message: string;
}

/** Ends with 0, also when it is frozen already, and with 1 when the answer was no. */
export async function run(_args: readonly string[], options: SteerOptions, io: Io): Promise<ExitCode> {
  const saying = sayingOf(options, io);
  const standing = findFreeze(saying.stateDirectory);
  if (standing !== null) {
    const message = `${freezeFault(standing).message}: nothing to do`;
    return told({ frozen: true, changed: false, message, busy: null }, options, io);
  }
  if (options.quiet !== true && options.json !== true) io.err(renderAnnouncement("freeze", WILL));
  if (options.dryRun === true) {
    return told({ frozen: false, changed: false, dryRun: true, message: NOTHING_CHANGED, ...WILL }, options, io);
  }
  if (!(await isConfirmed("freeze everything?", false, options, io))) return EXIT.failed;
  const busy = await freezeAll(saying);
  const freeze = readFreeze(saying.stateDirectory);
  const message = freeze === null ? "somebody else has just thawed it" : freezeFault(freeze).message;
  told({ frozen: freeze !== null, changed: true, message, busy }, options, io);
  if (busy !== null && options.quiet !== true && options.json !== true) {
    io.err(`${busy}: it ends what it has begun, and begins nothing else\n`);
  }
  return EXIT.done;
}

function told(facts: Facts, options: SteerOptions, io: Io): ExitCode {
  if (options.json === true) io.out(`${JSON.stringify({ schema: "daneward/freeze/1", ...facts })}\n`);
  else if (options.quiet !== true) io.err(`${facts.message}\n`);
  return EXIT.done;
}
