/** An authoritative server: a set of zones behind UDP and TCP. It can be told to keep silent, as a server that is down. */
import { RCODE } from "../dns/iana.ts";
import { listenDns } from "./listener.ts";
import { encodeReply, receive, replyTo } from "./reply.ts";
import { answerFrom } from "./answer.ts";
import type { SignedZone } from "./zone.ts";

export interface NameServer {
  readonly address: string;
  readonly port: number;
  /** While silent it receives everything and answers nothing. */
  readonly setSilent: (silent: boolean) => void;
  readonly close: () => Promise<void>;
}

export interface NameServerOptions {
  readonly address: string;
  /** 0: a free port of the system's choice. */
  readonly port: number;
  /** What it serves at this moment. */
  readonly zones: () => readonly SignedZone[];
  /** Takes UPDATE messages as received and returns the reply; null: this server takes no updates (REFUSED). */
  readonly update: ((message: Uint8Array) => Uint8Array | null) | null;
}

/** Starts the server. Rejects when the address and port cannot be bound. */
export async function startNameServer(options: NameServerOptions): Promise<NameServer> {
  let isSilent = false;
  const handle = (bytes: Uint8Array, transport: "udp" | "tcp"): Uint8Array | null => {
    if (isSilent) return null;
    const received = receive(bytes);
    if (received.kind === "refused") return received.reply;
    const { message } = received;
    if (received.kind === "update") {
      if (options.update !== null) return options.update(bytes);
      return encodeReply(message, replyTo(message, { rcode: RCODE.REFUSED }), transport);
    }
    const { name, type } = received.question;
    const { authoritative, ...body } = answerFrom(options.zones(), name, type, message.edns?.do === true);
    return encodeReply(message, replyTo(message, { ...body, aa: authoritative }), transport);
  };
  const listener = await listenDns(options.address, options.port, (bytes, transport) =>
    Promise.resolve(handle(bytes, transport)),
  );
  return {
    address: listener.address,
    port: listener.port,
    setSilent: (silent) => {
      isSilent = silent;
    },
    close: listener.close,
  };
}
