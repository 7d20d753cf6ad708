/** What to verify, as written on a command line or in a configuration. */
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { asksForDomain, protocolOfPort, SERVICE_PROTOCOLS } from "../base/service-protocol.ts";
import type { ServiceProtocol } from "../base/service-protocol.ts";
import { parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import type { Endpoint } from "./endpoint.ts";

/** A service by name. */
interface HostTarget {
  readonly kind: "service";
  readonly text: string;
  readonly endpoint: Endpoint;
}

/** All mail exchangers of a domain. `text` is what the user wrote. */
export interface MailTarget {
  readonly kind: "mx";
  readonly text: string;
  readonly domain: DomainName;
}

/** All hosts behind the SRV records of a service. */
export interface ServiceTarget {
  readonly kind: "srv";
  readonly text: string;
  /** Owner name of the SRV records: `_xmpp-client._tcp.example.org.` */
  readonly owner: DomainName;
  /** The service domain, `example.org.` */
  readonly domain: DomainName;
  /** The usual port, to speak of the service before the SRV records are known. */
  readonly port: number;
  readonly protocol: ServiceProtocol;
}

/** A service by name, or what leads to services. */
export type Target = HostTarget | MailTarget | ServiceTarget;

export function isProtocol(text: string): text is ServiceProtocol {
  return SERVICE_PROTOCOLS.some((protocol) => protocol === text);
}

interface Scheme {
  readonly port: number;
  readonly protocol: ServiceProtocol;
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
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
  sieve: { port: 4190, protocol: "sieve" },
  xmpp: { port: 5222, protocol: "xmpp-client" },
  xmpps: { port: 5223, protocol: "tls" },
  "xmpp-client": { port: 5222, protocol: "xmpp-client" },
  "xmpp-server": { port: 5269, protocol: "xmpp-server" },
  ldap: { port: 389, protocol: "ldap" },
  ldaps: { port: 636, protocol: "tls" },
  ftp: { port: 21, protocol: "ftp" },
  ftps: { port: 990, protocol: "tls" },
  nntp: { port: 119, protocol: "nntp" },
  nntps: { port: 563, protocol: "tls" },
  postgres: { port: 5432, protocol: "postgres" },
  postgresql: { port: 5432, protocol: "postgres" },
  mysql: { port: 3306, protocol: "mysql" },
  mariadb: { port: 3306, protocol: "mysql" },
};

/** The services that have SRV records are called as the schemes are, but for these (RFC 6186, RFC 8314, XEP-0368). */
const SRV_SERVICES: Readonly<Record<string, Scheme>> = {
  ...SCHEMES,
  "xmpps-client": { port: 5223, protocol: "tls" },
  "xmpps-server": { port: 5270, protocol: "tls" },
  caldavs: { port: 443, protocol: "tls" },
  carddavs: { port: 443, protocol: "tls" },
  sips: { port: 5061, protocol: "tls" },
};

/**
 * Reads `host:port[/protocol[/DOMAIN]]`, `scheme://host[:port][/…]`, `mx:DOMAIN` or `srv:_service._tcp.DOMAIN`. `starttls` (from
 * --starttls) names the protocol where the target does not. Fault USAGE, or what is wrong with the name.
 */
export function parseTarget(text: string, starttls: ServiceProtocol | null = null): Result<Target, Fault> {
  const mx = /^mx:(.*)$/i.exec(text);
  if (mx) {
    const domain = parseHost(mx[1] ?? "", text);
    return domain.ok ? success({ kind: "mx", text, domain: domain.value }) : domain;
  }
  const srv = /^srv:(.*)$/i.exec(text);
  if (srv) return parseSrv(text, srv[1] ?? "", starttls);
  const url = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)/i.exec(text);
  return url ? parseUrl(text, (url[1] ?? "").toLowerCase(), url[2] ?? "") : parseService(text, starttls);
}

/** What users write may also be the name of something that every object has. */
function entryOf<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

function parseSrv(text: string, written: string, starttls: ServiceProtocol | null): Result<Target, Fault> {
  const example = "write srv:_xmpp-client._tcp.example.org";
  const [, service = "", transport = "", rest = ""] = /^(_[^.]+)\.(_[^.]+)\.(.+)$/.exec(written) ?? [];
  if (service === "") return bad(text, "not the name of an SRV record", example);
  if (transport.toLowerCase() !== "_tcp") return bad(text, "only services over TCP can be looked at", example);
  const known = entryOf(SRV_SERVICES, service.slice(1).toLowerCase());
  const protocol = starttls ?? known?.protocol;
  if (protocol === undefined) {
    const hint = `say what it speaks with --starttls, one of ${SERVICE_PROTOCOLS.join(", ")}`;
    return bad(text, `the service "${service}" is not known`, hint);
  }
  const domain = parseHost(rest, text);
  if (!domain.ok) return domain;
  const owner = parseName(written);
  if (!owner.ok) return owner;
  return success({ kind: "srv", text, owner: owner.value, domain: domain.value, port: known?.port ?? 443, protocol });
}

function parseUrl(text: string, scheme: string, authority: string): Result<Target, Fault> {
  const known = entryOf(SCHEMES, scheme);
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

function parseService(text: string, starttls: ServiceProtocol | null): Result<Target, Fault> {
  const match = /^([^:/]+):([^:/]*)(?:\/([^/]*)(?:\/(.*))?)?$/.exec(text);
  if (!match) {
    const hint = /^(\[.*\]|[0-9a-f]*:[0-9a-f:.]*)/i.test(text)
      ? "name the host, and the address with --address: TLSA records belong to names"
      : "write host:port[/protocol], for example mx.example.org:25";
    return bad(text, "not a target", hint);
  }
  const [, host = "", port = "", protocol, domain] = match;
  if (protocol !== undefined && !isProtocol(protocol)) {
    return bad(text, `the protocol "${protocol}" is not known`, `use one of ${SERVICE_PROTOCOLS.join(", ")}`);
  }
  const target = endpointOf(text, host, port, protocol ?? starttls);
  return domain === undefined || !target.ok ? target : servingDomain(target.value, domain);
}

/** `host:port/xmpp-client/DOMAIN`: a host is not asked for the domains that it serves, it has to be told. */
function servingDomain({ text, endpoint }: HostTarget, written: string): Result<Target, Fault> {
  if (!asksForDomain(endpoint.protocol)) {
    return bad(text, `"${endpoint.protocol}" asks for no domain`, "write host:port/protocol");
  }
  const domain = parseHost(written, text);
  if (!domain.ok) return domain;
  return success({ kind: "service", text, endpoint: { ...endpoint, serviceDomain: domain.value } });
}

function endpointOf(
  text: string,
  hostText: string,
  portText: string,
  protocol: ServiceProtocol | null,
): Result<HostTarget, Fault> {
  const host = parseHost(hostText, text);
  if (!host.ok) return host;
  const port = /^[1-9]\d{0,4}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65_535) return bad(text, `"${portText}" is not a port`, "ports are 1 to 65535");
  return success({
    kind: "service",
    text,
    endpoint: { host: host.value, port, protocol: protocol ?? protocolOfPort(port) ?? "tls" },
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
