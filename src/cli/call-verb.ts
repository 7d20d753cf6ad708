/** From a parsed command line to an exit code. */
import { EXIT, PLUGIN } from "./exit.ts";
import type { ExitCode } from "./exit.ts";
import type { FailureOptions } from "./failure.ts";
import { changedIo } from "./io.ts";
import type { Io } from "./io.ts";
import { serviceOf, unknownLines } from "./monitoring.ts";
import { OutputFailure } from "./output.ts";
import type { Verb } from "./verbs.ts";

/** Runs a verb and answers its failures: the one place where commands are called. */
export async function callVerb(
  verb: Verb,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
  io: Io,
): Promise<ExitCode> {
  const json = options["json"] === true || options["format"] === "json" || options["output"] === "json";
  try {
    const empty = EMPTY_MEANS_NOTHING.find(({ option }) => options[option] === "");
    if (empty !== undefined) throw await emptyFlag(empty.flag);
    const { run } = await verb.load();
    return await run(args, options as never, options["color"] === false ? changedIo(io, { color: false }) : io);
  } catch (error) {
    const service = serviceOf(verb.usage.split(" ")[0] ?? "", options["format"]);
    return await answerFailure(error, io, { json, plugin: verb.plugin === true, service });
  }
}

/** An unset variable in a script (`--state-dir "$DIR"`) must not mean the default place. */
const EMPTY_MEANS_NOTHING = [
  { option: "config", flag: "--config" },
  { option: "stateDir", flag: "--state-dir" },
] as const;

async function emptyFlag(flag: string): Promise<Error> {
  const { OperationalError, fault } = await import("../base/errors.ts");
  const hint = `name it, or leave ${flag} out for the default`;
  return OperationalError.of(fault("USAGE", `${flag} names nothing: its value is empty`, hint));
}

/** What cannot be told any more on standard output is told on standard error, if that still has a reader. */
async function asFailure(error: unknown): Promise<unknown> {
  if (!(error instanceof OutputFailure)) return error;
  const { OperationalError } = await import("../base/errors.ts");
  const hint = "make room where the output goes";
  return new OperationalError("DISK_FULL", error.message, { hint, cause: error });
}

/** Says what went wrong and finds the exit code. Throws what is a defect in the saying itself. */
export async function answerFailure(error: unknown, io: Io, options: FailureOptions): Promise<ExitCode> {
  try {
    if (isReplaced(error)) return tellReplaced(io, options);
    const { reportFailure } = await import("./failure.ts");
    return reportFailure(await asFailure(error), io, options);
  } catch (again) {
    if (isReplaced(again)) return tellReplaced(io, options);
    throw again;
  }
}

/** Parts of the program are loaded when they are needed; an upgrade under a running process takes the old ones away. */
function isReplaced(error: unknown): boolean {
  if (!(error instanceof Error && "code" in error)) return false;
  return error.code === "MODULE_NOT_FOUND" || error.code === "ERR_MODULE_NOT_FOUND";
}

/** In words that need no other part. Whatever was under way goes on at the next run, as after a kill. */
function tellReplaced(io: Io, { plugin, json, service = null }: FailureOptions): ExitCode {
  const message = "a part of the program is gone: it was upgraded or removed while this ran";
  const hint = "run the command again; if that says the same, install daneward anew";
  io.err(`daneward: error: ${message}\nhint: ${hint}\n`);
  if (service !== null && !json) io.out(unknownLines(service, message, hint));
  return plugin ? PLUGIN.unknown : EXIT.temporary;
}
