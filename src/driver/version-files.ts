/**
 * The five files of a version: the chain, the key, and the same once more in the pieces and the whole that servers want.
 * A key is written into a file that nobody else may open, gets its group and then its mode, and only then its octets.
 */
import { closeSync, constants, fchmodSync, fchownSync, fstatSync, fsyncSync, openSync, readFileSync } from "node:fs";
import { writeSync } from "node:fs";
import path from "node:path";
import { concatBytes, equalBytes } from "../base/bytes.ts";
import { OperationalError } from "../base/errors.ts";
import { systemCode } from "../store/atomic-file.ts";
import { statOf } from "./own-directory.ts";

/** The files of one version, by name; keys and combined files are the secret ones. */
export interface VersionFiles {
  readonly "fullchain.pem": Uint8Array;
  readonly "privkey.pem": Uint8Array;
  readonly "cert.pem": Uint8Array;
  readonly "chain.pem": Uint8Array;
}

const SECRET_FILES: readonly string[] = ["privkey.pem", "combined.pem"];

/** Writes and syncs all five into a directory that has none of them. Throws the system's own errors, DEPLOY_WRITE_FAILED. */
export function writeVersionFiles(directory: string, files: VersionFiles, group: number | null): void {
  // Key first: the order in which Postfix (smtpd_tls_chain_files) and HAProxy want one file.
  const combined = concatBytes(files["privkey.pem"], files["fullchain.pem"]);
  for (const [name, content] of Object.entries({ ...files, "combined.pem": combined })) {
    const secret = SECRET_FILES.includes(name);
    writeFile(path.join(directory, name), content, secret ? secretMode(group) : 0o644, secret ? group : null);
  }
}

function secretMode(group: number | null): number {
  return group === null ? 0o600 : 0o640;
}

/** A secret file has its final mode and group before its first octet is written. */
function writeFile(file: string, content: Uint8Array, mode: number, group: number | null): void {
  const handle = openSync(
    file,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    if (group !== null) giveToGroup(handle, file, group);
    fchmodSync(handle, mode);
    let written = 0;
    while (written < content.length) written += writeSync(handle, content, written);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** chown(2): only root may give files to any group, others to groups that they are in. */
function giveToGroup(handle: number, file: string, group: number): void {
  try {
    fchownSync(handle, -1, group);
  } catch (cause) {
    if (systemCode(cause) !== "EPERM") throw cause;
    const hint = "run daneward as root or as a member of the group, or remove `key_group`";
    const what = `${file}: this user may not give files to group ${String(group)}`;
    throw new OperationalError("DEPLOY_WRITE_FAILED", what, { hint, retry: "never", cause });
  }
}

const NAMES = ["privkey.pem", "fullchain.pem", "combined.pem", "cert.pem", "chain.pem"] as const;

/**
 * Whether a version is what was written: five plain files, of which some repeat others. Servers read any of them, so
 * one that was edited, or cannot be read, spoils the version.
 */
export function isWhole(directory: string): boolean {
  const files = NAMES.map((name) => path.join(directory, name));
  if (!files.every((file) => statOf(file)?.isFile() === true)) return false;
  try {
    const [key, chain, combined, leaf, issuers] = files.map((file) => readFileSync(file));
    if (!key || !chain || !combined || !leaf || !issuers) return false;
    return equalBytes(combined, concatBytes(key, chain)) && equalBytes(chain, concatBytes(leaf, issuers));
  } catch (cause) {
    if (systemCode(cause) === null) throw cause;
    return false;
  }
}

/** Gives key files the group and mode that are asked for now. Throws the system's own errors, DEPLOY_WRITE_FAILED. */
export function settleKeyFiles(directory: string, group: number | null): void {
  for (const name of SECRET_FILES) settleKeyFile(path.join(directory, name), group);
}

function settleKeyFile(file: string, group: number | null): void {
  const mode = secretMode(group);
  const handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const stat = fstatSync(handle);
    const isOther = group !== null && stat.gid !== group;
    if (!isOther && (stat.mode & 0o7777) === mode) return;
    if (isOther) {
      // Closed in between: neither the old group nor the new one has the other's rights for a moment.
      fchmodSync(handle, 0o600);
      giveToGroup(handle, file, group);
    }
    fchmodSync(handle, mode);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
