/** The file that the textfile collector of node_exporter reads: replaced by a rename, so that it is never seen half written. */
import { instant } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import { readBoundedFile } from "../../config/bounded-file.ts";
import { replacePublicHint, systemCode } from "../../store/atomic-file.ts";

/** A hundred thousand certificates with all their numbers. */
const MOST_OCTETS = 268_435_456;

/** Throws DISK_FULL, PERMISSION_DENIED and STATE_UNWRITABLE. */
export function writeTextfile(file: string, text: string): void {
  // Its reader is another user.
  replacePublicHint(file, text);
}

/** When the driver last ran without a failure, as the file itself says; null: it does not. */
export function lastSuccess(file: string): Instant | null {
  let text: string;
  try {
    text = new TextDecoder().decode(readBoundedFile(file, MOST_OCTETS));
  } catch (error) {
    if (systemCode(error) === null) throw error;
    // Nobody has written it yet, or may read it: then nothing is known.
    return null;
  }
  const value = /^daneward_last_success_timestamp_seconds (?<seconds>\d{1,12}(?:\.\d{1,3})?)$/m.exec(text);
  const seconds = value?.groups?.["seconds"];
  return seconds === undefined ? null : instant(Math.round(Number(seconds) * 1000));
}
