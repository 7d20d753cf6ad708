/** A DNS-over-TLS server on loopback that does what a test tells it to, answer by answer. */
import { once } from "node:events";
import { createServer } from "node:tls";
import type { TLSSocket } from "node:tls";
import { decodeMessage } from "../../src/dns/message.ts";
import { createFramer, frameMessage } from "../../src/transport/framing.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import type { FakeRequest } from "./scripted-dns.ts";

export interface DotConnection {
  readonly index: number;
  readonly send: (message: Uint8Array) => void;
  readonly raw: (octets: Uint8Array) => void;
  readonly close: () => void;
}

export interface DotServer {
  readonly address: string;
  readonly port: number;
  readonly requests: readonly FakeRequest[];
  /** Connections on which a handshake was completed, and how many of these resumed a session. */
  readonly counts: { readonly connections: number; readonly resumed: number; readonly open: number };
  readonly close: () => Promise<void>;
}

/** `leaf` and its chain are presented; `react` is called for every question. */
export async function startDotServer(
  chain: readonly IssuedCertificate[],
  react: (request: FakeRequest, connection: DotConnection) => void,
): Promise<DotServer> {
  const [leaf] = chain;
  if (leaf === undefined) throw new Error("no certificate");
  const requests: FakeRequest[] = [];
  const sockets = new Set<TLSSocket>();
  const counts = { connections: 0, resumed: 0, open: 0 };
  const server = createServer({ cert: chain.map((one) => one.pem).join(""), key: leaf.privateKeyPem });
  server.on("tlsClientError", () => undefined);
  server.on("secureConnection", (socket) => {
    const index = counts.connections;
    counts.connections += 1;
    counts.open += 1;
    if (socket.isSessionReused()) counts.resumed += 1;
    sockets.add(socket);
    // So that a test can see whether the client's end holds the process.
    socket.unref();
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      counts.open -= 1;
      sockets.delete(socket);
    });
    const connection: DotConnection = {
      index,
      send: (message) => socket.write(frameMessage(message)),
      raw: (octets) => socket.write(octets),
      close: () => socket.end(),
    };
    const framer = createFramer((bytes) => {
      const message = decodeMessage(bytes);
      if (!message.ok) throw new Error(message.fault.message);
      const from = { address: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
      const request: FakeRequest = { bytes, message: message.value, transport: "tcp", from, index: requests.length };
      requests.push(request);
      react(request, connection);
    });
    socket.on("data", framer);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return {
    address: "127.0.0.1",
    port: bound.port,
    requests,
    counts,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
