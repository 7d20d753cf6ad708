import { existsSync } from "node:fs";
import path from "node:path";
import { OperationalError, fault } from "../../base/errors.ts";
import type { Fault } from "../../base/errors.ts";
import type { Result } from "../../base/result.ts";
import { parseDuration, seconds } from "../../base/time.ts";
import { readCredentials } from "../../pki/certificate.ts";
import type { Credentials } from "../../pki/certificate.ts";
import { renderTlsa } from "../../report/tlsa-text.ts";
import type { TlsaOutput, TlsaPlace } from "../../report/tlsa-text.ts";
import type { Policy } from "../../rollover/policy.ts";
import { adviseOn } from "../../tlsa/advice.ts";
import { sameRecord } from "../../tlsa/association.ts";
import { isTransportLabel, tlsaOwner } from "../../tlsa/owner.ts";
import { parseParameters } from "../../tlsa/params.ts";
import type { TlsaParameters } from "../../tlsa/params.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { FileOptions } from "../file-options.ts";
import { isStdin, nameOfInput, readInput } from "../input-file.ts";
import type { Io } from "../io.ts";
import { parseBaseDomain } from "../owner-name.ts";
import { computeRecords } from "../tlsa-records.ts";
import type { ComputedRecords } from "../tlsa-records.ts";

/** Flags of `daneward tlsa` as they are typed. */
export interface TlsaOptions extends FileOptions {
  readonly params?: readonly string[];
  readonly name?: string;
  readonly port?: string;
  readonly proto?: string;
  readonly ttl?: string;
  readonly output?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const DEFAULT_TTL = seconds(3600);
const SMTP_PORT = 25;

/** What a call is about. */
interface Subject {
  readonly computed: ComputedRecords;
  readonly place: TlsaPlace;
}

/** Prints the TLSA records of the files (`-` reads standard input) or of a certificate, or throws without printing any. */
export async function run(args: readonly string[], options: TlsaOptions, io: Io): Promise<ExitCode> {
  const output = parseOutput(options);
  const port = parsePort(options);
  const name = certificateNamed(args, io);
  const { computed, place } =
    name === null
      ? { computed: await recordsOfFiles(args, options, io), place: parsePlace(options, port, output, null) }
      : await recordsOfCertificate(name, options, { port, output }, io);
  const records = computed.lines.map(({ record }) => record);
  io.out(renderTlsa(computed.lines, output, place));
  if (options.quiet !== true) {
    const smtp =
      place.owners.length === 0 ? null : place.owners.every((owner) => owner.startsWith(`_${String(SMTP_PORT)}.`));
    for (const { level, text } of [...computed.remarks, ...adviseOn(records, { smtp })]) {
      io.err(`daneward: ${level}: ${text}\n`);
    }
  }
  return EXIT.done;
}

/** A path is never meant as the name of a certificate. */
const CERTIFICATE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

/** A file of that name is meant before a certificate is; null: files are. */
function certificateNamed(args: readonly string[], io: Io): string | null {
  const [name = ""] = args;
  const isName = args.length === 1 && CERTIFICATE_NAME.test(name) && !existsSync(path.resolve(io.cwd, name));
  return isName ? name : null;
}

async function recordsOfFiles(args: readonly string[], options: TlsaOptions, io: Io): Promise<ComputedRecords> {
  const parameters = (options.params ?? ["3 1 1"]).map(parseParameterFlag);
  const files: Credentials[] = [];
  for (const file of args) {
    files.push(unwrap(readCredentials(await readInput(file, io)), isStdin(file) ? nameOfInput(file) : file));
  }
  return unwrap(computeRecords(files, parameters, io.clock()), args.join(", "));
}

async function recordsOfCertificate(
  name: string,
  options: TlsaOptions,
  { port, output }: { readonly port: number; readonly output: TlsaOutput },
  io: Io,
): Promise<Subject> {
  // Here, because whoever names files must not pay for reading a configuration.
  const { findConfigured } = await import("../tlsa-certificate.ts");
  const given = options.params?.map(parseParameterFlag);
  const { certificate, chains } = await findConfigured(name, options, io);
  const found = chains.map((inputs) => {
    const files = inputs.map(({ where, octets }) => unwrap(readCredentials(octets), where));
    return unwrap(computeRecords(files, given ?? certificate.parameters, io.clock()), name);
  });
  const all = found.flatMap(({ lines }) => lines);
  const lines = all.filter(({ record }, at) => all.findIndex((earlier) => sameRecord(earlier.record, record)) === at);
  const waits = {
    level: "note",
    text: `${name}: a renewal waits: records of what is deployed and of the renewal`,
  } as const;
  const remarks = [...(chains.length > 1 ? [waits] : []), ...found.flatMap((each) => each.remarks)];
  return { computed: { lines, remarks }, place: parsePlace(options, port, output, certificate.policy) };
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

/** `policy`: what the configuration says where the command line does not. */
function parsePlace(
  options: TlsaOptions,
  port: number,
  output: TlsaOutput,
  policy: Pick<Policy, "owners" | "ttl"> | null,
): TlsaPlace {
  const duration = options.ttl === undefined ? null : parseDuration(options.ttl);
  if (duration?.ok === false) throw usage(`--ttl: ${duration.fault}`);
  const ttl = duration === null ? null : duration.value;
  // RFC 2181 §8: a TTL has 31 bits.
  if (ttl !== null && ttl > 0x7fff_ffff) throw usage(`--ttl ${options.ttl ?? ""} is longer than a TTL can be`);
  if (options.name === undefined) {
    const orphan = options.port !== undefined ? "--port" : options.proto !== undefined ? "--proto" : null;
    if (orphan !== null) throw usage(`${orphan} needs --name`, "add --name HOST, the name that clients connect to");
    if (policy !== null) return { owners: policy.owners, ttl: ttl ?? policy.ttl };
    if (output === "nsupdate") {
      throw usage(
        "--output nsupdate needs an owner name",
        "add --name HOST and --port N, for example --name mx.example.org",
      );
    }
    return { owners: [], ttl };
  }
  const proto = (options.proto ?? "tcp").toLowerCase();
  if (!isTransportLabel(proto)) throw usage(`--proto ${proto} is not tcp, udp or sctp`);
  const name = parseBaseDomain("--name", options.name);
  return { owners: [tlsaOwner(name, port, proto)], ttl: ttl ?? policy?.ttl ?? DEFAULT_TTL };
}
