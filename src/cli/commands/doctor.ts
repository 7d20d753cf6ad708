/** `daneward doctor`: looks at everything that a rollover will need, changes nothing, and ends with what to type. */
import { existsSync } from "node:fs";
import path from "node:path";
import { OperationalError } from "../../base/errors.ts";
import { doubtful, failing, fine } from "../../base/finding.ts";
import type { Finding } from "../../base/finding.ts";
import { readConfiguration } from "../../config/load.ts";
import type { Reading } from "../../config/load.ts";
import { formatProblem } from "../../config/problem.ts";
import type { Configuration } from "../../config/schema.ts";
import { checkClientHooks } from "../../driver/doctor/client-hooks.ts";
import { checkDeployment } from "../../driver/doctor/deployed.ts";
import {
  attempt,
  checkAppArmor,
  checkConfigurationFiles,
  checkDisks,
  checkFileTimes,
  checkNode,
  checkState,
  ofError,
} from "../../driver/doctor/host.ts";
import { checkNetwork } from "../../driver/doctor/network.ts";
import { checkRenewals } from "../../driver/doctor/renewal.ts";
import { checkSandbox } from "../../driver/doctor/sandbox.ts";
import { checkSchedule, readStarters } from "../../driver/doctor/schedule.ts";
import { createLiveWorld } from "../../driver/live-world.ts";
import { openTree } from "../../driver/setup/tree.ts";
import { renderFindings } from "../../report/setup-text.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { mainFileOf, stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import type { Io } from "../io.ts";
import { lookAround } from "../surroundings.ts";

/** Flags of `daneward doctor` as they are typed. */
export interface DoctorOptions extends FileOptions {
  readonly root?: string;
  readonly offline?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Ends with 0, and with 1 when anything failed. */
export async function run(_args: readonly string[], options: DoctorOptions, io: Io): Promise<ExitCode> {
  const findings = await examine(options, io);
  const isWell = findings.every(({ grade }) => grade !== "failure");
  if (options.json === true) {
    io.out(`${JSON.stringify({ schema: "daneward/doctor/1", ok: isWell, findings })}\n`);
  } else io.out(renderFindings(findings, options.quiet === true));
  return isWell ? EXIT.done : EXIT.failed;
}

async function examine(options: DoctorOptions, io: Io): Promise<readonly Finding[]> {
  const mainFile = mainFileOf(options, io);
  const read = await readSafely(mainFile);
  const configuration = "configuration" in read ? read.configuration : null;
  const stateDirectory = stateDirectoryOf(options, io);
  const view = { mainFile, stateDirectory, configuration, now: io.clock(), node: process.versions.node };
  const tree = openTree(path.resolve(io.cwd, options.root ?? "/"));
  const starters = readStarters(tree);
  return [
    checkNode(view.node),
    ...("configuration" in read ? configurationFindings(read, io) : [read]),
    ...attempt("configuration", () => checkConfigurationFiles(view)),
    ...attempt("state", () => checkState(view)),
    ...attempt("clock", () => [checkFileTimes(view)]),
    ...attempt("disk", () => checkDisks(view)),
    ...checkSchedule(view, starters),
    ...checkSandbox(configuration, stateDirectory, starters, tree),
    ...checkDeployment(configuration?.certificates ?? [], stateDirectory, tree),
    ...checkClientHooks(configuration?.certificates ?? [], tree),
    ...checkRenewals(configuration?.certificates ?? [], tree),
    ...checkAppArmor(view),
    ...(configuration === null || options.offline === true ? [] : await checkOutside(configuration, io)),
  ];
}

async function readSafely(mainFile: string): Promise<Reading | Finding> {
  try {
    return await readConfiguration(mainFile);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    const finding = ofError("configuration", error);
    return error.code === "CONFIG_MISSING" ? { ...finding, type: [`daneward adopt --output ${mainFile}`] } : finding;
  }
}

/** What check-config says, a line for each. */
function configurationFindings(reading: Reading, io: Io): readonly Finding[] {
  const problems = [...reading.problems, ...lookAround(reading, io).problems];
  const found = problems.map((problem): Finding => {
    const grade = problem.severity === "fault" ? failing : doubtful;
    const type = problem.code === "KEY_FILE_UNREADABLE" ? makeKeys(reading) : [];
    const typed = type.length === 0 ? [problem.hint] : type;
    return { ...grade("configuration", formatProblem(problem), ...typed), code: problem.code };
  });
  if (found.length > 0) return found;
  const count = reading.configuration?.certificates.length ?? 0;
  return [
    fine(
      "configuration",
      `${String(count)} ${count === 1 ? "certificate" : "certificates"}; keys, sources and commands are there`,
    ),
  ];
}

/** What makes the TSIG keys that are not there yet. */
function makeKeys({ configuration }: Reading): readonly string[] {
  return [...(configuration?.publishers.values() ?? [])].flatMap((publisher) =>
    publisher.type === "rfc2136" && !existsSync(publisher.keyFile)
      ? [`(umask 077 && tsig-keygen -a hmac-sha256 daneward. > ${publisher.keyFile}), and tell the primary`]
      : [],
  );
}

async function checkOutside(configuration: Configuration, io: Io): Promise<readonly Finding[]> {
  const { clock, signal } = io;
  try {
    const world = createLiveWorld(configuration, clock, signal, io.env["PATH"]);
    return await checkNetwork({ configuration, world, clock, signal });
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return [ofError("resolver", error)];
  }
}
