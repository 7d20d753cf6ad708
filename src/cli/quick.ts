/**
 * The quick way from a well-formed command line to its command: Node's own `parseArgs` over the same table of verbs, so
 * that a hook or an idle tick does not load commander. Anything it does not take (help, a typo, a missing argument,
 * flags before the verb) goes to commander, which answers better.
 */
import { parseArgs } from "node:util";
import type { Flag, Verb } from "./verbs.ts";
import { flagsOf, GLOBAL_FLAGS, VERBS } from "./verbs.ts";

export interface QuickCall {
  readonly verb: Verb;
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

interface FlagShape {
  /** As parseArgs knows it: `dry-run`, `no-color`. */
  readonly long: string;
  readonly short: string | undefined;
  readonly takesValue: boolean;
  /** The value may be left out: parseArgs knows no such flag. */
  readonly mayTakeValue: boolean;
  readonly list: boolean;
}

function shapeOf([flags, , kind]: Flag): FlagShape {
  const long = /--([a-z-]+)/.exec(flags)?.[1] ?? "";
  return {
    long,
    short: /^-([a-z]),/.exec(flags)?.[1],
    takesValue: flags.includes("<"),
    mayTakeValue: flags.includes(" ["),
    list: kind === "list",
  };
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Least and most positional arguments of a usage such as `publish <owner> <record>` or `verify [targets...]`. */
function arity(usage: string): readonly [least: number, most: number] {
  const words = usage.split(" ").slice(1);
  const most = words.some((word) => word.includes("...")) ? Number.POSITIVE_INFINITY : words.length;
  return [words.filter((word) => word.startsWith("<")).length, most];
}

/** Index of the first word that is neither a flag nor the value of one; -1 without any. */
function firstPositional(words: readonly string[], shapes: readonly FlagShape[]): number {
  let isValue = false;
  return words.findIndex((word) => {
    if (isValue) {
      isValue = false;
      return false;
    }
    isValue = shapes.some(({ long, takesValue }) => takesValue && word === `--${long}`);
    return !word.startsWith("-");
  });
}

/** The verb that a command line means, wherever flags stand and however wrong they are; undefined: it names none. */
export function verbOf(argv: readonly string[]): Verb | undefined {
  const word = argv[firstPositional(argv, GLOBAL_FLAGS.map(shapeOf))];
  return VERBS.find((candidate) => candidate.usage.split(" ")[0] === word);
}

/** Null: let commander have it. */
export function quickParse(argv: readonly string[]): QuickCall | null {
  const [word, ...rest] = argv;
  const verb = VERBS.find((candidate) => candidate.usage.split(" ")[0] === word);
  if (verb === undefined) return null;
  const shapes = flagsOf(verb).map(shapeOf);
  // What follows the first argument of a hook belongs to the caller, whatever it looks like.
  const cut = verb.passThrough ? firstPositional(rest, shapes) + 1 : rest.length;
  if (cut === 0 && verb.passThrough) return null;
  try {
    const { values, positionals } = parseArgs({
      args: rest.slice(0, cut),
      options: Object.fromEntries(
        shapes.map(({ long, short, takesValue }) => [
          long,
          {
            type: takesValue ? "string" : "boolean",
            multiple: true,
            ...(short === undefined ? {} : { short }),
          } as const,
        ]),
      ),
      allowPositionals: true,
      strict: true,
    });
    if (shapes.some(({ long, mayTakeValue }) => mayTakeValue && values[long] !== undefined)) return null;
    const args = [...positionals, ...rest.slice(cut)];
    const [least, most] = arity(verb.usage);
    if (args.length < least || args.length > most) return null;
    const options: Record<string, unknown> = {};
    for (const { long, list } of shapes) {
      const given = values[long];
      // What can be switched off is on unless it was (commander's rule for `--no-…`).
      if (long.startsWith("no-")) options[camelCase(long.slice("no-".length))] = given === undefined;
      else if (Array.isArray(given)) options[camelCase(long)] = list ? given : given.at(-1);
    }
    return { verb, args, options };
  } catch {
    // Not swallowed: commander parses the same words again and says what is wrong with them.
    return null;
  }
}
