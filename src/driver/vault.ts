/**
 * The vault: private keys that no certificate of the source need have yet, `<state-dir>/vault/<certificate>/`.
 *
 * A record that was published for a key is worth nothing without the key, and clients do lose theirs: acme.sh and
 * dehydrated take the next key into use before they ask for a certificate, and make another when that fails. So a key
 * is here before its record is published, and stays until no cache can hold that record any more and no chain uses it.
 *
 * One file for each key, named by the SHA-256 of its public key, `SPKI.awaited.pem` while a certificate for it may yet
 * come (then it is never removed), else `SPKI.pem`. A file is written under another name, with mode 0600 from its first
 * octet, flushed, and given its own name by a link, which never replaces anything. Links in the folder are not followed,
 * and a folder or file that others could read or change is refused.
 *
 * Not done here: encryption. Whoever can read this folder can read the deployed keys too.
 */
import { createHash } from "node:crypto";
import type { KeyObject } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import type { Stats } from "node:fs";
import path from "node:path";
import { formatHex } from "../base/bytes.ts";
import { OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { Secret } from "../base/secret.ts";
import type { Instant } from "../base/time.ts";
import { keyAlgorithm } from "../pki/fields.ts";
import { publicKeyOf, readPrivateKey } from "../pki/key.ts";
import {
  ensureDirectory,
  flushDirectory,
  namesIn,
  readFailure,
  sweepTemporaries,
  systemCode,
  temporaryBeside,
  writeFailure,
  writeNewFile,
} from "../store/atomic-file.ts";
import { digestsOf } from "./facts.ts";
import type { KeyFinder } from "./chain-files.ts";

/** awaited: a certificate for it may yet come. kept: only for as long as its record may be somewhere. */
export type Standing = "awaited" | "kept";

/** A key of the vault, by what its file's name says. */
export interface VaultKey {
  /** Lower-case hex SHA-256 of its SubjectPublicKeyInfo. */
  readonly spkiSha256: string;
  readonly standing: Standing;
}

/** A key of the vault, read and found to be the one that it is called. */
export interface OpenedKey extends VaultKey {
  readonly spki: Uint8Array;
  /** `EC P-256`, `RSA 3072` and the like. */
  readonly algorithm: string;
  readonly privateKey: KeyObject;
  readonly pem: Secret;
}

const FILE_NAME = /^([0-9a-f]{64})(\.awaited)?\.pem$/;
/** No private key is larger. */
const MAX_FILE = 65_536;

/** Where the keys of a certificate are. */
export function vaultOf(stateDirectory: string, certificate: string): string {
  return path.join(stateDirectory, "vault", certificate);
}

/** The SHA-256 by which a key is called. */
export function spkiDigest(spki: Uint8Array): string {
  return formatHex(createHash("sha256").update(spki).digest());
}

/** The keys there are, by digest; none when there is no such folder. Throws VAULT_UNSAFE and as `readFailure`. */
export function listVault(folder: string): readonly VaultKey[] {
  requirePrivateFolders(folder);
  const keys = new Map<string, VaultKey>();
  for (const name of namesIn(folder)) {
    const [, spkiSha256, awaited] = FILE_NAME.exec(name) ?? [];
    if (spkiSha256 === undefined) continue;
    const isAwaited = awaited !== undefined || keys.get(spkiSha256)?.standing === "awaited";
    keys.set(spkiSha256, { spkiSha256, standing: isAwaited ? "awaited" : "kept" });
  }
  return [...keys.values()];
}

/** Reads a key and compares it with its name. Throws VAULT_UNSAFE, VAULT_DAMAGED and as `readFailure`. */
export function openVaultKey(folder: string, key: VaultKey): OpenedKey {
  requirePrivateFolders(folder);
  const file = path.join(folder, fileName(key));
  const octets = readPrivately(file);
  const read = readPrivateKey(new TextDecoder().decode(octets));
  if (!read.ok) throw damaged(`${file}: ${read.fault.message}`);
  const spki = publicKeyOf(read.value);
  if (spkiDigest(spki) !== key.spkiSha256) throw damaged(`${file} holds another key than its name says`);
  return { ...key, spki, algorithm: keyAlgorithm(spki), privateKey: read.value, pem: new Secret(octets) };
}

/** Finds keys of chains in a vault. Its faults are those of {@link openVaultKey}. */
export function keyFinder(folder: string): KeyFinder {
  return (leaf) => {
    const { spkiSha256 } = digestsOf(leaf);
    return attempted(() => {
      const key = listVault(folder).find((one) => one.spkiSha256 === spkiSha256);
      return key === undefined ? null : openVaultKey(folder, key).pem;
    });
  };
}

function attempted<T>(work: () => T): Result<T, Fault> {
  try {
    return success(work());
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return failure({ code: error.code, message: error.message, hint: error.hint });
  }
}

/**
 * Puts a key into the vault, on disk when this returns; one that is there already is left as it is. Call under the lock.
 * Throws VAULT_UNSAFE, DISK_FULL, PERMISSION_DENIED or STATE_UNWRITABLE.
 */
export function storeVaultKey(folder: string, privateKey: KeyObject, standing: Standing): VaultKey {
  for (const directory of [path.dirname(folder), folder]) ensureDirectory(directory);
  requirePrivateFolders(folder);
  const spkiSha256 = spkiDigest(publicKeyOf(privateKey));
  const known = listVault(folder).find((key) => key.spkiSha256 === spkiSha256);
  if (known !== undefined) return known;
  const key: VaultKey = { spkiSha256, standing };
  const file = path.join(folder, fileName(key));
  const temporary = temporaryBeside(file);
  try {
    writeNewFile(temporary, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    linkSync(temporary, file);
  } catch (cause) {
    throw writeFailure(file, cause);
  } finally {
    rmSync(temporary, { force: true });
  }
  flushDirectory(folder);
  return key;
}

/** Notes whether a certificate may yet come for a key. Call under the lock. Throws as {@link storeVaultKey}. */
export function setStanding(folder: string, key: VaultKey, standing: Standing): VaultKey {
  if (key.standing === standing) return key;
  const changed: VaultKey = { ...key, standing };
  const file = path.join(folder, fileName(changed));
  try {
    renameSync(path.join(folder, fileName(key)), file);
  } catch (cause) {
    throw writeFailure(file, cause);
  }
  flushDirectory(folder);
  return changed;
}

/** Removes keys for good, and what killed processes left behind. Call under the lock. Throws as {@link storeVaultKey}. */
export function removeVaultKeys(folder: string, keys: readonly VaultKey[], now: Instant): void {
  sweepTemporaries(folder, now);
  if (keys.length === 0) return;
  for (const key of keys) {
    const file = path.join(folder, fileName(key));
    try {
      rmSync(file, { force: true });
    } catch (cause) {
      throw writeFailure(file, cause);
    }
  }
  flushDirectory(folder);
}

function fileName({ spkiSha256, standing }: VaultKey): string {
  return `${spkiSha256}${standing === "awaited" ? ".awaited" : ""}.pem`;
}

/** The folder and the one that holds all vaults; the state directory around them is the operator's. */
function requirePrivateFolders(folder: string): void {
  for (const directory of [path.dirname(folder), folder]) {
    const stat = statOf(directory);
    if (stat === undefined) return;
    if (stat.isSymbolicLink()) throw unsafe(directory, "is a link");
    if (!stat.isDirectory()) throw unsafe(directory, "is not a directory");
    requirePrivate(directory, stat);
  }
}

function statOf(directory: string): Stats | undefined {
  try {
    return lstatSync(directory, { throwIfNoEntry: false });
  } catch (cause) {
    throw readFailure(directory, cause);
  }
}

function requirePrivate(file: string, stat: Stats): void {
  const user = process.geteuid?.() ?? stat.uid;
  if (stat.uid !== user && stat.uid !== 0) throw unsafe(file, "belongs to another user");
  if ((stat.mode & 0o077) === 0) return;
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, "0");
  throw unsafe(file, `has mode ${mode}`);
}

/** Opened without following a link, and judged by the handle, so that nobody can swap it in between. */
function readPrivately(file: string): Uint8Array {
  let handle: number;
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (systemCode(cause) === "ELOOP") throw unsafe(file, "is a link");
    throw readFailure(file, cause);
  }
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile()) throw unsafe(file, "is not a file");
    requirePrivate(file, stat);
    if (stat.size > MAX_FILE) throw damaged(`${file}: ${String(stat.size)} octets are too many for a key`);
    return Uint8Array.from(readFileSync(handle));
  } finally {
    closeSync(handle);
  }
}

function unsafe(file: string, why: string): OperationalError {
  return new OperationalError("VAULT_UNSAFE", `${file} ${why}`, { retry: "never" });
}

function damaged(what: string): OperationalError {
  return new OperationalError("VAULT_DAMAGED", what, { retry: "never" });
}
