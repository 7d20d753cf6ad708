import type { CodeTable } from "./entry.ts";

/** State directory, lock, journal and spool faults. */
export const STORE_CODES = {
  LOCK_HELD: { title: "another daneward is at work", hint: "it will finish by itself; try again later" },
  STATE_DAMAGED: {
    title: "a state file is damaged",
    hint: "restore it from a backup, or make it anew from DNS and the files with daneward adopt CERT; no record is withdrawn meanwhile",
  },
  STATE_NEWER: {
    title: "a state file was written by a newer daneward",
    hint: "upgrade daneward, or go back to a backup of the state directory from before; nothing was changed, and nothing will be meanwhile",
  },
  STATE_UNWRITABLE: {
    title: "the state directory cannot be written",
    hint: "check that the directory exists and that its file system is mounted read-write; the old files are still in place",
  },
} as const satisfies CodeTable;
