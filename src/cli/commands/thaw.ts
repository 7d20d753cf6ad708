/** `daneward thaw`: lets everything go on after `daneward freeze`. */
import { thawAll } from "../../driver/steer.ts";
import { freezeFault, readFreeze } from "../../store/freeze.ts";
import type { Announcement } from "../../report/steer-model.ts";
import { renderAnnouncement } from "../../report/steer-text.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { isConfirmed, sayingOf, tickNow } from "../steering.ts";
import type { SteerOptions } from "../steering.ts";

const WILL: Announcement = {
  will: ["let every certificate go on from where it is; every gate is asked again, waits that have run out are over"],
  costs: ["nothing"],
  then: ["daneward tick --force looks at all of them at once (or --now here); else each goes on at its next look"],
};

/** Ends with 0, with 1 when the answer was no, like a tick with --now. Throws NOT_APPLICABLE when nothing is frozen, LOCK_HELD. */
export async function run(_args: readonly string[], options: SteerOptions, io: Io): Promise<ExitCode> {
  const saying = sayingOf(options, io);
  const standing = readFreeze(saying.stateDirectory);
  const isTalking = options.quiet !== true && options.json !== true;
  if (isTalking) {
    const message = standing === null ? "" : `${freezeFault(standing).message}\n`;
    io.err(`${message}${renderAnnouncement("thaw", WILL)}`);
  }
  const dryRun = options.dryRun === true;
  if (dryRun || !(await isConfirmed("thaw everything?", false, options, io))) return dryRun ? EXIT.done : EXIT.failed;
  const lifted = await thawAll(saying);
  const { message } = freezeFault(lifted);
  if (options.json === true) io.out(`${JSON.stringify({ schema: "daneward/thaw/1", frozen: false, was: message })}\n`);
  else if (isTalking) io.err("everything goes on\n");
  return options.now === true ? tickNow([], options, io) : EXIT.done;
}
