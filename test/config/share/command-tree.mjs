// The command tree out of src/cli/verbs.ts, in the words of documents: what man pages and completions are made of.
import path from "node:path";
import { rolldown } from "rolldown";

/**
 * @typedef {{ long: string, short: string | null, value: string | null, optional: string | null,
 *   description: string, list: boolean }} Option
 * @typedef {{ name: string, words: readonly string[], group: string, summary: string, examples: readonly string[],
 *   options: readonly Option[], after: string | null }} Command
 */

/** @returns {Option} */
function optionOf([notation, description, kind]) {
  const found = /^(?:-([a-zA-Z]), )?--([a-z-]+)(?: <(.+)>| \[(.+)\])?$/.exec(notation);
  if (found === null) throw new Error(`no flag as commander writes it: ${notation}`);
  // A value that may be left out is none for completions: the flag alone is complete.
  const [, short = null, long, value = null, optional = null] = found;
  return { long, short, value, optional, description, list: kind === "list" };
}

/**
 * The commands in the order of the help, each with its own flags, and the flags that all share.
 * @returns {Promise<{ commands: readonly Command[], shared: readonly Option[] }>}
 */
export async function readCommandTree(root) {
  const input = path.join(root, "src/cli/verbs.ts");
  // The commands themselves are not wanted, only the table.
  const bundle = await rolldown({ input, external: /^\.\//, platform: "node" });
  const { output } = await bundle.generate({ format: "esm" });
  await bundle.close();
  const module = await import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
  const commands = module.VERBS.map(({ usage, group, summary, examples, flags = [], after = null }) => {
    const [name, ...words] = usage.split(" ");
    return { name, words, group, summary, examples, options: flags.map(optionOf), after };
  });
  return { commands, shared: module.GLOBAL_FLAGS.map(optionOf) };
}
