/** `daneward check`: the state of the certificates for monitoring, out of saved state. Asks nobody, changes nothing. */
import { fault, OperationalError } from "../../base/errors.ts";
import { parseDuration, seconds } from "../../base/time.ts";
import type { Seconds } from "../../base/time.ts";
import { renderStatusJson } from "../../report/status-json.ts";
import { checkStatus } from "../../report/status-check.ts";
import { chosenCertificates, configurationOf, statusReport } from "../driver-files.ts";
import { PLUGIN } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import type { Io } from "../io.ts";

export interface CheckOptions extends FileOptions {
  readonly warning?: string;
  readonly critical?: string;
  readonly patience?: string;
  readonly json?: boolean;
}

/** Ticks come every ten minutes; three may be missed. */
const PATIENCE = seconds(1800);

/** `14`, as other plugins for certificates have it, or the same as a range: `14:`, `@0:14`. Null: by the certificate's life. */
function days(text: string | undefined, flag: string): number | null {
  if (text === undefined) return null;
  const written = /^(?:(?<least>\d{1,4}(?:\.\d)?):?|@(?:[0~]?:)(?<most>\d{1,4}(?:\.\d)?))$/.exec(text)?.groups;
  const number = written?.["least"] ?? written?.["most"];
  if (number !== undefined) return Number(number);
  throw OperationalError.of(fault("USAGE", `${flag}: "${text}" is not a number of days, as 14 or 14: is`));
}

function duration(text: string | undefined): Seconds {
  if (text === undefined) return PATIENCE;
  const parsed = parseDuration(text);
  if (parsed.ok) return parsed.value;
  throw OperationalError.of(fault("USAGE", `--patience: ${parsed.fault}`));
}

/** Ends with 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. */
export async function run(args: readonly string[], options: CheckOptions, io: Io): Promise<ExitCode> {
  const thresholds = {
    warnDays: days(options.warning, "--warning"),
    criticalDays: days(options.critical, "--critical"),
    patience: duration(options.patience),
  };
  const configuration = await configurationOf(options, io);
  const certificates = chosenCertificates(configuration, args[0]);
  const report = statusReport(stateDirectoryOf(options, io), certificates, io.clock(), configuration.certificates);
  const { state, text } = checkStatus(report, thresholds);
  if (options.json === true) {
    io.out(`${JSON.stringify({ ...renderStatusJson(report), schema: "daneward/check/1", exit: state }, null, 2)}\n`);
  } else {
    io.out(text);
  }
  return [PLUGIN.ok, PLUGIN.warning, PLUGIN.critical, PLUGIN.unknown][state] ?? PLUGIN.unknown;
}
