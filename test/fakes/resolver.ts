/** A resolver with a security status per name. It follows its own CNAMEs, and fails loudly when asked what it does not know. */
import { fault } from "../../src/base/errors.ts";
import { seconds } from "../../src/base/time.ts";
import { CLASS, TYPE, typeName } from "../../src/dns/iana.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { decodeCname, encodeA, encodeAaaa, encodeCname, encodeMx, encodeSrv, encodeTlsa } from "../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import type { SecurityStatus } from "../../src/dnssec/verdict.ts";
import type { AliasLink, DnsAnswer, Resolve } from "../../src/resolver/resolver.ts";

export interface FakeAnswer {
  readonly status: SecurityStatus;
  /** Empty: no such record. */
  readonly rdatas: readonly Uint8Array[];
}

export interface FakeResolver {
  readonly resolve: Resolve;
  /** `mx.example.org. A`, in the order of asking. */
  readonly asked: readonly string[];
}

export function dn(text: string): DomainName {
  const name = parseName(text);
  if (!name.ok) throw new Error(name.fault.message);
  return name.value;
}

export const a = (status: SecurityStatus, ...addresses: readonly string[]): FakeAnswer => ({
  status,
  rdatas: addresses.map(encodeA),
});
export const aaaa = (status: SecurityStatus, ...addresses: readonly string[]): FakeAnswer => ({
  status,
  rdatas: addresses.map(encodeAaaa),
});
export const tlsa = (status: SecurityStatus, ...records: readonly TlsaRdata[]): FakeAnswer => ({
  status,
  rdatas: records.map(encodeTlsa),
});
export const cname = (status: SecurityStatus, target: string): FakeAnswer => ({
  status,
  rdatas: [encodeCname(dn(target))],
});
export const mx = (status: SecurityStatus, ...exchangers: readonly (readonly [number, string])[]): FakeAnswer => ({
  status,
  rdatas: exchangers.map(([preference, exchange]) => encodeMx({ preference, exchange: dn(exchange) })),
});
export const srv = (
  status: SecurityStatus,
  ...records: readonly (readonly [number, number, number, string])[]
): FakeAnswer => ({
  status,
  rdatas: records.map(([priority, weight, port, target]) => encodeSrv({ priority, weight, port, target: dn(target) })),
});
export const none = (status: SecurityStatus): FakeAnswer => ({ status, rdatas: [] });
export const failed = (status: "bogus" | "indeterminate" = "indeterminate"): FakeAnswer => ({ status, rdatas: [] });

const ORDER: readonly SecurityStatus[] = ["secure", "insecure", "indeterminate", "bogus"];

/** Keys are `NAME TYPE`, names without the final dot. */
export function fakeResolver(entries: Readonly<Record<string, FakeAnswer>>): FakeResolver {
  const asked: string[] = [];
  const lookUp = (name: DomainName, type: number): FakeAnswer | undefined => {
    return entries[`${name.slice(0, -1)} ${typeName(type)}`];
  };
  const resolve = (name: DomainName, type: number): Promise<DnsAnswer> => {
    asked.push(`${name} ${typeName(type)}`);
    const aliases: AliasLink[] = [];
    let finalName = name;
    let status: SecurityStatus = "secure";
    const worsen = (by: SecurityStatus): void => {
      if (ORDER.indexOf(by) > ORDER.indexOf(status)) status = by;
    };
    for (;;) {
      const link = type === TYPE.CNAME ? undefined : lookUp(finalName, TYPE.CNAME);
      if (link === undefined || link.rdatas[0] === undefined) break;
      worsen(link.status);
      const decoded = decodeCname(link.rdatas[0]);
      if (!decoded.ok) throw new Error(decoded.fault.message);
      const target = decoded.value;
      aliases.push({ alias: finalName, target, ttl: seconds(60) });
      finalName = target;
    }
    const found = lookUp(finalName, type);
    if (found === undefined) throw new Error(`the fake resolver was asked for ${finalName} ${typeName(type)}`);
    worsen(found.status);
    return Promise.resolve(answerOf(name, type, status, aliases, finalName, found.rdatas));
  };
  return { resolve, asked };
}

function answerOf(
  name: DomainName,
  type: number,
  status: SecurityStatus,
  aliases: readonly AliasLink[],
  finalName: DomainName,
  rdatas: readonly Uint8Array[],
): DnsAnswer {
  if (status === "bogus" || status === "indeterminate") {
    return { status, name, type, reasons: [fault("DNS_RCODE", `the resolver answered SERVFAIL for ${name}`)] };
  }
  const rrset =
    rdatas.length === 0 ? null : { name: finalName, type, class: CLASS.IN, ttl: seconds(60), rdatas, signatures: [] };
  return { status, name, type, rcode: 0, aliases, finalName, rrset, negativeTtl: rrset === null ? seconds(60) : null };
}
