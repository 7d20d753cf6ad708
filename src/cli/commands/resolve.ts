/**
 * `daneward resolve`: one DNSSEC-validated lookup, with the chain of trust that it rests on, or the link that broke. Needs
 * no configuration and no root; reads one only when it is named. Exit codes of monitoring plugins: 0 secure, 1
 * insecure, 2 bogus, 3 indeterminate.
 */
import { isIP, isIPv4 } from "node:net";
import { fault, OperationalError } from "../../base/errors.ts";
import type { Fault } from "../../base/errors.ts";
import type { Result } from "../../base/result.ts";
import { TYPE, typeFromName, typeName } from "../../dns/iana.ts";
import { displayName, parseName } from "../../dns/name.ts";
import type { DomainName } from "../../dns/name.ts";
import { formatResolver } from "../../dns/resolver-server.ts";
import { exitOf } from "../../report/resolve-model.ts";
import { tlsaOwner } from "../../tlsa/owner.ts";
import { parseTarget } from "../../verifier/target.ts";
import { styleOf } from "../demo/style.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { parseAt, parseTimeout } from "../time-flags.ts";
import { openValidation } from "../validation-flags.ts";
import type { ValidationFlags } from "../validation-flags.ts";

/** Flags of `daneward resolve` as they are typed. */
export interface ResolveOptions extends ValidationFlags {
  readonly at?: string;
  readonly timeout?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

const DEFAULT_TIMEOUT = "10s";

/** Throws OperationalError for bad usage and unreadable files; what it finds out is in the exit code. */
export async function run(args: readonly string[], options: ResolveOptions, io: Io): Promise<ExitCode> {
  const { name, type } = parseQuestion(args);
  const at = parseAt(options.at, io);
  const timeoutMs = parseTimeout(options.timeout ?? DEFAULT_TIMEOUT);
  const { resolve, trust, servers } = await openValidation(
    options,
    timeoutMs,
    io,
    options.at === undefined ? null : at,
  );
  const answer = await resolve(name, type);
  const report = { answer, at, atGiven: options.at !== undefined, trust, resolvers: servers.map(formatResolver) };
  if (options.json === true) {
    const { renderResolveJson } = await import("../../report/resolve-json.ts");
    io.out(renderResolveJson(report));
  } else {
    const { renderResolveText } = await import("../../report/resolve-text.ts");
    const { quiet = false, verbose = false } = options;
    const unicode = io.outIsTerminal && styleOf(io).unicode;
    io.out(renderResolveText(report, { quiet, verbose, color: io.color, unicode }));
  }
  return exitOf(answer);
}

function usage(message: string, hint = "see daneward resolve --help"): OperationalError {
  return OperationalError.of(fault("USAGE", message, hint));
}

function unwrap<T>(result: Result<T, Fault>): T {
  if (result.ok) return result.value;
  throw OperationalError.of(result.fault);
}

interface Question {
  readonly name: DomainName;
  readonly type: number;
}

function parseQuestion([text = "", typeText]: readonly string[]): Question {
  // The pattern of isIP takes milliseconds to compile, and a name looks like no address.
  if (/^[\d.]+$|:/.test(text) && isIP(text) !== 0) {
    const reverse = isIPv4(text) ? `${text.split(".").reverse().join(".")}.in-addr.arpa` : "(nibbles).ip6.arpa";
    throw usage(`"${text}" is an address, not a name`, `for its name: daneward resolve ${reverse} PTR`);
  }
  // A slash is right in the reverse zones of less than an octet, such as 0/25.2.0.192.in-addr.arpa.
  if (text.includes(":") || (text.includes("/") && !/\.in-addr\.arpa\.?$/i.test(text))) throw notName(text);
  if (typeText !== undefined && typeFromName(typeText) === null && typeFromName(text) !== null) {
    throw usage(`"${typeText}" is not a type`, `the name comes first: daneward resolve ${typeText} ${text}`);
  }
  const name = unwrap(parseName(text));
  return { name, type: typeText === undefined ? defaultType(name) : parseType(typeText) };
}

/** What `verify` would take is pointed to the question that `verify` begins with. */
function notName(text: string): OperationalError {
  const target = parseTarget(text);
  if (!target.ok) {
    const host = text
      .replace(/^[a-z][a-z0-9+.-]*:\/\/|^(?:mx|srv|mailto):/i, "")
      .replace(/^.*@/, "")
      .replace(/[/:?#].*$/, "");
    const example = host !== "." && parseName(host).ok ? host : "mx.example.org";
    return usage(`"${text}" is not a name`, `ask for a name alone: daneward resolve ${example}`);
  }
  switch (target.value.kind) {
    case "service": {
      const { host, port } = target.value.endpoint;
      const owner = displayName(tlsaOwner(host, port));
      return usage(`"${text}" is a service, not a name`, `for its TLSA records: daneward resolve ${owner}`);
    }
    case "mx": {
      const domain = displayName(target.value.domain);
      return usage(`"${text}" is a mail domain, not a name`, `for its hosts: daneward resolve ${domain} MX`);
    }
    case "srv": {
      const owner = displayName(target.value.owner);
      return usage(`"${text}" is a service, not a name`, `for its hosts: daneward resolve ${owner} SRV`);
    }
  }
}

/** What is mostly wanted of such a name: `_25._tcp.…` has TLSA records, hosts have addresses. */
function defaultType(name: DomainName): number {
  return /^_\d{1,5}\._(tcp|udp|sctp)\./.test(name) ? TYPE.TLSA : TYPE.A;
}

/** Question and meta types are no data of a zone, and nothing signs RRSIG records (RFC 4035 §2.2). */
function parseType(text: string): number {
  const type = typeFromName(text);
  if (type === null) throw usage(`"${text}" is not a record type`, "write TLSA, A, AAAA, MX and the like, or TYPE52");
  const isMeta = type === 0 || type === TYPE.OPT || (type >= 128 && type <= 255);
  if (!isMeta && type !== TYPE.RRSIG) return type;
  const why = isMeta ? "is no data of a zone" : "records carry no signatures of their own";
  throw usage(
    `${typeName(type)} ${why}, so there is nothing to validate`,
    "ask for a type of record that a zone holds",
  );
}
