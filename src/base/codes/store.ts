import type { CodeTable } from "./entry.ts";

/** State directory, lock and journal faults. */
export const STORE_CODES = {
  LOCK_HELD: { title: "another daneward is at work", hint: "it will finish by itself; try again later" },
  STATE_DAMAGED: { title: "a state file is damaged", hint: "restore it from a backup, or move it away and let daneward look again" },
  STATE_NEWER: { title: "a state file was written by a newer daneward", hint: "upgrade daneward" },
} as const satisfies CodeTable;
