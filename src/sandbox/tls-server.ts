/**
 * A TLS server as DANE sees one: direct TLS, or SMTP with STARTTLS (RFC 3207), on one loopback address.
 *
 * It behaves as Postfix or nginx do behind a deployed directory: key and certificate are read at start and at each
 * {@link TlsService.reload}, never in between; a reload that fails leaves the old pair in use; without any pair the
 * port is open, but no handshake works. It speaks just enough SMTP to reach STARTTLS: it takes no mail.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { SecureContext } from "node:tls";
import { readDeployed } from "./deployed.ts";
import { portOf } from "./listener.ts";
import { serveSmtp } from "./smtp.ts";

export interface TlsService {
  readonly address: string;
  readonly port: number;
  /** Reads the directory again. Rejects, and goes on with the old pair, when the files cannot be used. */
  readonly reload: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface TlsServiceOptions {
  readonly protocol: "tls" | "smtp";
  readonly address: string;
  /** 0: a free port of the system's choice. */
  readonly port: number;
  /** Holds `fullchain.pem` and `privkey.pem`; it may be missing at the start. */
  readonly directory: string;
  /** The name in the SMTP greeting. */
  readonly hostname: string;
}

/** Starts the service. Rejects when the port cannot be bound. */
export async function startTlsService(options: TlsServiceOptions): Promise<TlsService> {
  let context: SecureContext | null = await readDeployed(options.directory).catch(() => null);
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    if (options.protocol === "tls") startTls(socket, context);
    else serveSmtp(socket, options.hostname, () => context, startTls);
  });
  server.listen(options.port, options.address);
  await once(server, "listening");
  return {
    address: options.address,
    port: portOf(server),
    reload: async () => {
      context = await readDeployed(options.directory);
    },
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

function startTls(socket: Socket, context: SecureContext | null): TLSSocket | null {
  if (context === null) {
    socket.destroy();
    return null;
  }
  const secured = new TLSSocket(socket, { isServer: true, secureContext: context });
  secured.on("error", () => socket.destroy());
  secured.on("end", () => secured.end());
  secured.resume();
  return secured;
}
