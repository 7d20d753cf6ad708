/**
 * The command tree with its help and its errors, and the only importer of commander. What the commands are called and
 * take stands in `verbs.ts`.
 */
import { Command, CommanderError, Option } from "commander";
import { EXIT, PLUGIN } from "./exit.ts";
import type { ExitCode } from "./exit.ts";
import type { Io } from "./io.ts";
import { serviceOf, unknownLines } from "./monitoring.ts";
import { callVerb } from "./call-verb.ts";
import { verbOf } from "./quick.ts";
import { flagsOf, GLOBAL_FLAGS, VERBS } from "./verbs.ts";
import type { Flag, Verb } from "./verbs.ts";

const HEADINGS: Readonly<Record<Verb["group"], string>> = {
  try: "Try it:",
  "set up": "Set up:",
  run: "Run:",
  look: "Look:",
  steer: "Steer:",
  records: "Records by hand:",
};

function addFlag(command: Command, [flags, description, kind]: Flag): void {
  const option = new Option(flags, description);
  if (kind === "list") option.argParser((value: string, sofar: string[] | undefined) => [...(sofar ?? []), value]);
  command.addOption(option);
}

/** What people look for first in a help: a line to copy. */
function examplesText([first = "", ...more]: readonly string[]): string {
  return [`Example: ${first}`, ...more.map((line) => `         ${line}`), ""].join("\n");
}

type Call = typeof callVerb;

function addVerb(program: Command, verb: Verb, io: Io, call: Call, finish: (code: ExitCode) => void): void {
  const command = program.command(verb.usage).summary(verb.summary).description(verb.summary);
  command.helpGroup(HEADINGS[verb.group]);
  for (const flag of flagsOf(verb)) addFlag(command, flag);
  if (verb.passThrough) command.passThroughOptions().allowUnknownOption();
  command.addHelpText("before", examplesText(verb.examples));
  if (verb.after !== undefined) command.addHelpText("after", `\n${verb.after}`);
  command.action(async () => {
    const [before, own]: readonly Record<string, unknown>[] = [program.opts(), command.opts()];
    // A flag may stand before or after the verb; `--no-color` wins wherever it stands.
    const color = before?.["color"] !== false && own?.["color"] !== false;
    finish(await call(verb, command.args, { ...before, ...own, color }, io));
  });
}

function wordOf({ usage }: Verb): string {
  return usage.split(" ")[0] ?? usage;
}

/** `help WORD` for no command is the mistake that `WORD` is, which commander answers with the nearest; null: not that. */
function helpForNone([first, word = ""]: readonly string[]): string[] | null {
  const isCommand = word === "help" || VERBS.some((verb) => wordOf(verb) === word);
  return first !== "help" || word === "" || word.startsWith("-") || isCommand ? null : [word];
}

/** Words that were not understood may hold it all the same. */
function wantsJson(argv: readonly string[]): boolean {
  const forms = ["--format", "--output"];
  return argv.some((word, at) => {
    return (
      word === "--json" || forms.some((form) => word === `${form}=json` || (word === "json" && argv[at - 1] === form))
    );
  });
}

/** Bad usage as the document that every failure is to a program. */
function usageDocument(said: string, help: string): string {
  const [message = "", ...more] = said.replace(/^error: /, "").split("\n");
  const near = /^(?:\(Did you mean (.*)\?\)|hint: (.*))$/s.exec(more.join(" "));
  const hint = near?.[1] === undefined ? (near?.[2] ?? help) : `did you mean ${near[1]}?`;
  return `${JSON.stringify({ schema: "daneward/error/1", code: "USAGE", message, hint })}\n`;
}

/** Parses `argv` (without node and script) and runs the command: returns the exit code, never throws for usage. */
export async function runProgram(
  argv: readonly string[],
  io: Io,
  version: string,
  call: Call = callVerb,
): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const program = new Command("daneward");
  program
    .usage("<command> [options]")
    .description("daneward keeps DANE true: TLSA records, staged rollovers, live verification.")
    .addHelpText("before", examplesText(["daneward verify mx.example.org:25"]))
    .version(version, "-V, --version")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      outputError: (text, write) => {
        write(
          text
            .replace(/^error: /, "daneward: error: ")
            .replace(/\n\(Did you mean (.*)\?\)/s, "\nhint: did you mean $1?"),
        );
      },
    });
  for (const flag of GLOBAL_FLAGS) addFlag(program, flag);
  for (const verb of VERBS) addVerb(program, verb, io, call, (result) => (code = result));
  for (const command of program.commands) command.copyInheritedSettings(program);
  if (argv.length === 0) {
    program.outputHelp({ error: true });
    return EXIT.usage;
  }
  try {
    await program.parseAsync(helpForNone(argv) ?? [...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.done;
    const verb = verbOf(argv);
    const help = `daneward ${verb === undefined ? "" : `${wordOf(verb)} `}--help`;
    if (!/\bhint: |\(Did you mean /.test(error.message)) io.err(`hint: ${help}\n`);
    if (wantsJson(argv)) io.out(usageDocument(error.message, help));
    const format = argv.some(
      (word, at) => word === "--format=nagios" || (word === "nagios" && argv[at - 1] === "--format"),
    );
    const service = serviceOf(verb?.usage.split(" ")[0] ?? "", format ? "nagios" : null);
    const said = error.message.replace(/^error: /, "");
    if (service !== null && !argv.includes("--json")) io.out(unknownLines(service, said, ""));
    return verb?.plugin ? PLUGIN.unknown : EXIT.usage;
  }
  return code;
}
