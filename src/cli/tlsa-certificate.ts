/**
 * `daneward tlsa CERT` with the name of a configured certificate: what its records are made of. That is the source and,
 * while a renewal waits for its turn, what is deployed too: clients need the records of both until the rollover is over.
 */
import { equalBytes } from "../base/bytes.ts";
import { fault, OperationalError } from "../base/errors.ts";
import { MOST_CREDENTIALS, readBoundedFile } from "../config/bounded-file.ts";
import type { CertificateConfig, Configuration, SourceConfig } from "../config/schema.ts";
import { certificateFiles, readLeaf } from "../driver/chain-files.ts";
import { configurationOf } from "./driver-files.ts";
import { mainFileOf } from "./file-options.ts";
import type { FileOptions } from "./file-options.ts";
import type { Io } from "./io.ts";
import { unreadable } from "./unreadable.ts";

/** What stands in a file, and where. */
export interface NamedInput {
  readonly where: string;
  readonly octets: Uint8Array;
}

export interface ConfiguredCertificate {
  readonly certificate: CertificateConfig;
  /** The files of the source; before them, where something else is deployed, those of that. */
  readonly chains: readonly (readonly NamedInput[])[];
}

/** Throws FILE_NOT_FOUND, naming both that `name` could have been, and what reading the files throws. */
export async function findConfigured(name: string, options: FileOptions, io: Io): Promise<ConfiguredCertificate> {
  const certificate = await find(name, options, io);
  const link: SourceConfig = { kind: "directory", path: certificate.deploy };
  const [live, renewed] = [readLeaf(link), readLeaf(certificate.source)];
  const isWaiting = live !== null && (renewed === null || !equalBytes(live.der, renewed.der));
  const places = isWaiting ? [link, certificate.source] : [certificate.source];
  return { certificate, chains: places.map(readAll) };
}

async function find(name: string, options: FileOptions, io: Io): Promise<CertificateConfig> {
  const both = `"${name}" is neither a file here nor a configured certificate`;
  let configuration: Configuration;
  try {
    configuration = await configurationOf(options, io);
  } catch (error) {
    if (!(error instanceof OperationalError) || options.config !== undefined) throw error;
    throw OperationalError.of(fault("FILE_NOT_FOUND", `${name}: no such file, and no certificate: ${error.message}`));
  }
  const found = configuration.certificates.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = configuration.certificates.map((one) => one.name);
  const shown = names.length > SHOWN ? [...names.slice(0, SHOWN), "…"] : names;
  const file = mainFileOf(options, io);
  const hint =
    names.length === 0
      ? `check the path; ${file} has no certificate`
      : `check the path; ${file} has ${shown.join(", ")}`;
  throw OperationalError.of(fault("FILE_NOT_FOUND", both, hint));
}

const SHOWN = 8;

function readAll(source: SourceConfig): readonly NamedInput[] {
  return certificateFiles(source).map((where) => ({ where, octets: read(where) }));
}

/** As the driver does: files of an ACME client are regular ones. */
function read(file: string): Uint8Array {
  try {
    return readBoundedFile(file, MOST_CREDENTIALS);
  } catch (error) {
    throw unreadable(file, error);
  }
}
