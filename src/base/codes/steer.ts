import type { CodeTable } from "./entry.ts";

/** What stands against the words of an operator. */
export const STEER_CODES = {
  FREEZE_DAMAGED: {
    title: "frozen.json cannot be understood: everything counts as frozen",
    hint: "find out who stopped daneward and why (daneward timeline), then daneward thaw",
  },
  STEER_OVERTAKEN: {
    title: "the rollover went on between the question and the answer",
    hint: "nothing was changed; type it again to see what it would do now",
  },
  RENEW_FAILED: {
    title: "the command that has a certificate issued failed",
    hint: "run the command by hand as the same user, then daneward tick CERT",
  },
} as const satisfies CodeTable;
