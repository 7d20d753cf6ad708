/** Decoders of single configuration values. Each notes what is wrong and returns null; none throws. */
import { isIP, isIPv6 } from "node:net";
import { dirname, resolve } from "node:path";
import { parseApiUrl } from "../base/api-url.ts";
import { asksForDomain, protocolOfPort, SERVICE_PROTOCOLS } from "../base/service-protocol.ts";
import type { ServiceProtocol } from "../base/service-protocol.ts";
import { parseDuration, seconds } from "../base/time.ts";
import type { Seconds } from "../base/time.ts";
import { displayName, parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { parseResolver } from "../dns/resolver-server.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";
import { parseParameters } from "../tlsa/params.ts";
import type { TlsaParameters } from "../tlsa/params.ts";
import { suggestion } from "./nearest.ts";
import { kindOf, listOf, refuse } from "./table.ts";
import type { Decode } from "./table.ts";

/** Longer than any wait that makes sense, shorter than what overflows (one year). */
const LONGEST = 366 * 86_400;

export const text: Decode<string> = (item, problems) => {
  if (typeof item.value !== "string") return refuse(problems, item, `must be a string, not ${kindOf(item.value)}`);
  if (item.value.trim() === "") return refuse(problems, item, "must not be empty");
  const open = /^FILL IN: (.*)$/.exec(item.value)?.[1];
  if (open === undefined) return item.value;
  // Left open by `daneward adopt`, which could not find it.
  return refuse(problems, item, `is still to be filled in: ${open}`, "write it in place of the whole text in quotes");
};

export const flag: Decode<boolean> = (item, problems) =>
  typeof item.value === "boolean" ? item.value : refuse(problems, item, `must be true or false`);

/** A whole number within bounds, both included. */
export function integer(least: number, most: number): Decode<number> {
  return (item, problems) => {
    const { value } = item;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    const found = typeof value === "number" ? String(value) : kindOf(value);
    return refuse(problems, item, `must be a whole number from ${String(least)} to ${String(most)}, not ${found}`);
  };
}

export const port: Decode<number> = integer(1, 65_535);

/** `"90s"`, `"1h"`, or a number of seconds; at least `least` seconds, at most a year. */
export function duration(least: number): Decode<Seconds> {
  return (item, problems) => {
    const { value } = item;
    const parsed = typeof value === "string" || typeof value === "number" ? parseDuration(String(value)) : null;
    if (parsed === null) return refuse(problems, item, `must be a duration such as "1h", not ${kindOf(value)}`);
    if (!parsed.ok) return refuse(problems, item, parsed.fault);
    if (parsed.value < least) return refuse(problems, item, `must be ${String(least)}s or more`);
    if (parsed.value > LONGEST) return refuse(problems, item, "must be a year or less");
    return seconds(parsed.value);
  };
}

/** A path; a relative one counts from the folder of the file that holds it. */
export const path: Decode<string> = (item, problems) => {
  const written = text(item, problems);
  return written === null ? null : resolve(dirname(item.document.file), written);
};

export const domainName: Decode<DomainName> = (item, problems) => {
  const written = text(item, problems);
  if (written === null) return null;
  const name = parseName(written);
  return name.ok ? name.value : refuse(problems, item, name.fault.message, name.fault.hint);
};

/** The canonical text of an IPv4 or IPv6 address (RFC 5952), or null. */
export function canonicalAddress(written: string): string | null {
  if (!isIPv6(written)) return isIP(written) === 4 ? written : null;
  if (written.includes("%")) return null;
  return new URL(`http://[${written}]/`).hostname.slice(1, -1);
}

export const address: Decode<string> = (item, problems) => {
  const written = text(item, problems);
  if (written === null) return null;
  return canonicalAddress(written) ?? refuse(problems, item, `"${written}" is not an IPv4 or IPv6 address`);
};

/** An address, or a host name in the form in which names are compared. */
export const host: Decode<string> = (item, problems) => {
  const written = text(item, problems);
  if (written === null) return null;
  return canonicalAddress(written) ?? domainName(item, problems);
};

/** `host`, `host:port`, `address`, `[address]:port`. */
function splitPort(written: string): { readonly host: string; readonly port: string | null } | null {
  if (isIPv6(written)) return { host: written, port: null };
  const found = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(written);
  if (found === null) return null;
  const [, bracketed, plain, digits] = found;
  if (bracketed !== undefined && !isIPv6(bracketed)) return null;
  return { host: bracketed ?? plain ?? "", port: digits ?? null };
}

/** `address[:port]` of a recursive resolver, or `tls://address[:port][#name]`; the port is 53, or 853 over TLS, unless said. */
const resolverAddress: Decode<ResolverServer> = (item, problems) => {
  const written = text(item, problems);
  if (written === null) return null;
  const server = parseResolver(written);
  return server.ok ? server.value : refuse(problems, item, server.fault.message, server.fault.hint);
};

/** One resolver, or a list of them in order of preference. */
export const resolverAddresses: Decode<readonly ResolverServer[]> = (item, problems) => {
  if (!Array.isArray(item.value)) {
    const one = resolverAddress(item, problems);
    return one === null ? null : [one];
  }
  const several = listOf(resolverAddress)(item, problems);
  return several?.length === 0 ? refuse(problems, item, "must name at least one resolver") : several;
};

/** The address of an HTTP API: https, or http on this host. */
export const apiUrl: Decode<string> = (item, problems) => {
  const written = text(item, problems);
  if (written === null) return null;
  const url = parseApiUrl(written);
  return url.ok ? url.value : refuse(problems, item, url.fault);
};

/** `host[:port]` of a DNS server; the port is 53 unless said. Names come in canonical form. */
export const hostAndPort: Decode<{ readonly host: string; readonly port: number }> = (item, problems) => {
  const written = text(item, problems);
  if (written === null) return null;
  const split = splitPort(written.trim());
  if (split === null) {
    return refuse(problems, item, `"${written}" is not host[:port]`, "an IPv6 address with a port is [::1]:53");
  }
  const named = host({ ...item, value: split.host }, problems);
  if (named === null) return null;
  const number = split.port === null ? 53 : port({ ...item, value: Number(split.port) }, problems);
  return number === null ? null : { host: named, port: number };
};

export interface WrittenService {
  readonly host: DomainName;
  readonly port: number;
  readonly protocol: ServiceProtocol;
  readonly serviceDomain?: DomainName;
  /** `host:port` as people read it. */
  readonly label: string;
}

/** `host:port[/protocol[/DOMAIN]]`; see {@link asksForDomain}. */
export const service: Decode<WrittenService> = (item, problems) => {
  const written = text(item, problems);
  if (written === null) return null;
  const found = /^([^:/\s]+):(\d{1,5})(?:\/([A-Za-z0-9-]+)(?:\/([^/\s]+))?)?$/.exec(written.trim());
  if (found === null) {
    return refuse(problems, item, `"${written}" is not host:port[/protocol]`, "write mx.example.org:25");
  }
  const [, hostText = "", portText = "", protocolText, domainText] = found;
  if (isIP(hostText) !== 0) {
    return refuse(
      problems,
      item,
      `"${hostText}" is an address`,
      "a service is named as its clients name it: TLSA records are found by name",
    );
  }
  const hostName = domainName({ ...item, value: hostText }, problems);
  const number = port({ ...item, value: Number(portText) }, problems);
  if (hostName === null || number === null) return null;
  const label = `${displayName(hostName)}:${String(number)}`;
  if (protocolText === undefined) {
    const protocol = protocolOfPort(number);
    if (protocol !== null) return { host: hostName, port: number, protocol, label };
    const hint = `add it: ${label}/tls (or /${SERVICE_PROTOCOLS.slice(1).join(", /")})`;
    return refuse(problems, item, `the protocol of port ${String(number)} is not known`, hint);
  }
  const protocol = SERVICE_PROTOCOLS.find((known) => known === protocolText.toLowerCase());
  if (protocol !== undefined) {
    const named = { host: hostName, port: number, protocol, label };
    return domainText === undefined ? named : servingDomain(named, domainText, item, problems);
  }
  const near = suggestion(protocolText, SERVICE_PROTOCOLS);
  return refuse(problems, item, `unknown protocol "${protocolText}"${near}`, `known: ${SERVICE_PROTOCOLS.join(", ")}`);
};

/** `host:port/xmpp-client/DOMAIN`. */
function servingDomain(
  named: WrittenService,
  written: string,
  ...[item, problems]: Parameters<Decode<WrittenService>>
): WrittenService | null {
  const { protocol, label } = named;
  if (!asksForDomain(protocol)) {
    return refuse(problems, item, `"${protocol}" asks for no domain`, `write ${label}/${protocol}`);
  }
  const serviceDomain = domainName({ ...item, value: written }, problems);
  return serviceDomain === null ? null : { ...named, serviceDomain };
}

/** `"3 1 1"`. */
export const parameters: Decode<TlsaParameters> = (item, problems) => {
  const written = text(item, problems);
  if (written === null) return null;
  const parsed = parseParameters(written);
  return parsed.ok ? parsed.value : refuse(problems, item, parsed.fault.message, parsed.fault.hint);
};

/** Group of a file: a name as in group(5), or a number. */
export const group: Decode<string> = (item, problems) => {
  const written = text(item, problems);
  if (written === null) return null;
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/.test(written)
    ? written
    : refuse(problems, item, `"${written}" is not a group`);
};

/**
 * Words of a command line: blanks separate, quotes join, `{name}` is kept for the placeholders that are named, nothing
 * else means anything. A text says what is wrong.
 */
export function splitWords(line: string, placeholders: readonly string[] = []): readonly string[] | string {
  const words: string[] = [];
  let word: string | null = null;
  let at = 0;
  while (at < line.length) {
    const letter = line[at] ?? "";
    if (letter === "'" || letter === '"') {
      const end = line.indexOf(letter, at + 1);
      if (end === -1) return `the quote ${letter} is not closed`;
      const quoted = line.slice(at + 1, end);
      const special = letter === '"' ? /[$`\\]/.exec(quoted)?.[0] : undefined;
      if (special !== undefined) return `"${special}" within double quotes means something to a shell only`;
      word = (word ?? "") + quoted;
      at = end + 1;
      continue;
    }
    const placeholder = placeholders.find((name) => line.startsWith(`{${name}}`, at));
    if (placeholder !== undefined) {
      word = `${word ?? ""}{${placeholder}}`;
      at += placeholder.length + 2;
      continue;
    }
    if (/\s/.test(letter)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (/[$`|;&<>(){}*?~\\#!]/.test(letter)) {
      return `"${letter}" means something to a shell only`;
    } else {
      word = (word ?? "") + letter;
    }
    at++;
  }
  if (word !== null) words.push(word);
  return words.length === 0 ? "an action needs at least the program" : words;
}
