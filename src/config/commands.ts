/** Commands that a publisher runs: words for the program, never a shell, with a few names in braces filled in. */
import { listOf, refuse } from "./table.ts";
import type { Decode } from "./table.ts";
import { splitWords, text } from "./values.ts";

/** One command: a line of words or an array of words. `placeholders` may stand in it as `{name}`. */
export function command(placeholders: readonly string[]): Decode<readonly string[]> {
  return (item, problems) => {
    const words = Array.isArray(item.value) ? listOf(text)(item, problems) : text(item, problems);
    if (words === null) return null;
    const split = typeof words === "string" ? splitWords(words, placeholders) : words;
    if (typeof split === "string") {
      const hint = "no shell runs this; put such a line into a script, or write an array of words";
      return refuse(problems, item, split, hint);
    }
    if (split.length === 0) return refuse(problems, item, "a command needs at least the program");
    const unknown = split
      .flatMap((word) => word.match(/\{[a-z_]+\}/g) ?? [])
      .find((one) => !isKnown(one, placeholders));
    if (unknown === undefined) return split;
    const known = placeholders.map((name) => `{${name}}`).join(", ");
    return refuse(problems, item, `nothing stands for ${unknown} here`, known === "" ? "remove it" : `known: ${known}`);
  };
}

/** Several commands, run in this order: one line of words, or an array of commands. */
export function commands(placeholders: readonly string[]): Decode<readonly (readonly string[])[]> {
  const one = command(placeholders);
  return (item, problems) => {
    if (Array.isArray(item.value)) return listOf(one)(item, problems);
    const only = one(item, problems);
    return only === null ? null : [only];
  };
}

function isKnown(written: string, placeholders: readonly string[]): boolean {
  return placeholders.some((name) => written === `{${name}}`);
}
