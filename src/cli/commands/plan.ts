/** `daneward plan`: the timetable of the rollover under way, or of the next one, as the world looks now. */
import { VERSION } from "../../base/build.ts";
import type { Instant } from "../../base/time.ts";
import { createLiveWorld } from "../../driver/live-world.ts";
import { renderCalendar } from "../../report/ics.ts";
import { renderPlanJson, renderPlanText } from "../../report/plan-text.ts";
import type { Plan } from "../../report/plan-text.ts";
import { inOrder, stepsOfPlan } from "../../report/upcoming.ts";
import { loadState } from "../../store/store.ts";
import { chosenCertificates, configurationOf } from "../driver-files.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import type { Io } from "../io.ts";
import { planningSetting, planOf } from "../planning.ts";

export interface PlanOptions extends FileOptions {
  readonly json?: boolean;
  readonly ics?: boolean;
}

/** Ends with 0; changes nothing. */
export async function run(args: readonly string[], options: PlanOptions, io: Io): Promise<ExitCode> {
  const configuration = await configurationOf(options, io);
  const certificates = chosenCertificates(configuration, args[0]);
  const world = createLiveWorld(configuration, io.clock, io.signal);
  const stateDirectory = stateDirectoryOf(options, io);
  const setting = planningSetting(configuration, stateDirectory, world, io);
  const plans: Plan[] = [];
  for (const certificate of certificates) {
    const saved = loadState(stateDirectory, certificate.name);
    plans.push(await planOf(setting, certificate, saved));
  }
  if (options.ics === true) {
    const steps = inOrder(plans.flatMap(stepsOfPlan));
    io.out(renderCalendar(steps, { at: io.clock(), version: VERSION }));
  } else if (options.json === true) io.out(`${JSON.stringify(renderPlanJson(plans, io.clock()), null, 2)}\n`);
  else io.out(plans.map((plan) => renderPlanText(plan, { color: io.color, offsetAt: localOffset })).join("\n"));
  return EXIT.done;
}

/** Of the time zone that this process runs in. */
function localOffset(at: Instant): number {
  return -new Date(at).getTimezoneOffset();
}
