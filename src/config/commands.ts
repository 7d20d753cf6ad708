/**
 * Commands as they are written: words for the program, never a shell. A publisher's have a few names in braces filled
 * in; a reload action may also be the name of a preset.
 */
import { suggestion } from "./nearest.ts";
import { PRESET_NAMES, reloadPreset } from "./reload-presets.ts";
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

/**
 * Reload actions: one, or an array of them; each the name of a preset, a line of words, or an array of words. A preset
 * for a server that needs no telling is no action.
 */
export const reloadActions: Decode<readonly (readonly string[])[]> = (item, problems) => {
  if (typeof item.value === "string") {
    const only = reloadAction(item, problems);
    return only === null ? null : [only].filter(isAction);
  }
  return listOf(reloadAction)(item, problems)?.filter(isAction) ?? null;
};

function isAction(argv: readonly string[]): boolean {
  return argv.length > 0;
}

const reloadAction: Decode<readonly string[]> = (item, problems) => {
  if (Array.isArray(item.value)) {
    const words = listOf(text)(item, problems);
    return words?.length === 0 ? refuse(problems, item, "an action needs at least the program") : words;
  }
  const written = text(item, problems)?.trim();
  if (written === undefined) return null;
  const preset = reloadPreset(written, process.platform);
  if (preset !== null) return preset.argv;
  // A program by its bare name may stand alone; one whose name is nearly that of a server is a slip.
  const near = /^[\w-]+$/.test(written) ? suggestion(written, PRESET_NAMES) : "";
  if (near !== "") {
    const hint = `presets: ${PRESET_NAMES.join(", ")}; a program of that name is written with its full path`;
    return refuse(problems, item, `there is no preset "${written}"${near}`, hint);
  }
  const words = splitWords(written);
  if (typeof words !== "string") return words;
  return refuse(problems, item, words, "no shell runs this; put such a line into a script, or write an array of words");
};
