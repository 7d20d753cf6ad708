/** `daneward explain`: everything there is to say of a code, or all codes by area. */
import { fold, row } from "./words.ts";

export interface ExplainedCode {
  readonly code: string;
  readonly title: string;
  readonly hint: string;
  readonly area: string;
  readonly why: string;
  readonly lifts: string;
  readonly meanwhile: string;
  readonly type: readonly string[];
}

/** One code whole, ending with a newline. */
export function renderExplanation({ code, title, hint, why, lifts, meanwhile, type }: ExplainedCode): string {
  return [
    code,
    row("means", title),
    row("why", why),
    row("lifts", lifts),
    row("until", meanwhile),
    row("do", hint),
    ...type.map((command, index) => row(index === 0 ? "type" : "", command)),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/** All codes, by area in the order given. */
export function renderCodeList(codes: readonly ExplainedCode[]): string {
  const areas = [...new Set(codes.map(({ area }) => area))];
  const width = Math.max(...codes.map(({ code }) => code.length));
  return areas
    .map((area) => {
      const lines = codes
        .filter((code) => code.area === area)
        .flatMap(({ code, title }) =>
          fold(title, 76 - width).map((line, index) => `  ${(index === 0 ? code : "").padEnd(width)}  ${line}\n`),
        );
      return `${area}\n${lines.join("")}`;
    })
    .join("\n");
}
