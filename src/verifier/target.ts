/** What to verify, as written on a command line or in a configuration. */
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import type { Endpoint, Protocol } from "./endpoint.ts";

/** A service by name, or all mail exchangers of a domain. `text` is what the user wrote. */
export type Target =
  | { readonly kind: "service"; readonly text: string; readonly endpoint: Endpoint }
  | { readonly kind: "mx"; readonly text: string; readonly domain: DomainName };

export const PROTOCOLS: readonly Protocol[] = ["tls", "smtp", "lmtp", "imap", "pop3"];

export function isProtocol(text: string): text is Protocol {
  return PROTOCOLS.some((protocol) => protocol === text);
}

/** Ports whose protocol is beyond doubt (RFC 6335 registry); everything else is taken as TLS from the first octet. */
const BY_PORT: Readonly<Record<number, Protocol>> = { 25: "smtp", 587: "smtp", 143: "imap", 110: "pop3" };

/** The protocol that a port speaks unless something else is said. */
function protocolOfPort(port: number): Protocol {
  return BY_PORT[port] ?? "tls";
}

const SCHEMES: Readonly<Record<string, { readonly port: number; readonly protocol: Protocol }>> = {
  https: { port: 443, protocol: "tls" },
  smtp: { port: 25, protocol: "smtp" },
  submission: { port: 587, protocol: "smtp" },
  smtps: { port: 465, protocol: "tls" },
  submissions: { port: 465, protocol: "tls" },
  lmtp: { port: 24, protocol: "lmtp" },
  imap: { port: 143, protocol: "imap" },
  imaps: { port: 993, protocol: "tls" },
  pop3: { port: 110, protocol: "pop3" },
  pop3s: { port: 995, protocol: "tls" },
};

/**
 * Reads `host:port[/protocol]`, `scheme://host[:port][/…]` or `mx:DOMAIN`. `starttls` (from --starttls) names the
 * protocol where the target does not. Fault USAGE, or what is wrong with the name.
 */
export function parseTarget(text: string, starttls: Protocol | null = null): Result<Target, Fault> {
  const mx = /^mx:(.*)$/i.exec(text);
  if (mx) {
    const domain = parseHost(mx[1] ?? "", text);
    return domain.ok ? success({ kind: "mx", text, domain: domain.value }) : domain;
  }
  if (/^srv:/i.test(text)) {
    return bad(
      text,
      "srv: targets are not supported yet",
      "name the hosts behind the SRV record one by one: host:port",
    );
  }
  const url = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)/i.exec(text);
  return url ? parseUrl(text, (url[1] ?? "").toLowerCase(), url[2] ?? "") : parseService(text, starttls);
}

function parseUrl(text: string, scheme: string, authority: string): Result<Target, Fault> {
  const known = SCHEMES[scheme];
  if (known === undefined) {
    return bad(
      text,
      `the scheme "${scheme}" is not known`,
      `use one of ${Object.keys(SCHEMES).join(", ")}, or host:port`,
    );
  }
  const [, host = "", port] = /^([^:]*)(?::(.*))?$/.exec(authority) ?? [];
  return endpointOf(text, host, port ?? String(known.port), known.protocol);
}

function parseService(text: string, starttls: Protocol | null): Result<Target, Fault> {
  const match = /^([^:/]+):([^:/]*)(?:\/(.*))?$/.exec(text);
  if (!match) {
    const hint = /^(\[.*\]|[0-9a-f]*:[0-9a-f:.]*)/i.test(text)
      ? "name the host, and the address with --address: TLSA records belong to names"
      : "write host:port[/protocol], for example mx.example.org:25";
    return bad(text, "not a target", hint);
  }
  const [, host = "", port = "", protocol] = match;
  if (protocol !== undefined && !isProtocol(protocol)) {
    return bad(text, `the protocol "${protocol}" is not known`, `use one of ${PROTOCOLS.join(", ")}`);
  }
  return endpointOf(text, host, port, protocol ?? starttls);
}

function endpointOf(
  text: string,
  hostText: string,
  portText: string,
  protocol: Protocol | null,
): Result<Target, Fault> {
  const host = parseHost(hostText, text);
  if (!host.ok) return host;
  const port = /^[1-9]\d{0,4}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65_535) return bad(text, `"${portText}" is not a port`, "ports are 1 to 65535");
  return success({
    kind: "service",
    text,
    endpoint: { host: host.value, port, protocol: protocol ?? protocolOfPort(port) },
  });
}

function parseHost(host: string, text: string): Result<DomainName, Fault> {
  if (/^\d+(\.\d+){3}$/.test(host) || host.startsWith("[")) {
    // RFC 7672 §2.2: DANE does not apply to an address literal.
    return bad(text, "DANE needs a name, not an address", "name the host, and the address with --address");
  }
  if (host === "" || host === ".")
    return bad(text, "the host is missing", "write host:port, for example mx.example.org:25");
  return parseName(host);
}

function bad(text: string, what: string, hint: string): Result<never, Fault> {
  return failure(fault("USAGE", `"${text}": ${what}`, hint));
}
