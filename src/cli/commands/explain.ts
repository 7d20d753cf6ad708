/** `daneward explain CODE`: what a permanent code means, why it is so, what lifts it, and what happens meanwhile. */
import { assert } from "../../base/assert.ts";
import { CODE_AREAS, explanationOf } from "../../base/codes/explained/areas.ts";
import { CATALOGUE } from "../../base/errors.ts";
import type { FaultCode } from "../../base/errors.ts";
import { suggestion } from "../../config/nearest.ts";
import { renderCodeList, renderExplanation } from "../../report/explain-text.ts";
import type { ExplainedCode } from "../../report/explain-text.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";

export interface ExplainOptions {
  readonly json?: boolean;
}

/** Without a code all are listed by area. Ends with 2 for a code that does not exist. */
export function run(args: readonly string[], options: ExplainOptions, io: Io): Promise<ExitCode> {
  const [word] = args;
  if (word === undefined) {
    const listed = CODE_AREAS.flatMap(({ codes }) => Object.keys(codes));
    const all = [...new Set([...listed, ...Object.keys(CATALOGUE)])].filter(isCode).map(explain);
    if (options.json === true) io.out(`${JSON.stringify({ schema: SCHEMA, codes: all })}\n`);
    else io.out(renderCodeList(all));
    return Promise.resolve(EXIT.done);
  }
  const code = word.toUpperCase().replaceAll("-", "_");
  if (!isCode(code)) {
    io.err(`daneward: error: there is no code "${word}"${suggestion(code, Object.keys(CATALOGUE))}\n`);
    io.err("hint: daneward explain lists all codes\n");
    return Promise.resolve(EXIT.usage);
  }
  const explained = explain(code);
  if (options.json === true) io.out(`${JSON.stringify({ schema: SCHEMA, codes: [explained] })}\n`);
  else io.out(renderExplanation(explained));
  return Promise.resolve(EXIT.done);
}

const SCHEMA = "daneward/explain/1";

function isCode(text: string): text is FaultCode {
  return Object.hasOwn(CATALOGUE, text);
}

function explain(code: FaultCode): ExplainedCode {
  const { title, hint } = CATALOGUE[code];
  const found = explanationOf(code);
  assert(found !== null, `the code ${code} belongs to no area`);
  const { area, why, lifts, meanwhile, type = [] } = found;
  return { code, title, hint, area, why, lifts, meanwhile, type };
}
