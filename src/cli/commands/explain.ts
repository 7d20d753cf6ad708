/** `daneward explain CODE`: what a permanent code means and what to do about it. */
import { CATALOGUE } from "../../base/errors.ts";
import type { FaultCode } from "../../base/errors.ts";
import { suggestion } from "../../config/nearest.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";

export interface ExplainOptions {
  readonly json?: boolean;
}

/** Without a code all are listed. Ends with 2 for a code that does not exist. */
export function run(args: readonly string[], options: ExplainOptions, io: Io): Promise<ExitCode> {
  const [word] = args;
  if (word === undefined) {
    listAll(options, io);
    return Promise.resolve(EXIT.done);
  }
  const code = word.toUpperCase().replaceAll("-", "_");
  if (!isCode(code)) {
    io.err(`daneward: error: there is no code "${word}"${suggestion(code, Object.keys(CATALOGUE))}\n`);
    io.err("hint: daneward explain lists all codes\n");
    return Promise.resolve(EXIT.usage);
  }
  const { title, hint } = CATALOGUE[code];
  if (options.json === true)
    io.out(`${JSON.stringify({ schema: "daneward/explain/1", codes: [{ code, title, hint }] })}\n`);
  else io.out(`${code}\n  means  ${title}\n  do     ${hint}\n`);
  return Promise.resolve(EXIT.done);
}

function isCode(text: string): text is FaultCode {
  return Object.hasOwn(CATALOGUE, text);
}

function listAll(options: ExplainOptions, io: Io): void {
  const codes = Object.keys(CATALOGUE).filter(isCode).sort();
  if (options.json === true) {
    const entries = codes.map((code) => ({ code, ...CATALOGUE[code] }));
    io.out(`${JSON.stringify({ schema: "daneward/explain/1", codes: entries })}\n`);
    return;
  }
  const width = Math.max(...codes.map((code) => code.length));
  io.out(codes.map((code) => `${code.padEnd(width)}  ${CATALOGUE[code].title}\n`).join(""));
}
