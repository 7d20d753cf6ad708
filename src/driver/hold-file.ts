/**
 * For hosts where something else brings certificates to their servers (a push, a configuration manager): a file that is
 * there while the certificate in the source may be shown, and holds its SHA-256 fingerprint, so that whoever copies can
 * compare what is copied with what was meant. It is there exactly when the deployed link shows the source's
 * certificate: a renewal takes it away until its records are known everywhere, a rollback takes it away too.
 */
import { chmodSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { readBoundedFile } from "../config/bounded-file.ts";
import type { ChainId } from "../rollover/chain.ts";
import type { Observation } from "../rollover/observation.ts";
import { makeDirectories, replaceFile, systemCode, writeFailure } from "../store/atomic-file.ts";

/** A fingerprint and the end of a line; anything longer is somebody else's. In octets. */
const MOST_CONTENT = 4096;

/** The source's certificate where the deployed link shows it; null: it may not be shown now, or cannot be read. */
function showable({ source, deployed }: Observation): ChainId | null {
  return source.outcome === "chain" && source.chain.id === deployed?.id ? deployed.id : null;
}

/**
 * Makes the file say what may be shown. Written only when it says something else; never by a unit that may only look,
 * which still takes it away when it is no longer true: in doubt nothing is swapped. Throws DISK_FULL, PERMISSION_DENIED or
 * STATE_UNWRITABLE.
 */
export function updateHoldFile(file: string, observation: Observation): void {
  const shown = showable(observation);
  if (shown === null) {
    removeHoldFile(file);
    return;
  }
  const content = `${shown}\n`;
  if (contentOf(file) === content) return;
  if (observation.halted !== undefined) {
    removeHoldFile(file);
    return;
  }
  try {
    makeDirectories(dirname(file), 0o755);
  } catch (cause) {
    throw writeFailure(file, cause);
  }
  replaceFile(file, content);
  try {
    // Whoever copies certificates may be another user; a fingerprint is no secret.
    chmodSync(file, 0o644);
  } catch (cause) {
    throw writeFailure(file, cause);
  }
}

function removeHoldFile(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch (cause) {
    throw writeFailure(file, cause);
  }
}

/** Null: not there, or not to be read; it is then written anew. */
function contentOf(file: string): string | null {
  try {
    return new TextDecoder().decode(readBoundedFile(file, MOST_CONTENT));
  } catch (cause) {
    if (systemCode(cause) === null) throw cause;
    return null;
  }
}
