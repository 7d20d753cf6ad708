/** `daneward doctor`: looks at everything that a rollover will need, changes nothing, and ends with what to type. */
import { existsSync } from "node:fs";
import path from "node:path";
import { OperationalError } from "../../base/errors.ts";
import { advised, doubtful, failing, fine } from "../../base/finding.ts";
import type { Finding } from "../../base/finding.ts";
import { readConfiguration } from "../../config/load.ts";
import type { Reading } from "../../config/load.ts";
import { formatProblem } from "../../config/problem.ts";
import type { Problem } from "../../config/problem.ts";
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
import { secretOf } from "../../driver/doctor/sandbox-needs.ts";
import { checkSchedule, readStarters } from "../../driver/doctor/schedule.ts";
import { createLiveWorld } from "../../driver/live-world.ts";
import { openTree } from "../../driver/setup/tree.ts";
import { renderFindings } from "../../report/setup-text.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { mainFileOf, stateDirectoryOf } from "../file-options.ts";
import type { FileOptions } from "../file-options.ts";
import type { Io } from "../io.ts";
import { ownProgram, rootFolder } from "../setup-tree.ts";
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
  const flags = fileFlags(options);
  const findings = (await examine(options, io, flags)).map((finding) => withFlags(finding, flags));
  const isWell = findings.every(({ grade }) => grade !== "failure");
  if (options.json === true) {
    io.out(`${JSON.stringify({ schema: "daneward/doctor/1", ok: isWell, findings })}\n`);
  } else io.out(renderFindings(findings, options.quiet === true));
  return isWell ? EXIT.done : EXIT.failed;
}

/** What has to stand behind commands of ours, with a blank before it, where the files are elsewhere. */
function fileFlags({ config, stateDir }: DoctorOptions): string {
  return [
    config === undefined ? "" : ` --config ${config}`,
    stateDir === undefined ? "" : ` --state-dir ${stateDir}`,
  ].join("");
}

/** Lines for cron and for a first configuration have theirs already. */
function withFlags(finding: Finding, flags: string): Finding {
  const isOwn = /^(?:sudo )?daneward (?!adopt --output)/;
  return { ...finding, type: finding.type.map((line) => (isOwn.test(line) ? `${line}${flags}` : line)) };
}

async function examine(options: DoctorOptions, io: Io, flags: string): Promise<readonly Finding[]> {
  const mainFile = mainFileOf(options, io);
  const read = await readSafely(mainFile);
  const configuration = "configuration" in read ? read.configuration : null;
  const stateDirectory = stateDirectoryOf(options, io);
  const view = { mainFile, stateDirectory, configuration, now: io.clock(), node: process.versions.node };
  const tree = openTree(rootFolder(options.root, io), ownProgram(io));
  const starters = readStarters(tree);
  const findings = [
    checkNode(view.node),
    ...("configuration" in read ? configurationFindings(read, io) : [read]),
    ...attempt("configuration", () => checkConfigurationFiles(view)),
    ...attempt("state", () => checkState(view)),
    ...attempt("clock", () => [checkFileTimes(view)]),
    ...attempt("disk", () => checkDisks(view)),
    ...checkSandbox(configuration, stateDirectory, starters, tree),
    ...checkDeployment(configuration?.certificates ?? [], stateDirectory, tree),
    ...checkClientHooks(configuration?.certificates ?? [], tree),
    ...checkRenewals(configuration?.certificates ?? [], tree),
    ...checkAppArmor(view),
    ...(configuration === null || options.offline === true ? [] : await checkOutside(configuration, io)),
  ];
  return withSchedule(findings, checkSchedule(view, starters, flags));
}

/** What is to be typed for the ticks comes last; where something has to be mended before they begin, it is to look again. */
function withSchedule(findings: readonly Finding[], schedule: readonly Finding[]): readonly Finding[] {
  const isBroken = findings.some(({ grade }) => grade === "failure");
  return [
    ...findings,
    ...(isBroken ? schedule.map((finding) => ({ ...finding, type: ["daneward doctor"] })) : schedule),
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
    const finding = {
      ...grade("configuration", formatProblem(problem), ...commandsFor(problem, reading)),
      code: problem.code,
    };
    return finding.type.length > 0 ? finding : advised(finding, problem.hint);
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

/** What mends a problem with a file or folder, where that is a command. */
function commandsFor({ code, message }: Problem, { configuration }: Reading): readonly string[] {
  if (code === "KEY_FILE_UNREADABLE") return makeKeys(configuration);
  const metrics = path.dirname(configuration?.prometheusTextfile ?? "/");
  if (message.endsWith(`the folder ${metrics} is not there`)) return [`install -d -m 0755 ${metrics}`];
  const files = secretFiles(configuration).filter((file) => message.includes(`${file} has mode`));
  return files.map((file) =>
    // A name server's own copy has to stay readable for it.
    file.startsWith("/etc/bind/") || file.startsWith("/etc/knot/")
      ? `install -m 0600 ${file} /etc/daneward/tsig.key  # and name that in key_file`
      : `chmod 0600 ${file}`,
  );
}

function secretFiles(configuration: Configuration | null): readonly string[] {
  const publishers = [...(configuration?.publishers.values() ?? [])];
  const { webhookSecretFile = null, ntfyTokenFile = null } = configuration?.notify ?? {};
  return [...publishers.map(secretOf), webhookSecretFile, ntfyTokenFile].filter((file) => file !== null);
}

/** What makes the TSIG keys that are not there yet. */
function makeKeys(configuration: Configuration | null): readonly string[] {
  return [...(configuration?.publishers.values() ?? [])].flatMap((publisher) =>
    publisher.type === "rfc2136" && !existsSync(publisher.keyFile)
      ? [`(umask 077 && tsig-keygen -a hmac-sha256 daneward. > ${publisher.keyFile})  # and tell the primary`]
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
