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
  /** From now on a reader of standard output that goes away counts as an interrupt: nobody wants the rest. */
  readonly endWithReader?: () => void;
}

/** The same process but for `changes`. Nothing of it is asked for: streams and signal handlers are made on demand. */
export function changedIo(io: Io, changes: Partial<Pick<Io, "out" | "err" | "color" | "errIsJournal">>): Io {
  const { out, err, outIsTerminal, errIsTerminal, errIsJournal = false, color, clock, env, endWithReader } = io;
  return {
    ...{ out, err, outIsTerminal, errIsTerminal, errIsJournal, color, clock, env },
    ...(endWithReader === undefined ? {} : { endWithReader }),
    ...changes,
    get stdin() {
      return io.stdin;
    },
    get columns() {
      return io.columns;
    },
    get rows() {
      return io.rows;
    },
    get cwd() {
      return io.cwd;
    },
    get signal() {
      return io.signal;
    },
  };
}
