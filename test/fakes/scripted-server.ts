/** A server that says what its script says, on loopback, and turns to TLS where the script tells it to. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { TLSSocket, createSecureContext } from "node:tls";
import type { SecureContextOptions } from "node:tls";
import { textOfOctets } from "../../src/base/bytes.ts";

/**
 * `send` goes out as it stands, one octet for each character. `then` says what follows: more lines, TLS, a closed
 * connection, nothing at all, or one octet after another without end.
 */
export interface Answer {
  readonly send: string;
  readonly then?: "tls" | "close" | "silence" | "trickle";
}

/** Between two octets of a trickle, in milliseconds. */
const TRICKLE_MS = 5;

export interface Script {
  /** Sent on connection; null: nothing (TLS at once with `tlsAtOnce`, else silence). */
  readonly greeting: string | null;
  readonly greetingThen?: "trickle";
  readonly tlsAtOnce?: boolean;
  /** How many octets the client's first message has, null while that is not known; without it messages are lines. */
  readonly frame?: (buffered: string) => number | null;
  /** The first pattern that fits the client's line answers it. */
  readonly answers: readonly (readonly [RegExp, Answer])[];
  /** Leaf first, then what follows on the wire. Without it no handshake works. */
  readonly certificates?:
    | {
        readonly chainPem: string;
        readonly privateKeyPem: string;
        /** With everything else of the handshake as OpenSSL likes it. */
        readonly handshake?: Pick<SecureContextOptions, "ciphers" | "dhparam" | "maxVersion">;
      }
    | undefined;
}

export interface ScriptedServer {
  readonly address: string;
  readonly port: number;
  /** Lines the client sent in plain text. */
  readonly received: readonly string[];
  /** Everything the client sent inside TLS. */
  readonly receivedInTls: readonly string[];
  /** Server names of the handshakes. */
  readonly serverNames: readonly (string | false)[];
  readonly close: () => Promise<void>;
}

function trickle(socket: Socket): void {
  const timer = setInterval(() => void socket.write("x"), TRICKLE_MS);
  socket.on("close", () => {
    clearInterval(timer);
  });
}

function lineEnd(buffered: string): number | null {
  const end = buffered.indexOf("\n");
  return end < 0 ? null : end + 1;
}

export async function startScriptedServer(script: Script, address = "127.0.0.1", port = 0): Promise<ScriptedServer> {
  const received: string[] = [];
  const receivedInTls: string[] = [];
  const serverNames: (string | false)[] = [];
  const sockets = new Set<Socket>();
  const { certificates, frame = lineEnd } = script;
  const context =
    certificates &&
    createSecureContext({
      key: certificates.privateKeyPem,
      cert: certificates.chainPem,
      // Weak keys and parameters too, whatever OpenSSL Node came with: it is the client that is tested.
      ciphers: "DEFAULT:@SECLEVEL=0",
      ...certificates.handshake,
    });
  const secure = (socket: Socket): void => {
    if (context === undefined) {
      socket.destroy();
      return;
    }
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: context,
      SNICallback: (name, done) => {
        serverNames.push(name);
        done(null, context);
      },
    });
    secured.on("error", () => socket.destroy());
    secured.on("data", (chunk: Uint8Array) => receivedInTls.push(new TextDecoder().decode(chunk)));
    secured.on("end", () => secured.end());
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    if (script.tlsAtOnce === true) {
      secure(socket);
      return;
    }
    if (script.greeting !== null) socket.write(script.greeting, "latin1");
    if (script.greetingThen === "trickle") trickle(socket);
    let buffered = "";
    const listen = (chunk: Uint8Array): void => {
      buffered += textOfOctets(chunk);
      const end = frame(buffered);
      if (end === null || buffered.length < end) return;
      const line = buffered.slice(0, end).replace(/\r?\n$/, "");
      buffered = buffered.slice(end);
      received.push(line);
      const answer = script.answers.find(([pattern]) => pattern.test(line))?.[1];
      if (answer === undefined) throw new Error(`the script has no answer to "${line}"`);
      if (answer.then === "tls") {
        socket.off("data", listen);
        // A client that need not wait for an answer has begun already.
        socket.pause();
        if (buffered !== "") socket.unshift(Buffer.from(buffered, "latin1"));
      }
      if (answer.send !== "") socket.write(answer.send, "latin1");
      if (answer.then === "tls") secure(socket);
      if (answer.then === "close") socket.end();
      if (answer.then === "trickle") trickle(socket);
    };
    socket.on("data", listen);
  });
  server.listen(port, address);
  await once(server, "listening");
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return {
    address,
    port: bound.port,
    received,
    receivedInTls,
    serverNames,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An SMTP server that does everything right; `overrides` replace answers by their command word. */
export function smtpScript(
  certificates: Script["certificates"],
  overrides: Readonly<Record<string, Answer>> = {},
  greeting: string | null = "220 mx.example.org ESMTP\r\n",
): Script {
  const answers: Readonly<Record<string, Answer>> = {
    EHLO: { send: "250-mx.example.org\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n" },
    LHLO: { send: "250-mx.example.org\r\n250 STARTTLS\r\n" },
    STARTTLS: { send: "220 2.0.0 Ready to start TLS\r\n", then: "tls" },
    ...overrides,
  };
  return {
    greeting,
    answers: Object.entries(answers).map(([word, answer]) => [new RegExp(`^${word}\\b`, "i"), answer] as const),
    certificates,
  };
}
