/**
 * A relay for DNS over TCP and UDP. Between a secondary and its primary it is the lag on demand: closed, it refuses zone
 * transfers while both servers go on answering. In front of a server it lends it an address: named listens only on
 * addresses that an interface has, and most of 127/8 has none.
 */
import { createSocket } from "node:dgram";
import { createConnection, createServer } from "node:net";
import type { Server, Socket } from "node:net";

export interface Relay {
  readonly close: () => void;
  readonly open: () => void;
  readonly stop: () => Promise<void>;
}

interface Target {
  readonly address: string;
  readonly port: number;
}

function relayTcp(isOpen: () => boolean, to: Target): { readonly server: Server; readonly drop: () => void } {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    client.on("error", () => client.destroy());
    if (!isOpen()) {
      client.destroy();
      return;
    }
    const upstream = createConnection({ host: to.address, port: to.port });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  return {
    server,
    drop: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** One socket a question: answers find their way back without looking into the messages. */
function relayUdp(isOpen: () => boolean, to: Target): ReturnType<typeof createSocket> {
  const front = createSocket("udp4");
  front.on("message", (question, client) => {
    if (!isOpen()) return;
    const back = createSocket("udp4");
    const timer = setTimeout(() => back.close(), 3_000);
    const end = (): void => {
      clearTimeout(timer);
      back.close();
    };
    back.on("error", end);
    back.on("message", (answer) => {
      front.send(answer, client.port, client.address);
      end();
    });
    back.connect(to.port, to.address, () => {
      back.send(question);
    });
  });
  return front;
}

export async function startRelay(at: Target, to: Target): Promise<Relay> {
  let open = true;
  const isOpen = (): boolean => open;
  const { server, drop } = relayTcp(isOpen, to);
  const datagrams = relayUdp(isOpen, to);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(at.port, at.address, resolve);
  });
  await new Promise<void>((resolve, reject) => {
    datagrams.once("error", reject);
    datagrams.bind(at.port, at.address, resolve);
  });
  return {
    close: () => {
      open = false;
      drop();
    },
    open: () => {
      open = true;
    },
    stop: () =>
      new Promise((resolve) => {
        drop();
        datagrams.close();
        server.close(() => {
          resolve();
        });
      }),
  };
}
