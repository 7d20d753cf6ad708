/**
 * Standard error as the journal of systemd wants it: each line begins with how grave it is, as sd-daemon(3) says. Whether
 * it leads there at all JOURNAL_STREAM tells, which children inherit too: it counts only while it names the very file
 * that standard error is.
 */
import { fstatSync } from "node:fs";
import { changedIo } from "./io.ts";
import type { Io } from "./io.ts";

/** Priorities of syslog(3) as far as they are used here. */
type Priority = 3 | 4 | 5;

/** Whether `value`, the variable JOURNAL_STREAM (`DEVICE:INODE`), names what is open at `descriptor`. */
export function isJournalStream(value: string | undefined, descriptor: number): boolean {
  const [, device, inode] = /^(\d+):(\d+)$/.exec(value ?? "") ?? [];
  if (device === undefined || inode === undefined) return false;
  try {
    const found = fstatSync(descriptor, { bigint: true });
    return found.dev === BigInt(device) && found.ino === BigInt(inode);
  } catch {
    // A closed descriptor leads nowhere.
    return false;
  }
}

/** The same process, with every line to the journal marked; elsewhere `io` itself. */
export function loggingIo(io: Io): Io {
  if (io.errIsJournal !== true) return io;
  return changedIo(io, {
    err: (text) => {
      io.err(withPriority(text, priorityOf(text)));
    },
    // Marked already.
    errIsJournal: false,
  });
}

/** Each line of `text` with its priority. */
export function withPriority(text: string, priority: Priority): string {
  return text.replace(/^(?=.)/gm, `<${String(priority)}>`);
}

/** What a person must see begins with the program's name. */
function priorityOf(text: string): Priority {
  if (text.startsWith("daneward: warning: ")) return 4;
  return text.startsWith("daneward: ") ? 3 : 5;
}
