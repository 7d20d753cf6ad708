/**
 * Whether what `renew` names ends by itself within the time that `daneward roll` gives it, with nobody there to answer.
 * certbot and lego wait a random time first when their standard input is no terminal (certbot's renewal.py: up to 8
 * minutes), and a run of ours has no terminal; acme.sh looks for its folder in HOME, which a command of ours has not.
 */
import { advised, doubtful, fine } from "../../base/finding.ts";
import type { Finding } from "../../base/finding.ts";
import type { CertificateConfig } from "../../config/schema.ts";
import { CERTBOT_ROOTS } from "../setup/lineages.ts";
import type { Tree } from "../setup/tree.ts";
import { iniValues } from "../setup/words.ts";

/** One command line that a renewal comes to. */
export interface RenewalLine {
  readonly words: readonly string[];
  /** `renew`, or file and line of the script that it names. */
  readonly where: string;
}

/** What `renew` runs: itself, and the lines of a script that it names. */
export function readRenewal(renew: readonly string[], tree: Tree): readonly RenewalLine[] {
  const [program = ""] = renew;
  const text = program.startsWith("/") ? (tree.text(program) ?? "") : "";
  const own = { words: renew, where: "renew" };
  if (!text.startsWith("#!")) return [own];
  const isShell = /^#!\s*\S*(?:\/|env\s+)(?:ba|da|k|z)?sh\b/.test(text);
  const lines = text.replace(/(?:[^\n]*\\\n)+[^\n]*/g, unfolded).split("\n");
  const script = lines.map((line, at) => ({ words: line.trim().split(/\s+/), where: `${program}:${String(at + 1)}` }));
  return isShell ? [own, ...script.filter(({ words }) => words[0]?.startsWith("#") === false)] : [own];
}

/** On one line, with as many behind it as there were, so that the others keep their numbers. */
function unfolded(folded: string): string {
  const lines = folded.split("\\\n");
  return lines.join(" ") + "\n".repeat(lines.length - 1);
}

/** Whether certbot's own configuration tells it not to wait. */
export function isHurried(tree: Tree): boolean {
  return CERTBOT_ROOTS.some((root) => {
    const values = iniValues(tree.text(`${root}/cli.ini`) ?? "");
    return values.get("no-random-sleep-on-renew")?.toLowerCase() === "true";
  });
}

/** For each certificate that says `renew`. */
export function checkRenewals(certificates: readonly CertificateConfig[], tree: Tree): readonly Finding[] {
  const hurried = isHurried(tree);
  return certificates.flatMap(({ name, renew }) =>
    renew === null ? [] : judgeRenewal(name, readRenewal(renew, tree), hurried),
  );
}

/** Pure. `hurried`: as {@link isHurried}. */
export function judgeRenewal(name: string, lines: readonly RenewalLine[], hurried: boolean): readonly Finding[] {
  const subject = `renew of ${name}`;
  const problems = lines.flatMap(({ words, where }) => {
    const problem = problemOf(words, hurried);
    if (problem === null) return [];
    const isOwn = where === "renew";
    const said = `${isOwn ? "" : `${where}: `}${problem.said}`;
    const advice = `${problem.advice} in ${isOwn ? `renew of [certificate.${name}]` : where}`;
    return [advised(doubtful(subject, said), advice)];
  });
  return problems.length > 0 ? problems : [fine(subject, "it ends by itself, as far as can be seen")];
}

function problemOf(
  words: readonly string[],
  hurried: boolean,
): { readonly said: string; readonly advice: string } | null {
  const at = words.findIndex((word) => /(?:^|\/)(?:certbot(?:-auto)?|letsencrypt|lego|acme\.sh)$/.test(word));
  // Further on it is an argument of something else; a few words may come first (env, nice, timeout, exec).
  if (at < 0 || at > 4) return null;
  const [called = "", ...flags] = words.slice(at);
  const program = called.slice(called.lastIndexOf("/") + 1);
  if (program === "acme.sh") {
    if (flags.includes("--home") || words.slice(0, at).some((word) => word.startsWith("HOME="))) return null;
    const said = "acme.sh looks for its folder in HOME, which is not set when daneward runs it";
    return { said, advice: "add --home and the folder of acme.sh (.acme.sh in the home of its user) after acme.sh" };
  }
  if (!flags.includes("renew")) return null;
  const flag = program === "lego" ? "--no-random-sleep" : "--no-random-sleep-on-renew";
  if (flags.includes(flag) || (program !== "lego" && hurried)) return null;
  const said = `away from a terminal ${program} sleeps for up to 8 minutes before it renews, and daneward roll gives it 15 in all`;
  return { said, advice: `add ${flag} after ${program} renew` };
}
