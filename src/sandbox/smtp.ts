/** The few SMTP commands that come before a message: greeting, EHLO, STARTTLS, EHLO again, QUIT. */
import type { Socket } from "node:net";
import type { SecureContext, TLSSocket } from "node:tls";
import { textOfOctets } from "../base/bytes.ts";

/** Longest command line (RFC 5321 §4.5.3.1.4). */
const LONGEST_LINE = 512;

/** Turns a plain connection into a TLS one; null when there is no certificate to do it with. */
export type StartTls = (socket: Socket, context: SecureContext | null) => TLSSocket | null;

/** Serves one connection. The pair in use is asked for at the moment of STARTTLS. */
export function serveSmtp(
  socket: Socket,
  hostname: string,
  context: () => SecureContext | null,
  startTls: StartTls,
): void {
  socket.write(`220 ${hostname} ESMTP\r\n`);
  const plain = (verb: string): void => {
    if (verb === "STARTTLS") {
      if (context() === null) {
        socket.write("454 4.7.0 TLS not available due to local problem\r\n");
        return;
      }
      stop();
      socket.write("220 2.0.0 Ready to start TLS\r\n");
      const secured = startTls(socket, context());
      if (secured !== null)
        onLines(secured, (inner) => {
          reply(secured, hostname, inner, false);
        });
      return;
    }
    reply(socket, hostname, verb, true);
  };
  const stop = onLines(socket, plain);
}

function reply(socket: Socket, hostname: string, verb: string, offerTls: boolean): void {
  switch (verb) {
    case "EHLO":
      socket.write(offerTls ? `250-${hostname}\r\n250 STARTTLS\r\n` : `250 ${hostname}\r\n`);
      return;
    case "HELO":
      socket.write(`250 ${hostname}\r\n`);
      return;
    case "NOOP":
    case "RSET":
      socket.write("250 2.0.0 Ok\r\n");
      return;
    case "QUIT":
      socket.end("221 2.0.0 Bye\r\n");
      return;
    default:
      socket.write("502 5.5.1 This server takes no mail\r\n");
  }
}

/** Calls back with the verb of each line; the returned function stops listening (what follows is the TLS handshake). */
function onLines(socket: Socket, handle: (verb: string) => void): () => void {
  let buffered = "";
  let stopped = false;
  const listen = (chunk: Uint8Array): void => {
    buffered += textOfOctets(chunk);
    // Commands sent along with STARTTLS are dropped with the rest of the buffer: never carried into TLS (CVE-2011-0411).
    for (let end = buffered.indexOf("\n"); end >= 0 && !stopped; end = buffered.indexOf("\n")) {
      const line = buffered.slice(0, end).trim();
      buffered = buffered.slice(end + 1);
      handle((line.split(" ")[0] ?? "").toUpperCase());
    }
    if (buffered.length > LONGEST_LINE) socket.destroy();
  };
  socket.on("data", listen);
  return () => {
    stopped = true;
    socket.off("data", listen);
  };
}
