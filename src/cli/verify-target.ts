/** A target of `daneward verify` as it was typed, with advice for those who do not know the forms yet. */
import { isIP } from "node:net";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { protocolOfPort } from "../base/service-protocol.ts";
import type { ServiceProtocol } from "../base/service-protocol.ts";
import { displayName, parseName } from "../dns/name.ts";
import { parseTarget } from "../verifier/target.ts";
import type { Target } from "../verifier/target.ts";
import { exitOfHosts, worstVerdict } from "../verifier/verdict.ts";
import type { AddressReport, HostReport, VerifyReport } from "../verifier/verdict.ts";
import { usage } from "./verify-options.ts";
import type { VerifyCommandOptions } from "./verify-options.ts";

/** A host name, or an address, without anything else. */
function isBare(text: string): boolean {
  return /^[^\s:/@[\]]+$/.test(text) || isIP(text) !== 0;
}

/**
 * The targets, be they written as such, as `-H HOST -p PORT` as monitoring plugins have it, or as names beside one `-p
 * PORT`. Throws USAGE.
 */
export function targetTexts(
  args: readonly string[],
  { host, port }: Pick<VerifyCommandOptions, "host" | "port">,
): readonly string[] {
  const [first] = args;
  if (host !== undefined && first !== undefined) throw usage(`a target ("${first}") and -H exclude each other`);
  const names = host === undefined ? args : [host];
  if (port === undefined) {
    if (host !== undefined && isBare(host))
      throw usage(`-H ${host}: the port is missing`, "add -p 25, or the port it has");
    return names;
  }
  if (names.length === 0) throw usage("-p names no host", "write -H mx.example.org -p 25, or mx.example.org:25");
  const other = names.find((name) => !isBare(name));
  if (other !== undefined) {
    throw usage(`"${other}" and -p ${port} exclude each other`, "leave -p out, or write the host name alone beside it");
  }
  return names.map((name) => (isIP(name) === 6 ? `[${name}]:${port}` : `${name}:${port}`));
}

/** Reads it as {@link parseTarget} does; what looks like a name alone, or `mx:` alone, gets a hint of its own. */
export function readTarget(text: string, starttls: ServiceProtocol | null): Result<Target, Fault> {
  const [, kind = "", domain = "", port = ""] = /^(mx|srv):([^:/]+):(\d+)$/i.exec(text) ?? [];
  if (kind !== "") {
    const found = kind.toLowerCase() === "mx" ? "port 25 of the hosts that MX records name" : "what SRV records name";
    const hint = `write ${kind}:${domain}, or HOST:${port} for one host`;
    return failure(fault("USAGE", `"${text}": no port belongs here: ${found} is looked at`, hint));
  }
  const target = parseTarget(text, starttls);
  if (target.ok) return target;
  const { code, message } = target.fault;
  if (/^mx:\.?$/i.test(text)) return failure(fault(code, `"${text}": the domain is missing`, "write mx:example.org"));
  if (!/^[^\s:/@[\]]+$/.test(text) || !parseName(text).ok || /^[\d.]+$/.test(text)) return target;
  const name = text.replace(/\.$/, "");
  // Names such as mx1.example.org are hosts that serve the domain above them.
  const served = name.replace(/^(?:mx|mail|smtp)[\d-]*\.(?=.*\.)/i, "");
  return failure(fault(code, message, `write ${name}:25 for a host, mx:${served} for a mail domain`));
}

/** What to tell of a target that was understood by guessing; null: nothing was guessed. */
export function guessAt(target: Target, starttls: ServiceProtocol | null): string | null {
  // A scheme and a second slash name the protocol.
  if (target.kind !== "service" || starttls !== null || target.text.includes("/")) return null;
  const { host, port } = target.endpoint;
  if (protocolOfPort(port) !== null) return null;
  const label = `${displayName(host)}:${String(port)}`;
  return `port ${String(port)} is not known: direct TLS assumed; write ${label}/smtp, or what else it speaks`;
}

/**
 * The report without what follows from a guess: where TLS at once was assumed and no TLS came about, the server may well
 * speak another protocol, and what a client makes of it was not seen.
 */
export function withoutGuess(
  report: VerifyReport,
  targets: readonly Target[],
  starttls: ServiceProtocol | null,
): VerifyReport {
  const guessed = new Set(targets.filter((target) => guessAt(target, starttls) !== null).map(({ text }) => text));
  if (guessed.size === 0) return report;
  const hosts = report.hosts.map((host) => (guessed.has(host.target) ? unguessed(host) : host));
  return { ...report, exit: exitOfHosts(hosts), hosts };
}

function unguessed(host: HostReport): HostReport {
  const { endpoint } = host;
  if (endpoint === null) return host;
  const label = `${displayName(endpoint.host)}:${String(endpoint.port)}`;
  const addresses = host.addresses.map((address): AddressReport => {
    if (address.verdict !== "fail-tls" && address.verdict !== "unusable-broken") return address;
    const reason = `port ${String(endpoint.port)} is not known, and TLS at once did not come about: ${address.reason}`;
    const hint = `say what it speaks: ${label}/smtp (or --starttls smtp), or ${label}/tls if that is right`;
    return { ...address, verdict: "unreachable", code: "PROTOCOL_UNKNOWN", reason, hint };
  });
  return { ...host, addresses, verdict: worstVerdict(addresses.map(({ verdict }) => verdict)) ?? host.verdict };
}
