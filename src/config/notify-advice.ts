/** What is said about the ways by which notices leave before the first of them has to. */
import { constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { fault, OperationalError } from "../base/errors.ts";
import { isAllowed, isProgram } from "./look.ts";
import type { NotifyConfig } from "./notify.ts";
import type { Advice } from "./pipeline-advice.ts";

/** Advice by key of `[notify]`. `readToken` reads a file with a secret as a channel would. */
export function adviceOnNotify(
  notify: NotifyConfig,
  searchPath: string,
  readToken: (file: string) => void,
): readonly Advice[] {
  const { mail, sendmail, exec, webhookSecretFile, ntfyTokenFile } = notify;
  const found: Advice[] = [];
  if (mail.length > 0 && !isProgram(sendmail, searchPath)) {
    const hint = "install a mail server that brings it, or write sendmail = and its path; until then no mail is sent";
    found.push(["sendmail", fault("CONFIG_ADVICE", `${sendmail} is no program that can be run`, hint)]);
  }
  const [program] = exec ?? [];
  if (program !== undefined && !isProgram(program, searchPath)) {
    const hint = `check the path, and make it executable: chmod +x '${program}'`;
    found.push(["exec", fault("CONFIG_ADVICE", `"${program}" is no program that can be run`, hint)]);
  }
  for (const [key, file] of [
    ["webhook_secret_file", webhookSecretFile],
    ["ntfy_token_file", ntfyTokenFile],
  ] as const) {
    const problem = file === null ? null : secretProblem(file, readToken);
    if (problem !== null) found.push([key, problem]);
  }
  return found;
}

/** In the words of the reader; a warning, because nothing but notices depends on it. */
function secretProblem(file: string, readToken: (file: string) => void): Advice[1] | null {
  try {
    readToken(file);
    return null;
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return fault("CONFIG_ADVICE", error.message, `${error.hint}; until then nothing is told this way`);
  }
}

/** The folder of the metrics must be there; the file is made by each tick. */
export function adviceOnTextfile(file: string): Advice | null {
  const folder = dirname(file);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    const hint = "make it, or install prometheus-node-exporter and name the folder that its textfile collector reads";
    return ["prometheus_textfile", fault("CONFIG_ADVICE", `the folder ${folder} is not there`, hint)];
  }
  if (isAllowed(folder, constants.W_OK)) return null;
  const hint = "let daneward's user write there; run this check as the user that the tick runs as";
  return ["prometheus_textfile", fault("CONFIG_ADVICE", `${folder} cannot be written by this user`, hint)];
}
