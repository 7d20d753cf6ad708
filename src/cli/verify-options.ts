/** What `daneward verify` takes, made of words into values. Every refusal is a USAGE error that says what to write. */
import { isIP } from "node:net";
import { rootCertificates } from "node:tls";
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import { readCredentials } from "../pki/certificate.ts";
import { parsePem } from "../pki/pem.ts";
import { SERVICE_PROTOCOLS } from "../base/service-protocol.ts";
import type { ServiceProtocol } from "../base/service-protocol.ts";
import type { Profile } from "../verifier/evidence.ts";
import { isProtocol } from "../verifier/target.ts";
import type { VerifyOptions } from "../verifier/verify.ts";
import { nameOfInput, readInput } from "./input-file.ts";
import type { Io } from "./io.ts";
import { openValidation } from "./validation-flags.ts";
import { parseAt, parseTimeout } from "./time-flags.ts";

export interface VerifyCommandOptions {
  readonly config?: string;
  readonly targets?: string;
  readonly left?: string;
  readonly concurrency?: string;
  readonly deadline?: string;
  readonly days?: string;
  /** The same as `days`, as monitoring plugins call it. */
  readonly warning?: string;
  readonly critical?: string;
  readonly host?: string;
  readonly port?: string;
  readonly starttls?: string;
  readonly resolver?: readonly string[];
  readonly trust?: string;
  readonly trustAnchor?: string;
  readonly address?: readonly string[];
  readonly oneCertificate?: boolean;
  readonly profile?: string;
  readonly at?: string;
  readonly timeout?: string;
  readonly format?: string;
  readonly chain?: string;
  readonly tlsa?: readonly string[];
  readonly name?: string;
  readonly alsoName?: readonly string[];
  readonly store?: string;
  readonly eeNames?: boolean;
  readonly previous?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

const FORMATS = ["text", "json", "nagios", "prometheus"] as const;
export type VerifyFormat = (typeof FORMATS)[number];

const DEFAULT_TIMEOUT = "10s";
/** As many as one small mail server takes at once, in case all targets turn out to be the same. */
const DEFAULT_CONCURRENCY = "16";
/** More in flight only costs: the work is ciphers, not waiting. */
const MAX_CONCURRENCY = 64;

/** Ten years: no certificate that a server should present lasts longer. */
const MAX_DAYS = 3650;

export function usage(message: string, hint = "see daneward verify --help"): OperationalError {
  return OperationalError.of(fault("USAGE", message, hint));
}

/** Throws the fault. */
export function unwrap<T>(result: Result<T, Fault>): T {
  if (result.ok) return result.value;
  throw OperationalError.of(result.fault);
}

/** Flags that would be ignored silently are refused. */
export function refuse(
  options: VerifyCommandOptions,
  flags: readonly (keyof VerifyCommandOptions)[],
  where: string,
): void {
  const given = flags.find((flag) => options[flag] !== undefined);
  if (given === undefined) return;
  throw usage(`--${given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} makes sense ${where}`);
}

export function parseFormat({ format, json = false }: VerifyCommandOptions): VerifyFormat {
  if (format === undefined) return json ? "json" : "text";
  const known = FORMATS.find((each) => each === format);
  if (known === undefined) throw usage(`--format: "${format}" is not known`, `use one of ${FORMATS.join(", ")}`);
  if (json && known !== "json") throw usage(`--json and --format ${format} contradict each other`);
  return known;
}

export function parseProfile(text: string | undefined): Profile | null {
  if (text === undefined) return null;
  if (text !== "smtp" && text !== "generic") throw usage(`--profile: "${text}" is not known`, "use smtp or generic");
  return text;
}

/** The protocol of targets that name none; null: the port tells. */
export function parseStarttls(text: string | undefined): ServiceProtocol | null {
  if (text === undefined) return null;
  if (!isProtocol(text))
    throw usage(`--starttls: "${text}" is not known`, `use one of ${SERVICE_PROTOCOLS.join(", ")}`);
  return text;
}

/** At least 1; written without sign, at most five digits. */
function parseCount(flag: string, text: string, most: number): number {
  const count = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > most) throw usage(`${flag}: "${text}" is not a number from 1 to ${String(most)}`);
  return count;
}

/** Days within which an end is a warning, or critical; null: not asked for. */
export interface Thresholds {
  readonly warning: number | null;
  readonly critical: number | null;
}

export function parseThresholds({ days, warning, critical }: VerifyCommandOptions): Thresholds {
  if (days !== undefined && warning !== undefined) throw usage("--days and --warning are the same", "give one of them");
  return {
    warning: parseDays("--days", days) ?? parseDays("--warning", warning),
    critical: parseDays("--critical", critical),
  };
}

/** `14`, or as the range of monitoring plugins that is left when fewer days are left, `14:`. */
function parseDays(flag: string, text: string | undefined): number | null {
  return text === undefined ? null : parseCount(flag, text.replace(/:$/, ""), MAX_DAYS);
}

/**
 * Everything a verifier needs, its resolver included. `deadline` is that of targets for which none is given on the
 * command line.
 */
export async function openVerification(
  options: VerifyCommandOptions,
  deadline: string | null,
  io: Io,
): Promise<VerifyOptions> {
  refuse(options, ["name", "alsoName"], "only with --chain and --tlsa");
  const { address = [] } = options;
  const wrong = address.find((text) => isIP(text) === 0);
  if (wrong !== undefined) throw usage(`--address: "${wrong}" is not an IP address`, "write --address 192.0.2.1");
  const timeoutMs = parseTimeout(options.timeout ?? DEFAULT_TIMEOUT);
  const { warning, critical } = parseThresholds(options);
  const ending = options.deadline ?? deadline;
  const roots = options.store === undefined ? null : await readCertificates(options.store, io);
  const previous = options.previous === undefined ? [] : await readCertificates(options.previous, io);
  return {
    resolve: (await openValidation(options, timeoutMs, io)).resolve,
    at: parseAt(options.at, io),
    timeoutMs,
    deadlineMs: ending === null ? null : parseTimeout(ending, "--deadline"),
    concurrency: parseCount("--concurrency", options.concurrency ?? DEFAULT_CONCURRENCY, MAX_CONCURRENCY),
    addresses: address,
    profile: parseProfile(options.profile),
    eeNames: options.eeNames ?? false,
    everyKind: options.oneCertificate !== true,
    aheadDays: warning === null && critical === null ? null : Math.max(warning ?? 0, critical ?? 0),
    criticalDays: critical,
    loadTrustStore: () => roots ?? bundledRoots(),
    previous,
    signal: io.signal,
  };
}

/** The certificates of a file in its order. */
export async function readCertificates(file: string, io: Io): Promise<readonly Uint8Array[]> {
  const credentials = readCredentials(await readInput(file, io));
  if (!credentials.ok) {
    const { code, message, hint } = credentials.fault;
    throw OperationalError.of(fault(code, `${nameOfInput(file)}: ${message}`, hint));
  }
  const { certificates } = credentials.value;
  if (certificates.length === 0) throw OperationalError.of(fault("CERT_NONE", `${file} holds no certificate`));
  return certificates.map(({ der }) => der);
}

/** The roots that come with Node: only usages 0 and 1 rely on them (RFC 7671 §5.3, §5.4). */
function bundledRoots(): readonly Uint8Array[] {
  return rootCertificates.flatMap((pem) => {
    const blocks = parsePem(pem);
    return blocks.ok ? blocks.value.map(({ bytes }) => bytes) : [];
  });
}
