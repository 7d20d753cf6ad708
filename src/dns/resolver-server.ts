/**
 * How people name a recursive resolver: `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:53`, and for DNS over TLS
 * `tls://192.0.2.1#dns.example`, `tls://[2001:db8::1]:853#dns.example`, as unbound and knot-resolver write it.
 *
 * A resolver is named by its address, never by a host name: looking that name up would need another resolver first, and
 * an unauthenticated one. What stands behind `#` is the name that the certificate must carry; without it, the address.
 */
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { formatHostPort } from "../base/socket-address.ts";
import { formatIpv6, parseIpv4, parseIpv6 } from "./address.ts";
import { displayName, parseName } from "./name.ts";

/** A recursive resolver asked in clear text, over UDP and TCP. */
export interface PlainResolver {
  readonly kind: "plain";
  /** A literal IPv4 or IPv6 address in its canonical form, without brackets. */
  readonly address: string;
  readonly port: number;
}

/** A recursive resolver asked over TLS alone (RFC 7858). */
export interface TlsResolver {
  readonly kind: "tls";
  readonly address: string;
  readonly port: number;
  /** The name its certificate must carry, without a final dot; null: the certificate must carry the address. */
  readonly name: string | null;
}

export type ResolverServer = PlainResolver | TlsResolver;

const PLAIN_PORT = 53;
/** RFC 7858 §3.1. */
const TLS_PORT = 853;
const HINT = "write 192.0.2.1, 192.0.2.1:5353, [2001:db8::1]:5353 or tls://192.0.2.1#dns.example";

function refuse(message: string, hint = HINT): Result<never, Fault> {
  return failure(fault("RESOLVER_ADDRESS_INVALID", message, hint));
}

function canonical(address: string): string | null {
  if (parseIpv4(address) !== null) return address;
  const octets = parseIpv6(address);
  return octets === null ? null : formatIpv6(octets);
}

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** `IP`, `IP:PORT`, `[IPv6]:PORT`; `whole` is what was written, for messages. */
function parseEndpoint(text: string, defaultPort: number, whole: string): Result<Endpoint, Fault> {
  const bare = parseIpv6(text);
  if (bare !== null) return success({ address: formatIpv6(bare), port: defaultPort });
  const parts = /^(?:\[(?<literal>[^\]]*)\]|(?<host>[^:[\]]+))(?::(?<port>\d{1,5}))?$/.exec(text);
  const written = parts?.groups?.["literal"] ?? parts?.groups?.["host"];
  if (written === undefined) return refuse(`"${whole}" is not an IP address with or without a port`);
  const address = canonical(written);
  if (address === null || (parts?.groups?.["literal"] !== undefined && !address.includes(":"))) {
    const hint = `a resolver is named by its address, because its name could not be looked up yet: ${HINT}`;
    return refuse(`"${written}" is not an address`, hint);
  }
  const port = Number(parts?.groups?.["port"] ?? defaultPort);
  if (port < 1 || port > 65_535) return refuse(`the port of "${whole}" is not between 1 and 65535`);
  return success({ address, port });
}

/** The name behind `#`: ordinary host labels, so that it can be compared with a certificate and sent as SNI. */
function parseAuthenticationName(text: string, whole: string): Result<string, Fault> {
  const name = parseName(text);
  const shown = name.ok ? displayName(name.value) : "";
  if (/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(shown) && canonical(shown) === null) return success(shown);
  const hint = "behind # stands the name in the resolver's certificate: tls://192.0.2.1#dns.example";
  return refuse(`"${text}" in "${whole}" is not the name of a resolver`, hint);
}

/** Reads a resolver as people write it; see the head of this file. Faults: `RESOLVER_ADDRESS_INVALID`. */
export function parseResolver(text: string): Result<ResolverServer, Fault> {
  const whole = text.trim();
  const scheme = /^(?<scheme>[a-z][a-z0-9+.-]*):\/\//i.exec(whole)?.groups?.["scheme"];
  if (scheme === undefined) {
    const endpoint = parseEndpoint(whole, PLAIN_PORT, whole);
    return endpoint.ok ? success({ kind: "plain", ...endpoint.value }) : endpoint;
  }
  if (scheme.toLowerCase() !== "tls") return refuse(`"${whole}" names a transport that is not known: ${scheme}`);
  const [place = "", ...names] = whole.slice(scheme.length + 3).split("#");
  const endpoint = parseEndpoint(place, TLS_PORT, whole);
  if (!endpoint.ok) return endpoint;
  if (names.length === 0) return success({ kind: "tls", ...endpoint.value, name: null });
  const name = parseAuthenticationName(names.join("#"), whole);
  return name.ok ? success({ kind: "tls", ...endpoint.value, name: name.value }) : name;
}

/** `192.0.2.1:53`, `tls://192.0.2.1:853#dns.example`: for messages, and read back by {@link parseResolver}. */
export function formatResolver(server: ResolverServer): string {
  const place = formatHostPort(server.address, server.port);
  if (server.kind === "plain") return place;
  return server.name === null ? `tls://${place}` : `tls://${place}#${server.name}`;
}
