/**
 * `daneward verify`: looks at live servers as a DANE client would, or judges a chain in a file. Needs no configuration
 * and no root. Exit codes of monitoring plugins: 0 verified, 1 not protected, 2 refused, 3 could not look.
 */
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import path from "node:path";
import { rootCertificates } from "node:tls";
import { fault, OperationalError } from "../../base/errors.ts";
import type { Fault } from "../../base/errors.ts";
import type { Result } from "../../base/result.ts";
import { parseDuration, parseInstant } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import { parseName } from "../../dns/name.ts";
import { parseTlsa } from "../../dns/rdata.ts";
import type { TlsaRdata } from "../../dns/rdata.ts";
import { readCredentials } from "../../pki/certificate.ts";
import { parsePem } from "../../pki/pem.ts";
import { renderVerifyJson } from "../../report/verify-json.ts";
import { renderVerifyText } from "../../report/verify-text.ts";
import { createTrustedStub } from "../../resolver/trusted-stub.ts";
import type { Profile } from "../../verifier/evidence.ts";
import { verifyOffline } from "../../verifier/offline.ts";
import { isProtocol, parseTarget, PROTOCOLS } from "../../verifier/target.ts";
import type { VerifyReport } from "../../verifier/verdict.ts";
import { verifyTargets } from "../../verifier/verify.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { parseResolverFlag } from "../resolver-flag.ts";

export interface VerifyCommandOptions {
  readonly starttls?: string;
  readonly resolver?: string;
  readonly trust?: string;
  readonly address?: readonly string[];
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
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

const DEFAULT_TIMEOUT = "10s";

/** Throws OperationalError for bad usage and unreadable files; what it finds out is in the exit code. */
export async function run(args: readonly string[], options: VerifyCommandOptions, io: Io): Promise<ExitCode> {
  const json = wantsJson(options);
  const offline = options.chain !== undefined || options.tlsa !== undefined;
  const report = offline ? await judgeFiles(args, options, io) : await lookAtServers(args, options, io);
  const { quiet = false, verbose = false } = options;
  io.out(json ? renderVerifyJson(report) : renderVerifyText(report, { quiet, verbose, color: io.color }));
  return report.exit;
}

function wantsJson({ format, json = false }: VerifyCommandOptions): boolean {
  switch (format) {
    case undefined:
      return json;
    case "text":
      if (json) throw usage("--json and --format text contradict each other");
      return false;
    case "json":
      return true;
    case "nagios":
    case "prometheus":
      throw usage(
        `--format ${format} is not supported yet`,
        "use --format json; the exit code is that of a monitoring plugin",
      );
    default:
      throw usage(`--format: "${format}" is not known`, "use text or json");
  }
}

async function lookAtServers(args: readonly string[], options: VerifyCommandOptions, io: Io): Promise<VerifyReport> {
  if (args.length === 0) {
    throw usage("no target", "name a service, for example mx.example.org:25, or give --chain, --tlsa and --name");
  }
  refuse(options, ["name", "alsoName"], "only with --chain and --tlsa");
  const { starttls = null, address = [], trust = "ad" } = options;
  if (starttls !== null && !isProtocol(starttls)) {
    throw usage(`--starttls: "${starttls}" is not known`, `use one of ${PROTOCOLS.join(", ")}`);
  }
  if (trust === "local") {
    throw usage(
      "--trust local is not supported yet: it comes with the built-in DNSSEC validator",
      "use --trust ad with a validating resolver on this host",
    );
  }
  if (trust !== "ad") throw usage(`--trust: "${trust}" is not known`, "use ad");
  const wrong = address.find((text) => isIP(text) === 0);
  if (wrong !== undefined) throw usage(`--address: "${wrong}" is not an IP address`, "write --address 192.0.2.1");
  const targets = args.map((text) => unwrap(parseTarget(text, starttls)));
  const timeoutMs = parseTimeout(options.timeout ?? DEFAULT_TIMEOUT);
  const roots = options.store === undefined ? null : await readCertificates(options.store, io);
  const resolve = createTrustedStub({ server: parseResolverFlag(options.resolver), timeoutMs, signal: io.signal });
  return verifyTargets(targets, {
    resolve,
    at: parseAt(options.at, io),
    timeoutMs,
    addresses: address,
    profile: parseProfile(options.profile),
    eeNames: options.eeNames ?? false,
    loadTrustStore: () => roots ?? bundledRoots(),
    signal: io.signal,
  });
}

async function judgeFiles(args: readonly string[], options: VerifyCommandOptions, io: Io): Promise<VerifyReport> {
  const { chain, tlsa = [], name, alsoName = [], store } = options;
  if (args.length > 0) throw usage(`a target ("${args[0] ?? ""}") and --chain or --tlsa exclude each other`);
  refuse(options, ["starttls", "resolver", "trust", "address", "timeout"], "without --chain and --tlsa");
  if (chain === undefined) throw usage("--chain FILE is missing");
  if (tlsa.length === 0) throw usage('--tlsa "U S M HEX" is missing');
  if (name === undefined) throw usage("--name HOST, the TLSA base domain, is missing");
  const certificates = await readCertificates(chain, io);
  const trustStore = store === undefined ? [] : await readCertificates(store, io);
  return verifyOffline({
    chain: certificates,
    records: tlsa.map(parseRecord),
    baseDomain: unwrap(parseName(name)),
    alsoNames: alsoName.map((text) => unwrap(parseName(text))),
    trustStore,
    profile: parseProfile(options.profile) ?? "generic",
    eeNames: options.eeNames ?? false,
    at: parseAt(options.at, io),
  });
}

function usage(message: string, hint = "see daneward verify --help"): OperationalError {
  return OperationalError.of(fault("USAGE", message, hint));
}

function unwrap<T>(result: Result<T, Fault>): T {
  if (result.ok) return result.value;
  throw OperationalError.of(result.fault);
}

/** Flags that would be ignored silently are refused. */
function refuse(options: VerifyCommandOptions, flags: readonly (keyof VerifyCommandOptions)[], where: string): void {
  const given = flags.find((flag) => options[flag] !== undefined);
  if (given === undefined) return;
  throw usage(`--${given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} makes sense ${where}`);
}

function parseProfile(text: string | undefined): Profile | null {
  if (text === undefined) return null;
  if (text !== "smtp" && text !== "generic") throw usage(`--profile: "${text}" is not known`, "use smtp or generic");
  return text;
}

function parseAt(text: string | undefined, io: Io): Instant {
  if (text === undefined) return io.clock();
  const at = parseInstant(text);
  if (!at.ok) throw usage(`--at: ${at.fault}`);
  return at.value;
}

/** Milliseconds. */
function parseTimeout(text: string): number {
  const timeout = parseDuration(text);
  if (!timeout.ok) throw usage(`--timeout: ${timeout.fault}`);
  if (timeout.value < 1 || timeout.value > 3600) throw usage("--timeout: write 1s to 1h");
  return timeout.value * 1000;
}

/** A record that is unusable is judged, not refused; so three numbers without data are taken as just that. */
function parseRecord(text: string): TlsaRdata {
  const bare = /^\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s*$/.exec(text);
  return unwrap(parseTlsa(bare ? `\\# 3 ${bare.slice(1).map(asOctet).join("")}` : text));
}

function asOctet(text: string): string {
  return Number(text).toString(16).padStart(2, "0");
}

/** The certificates of a file in its order. */
async function readCertificates(file: string, io: Io): Promise<readonly Uint8Array[]> {
  const where = path.resolve(io.cwd, file);
  const bytes = await readFile(where).catch((cause: unknown) => {
    const code = cause instanceof Error && "code" in cause ? cause.code : "";
    const problem = code === "ENOENT" ? "FILE_NOT_FOUND" : code === "EACCES" ? "PERMISSION_DENIED" : "FILE_UNREADABLE";
    throw new OperationalError(problem, `${file} cannot be read`, { retry: "never", cause });
  });
  const credentials = readCredentials(bytes);
  if (!credentials.ok) {
    const { code, message, hint } = credentials.fault;
    throw OperationalError.of(fault(code, `${file}: ${message}`, hint));
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
