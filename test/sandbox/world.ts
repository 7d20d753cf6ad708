/** Helpers of the sandbox's tests: a started tree, questions, updates, and waiting with a deadline. */
import { instant, seconds } from "../../src/base/time.ts";
import type { Clock } from "../../src/base/time.ts";
import { TYPE } from "../../src/dns/iana.ts";
import { decodeMessage } from "../../src/dns/message.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { signMessage, verifyReply } from "../../src/dns/tsig.ts";
import type { TsigKey, TsigVerdict } from "../../src/dns/tsig.ts";
import { encodeUpdate } from "../../src/dns/update.ts";
import type { Prerequisite, Update } from "../../src/dns/update.ts";
import { encodeTlsa } from "../../src/dns/rdata.ts";
import { startDnsTree } from "../../src/sandbox/dns-tree.ts";
import type { DnsTree } from "../../src/sandbox/dns-tree.ts";
import { nameOf } from "../../src/sandbox/records.ts";
import { startResolver } from "../../src/sandbox/resolver.ts";
import type { SandboxResolver } from "../../src/sandbox/resolver.ts";
import { exchangeTcp, query } from "../../src/transport/dns-exchange.ts";
import type { DnsServer } from "../../src/transport/dns-exchange.ts";

export const OWNER = nameOf("_25._tcp.mx.example.test");

/** The wall clock plus what a test has added: tests move time, they do not wait for it. */
export interface MovableClock {
  readonly clock: Clock;
  readonly advance: (milliseconds: number) => void;
}

export function movableClock(): MovableClock {
  const start = Date.now();
  let added = 0;
  return {
    clock: () => instant(start + added),
    advance: (milliseconds) => {
      added += milliseconds;
    },
  };
}

export async function startTree(clock: Clock, ttl = 60): Promise<DnsTree> {
  return startDnsTree({
    clock,
    ttl: seconds(ttl),
    hosts: { "mx.example.test": "127.0.0.1" },
    writable: (name) => name === OWNER,
  });
}

export async function resolverFor(
  tree: DnsTree,
  clock: Clock,
  authorities?: readonly DnsServer[],
): Promise<SandboxResolver> {
  return startResolver({
    address: "127.0.0.1",
    port: 0,
    authorities: authorities ?? [tree.primary, tree.secondary],
    anchor: tree.anchor,
    clock,
  });
}

export async function ask(
  server: DnsServer,
  name: string,
  type: number,
  flags: { readonly cd?: boolean } = {},
): Promise<DnsMessage> {
  return query({ server, name: nameOf(name), type, rd: true, ad: true, dnssecOk: true, timeoutMs: 2000, ...flags });
}

/** TLSA RDATA `3 1 1` with a digest of this octet. */
export function tlsa(octet: number): Uint8Array {
  return encodeTlsa({ usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32).fill(octet) });
}

export interface UpdateReply {
  readonly rcode: number;
  readonly verdict: TsigVerdict;
}

/** Sends one signed update over TCP. `clock`: what the client thinks the time is. */
export async function sendUpdate(
  server: DnsServer,
  key: TsigKey,
  clock: Clock,
  updates: readonly Update[],
  prerequisites: readonly Prerequisite[] = [],
): Promise<UpdateReply> {
  const unsigned = encodeUpdate({ id: 4711, zone: nameOf("example.test"), prerequisites, updates });
  const { message, mac } = signMessage(unsigned, key, clock());
  const bytes = await exchangeTcp(message, server, { timeoutMs: 2000 });
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) throw new Error(decoded.fault.message);
  return { rcode: decoded.value.rcode, verdict: verifyReply({ bytes, key, requestMac: mac, now: clock() }) };
}

export function tlsaOctets(message: DnsMessage): readonly number[] {
  return message.answer
    .filter((record) => record.type === TYPE.TLSA)
    .map((record) => record.rdata[3] ?? -1)
    .sort((left, right) => left - right);
}
