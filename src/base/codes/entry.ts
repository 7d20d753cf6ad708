/** One permanent code: a title for lists and `daneward explain`, and the hint printed when no better one is known. */
export interface CodeEntry {
  readonly title: string;
  readonly hint: string;
}
export type CodeTable = Readonly<Record<string, CodeEntry>>;
