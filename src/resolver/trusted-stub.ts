/**
 * A resolver of trust mode "ad": the validating is done by a recursive resolver on this host, and its AD bit is believed
 * (RFC 4035 §4.9.3, RFC 6840 §5.7).
 *
 * Asked with RD=1 AD=1 DO=1 CD=0. AD set on every message of an alias chain makes the answer secure; missing on one, the
 * whole is insecure. The AD bit is no more trustworthy than the path it came on, so a resolver that is not on the
 * loopback interface is refused unless the caller says that the path is protected or that the status does not matter.
 *
 * With CD=0 a validating resolver answers SERVFAIL to what it finds bogus and to what it could not find out, and nobody
 * can tell the two apart (RFC 4035 §5.5): both are indeterminate here. Its extended error (RFC 8914) is shown and not
 * believed. A server without RA is no resolver for us: its referrals would read like "does not exist".
 *
 * Not done: caching (the resolver does it) and validation of our own.
 */
import { isIPv4, isIPv6 } from "node:net";
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import type { Seconds } from "../base/time.ts";
import { seconds } from "../base/time.ts";
import { CLASS, RCODE, TYPE } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeCname, decodeSoa } from "../dns/rdata.ts";
import { findRrset } from "../dns/rrset.ts";
import type { ResourceRecord, Rrset } from "../dns/rrset.ts";
import { formatResolver } from "../dns/resolver-server.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";
import { rcodeProblem } from "../transport/dns-exchange.ts";
import type { DnsServer } from "../transport/dns-exchange.ts";
import { openResolverChannel } from "../transport/resolver-channel.ts";
import type { AliasLink, DnsAnswer, Resolve } from "./resolver.ts";
import { resolverHint } from "./resolver-hint.ts";

export interface TrustedStubOptions {
  /** A server without a kind is asked in clear text. */
  readonly server: DnsServer | ResolverServer;
  /** For one question, its retry and TCP included. */
  readonly timeoutMs: number;
  /** Accept a resolver that is not on this host: its path is protected, or the security status is not used. */
  readonly allowRemote?: boolean;
  /**
   * Ask with CD=1 and believe no AD bit: every answer then counts as insecure. For whoever only looks for the way, to
   * whom a zone that fails validation, or did a moment ago, must stay visible (RFC 4035 §3.2.2). It may be anywhere then.
   */
  readonly checkingDisabled?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** As many CNAMEs as common resolvers follow. */
export const MAX_ALIASES = 11;

/** 127.0.0.0/8, ::1, and 127.0.0.0/8 written as an IPv4-mapped address. */
export function isLoopback(address: string): boolean {
  const mapped = /^::ffff:(?<v4>[\d.]+)$/i.exec(address)?.groups?.["v4"];
  if (mapped !== undefined) return isLoopback(mapped);
  if (isIPv4(address)) return address.startsWith("127.");
  return isIPv6(address) && /^(0{0,4}:){2,7}0{0,3}1$/.test(address);
}

/**
 * How long a negative answer may be kept: min(SOA TTL, SOA MINIMUM) of the SOA in its authority section (RFC 2308 §5);
 * null without one.
 */
export function negativeTtlOf(authority: readonly ResourceRecord[]): Seconds | null {
  const soa = authority.find((record) => record.type === TYPE.SOA && record.class === CLASS.IN);
  const fields = soa === undefined ? null : decodeSoa(soa.rdata);
  return soa !== undefined && fields?.ok === true ? seconds(Math.min(soa.ttl, fields.value.minimum)) : null;
}

/** The CNAME at `alias` among the records, or null when there is none or it is malformed. */
export function aliasAt(records: readonly ResourceRecord[], alias: DomainName): AliasLink | null {
  const rrset = findRrset(records, alias, TYPE.CNAME);
  const target = rrset?.rdatas[0] === undefined ? null : decodeCname(rrset.rdatas[0]);
  return rrset !== null && target?.ok === true ? { alias, target: target.value, ttl: rrset.ttl } : null;
}

interface Step {
  readonly links: readonly AliasLink[];
  readonly finalName: DomainName;
  readonly rrset: Rrset | null;
  readonly negativeTtl: Seconds | null;
  /** The answer ends in a CNAME and says nothing of its target: the target must be asked for. */
  readonly stopsShort: boolean;
}

/** Follows the aliases inside one answer. An alias met twice ends the walk: the limit on links then catches the loop. */
function readAnswer(message: DnsMessage, name: DomainName, type: number): Step {
  const links: AliasLink[] = [];
  let finalName = name;
  let rrset = findRrset(message.answer, finalName, type);
  while (rrset === null && links.length <= MAX_ALIASES) {
    const link = aliasAt(message.answer, finalName);
    if (link === null) break;
    links.push(link);
    finalName = link.target;
    rrset = findRrset(message.answer, finalName, type);
  }
  const negativeTtl = rrset === null ? negativeTtlOf(message.authority) : null;
  // RFC 6604 §3: the rcode speaks of the last name of the chain, so NXDOMAIN is final, and so is NODATA with its SOA.
  const settled = rrset !== null || message.rcode === RCODE.NXDOMAIN || negativeTtl !== null;
  return { links, finalName, rrset, negativeTtl, stopsShort: !settled && links.length > 0 };
}

function loopFault(name: DomainName, aliases: readonly AliasLink[]): Fault {
  const shown = aliases.slice(0, 3).map((link) => displayName(link.target));
  return fault("DNS_ALIAS_LOOP", `${displayName(name)} leads through ${shown.join(", ")} and on without an end`);
}

function unusable(name: DomainName, type: number, reason: Fault): DnsAnswer {
  return { status: "indeterminate", name, type, reasons: [reason] };
}

function asFault(error: unknown): Fault {
  if (!(error instanceof OperationalError) || error.code === "DNS_INTERRUPTED") throw error;
  return fault(error.code, error.message, resolverHint(error));
}

/**
 * A {@link Resolve} over one recursive resolver whose AD bit is believed. Throws `RESOLVER_NOT_LOOPBACK` at once for a
 * resolver that is not on this host, unless allowed. The result rejects only when interrupted (`DNS_INTERRUPTED`).
 */
export function createTrustedStub(options: TrustedStubOptions): Resolve {
  const { timeoutMs, signal, checkingDisabled: cd = false } = options;
  const server: ResolverServer = "kind" in options.server ? options.server : { kind: "plain", ...options.server };
  if (!cd && options.allowRemote !== true && !isLoopback(server.address)) {
    const risk =
      server.kind === "tls"
        ? "so its AD bit is the word of a stranger"
        : "so anybody on the way can set the AD bit of its answers";
    throw new OperationalError("RESOLVER_NOT_LOOPBACK", `${formatResolver(server)} is not on this host, ${risk}`, {
      retry: "never",
    });
  }
  const channel = openResolverChannel(server);
  const ask = async (name: DomainName, type: number): Promise<DnsMessage> => {
    const message = await channel({ name, type, rd: true, ad: !cd, cd, dnssecOk: true, timeoutMs, signal });
    if (message.rcode !== RCODE.NOERROR && message.rcode !== RCODE.NXDOMAIN) {
      throw rcodeProblem(message, { name, type }, formatResolver(server));
    }
    if (message.ra) return message;
    const what = `${formatResolver(server)} offers no recursion to this host`;
    throw new OperationalError("RESOLVER_NOT_RECURSIVE", what, { retry: "never" });
  };
  return async (name, type) => {
    const aliases: AliasLink[] = [];
    let authentic = !cd;
    for (let asked = name; ;) {
      let message: DnsMessage;
      try {
        message = await ask(asked, type);
      } catch (error) {
        return unusable(name, type, asFault(error));
      }
      authentic &&= message.ad;
      const step = readAnswer(message, asked, type);
      aliases.push(...step.links);
      if (aliases.length > MAX_ALIASES) return unusable(name, type, loopFault(name, aliases));
      asked = step.finalName;
      if (step.stopsShort) continue;
      const { rrset, negativeTtl, finalName } = step;
      const status = authentic ? "secure" : "insecure";
      return { status, name, type, rcode: message.rcode, aliases, finalName, rrset, negativeTtl };
    }
  };
}
