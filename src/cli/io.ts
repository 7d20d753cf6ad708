import type { Readable } from "node:stream";
import type { Clock } from "../base/time.ts";

/** Everything a command may touch of the process it runs in, so that commands also run inside a test. */
export interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly stdin: Readable;
  /** Whether standard output (and for talk, standard error) is a terminal. */
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Whether standard error leads to the journal of systemd; absent: it does not. */
  readonly errIsJournal?: boolean;
  readonly color: boolean;
  readonly columns: number;
  /** Lines of the terminal; absent: not known. */
  readonly rows?: number | undefined;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted on SIGINT and SIGTERM: long work ends at the next safe point. */
  readonly signal: AbortSignal;
}
