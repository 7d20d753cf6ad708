/** A resolver that cannot be trusted: it asks the honest one, and hands on what its mischief makes of the answer. */
import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { decodeMessage, encodeMessage } from "../../../src/dns/message.ts";
import type { DnsMessage } from "../../../src/dns/message.ts";
import { query } from "../../../src/transport/dns-exchange.ts";
import { createFramer, frameMessage } from "../../../src/transport/framing.ts";
import type { Place } from "./bind.ts";
import { wireQuestion } from "./dnssec-oracles.ts";
import type { WireQuestion } from "./dnssec-oracles.ts";

export interface Meddling {
  readonly asked: WireQuestion;
  /** What the honest resolver said. */
  readonly reply: DnsMessage;
  readonly transport: "udp" | "tcp";
  /** Asks the honest resolver something else. */
  readonly fetch: (name: string, type: string) => Promise<DnsMessage>;
}

/** What is sent instead; null: nothing, and a TCP connection is cut. */
export type Mischief = (meddling: Meddling) => DnsMessage | null | Promise<DnsMessage | null>;

/** Who is asked in truth. */
export type Honest = (asked: WireQuestion) => Place;

export interface HostileResolver {
  readonly place: Place;
  readonly stop: () => Promise<void>;
}

async function answer(
  bytes: Uint8Array,
  transport: "udp" | "tcp",
  honest: Honest,
  mischief: Mischief,
): Promise<Uint8Array | null> {
  const request = decodeMessage(bytes);
  const asked = request.ok ? request.value.question[0] : undefined;
  if (!request.ok || asked === undefined) throw new Error("the hostile resolver got no question");
  const fetch = ({ name, type }: WireQuestion): Promise<DnsMessage> =>
    query({ server: honest({ name, type }), name, type, rd: true, cd: true, dnssecOk: true, timeoutMs: 5_000 });
  const reply = await fetch(asked);
  const meddled = await mischief({
    asked,
    reply,
    transport,
    fetch: (name, type) => fetch(wireQuestion({ name, type })),
  });
  return meddled === null ? null : encodeMessage({ ...meddled, id: request.value.id });
}

function serveUdp(socket: UdpSocket, respond: (bytes: Uint8Array) => Promise<Uint8Array | null>): void {
  socket.on("message", (datagram, from) => {
    void respond(new Uint8Array(datagram)).then((reply) => {
      if (reply !== null) socket.send(reply, from.port, from.address);
    });
  });
}

function serveTcp(server: Server, open: Set<Socket>, respond: (bytes: Uint8Array) => Promise<Uint8Array | null>): void {
  server.on("connection", (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    const feed = createFramer((request) => {
      void respond(request).then((reply) => {
        if (reply === null) socket.destroy();
        else socket.write(frameMessage(reply));
      });
    });
    socket.on("data", (chunk: Buffer) => {
      feed(new Uint8Array(chunk));
    });
  });
}

const ADDRESS = "127.0.0.1";

/** One port for UDP and TCP; the system knows only for each of them which are free. */
async function bindBoth(
  attempts: number,
): Promise<{ readonly udp: UdpSocket; readonly tcp: Server; readonly port: number }> {
  const udp = createSocket("udp4");
  const tcp = createServer();
  await new Promise<void>((resolve, reject) => {
    udp.once("error", reject).bind(0, ADDRESS, resolve);
  });
  const { port } = udp.address();
  try {
    await new Promise<void>((resolve, reject) => {
      tcp.once("error", reject).listen(port, ADDRESS, resolve);
    });
    return { udp, tcp, port };
  } catch (error) {
    udp.close();
    if (attempts <= 1) throw error;
    return await bindBoth(attempts - 1);
  }
}

/** Listens on 127.0.0.1, UDP and TCP on one port. */
export async function startHostileResolver(honest: Honest, mischief: Mischief): Promise<HostileResolver> {
  const open = new Set<Socket>();
  const { udp, tcp, port } = await bindBoth(20);
  serveUdp(udp, (bytes) => answer(bytes, "udp", honest, mischief));
  serveTcp(tcp, open, (bytes) => answer(bytes, "tcp", honest, mischief));
  return {
    place: { address: ADDRESS, port },
    stop: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        udp.close();
        tcp.close(() => {
          resolve();
        });
      }),
  };
}
