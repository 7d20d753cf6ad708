/** `daneward check-config`: reads the configuration, looks at what it names, and says everything that is wrong. */
import { CATALOGUE } from "../../base/errors.ts";
import { inOrder, readConfiguration } from "../../config/load.ts";
import { configurationPath } from "../../config/location.ts";
import { formatPlace } from "../../config/problem.ts";
import type { Problem } from "../../config/problem.ts";
import type { Configuration } from "../../config/schema.ts";
import { describeRestarts } from "../../config/reload-advice.ts";
import { deadlineJson, describeDeadline } from "../deadline-advice.ts";
import type { DeadlineFinding } from "../deadline-advice.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { lookAround } from "../surroundings.ts";

export interface CheckConfigOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Ends with 0, or 78 when there is any fault; warnings alone are no failure. */
export async function run(_args: readonly string[], options: CheckConfigOptions, io: Io): Promise<ExitCode> {
  const reading = await readConfiguration(configurationPath(options.config, io));
  const { configuration, files } = reading;
  const { problems: found, lives } = lookAround(reading, io);
  const problems = inOrder([...reading.problems, ...found], files).map(pointingElsewhere);
  const faults = problems.filter((problem) => problem.severity === "fault").length;
  if (options.json === true) io.out(`${JSON.stringify(asJson(files, problems, lives))}\n`);
  else io.out(asText({ configuration, files, problems, lives }, options.quiet === true));
  return faults === 0 ? EXIT.done : EXIT.configuration;
}

/** Who runs this command is not to be sent to it. */
function pointingElsewhere(problem: Problem): Problem {
  const { hint } = CATALOGUE.CONFIG_INVALID;
  return problem.hint === hint ? { ...problem, hint: "correct it at the place named" } : problem;
}

function asJson(files: readonly string[], problems: readonly Problem[], lives: readonly DeadlineFinding[]): object {
  return {
    schema: "daneward/check-config/1",
    ok: problems.every((problem) => problem.severity === "warning"),
    files,
    problems: problems.map(({ severity, code, message, hint, place }) => ({
      severity,
      code,
      message,
      hint,
      ...(place ?? {}),
    })),
    ...(lives.length === 0 ? {} : { deadlines: lives.map(deadlineJson) }),
  };
}

interface Findings {
  readonly configuration: Configuration | null;
  readonly files: readonly string[];
  readonly problems: readonly Problem[];
  readonly lives: readonly DeadlineFinding[];
}

function asText({ configuration, files, problems, lives }: Findings, quiet: boolean): string {
  const lines: string[] = [];
  for (const { severity, place, message, hint } of problems) {
    const where = place === null ? "" : `${formatPlace(place)}: `;
    lines.push(`${where}${severity === "fault" ? "error" : "warning"}: ${message}`, `  hint: ${hint}`);
  }
  const faults = problems.filter((problem) => problem.severity === "fault").length;
  if (!quiet) {
    lines.push(...files.map((file) => `read ${file}`), ...lives.map(describeDeadline));
    lines.push(...describeRestarts(configuration?.certificates ?? []));
    const tally = [count(faults, "fault"), count(problems.length - faults, "warning")].join(", ");
    lines.push(configuration === null ? tally : `${describe(configuration)}; ${tally}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

function describe({ certificates, publishers }: Configuration): string {
  const services = certificates.reduce((total, certificate) => total + certificate.services.length, 0);
  return [
    count(certificates.length, "certificate"),
    count(services, "service"),
    count(publishers.size, "publisher"),
  ].join(", ");
}

function count(number: number, word: string): string {
  return `${String(number)} ${word}${number === 1 ? "" : "s"}`;
}
