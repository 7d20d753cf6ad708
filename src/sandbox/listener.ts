/** UDP and TCP on one loopback address and port, for whatever answers DNS messages (RFC 1035 §4.2). */
import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket as DatagramSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { concatBytes } from "../base/bytes.ts";

/** How a question came in: UDP answers are limited in size, TCP answers are not. */
export type DnsTransport = "udp" | "tcp";

/** Answers one message; null keeps silent. */
export type DnsHandler = (message: Uint8Array, transport: DnsTransport) => Promise<Uint8Array | null>;

export interface DnsListener {
  readonly address: string;
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** Listens on both transports. Port 0 takes a port that is free for both. Rejects when the address cannot be bound. */
export async function listenDns(address: string, port: number, handler: DnsHandler): Promise<DnsListener> {
  for (let attempt = 1; ; attempt++) {
    const server = createTcpServer(handler);
    server.server.listen(port, address);
    await once(server.server, "listening");
    const chosen = portOf(server.server);
    const datagrams = createSocket(address.includes(":") ? "udp6" : "udp4");
    try {
      datagrams.bind(chosen, address);
      await once(datagrams, "listening");
    } catch (error) {
      await server.close();
      await closeDatagrams(datagrams);
      // Somebody else holds this UDP port: another free TCP port will do, unless the caller wants this one.
      if (port === 0 && attempt < 20) continue;
      throw error;
    }
    answerDatagrams(datagrams, handler);
    return {
      address,
      port: chosen,
      close: async () => {
        await Promise.all([server.close(), closeDatagrams(datagrams)]);
      },
    };
  }
}

/** The port that a listening TCP server got. */
export function portOf(server: Server): number {
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("the server does not listen on a port");
  return bound.port;
}

function answerDatagrams(socket: DatagramSocket, handler: DnsHandler): void {
  socket.on("message", (message: Uint8Array, from: RemoteInfo) => {
    void handler(Uint8Array.from(message), "udp").then((reply) => {
      if (reply === null) return;
      try {
        socket.send(reply, from.port, from.address);
      } catch {
        // Closed while the answer was made: a lost datagram, as on any network.
      }
    });
  });
  socket.on("error", () => undefined);
}

async function closeDatagrams(socket: DatagramSocket): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.close(() => {
      resolve();
    });
  });
}

function createTcpServer(handler: DnsHandler): { readonly server: Server; readonly close: () => Promise<void> } {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    answerStream(socket, handler);
  });
  return {
    server,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}

/** Messages on TCP carry a two-octet length (RFC 1035 §4.2.2); several may come on one connection. */
function answerStream(socket: Socket, handler: DnsHandler): void {
  let buffered: Uint8Array = new Uint8Array(0);
  socket.on("data", (chunk: Uint8Array) => {
    buffered = concatBytes(buffered, chunk);
    for (;;) {
      const length = ((buffered[0] ?? 0) << 8) | (buffered[1] ?? 0);
      if (buffered.length < 2 || buffered.length < 2 + length) return;
      const message = buffered.slice(2, 2 + length);
      buffered = buffered.slice(2 + length);
      void handler(message, "tcp").then((reply) => {
        if (reply === null || socket.destroyed) return;
        socket.write(concatBytes(Uint8Array.of(reply.length >> 8, reply.length & 0xff), reply));
      });
    }
  });
}
