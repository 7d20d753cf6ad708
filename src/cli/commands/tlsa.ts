import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { Readable } from "node:stream";
import { concatBytes } from "../../base/bytes.ts";
import { OperationalError, fault } from "../../base/errors.ts";
import type { Fault } from "../../base/errors.ts";
import type { Result } from "../../base/result.ts";
import { parseDuration, seconds } from "../../base/time.ts";
import { parseName } from "../../dns/name.ts";
import { readCredentials } from "../../pki/certificate.ts";
import type { Credentials } from "../../pki/certificate.ts";
import { renderTlsa } from "../../report/tlsa-text.ts";
import type { TlsaOutput, TlsaPlace } from "../../report/tlsa-text.ts";
import { adviseOn } from "../../tlsa/advice.ts";
import { isTransportLabel, tlsaOwner } from "../../tlsa/owner.ts";
import { parseParameters } from "../../tlsa/params.ts";
import type { TlsaParameters } from "../../tlsa/params.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { computeRecords } from "../tlsa-records.ts";
import { unreadable } from "../unreadable.ts";

/** Flags of `daneward tlsa` as they are typed. */
export interface TlsaOptions {
  readonly params?: readonly string[];
  readonly name?: string;
  readonly port?: string;
  readonly proto?: string;
  readonly ttl?: string;
  readonly output?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** No certificate bundle is larger; a limit for `/dev/zero` and pipes without end. */
const MAX_FILE = 16 * 1024 * 1024;
const DEFAULT_TTL = seconds(3600);
const SMTP_PORT = 25;

/** Prints the TLSA records of the files (`-` reads standard input), or throws without printing any. */
export async function run(args: readonly string[], options: TlsaOptions, io: Io): Promise<ExitCode> {
  const parameters = (options.params ?? ["3 1 1"]).map(parseParameterFlag);
  const output = parseOutput(options);
  const port = parsePort(options);
  const place = parsePlace(options, port, output);
  const files: Credentials[] = [];
  for (const file of args) {
    const credentials = readCredentials(await readInput(file, io));
    files.push(unwrap(credentials, file === "-" ? "standard input" : file));
  }
  const computed = unwrap(computeRecords(files, parameters, io.clock()), args.join(", "));
  const records = computed.lines.map(({ record }) => record);
  io.out(renderTlsa(computed.lines, output, place));
  if (options.quiet !== true) {
    const smtp = place.owner === null ? null : port === SMTP_PORT;
    for (const { level, text } of [...computed.remarks, ...adviseOn(records, { smtp })]) {
      io.err(`daneward: ${level}: ${text}\n`);
    }
  }
  return EXIT.done;
}

function usage(message: string, hint?: string): OperationalError {
  return OperationalError.of(fault("USAGE", message, hint ?? "see daneward tlsa --help"));
}

function unwrap<T>(result: Result<T, Fault>, where: string): T {
  if (result.ok) return result.value;
  const { code, message, hint } = result.fault;
  throw OperationalError.of(fault(code, `${where}: ${message}`, hint));
}

function parseParameterFlag(text: string): TlsaParameters {
  const parsed = parseParameters(text);
  if (!parsed.ok) throw usage(`--params: ${parsed.fault.message}`, parsed.fault.hint);
  return parsed.value;
}

const OUTPUTS: readonly TlsaOutput[] = ["rfc", "generic", "nsupdate", "json"];

function parseOutput(options: TlsaOptions): TlsaOutput {
  const output = OUTPUTS.find((known) => known === (options.output ?? (options.json === true ? "json" : "rfc")));
  if (output === undefined) throw usage(`--output ${options.output ?? ""} is not one of ${OUTPUTS.join(", ")}`);
  if (options.json === true && output !== "json") throw usage(`--json and --output ${output} exclude each other`);
  return output;
}

function parsePort(options: TlsaOptions): number {
  const text = options.port ?? String(SMTP_PORT);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw usage(`--port ${text} is not a number from 1 to 65535`);
  return port;
}

function parsePlace(options: TlsaOptions, port: number, output: TlsaOutput): TlsaPlace {
  const duration = options.ttl === undefined ? null : parseDuration(options.ttl);
  if (duration?.ok === false) throw usage(`--ttl: ${duration.fault}`);
  const ttl = duration === null ? null : duration.value;
  // RFC 2181 §8: a TTL has 31 bits.
  if (ttl !== null && ttl > 0x7fff_ffff) throw usage(`--ttl ${options.ttl ?? ""} is longer than a TTL can be`);
  if (options.name === undefined) {
    const orphan = options.port !== undefined ? "--port" : options.proto !== undefined ? "--proto" : null;
    if (orphan !== null) throw usage(`${orphan} needs --name`, "add --name HOST, the name that clients connect to");
    if (output === "nsupdate") {
      throw usage(
        "--output nsupdate needs an owner name",
        "add --name HOST and --port N, for example --name mx.example.org",
      );
    }
    return { owner: null, ttl };
  }
  const proto = (options.proto ?? "tcp").toLowerCase();
  if (!isTransportLabel(proto)) throw usage(`--proto ${proto} is not tcp, udp or sctp`);
  const name = parseName(options.name);
  if (!name.ok) throw usage(`--name: ${name.fault.message}`, name.fault.hint);
  if (/^_/.test(name.value)) {
    throw usage(`--name ${options.name} is already an owner name`, "give the host alone, with --port and --proto");
  }
  return { owner: tlsaOwner(name.value, port, proto), ttl: ttl ?? DEFAULT_TTL };
}

async function readInput(file: string, io: Io): Promise<Uint8Array> {
  if (file === "-") return readStream(io.stdin, "standard input");
  const where = path.resolve(io.cwd, file);
  try {
    const { size } = statSync(where);
    if (size > MAX_FILE) throw tooLong(file);
    return readFileSync(where);
  } catch (error) {
    throw error instanceof OperationalError ? error : unreadable(file, error);
  }
}

function tooLong(where: string): OperationalError {
  return OperationalError.of(fault("CERT_UNSUPPORTED", `${where} is longer than ${String(MAX_FILE)} octets`));
}

async function readStream(stream: Readable, where: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    const octets: unknown = part;
    if (!(octets instanceof Uint8Array)) throw new OperationalError("FILE_UNREADABLE", `${where} is not a byte stream`);
    parts.push(octets);
    length += octets.length;
    if (length > MAX_FILE) throw tooLong(where);
  }
  return concatBytes(...parts);
}
