/** What `daneward explain` says of a code beyond its title and hint. Apart from the codes, which every command loads. */
export interface Explanation {
  /** The rule behind it. */
  readonly why: string;
  /** What makes it go away. */
  readonly lifts: string;
  /** What daneward does, and what clients see, as long as it stands. */
  readonly meanwhile: string;
  /** Commands to type, in this order; `CERT`, `OWNER` and `HOST` stand for names. Absent: nothing. */
  readonly type?: readonly string[];
}

export type ExplanationTable = Readonly<Record<string, Explanation>>;
