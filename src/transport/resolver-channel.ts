/**
 * The way to one recursive resolver, kept open: pooled UDP sockets and, for what is truncated, one TCP connection; or,
 * for a resolver named `tls://…`, one TLS connection and nothing else. Everything is opened when first needed, closed
 * when idle, and never keeps the process alive, so a channel needs no closing.
 */
import type { DnsMessage } from "../dns/message.ts";
import type { ResolverServer } from "../dns/resolver-server.ts";
import { queryOver } from "./dns-exchange.ts";
import type { Carriers, DnsQuery } from "./dns-exchange.ts";
import { createDnsStream } from "./dns-stream.ts";
import type { TlsTrust } from "./dns-stream.ts";
import { createUdpPool } from "./udp-pool.ts";

/** A question without where it goes. */
export type ChannelQuestion = Omit<DnsQuery, "server" | "transport">;

/** Asks one question; any rcode is an answer. Throws the codes of `query`, and `RESOLVER_TLS_FAILED`. */
export type ResolverChannel = (question: ChannelQuestion) => Promise<DnsMessage>;

/** Opens a channel; nothing is sent before the first question. */
export function openResolverChannel(server: ResolverServer, trust: TlsTrust = {}): ResolverChannel {
  const stream = createDnsStream(server, trust);
  const carriers: Carriers =
    server.kind === "tls"
      ? { datagram: null, stream, streamName: "tls" }
      : { datagram: createUdpPool(server), stream, streamName: "tcp" };
  return (question) => queryOver(carriers, { ...question, server });
}
