/**
 * The least of DNS that an observer needs: one question over UDP, A and TLSA answers, the AD bit. Written apart from
 * the program under test on purpose, so that a fault there cannot hide here.
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";

export const A = 1;
export const DNSKEY = 48;
export const TLSA = 52;

export interface Reply {
  readonly rcode: number;
  readonly authenticated: boolean;
  readonly truncated: boolean;
  /** RDATA of the asked type, whichever name of an alias chain owns it. */
  readonly answers: readonly { readonly ttl: number; readonly data: Buffer }[];
}

function question(id: number, name: string, type: number, recursion: boolean): Buffer {
  const labels = name.split(".").filter((label) => label !== "");
  const owner = Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)])),
    Buffer.of(0),
  ]);
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE((recursion ? 0x0100 : 0) | 0x0020, 2); // RD, AD
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(1, 10);
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(type, 0);
  tail.writeUInt16BE(1, 2);
  return Buffer.concat([header, owner, tail, Buffer.from([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0])]); // EDNS, 1232 octets
}

function afterName(message: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = message.readUInt8(at);
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
  }
}

function parse(message: Buffer, type: number): Reply {
  const flags = message.readUInt16BE(2);
  let at = 12;
  for (let left = message.readUInt16BE(4); left > 0; left -= 1) at = afterName(message, at) + 4;
  const answers: { ttl: number; data: Buffer }[] = [];
  for (let left = message.readUInt16BE(6); left > 0; left -= 1) {
    at = afterName(message, at);
    const length = message.readUInt16BE(at + 8);
    if (message.readUInt16BE(at) === type) {
      answers.push({ ttl: message.readUInt32BE(at + 4), data: message.subarray(at + 10, at + 10 + length) });
    }
    at += 10 + length;
  }
  return { rcode: flags & 15, authenticated: (flags & 0x20) !== 0, truncated: (flags & 0x200) !== 0, answers };
}

/** Asks one server; rejects when nothing comes back in time. */
export function ask(
  server: { readonly address: string; readonly port: number },
  name: string,
  type: number,
  options: { readonly recursion?: boolean; readonly timeoutMs?: number } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const id = randomInt(0x10000);
    const socket = createSocket("udp4");
    const timer = setTimeout(() => {
      socket.close();
      reject(new Error(`${server.address} did not answer ${name}/${type}`));
    }, options.timeoutMs ?? 5_000);
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      socket.close();
      settle();
    };
    socket.on("error", (error) => {
      end(() => {
        reject(error);
      });
    });
    socket.on("message", (message) => {
      if (message.length < 12 || message.readUInt16BE(0) !== id) return;
      end(() => {
        resolve(parse(message, type));
      });
    });
    socket.connect(server.port, server.address, () => {
      socket.send(question(id, name, type, options.recursion ?? true));
    });
  });
}

/** Whether a name server answers this name at all with data: the readiness probe of the lab's daemons. */
export async function answers(
  server: { readonly address: string; readonly port: number },
  name: string,
  type: number,
): Promise<boolean> {
  try {
    const reply = await ask(server, name, type, { timeoutMs: 500 });
    return reply.rcode === 0 && reply.answers.length > 0;
  } catch {
    return false;
  }
}

/** `3 1 1 hex`, as daneward and dig print it, lower case. */
export function tlsaText(data: Buffer): string {
  return `${data.readUInt8(0)} ${data.readUInt8(1)} ${data.readUInt8(2)} ${data.subarray(3).toString("hex")}`;
}
