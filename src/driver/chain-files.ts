/**
 * Reads a certificate chain with its private key from disk: the ACME client's files, or a version of our own.
 *
 * certbot moves four links one after the other, acme.sh writes its files in place, key first: whoever reads at that
 * moment holds the new key and the old certificate. So the files are stat'ed before and after, the key must fit the
 * leaf, and a misfit is looked at again shortly before it is called one.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { concatBytes } from "../base/bytes.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { Secret } from "../base/secret.ts";
import { MOST_CREDENTIALS, readBoundedFile } from "../config/bounded-file.ts";
import type { CertificateConfig, SourceConfig } from "../config/schema.ts";
import { keyFitsCertificate, readCredentials } from "../pki/certificate.ts";
import type { Certificate } from "../pki/certificate.ts";
import { systemCode } from "../store/atomic-file.ts";
import { stampFiles } from "../store/due-index.ts";
import { pause } from "./pause.ts";

/** A chain and its key as read. */
export interface ChainFiles {
  readonly leaf: Certificate;
  /** Leaf first, then the others in the order of the file. */
  readonly certificates: readonly Certificate[];
  /** The key file's octets, whatever PEM form they have. */
  readonly key: Secret;
}

/** How often and how far apart inconsistent files are read again. */
export interface RereadOptions {
  readonly attempts: number;
  readonly pauseMs: number;
}

/** certbot needs milliseconds for its four links; half a second is ample and still short for a tick. */
export const REREAD: RereadOptions = { attempts: 6, pauseMs: 100 };

/** Looks for the private key of a leaf where it is kept beside the source's own files; null: it is not there. */
export type KeyFinder = (leaf: Certificate) => Result<Secret | null, Fault>;

const NOWHERE_ELSE: KeyFinder = () => success(null);

interface SourceFiles {
  readonly certificates: readonly string[];
  /** Null: the source has no key file of its own. */
  readonly key: string | null;
}

/** The files of a source. Of a folder: `fullchain.pem`, or else `cert.pem` and, where there is one, `chain.pem`. */
function filesOf(source: SourceConfig): SourceFiles {
  if (source.kind === "files") {
    return { certificates: source.chain === null ? [source.cert] : [source.cert, source.chain], key: source.key };
  }
  const file = (name: string): string => path.join(source.path, name);
  const key = file("privkey.pem");
  if (existsSync(file("fullchain.pem"))) return { certificates: [file("fullchain.pem")], key };
  const chain = file("chain.pem");
  return { certificates: existsSync(chain) ? [file("cert.pem"), chain] : [file("cert.pem")], key };
}

/** The files with the certificates of a source, leaf first; which ones there are may change with a renewal. */
export function certificateFiles(source: SourceConfig): readonly string[] {
  return filesOf(source).certificates;
}

/**
 * What to `stat` to learn of a renewal without opening anything: a client may keep the key, but it always writes the
 * certificate anew. The same list at any time, whatever is there: stamps of one list are compared with each other.
 */
export function watchedPaths(source: SourceConfig): readonly string[] {
  if (source.kind === "files") return [source.cert];
  return [path.join(source.path, "fullchain.pem"), path.join(source.path, "cert.pem")];
}

/**
 * The files that may be the client's next key: `next_key`, else dehydrated's (`PRIVATE_KEY_ROLLOVER`) and acme.sh's
 * (`--always-force-new-domain-key`), both beside the present one.
 */
export function nextKeyPlaces({ source, nextKey }: Pick<CertificateConfig, "source" | "nextKey">): readonly string[] {
  if (nextKey !== null) return [nextKey];
  const key = source.kind === "directory" ? path.join(source.path, "privkey.pem") : source.key;
  return key === null ? [] : [path.join(path.dirname(key), "privkey.roll.pem"), `${key}.next`];
}

/** {@link watchedPaths}, and where next keys are published ahead, their files too: clients make new ones unasked. */
export function watchedFiles(certificate: Pick<CertificateConfig, "source" | "next" | "nextKey">): readonly string[] {
  const files = watchedPaths(certificate.source);
  return certificate.next === "prepublish" ? [...files, ...nextKeyPlaces(certificate)] : files;
}

/** Reads a source, again and again while its files do not fit together. SOURCE_INCONSISTENT when they never do. */
export async function readSource(
  source: SourceConfig,
  reread: RereadOptions,
  findKey: KeyFinder = NOWHERE_ELSE,
): Promise<Result<ChainFiles, Fault>> {
  for (let attempt = 1; ; attempt++) {
    const read = readChain(source, findKey);
    if (read.ok || read.fault.code !== "SOURCE_INCONSISTENT" || attempt >= reread.attempts) return read;
    await pause(reread.pauseMs);
  }
}

/**
 * Reads a source once. Faults name the file: FILE_NOT_FOUND, PERMISSION_DENIED, SOURCE_INCONSISTENT, KEY_NOT_HELD, those
 * of parsing. `findKey` is asked when the source's own key is not there or does not fit.
 */
export function readChain(source: SourceConfig, findKey: KeyFinder = NOWHERE_ELSE): Result<ChainFiles, Fault> {
  try {
    const files = filesOf(source);
    const before = stampOf(files);
    const bytes = readCertificateFiles(files);
    const key = files.key === null ? null : readKeyFile(files.key);
    if (stampOf(filesOf(source)) !== before) {
      return failure(fault("SOURCE_INCONSISTENT", `${files.key ?? ""}: the files changed while they were read`));
    }
    const certificates = parseCertificates(files, bytes);
    if (!certificates.ok) return certificates;
    const [leaf] = certificates.value;
    const own = fittingKey(key, leaf, files.key);
    if (own.ok) return success({ leaf, certificates: certificates.value, key: own.value });
    const found = findKey(leaf);
    if (!found.ok) return found;
    return found.value === null ? own : success({ leaf, certificates: certificates.value, key: found.value });
  } catch (error) {
    return failure(readFault(error));
  }
}

/** The server certificate of a source, whoever has its key; null when it cannot be read. */
export function readLeaf(source: SourceConfig): Certificate | null {
  try {
    const files = filesOf(source);
    const certificates = parseCertificates(files, readCertificateFiles(files));
    return certificates.ok ? certificates.value[0] : null;
  } catch (error) {
    // Not there, or not to be read: whoever needs the chain says so.
    if (systemCode(error) === null) throw error;
    return null;
  }
}

function stampOf({ certificates, key }: SourceFiles): string {
  return stampFiles(key === null ? certificates : [...certificates, key]);
}

function readCertificateFiles({ certificates }: SourceFiles): Uint8Array {
  return concatBytes(
    ...certificates
      .map((file) => readBoundedFile(file, MOST_CREDENTIALS))
      .flatMap((octets, at) => (at === 0 ? [octets] : [NEWLINE, octets])),
  );
}

/** The octets of a key file; null: there is no such file. */
function readKeyFile(file: string): Uint8Array | null {
  try {
    return Uint8Array.from(readBoundedFile(file, MOST_CREDENTIALS));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

const NEWLINE = Uint8Array.of(0x0a);

/** Leaf first, then the others in the order of the file. */
function parseCertificates(
  files: SourceFiles,
  bytes: Uint8Array,
): Result<readonly [Certificate, ...Certificate[]], Fault> {
  const where = files.certificates.join(" and ");
  const credentials = readCredentials(bytes);
  if (!credentials.ok) return failure({ ...credentials.fault, message: `${where}: ${credentials.fault.message}` });
  const { certificates, leaf: at } = credentials.value;
  const leaf = at === null ? undefined : certificates[at];
  if (leaf === undefined) {
    const what = certificates.length === 0 ? "holds no certificate" : "holds more than one server certificate";
    return failure(fault("SOURCE_INCOMPLETE", `${where} ${what}`));
  }
  return success([leaf, ...certificates.filter((certificate) => certificate !== leaf)]);
}

function fittingKey(key: Uint8Array | null, leaf: Certificate, file: string | null): Result<Secret, Fault> {
  if (file === null) {
    const name = leaf.subject === "" ? `serial ${leaf.serial}` : leaf.subject;
    return failure(fault("KEY_NOT_HELD", `the source has no key file, and the key of ${name} is not in the vault`));
  }
  if (key === null) return failure(fault("FILE_NOT_FOUND", `${file} is missing`));
  const fits = keyFitsCertificate(new TextDecoder().decode(key), leaf);
  if (fits.ok) return success(new Secret(key));
  const message = `${file}: ${fits.fault.message}`;
  // The usual cause is a renewal in progress, so it is reported as that; a lasting misfit keeps being reported.
  const isMisfit = fits.fault.code === "KEY_MISMATCH";
  return failure(isMisfit ? fault("SOURCE_INCONSISTENT", message) : { ...fits.fault, message });
}

function readFault(error: unknown): Fault {
  const file = error instanceof Error && "path" in error && typeof error.path === "string" ? error.path : "a file";
  switch (systemCode(error)) {
    case "ENOENT":
    case "ENOTDIR":
      return fault("FILE_NOT_FOUND", `${file} is missing`);
    case "EACCES":
    case "EPERM":
      return fault("PERMISSION_DENIED", `${file}: this user may not read it`);
    case null:
      throw error;
    case "EISDIR":
      return fault("FILE_UNREADABLE", `${file} is a directory`);
    default:
      return fault("FILE_UNREADABLE", `${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
