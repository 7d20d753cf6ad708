/** `daneward status`: what is live, what is next, why not now, and until when. Reads saved state; asks nobody. */
import { fault, OperationalError } from "../../base/errors.ts";
import type { Instant } from "../../base/time.ts";
import type { CertificateConfig, Configuration } from "../../config/schema.ts";
import { courseOf, expectedEvents, waitsAfterSwap } from "../../report/milestones.ts";
import type { StatusReport } from "../../report/model.ts";
import { renderStatusJson } from "../../report/status-json.ts";
import { renderStatusText } from "../../report/status-text.ts";
import { drawMilestones } from "../../report/timeline-draw.ts";
import { painter } from "../../report/words.ts";
import { readJournal } from "../../store/journal.ts";
import { styleOf } from "../demo/style.ts";
import { chosenCertificates, configurationOf, statusReport } from "../driver-files.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import type { Io } from "../io.ts";

export interface StatusOptions extends FileOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly ascii?: boolean;
  /** `true`: how often was not said. */
  readonly watch?: string | true;
}

/**
 * Ends with 0, whatever the status is: `check` is for monitoring; with 1 when a state cannot be read, so that there is
 * none to show. Throws USAGE and CERTIFICATE_UNKNOWN.
 */
export async function run(args: readonly string[], options: StatusOptions, io: Io): Promise<ExitCode> {
  const { name, everySeconds } = watchOf(args[0], options);
  const configuration = await configurationOf(options, io);
  const chosen = chosenCertificates(configuration, name);
  const directory = stateDirectoryOf(options, io);
  const look = (): StatusReport => statusReport(directory, chosen, io.clock(), configuration.certificates);
  if (everySeconds !== null) {
    const { watchStatus } = await import("../watch.ts");
    const text = (report: StatusReport): string => textOf(report, { configuration, directory, options, io });
    await watchStatus({ look, text, everySeconds, io });
    return EXIT.done;
  }
  const report = look();
  if (options.json === true) io.out(`${JSON.stringify(renderStatusJson(report), null, 2)}\n`);
  else io.out(textOf(report, { configuration, directory, options, io }));
  return report.certificates.some(({ outcome }) => outcome === "unreadable") ? EXIT.failed : EXIT.done;
}

interface Setting {
  readonly configuration: Configuration;
  readonly directory: string;
  readonly options: StatusOptions;
  readonly io: Io;
}

function textOf(report: StatusReport, { configuration, directory, options, io }: Setting): string {
  const unicode = options.ascii !== true && io.outIsTerminal && styleOf(io).unicode;
  const courses = new Map<string, readonly string[]>();
  const [only] = report.certificates.length === 1 ? report.certificates : [];
  const config = configuration.certificates.find((one) => one.name === only?.name);
  if (only?.outcome === "known" && only.status.phase !== "stable" && config !== undefined) {
    courses.set(only.name, drawnCourse(only.status, config, directory, { at: report.at, unicode, color: io.color }));
  }
  return renderStatusText(report, { color: io.color, whole: options.verbose === true, courses });
}

interface Look {
  readonly at: Instant;
  readonly unicode: boolean;
  readonly color: boolean;
}

/** The line of dots of the rollover under way. */
function drawnCourse(
  status: Parameters<typeof expectedEvents>[0],
  { name, policy }: CertificateConfig,
  directory: string,
  { at, unicode, color }: Look,
): readonly string[] {
  const milestones = courseOf(readJournal(directory, name).entries, expectedEvents(status, waitsAfterSwap(policy)), at);
  return drawMilestones(milestones, { at, unicode, paint: painter(color) });
}

const DEFAULT_SECONDS = 5;
const LONGEST_SECONDS = 3600;

/** `--watch mx` names a certificate, `--watch 5` a time. */
function watchOf(
  named: string | undefined,
  { watch, json }: StatusOptions,
): { readonly name: string | undefined; readonly everySeconds: number | null } {
  if (watch === undefined) return { name: named, everySeconds: null };
  if (json === true)
    throw usage("--watch draws for people", "for programs: daneward status --json, as often as you like");
  if (watch === true) return { name: named, everySeconds: DEFAULT_SECONDS };
  if (!/^\d+$/.test(watch)) {
    if (named === undefined) return { name: watch, everySeconds: DEFAULT_SECONDS };
    throw usage(`--watch: "${watch}" is no number of seconds`, "daneward status --watch 5");
  }
  const everySeconds = Number(watch);
  if (everySeconds >= 1 && everySeconds <= LONGEST_SECONDS) return { name: named, everySeconds };
  throw usage(`--watch: ${watch} is out of range`, `name 1 to ${String(LONGEST_SECONDS)} seconds`);
}

function usage(message: string, hint: string): OperationalError {
  return OperationalError.of(fault("USAGE", message, hint));
}
