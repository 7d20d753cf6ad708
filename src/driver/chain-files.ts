/**
 * Reads a certificate chain with its private key from disk: the ACME client's files, or a version of our own.
 *
 * certbot moves four links one after the other, acme.sh writes its files in place, key first: whoever reads at that
 * moment holds the new key and the old certificate. So the files are stat'ed before and after, the key must fit the
 * leaf, and a misfit is looked at again shortly before it is called one.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { concatBytes } from "../base/bytes.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { Secret } from "../base/secret.ts";
import type { SourceConfig } from "../config/schema.ts";
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

interface SourceFiles {
  readonly certificates: readonly string[];
  readonly key: string;
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

/**
 * What to `stat` to learn of a renewal without opening anything: a client may keep the key, but it always writes the
 * certificate anew. One file where possible, since an idle tick does this for every certificate.
 */
export function watchedPaths(source: SourceConfig): readonly string[] {
  if (source.kind === "files") return [source.cert];
  const fullchain = path.join(source.path, "fullchain.pem");
  return existsSync(fullchain) ? [fullchain] : [fullchain, path.join(source.path, "cert.pem")];
}

/** Reads a source, again and again while its files do not fit together. SOURCE_INCONSISTENT when they never do. */
export async function readSource(source: SourceConfig, reread: RereadOptions): Promise<Result<ChainFiles, Fault>> {
  for (let attempt = 1; ; attempt++) {
    const read = readChain(source);
    if (read.ok || read.fault.code !== "SOURCE_INCONSISTENT" || attempt >= reread.attempts) return read;
    await pause(reread.pauseMs);
  }
}

/** Reads a source once. Faults name the file: FILE_NOT_FOUND, PERMISSION_DENIED, SOURCE_INCONSISTENT, those of parsing. */
export function readChain(source: SourceConfig): Result<ChainFiles, Fault> {
  try {
    const files = filesOf(source);
    const before = stampFiles([...files.certificates, files.key]);
    const certificates = concatBytes(
      ...files.certificates.flatMap((file, at) => (at === 0 ? [readFileSync(file)] : [NEWLINE, readFileSync(file)])),
    );
    const key = readFileSync(files.key);
    const after = filesOf(source);
    if (stampFiles([...after.certificates, after.key]) !== before) {
      return failure(fault("SOURCE_INCONSISTENT", `${files.key}: the files changed while they were read`));
    }
    return parseChain(files, certificates, key);
  } catch (error) {
    return failure(readFault(error));
  }
}

const NEWLINE = Uint8Array.of(0x0a);

function parseChain(files: SourceFiles, bytes: Uint8Array, key: Uint8Array): Result<ChainFiles, Fault> {
  const where = files.certificates.join(" and ");
  const credentials = readCredentials(bytes);
  if (!credentials.ok) return failure({ ...credentials.fault, message: `${where}: ${credentials.fault.message}` });
  const { certificates, leaf: at } = credentials.value;
  const leaf = at === null ? undefined : certificates[at];
  if (leaf === undefined) {
    const what = certificates.length === 0 ? "holds no certificate" : "holds more than one server certificate";
    return failure(fault("SOURCE_INCOMPLETE", `${where} ${what}`));
  }
  const fits = keyFitsCertificate(new TextDecoder().decode(key), leaf);
  if (!fits.ok) {
    // The usual cause is a renewal in progress, so it is reported as that; a lasting misfit keeps being reported.
    const message = `${files.key}: ${fits.fault.message}`;
    return failure(
      fits.fault.code === "KEY_MISMATCH" ? fault("SOURCE_INCONSISTENT", message) : { ...fits.fault, message },
    );
  }
  const others = certificates.filter((certificate) => certificate !== leaf);
  return success({ leaf, certificates: [leaf, ...others], key: new Secret(Uint8Array.from(key)) });
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
    default:
      return fault("FILE_UNREADABLE", `${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
