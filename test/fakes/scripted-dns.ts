/** A DNS server on loopback that does what a test tells it to, over UDP and TCP on one port; bad manners included. */
import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { createServer, isIPv6 } from "node:net";
import type { Server, Socket } from "node:net";
import { seconds } from "../../src/base/time.ts";
import { CLASS, RCODE, TYPE } from "../../src/dns/iana.ts";
import { decodeMessage, encodeMessage } from "../../src/dns/message.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { encodeSoa, encodeTlsa, parseTlsa } from "../../src/dns/rdata.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";

export interface FakeRequest {
  readonly bytes: Uint8Array;
  /** The request decoded; the fake serves well-formed requests only. */
  readonly message: DnsMessage;
  readonly transport: "udp" | "tcp";
  readonly from: { readonly address: string; readonly port: number };
  /** How many requests came before this one. */
  readonly index: number;
}

/** What to do about a request, in order. `reply` is framed over TCP, `raw` is not; `close` ends a TCP connection. */
export type Reaction =
  | { readonly do: "reply"; readonly bytes: Uint8Array }
  | { readonly do: "raw"; readonly bytes: Uint8Array }
  | { readonly do: "dribble"; readonly bytes: Uint8Array }
  | { readonly do: "close" };

export type Script = (request: FakeRequest) => readonly Reaction[];

export interface FakeDnsServer {
  readonly address: string;
  readonly port: number;
  readonly requests: readonly FakeRequest[];
  readonly close: () => Promise<void>;
}

async function listen(address: string, port: number): Promise<{ udp: UdpSocket; tcp: Server; port: number }> {
  const tcp = createServer();
  await new Promise<void>((resolve, reject) => tcp.once("error", reject).listen(port, address, resolve));
  const bound = tcp.address();
  const taken = typeof bound === "object" && bound !== null ? bound.port : port;
  const udp = createSocket(isIPv6(address) ? "udp6" : "udp4");
  try {
    await new Promise<void>((resolve, reject) => {
      udp.once("error", reject);
      udp.bind(taken, address, resolve);
    });
  } catch (error) {
    tcp.close();
    udp.close();
    if (port === 0) return listen(address, 0);
    throw error;
  }
  return { udp, tcp, port: taken };
}

function frame(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function act(socket: Socket, reaction: Reaction): void {
  if (reaction.do === "close") socket.end();
  else if (reaction.do === "raw") socket.write(reaction.bytes);
  else if (reaction.do === "reply") socket.write(frame(reaction.bytes));
  else for (const octet of frame(reaction.bytes)) socket.write(Uint8Array.of(octet));
}

/** Starts the server on a port of the system's choice, or on `port`. Close it in `afterEach`. */
export async function startDnsServer(
  script: Script,
  options: { readonly address?: string; readonly port?: number } = {},
): Promise<FakeDnsServer> {
  const address = options.address ?? "127.0.0.1";
  const { udp, tcp, port } = await listen(address, options.port ?? 0);
  const requests: FakeRequest[] = [];
  const connections = new Set<Socket>();
  const react = (bytes: Uint8Array, transport: "udp" | "tcp", from: FakeRequest["from"]): readonly Reaction[] => {
    const message = decodeMessage(bytes);
    if (!message.ok) throw new Error(`the fake got a malformed request: ${message.fault.message}`);
    const request = { bytes, message: message.value, transport, from, index: requests.length };
    requests.push(request);
    return script(request);
  };
  udp.on("message", (datagram, remote) => {
    for (const reaction of react(new Uint8Array(datagram), "udp", remote)) {
      if (reaction.do !== "close") udp.send(reaction.bytes, remote.port, remote.address);
    }
  });
  tcp.on("connection", (socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
    socket.on("error", () => socket.destroy());
    let received = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
        const bytes = new Uint8Array(received.subarray(2, 2 + received.readUInt16BE()));
        received = received.subarray(2 + bytes.length);
        const from = { address: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
        for (const reaction of react(bytes, "tcp", from)) act(socket, reaction);
      }
    });
  });
  const close = async (): Promise<void> => {
    for (const socket of connections) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) =>
        tcp.close(() => {
          resolve();
        }),
      ),
      new Promise<void>((resolve) =>
        udp.close(() => {
          resolve();
        }),
      ),
    ]);
  };
  return { address, port, requests, close };
}

/** A name in tests; throws on a malformed one. */
export function name(text: string): DomainName {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

/** A record of class IN. */
export function record(owner: string, type: number, ttl: number, rdata: Uint8Array): ResourceRecord {
  return { name: name(owner), type, class: CLASS.IN, ttl: seconds(ttl), rdata };
}

/** A TLSA record from text such as `3 1 1 ab…`. */
export function tlsaRecord(owner: string, ttl: number, text: string): ResourceRecord {
  const parsed = parseTlsa(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return record(owner, TYPE.TLSA, ttl, encodeTlsa(parsed.value));
}

export function soaRecord(zone: string, ttl: number, serial: number, minimum: number): ResourceRecord {
  const soa = { serial, minimum, refresh: 3600, retry: 600, expire: 86_400 };
  const rdata = encodeSoa({ mname: name(`ns1.${zone}`), rname: name(`host.${zone}`), ...soa });
  return record(zone, TYPE.SOA, ttl, rdata);
}

/** The reply to a request: everything echoed, QR set, and what the test fills in. */
export function replyTo(request: FakeRequest, fields: Partial<DnsMessage> = {}): Uint8Array {
  return encodeMessage({
    ...request.message,
    qr: true,
    aa: true,
    ad: false,
    rcode: RCODE.NOERROR,
    answer: [],
    authority: [],
    additional: [],
    ...fields,
  });
}

/** {@link replyTo} as the one reaction. */
export function reply(request: FakeRequest, fields: Partial<DnsMessage> = {}): readonly Reaction[] {
  return [{ do: "reply", bytes: replyTo(request, fields) }];
}
