import type { CodeTable } from "./entry.ts";

/** Faults of publishing through files and programs of the operator's. */
export const PIPELINE_CODES = {
  FRAGMENT_FOREIGN: {
    title: "the file to write holds something that daneward did not put there",
    hint: "check the path; give daneward a file of its own, and keep other records in the zone file that includes it",
  },
  FRAGMENT_OWNER: {
    title: "an owner name that may not stand in the file",
    hint: 'add it to owners = ["…"] of this publisher if it is meant',
  },
  FRAGMENT_UNREADABLE: {
    title: "the file of records cannot be read",
    hint: "check the path, and that this user may read it; nothing was changed",
  },
  FRAGMENT_UNWRITABLE: {
    title: "the file of records cannot be written",
    hint: "let daneward's user write in that folder: a new file is made there and renamed; the old one is untouched",
  },
  FRAGMENT_PARENT: {
    title: "the zone file that should include the file of records does not fit",
    hint: "correct parent, or add the $INCLUDE line with the path of the file; the old records are untouched",
  },
  FRAGMENT_CHECK_FAILED: {
    title: "the check refused the new file of records; the old one is untouched",
    hint: "run the check by hand on the zone: what it found may be elsewhere in the zone file",
  },
  FRAGMENT_COMMAND_FAILED: {
    title: "the new file of records is in place, but a command after it failed",
    hint: "run the command by hand as daneward's user; daneward runs it again at the next tick",
  },
  FRAGMENT_NOT_SEEN: {
    title: "the file of records is written, but no name server serves it",
    hint:
      "look in the name server's log: is the file included, was the serial raised, is the parent touched (NSD); " +
      "that a reload ends with 0 says nothing",
  },
  EXEC_FAILED: {
    title: "the publishing program failed for good",
    hint: "run it by hand with the same input; daneward asks again at the next tick",
  },
  EXEC_LATER: {
    title: "the publishing program could not do it now",
    hint: "nothing to do if it passes: daneward asks again at the next tick",
  },
  EXEC_ANSWER: {
    title: "the publishing program did not answer as it should",
    hint: "print one JSON object on standard output and everything else on standard error",
  },
} as const satisfies CodeTable;
