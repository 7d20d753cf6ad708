/** `HOST[:PORT]` as people write it, and back. Whether the host is a name or an address is the caller's question. */
import { failure, success } from "./result.ts";
import type { Result } from "./result.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1`, `[2001:db8::1]:53`, `ns.example.org:53`; the fault says what is wrong. */
export function parseHostPort(text: string, defaultPort: number): Result<HostPort, string> {
  const trimmed = text.trim();
  const isBareIpv6 = /^[\da-f]*:[\da-f]*:[\da-f:.]*(?:%\w+)?$/i.test(trimmed);
  if (isBareIpv6) return success({ host: trimmed, port: defaultPort });
  const parts = /^(?:\[(?<literal>[^\][\s]+)\]|(?<host>[^\][\s:]+))(?::(?<port>\d{1,5}))?$/.exec(trimmed);
  const host = parts?.groups?.["literal"] ?? parts?.groups?.["host"];
  if (host === undefined)
    return failure(`"${text}" is not HOST or HOST:PORT; write an IPv6 address as [2001:db8::1]:53`);
  const port = Number(parts?.groups?.["port"] ?? defaultPort);
  if (port < 1 || port > 65_535) return failure(`the port of "${text}" is not between 1 and 65535`);
  return success({ host, port });
}

/** `192.0.2.1:53`, `[2001:db8::1]:53`. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${String(port)}` : `${host}:${String(port)}`;
}
