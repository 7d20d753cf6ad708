/** `daneward status`: what is live, what is next, why not now, and until when. Reads saved state; asks nobody. */
import { renderStatusJson } from "../../report/status-json.ts";
import { renderStatusText } from "../../report/status-text.ts";
import { chosenCertificates, configurationOf, statusReport } from "../driver-files.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import type { Io } from "../io.ts";

export interface StatusOptions extends FileOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** Ends with 0, whatever the status is: `check` is for monitoring. */
export async function run(args: readonly string[], options: StatusOptions, io: Io): Promise<ExitCode> {
  const configuration = await configurationOf(options, io);
  const certificates = chosenCertificates(configuration, args[0]);
  const report = statusReport(stateDirectoryOf(options, io), certificates, io.clock(), configuration.certificates);
  if (options.json === true) io.out(`${JSON.stringify(renderStatusJson(report), null, 2)}\n`);
  else io.out(renderStatusText(report, { color: io.color, whole: options.verbose === true }));
  return EXIT.done;
}
