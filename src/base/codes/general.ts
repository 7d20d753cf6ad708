import type { CodeTable } from "./entry.ts";

/** Codes that belong to no single area. */
export const GENERAL_CODES = {
  USAGE: { title: "the command line is not understood", hint: "see daneward --help" },
  PERMISSION_DENIED: {
    title: "the system refused access",
    hint: "run as the user that owns the file, or fix its mode",
  },
  FILE_NOT_FOUND: { title: "a file is missing", hint: "check the path" },
  FILE_UNREADABLE: { title: "a file cannot be read", hint: "check the path and its permissions" },
  DISK_FULL: { title: "the disk is full", hint: "make room; nothing was lost, the old file is still in place" },
  NOTIFY_FAILED: {
    title: "somebody who should have been told could not be",
    hint: "check [notify]; what was to be told stands in daneward status and timeline",
  },
  INTERNAL_BUG: { title: "a defect in daneward", hint: "please report it with the command line and this text" },
} as const satisfies CodeTable;
