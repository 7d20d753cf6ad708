/** `daneward thaw`: lets everything go on after `daneward freeze`. */
import { thawAll } from "../../driver/steer.ts";
import { findFreeze, freezeFault } from "../../store/freeze.ts";
import type { Announcement } from "../../report/steer-model.ts";
import { renderAnnouncement } from "../../report/steer-text.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { isConfirmed, NOTHING_CHANGED, sayingOf, tickNow } from "../steering.ts";
import type { SteerOptions } from "../steering.ts";

const WILL: Announcement = {
  will: ["let every certificate go on from where it is; every gate is asked again, waits that have run out are over"],
  costs: ["nothing"],
  then: ["daneward tick --force looks at all of them at once (or --now here); else each goes on at its next look"],
};

/** What came of it, for programs; people read the message. */
interface Facts extends Readonly<Record<string, unknown>> {
  readonly message: string;
}

/** Ends with 0, also when nothing is frozen, with 1 when the answer was no, like a tick with --now. Throws LOCK_HELD. */
export async function run(_args: readonly string[], options: SteerOptions, io: Io): Promise<ExitCode> {
  const saying = sayingOf(options, io);
  const standing = findFreeze(saying.stateDirectory);
  const dryRun = options.dryRun === true;
  const tell = (facts: Facts): void => {
    if (options.json === true) io.out(`${JSON.stringify({ schema: "daneward/thaw/1", ...facts })}\n`);
    else if (options.quiet !== true) io.err(`${facts.message}\n`);
  };
  if (standing === null) {
    tell({ frozen: false, changed: false, message: "nothing is frozen: nothing to do" });
    return options.now === true && !dryRun ? tickNow([], options, io) : EXIT.done;
  }
  const was = freezeFault(standing).message;
  if (options.quiet !== true && options.json !== true) io.err(`${was}\n${renderAnnouncement("thaw", WILL)}`);
  if (dryRun) {
    tell({ frozen: true, changed: false, dryRun, was, message: NOTHING_CHANGED, ...WILL });
    return EXIT.done;
  }
  if (!(await isConfirmed("thaw everything?", false, options, io))) return EXIT.failed;
  const lifted = await thawAll(saying);
  tell({ frozen: false, changed: true, was: freezeFault(lifted).message, message: "everything goes on" });
  return options.now === true ? tickNow([], options, io) : EXIT.done;
}
