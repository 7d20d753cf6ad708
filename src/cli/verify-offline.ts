/** `daneward verify --chain … --tlsa … --name …`: the judge alone, without a network. */
import { isIP } from "node:net";
import { parseName } from "../dns/name.ts";
import { parseTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import { verifyOffline } from "../verifier/offline.ts";
import type { VerifyReport } from "../verifier/verdict.ts";
import { recordData } from "./record-line.ts";
import type { Io } from "./io.ts";
import { parseAt } from "./time-flags.ts";
import { parseProfile, readCertificates, refuse, unwrap, usage } from "./verify-options.ts";
import type { VerifyCommandOptions } from "./verify-options.ts";

/** Throws OperationalError for bad usage and unreadable files. */
export async function judgeFiles(
  args: readonly string[],
  options: VerifyCommandOptions,
  io: Io,
): Promise<VerifyReport> {
  const { chain, tlsa = [], name, alsoName = [], store } = options;
  if (args.length > 0) throw usage(`a target ("${args[0] ?? ""}") and --chain or --tlsa exclude each other`);
  if (options.days !== undefined) {
    throw usage("--days cannot be used with --chain; use --at", "--at TIME judges the chain as it will be then");
  }
  refuse(
    options,
    [
      "config",
      "starttls",
      "resolver",
      "trust",
      "trustAnchor",
      "address",
      "timeout",
      "deadline",
      "oneCertificate",
      "concurrency",
      "left",
      "warning",
      "critical",
      "host",
      "port",
    ],
    "without --chain and --tlsa",
  );
  if (chain === undefined) throw usage("--chain FILE is missing");
  if (tlsa.length === 0) throw usage('--tlsa "U S M HEX" is missing');
  if (name === undefined) throw usage("--name HOST, the TLSA base domain, is missing");
  if (isIP(name) !== 0) {
    throw usage(
      `--name ${name}: DANE needs a name, not an address`,
      "write the name that the records belong to: --name mx.example.org",
    );
  }
  const certificates = await readCertificates(chain, io);
  const trustStore = store === undefined ? [] : await readCertificates(store, io);
  const previous = options.previous === undefined ? [] : await readCertificates(options.previous, io);
  return verifyOffline({
    chain: certificates,
    records: tlsa.map(parseRecord),
    baseDomain: unwrap(parseName(name)),
    alsoNames: alsoName.map((text) => unwrap(parseName(text))),
    trustStore,
    profile: parseProfile(options.profile) ?? "generic",
    eeNames: options.eeNames ?? false,
    previous,
    at: parseAt(options.at, io),
  });
}

/** A record that is unusable is judged, not refused; so three numbers without data are taken as just that. */
function parseRecord(line: string): TlsaRdata {
  const text = recordData(line);
  const bare = /^\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s*$/.exec(text);
  return unwrap(parseTlsa(bare ? `\\# 3 ${bare.slice(1).map(asOctet).join("")}` : text));
}

function asOctet(text: string): string {
  return Number(text).toString(16).padStart(2, "0");
}
