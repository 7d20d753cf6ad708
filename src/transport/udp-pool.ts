/**
 * Datagrams to one resolver over a pool of connected sockets with random source ports.
 *
 * RFC 5452 §9.2 wants an unpredictable port for each question, and several ports for several questions in flight. A new
 * socket for each question is the plain way to that, and {@link exchangeUdp} goes it; but opening, connecting and
 * closing costs two to three times what the question itself costs (measured on Node 20 with 64 questions in flight: 33 µs of CPU a question with a
 * socket each, 19 µs with sockets renewed every 16 questions, 13 µs with sockets kept for ever). So a socket here
 *
 * - carries one question at a time: a forger must guess the one port and the one ID of that question, as he would with a
 *   socket of its own, and an answer that comes too late meets an ID that nobody waits for;
 * - is given up after {@link MAX_USES} questions or {@link MAX_AGE_MS}, so that a port that was found out is soon gone;
 * - is given up at once when its question failed or a stray datagram came to it.
 *
 * The socket is connected, so the system drops datagrams from other addresses. One that gets more than {@link MAX_STRAYS}
 * datagrams that do not fit its question is being shot at: the question is given up, for the caller to ask over TCP.
 */
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { isIP } from "node:net";
import { isReplyTo } from "./dns-exchange.ts";
import type { Carry } from "./dns-exchange.ts";
import { describeCause, problem, requireAddress, settleOnce } from "./settle.ts";
import type { Attempt, DnsServer, Settle } from "./settle.ts";
import { monotonicMs } from "./stopwatch.ts";

const MAX_USES = 16;
const MAX_AGE_MS = 10_000;
/** Sockets that nobody needs are closed after this long. */
const IDLE_MS = 2_000;
const MAX_STRAYS = 16;

/** One question on its way. */
interface Errand {
  readonly request: Uint8Array;
  readonly attempt: Attempt;
  readonly settle: Settle;
  strays: number;
  answered: boolean;
}

/** A socket, and the question that it carries now. */
interface Lane {
  readonly socket: Socket;
  readonly opened: number;
  uses: number;
  spoilt: boolean;
  errand: Errand | null;
}

function onDatagram(lane: Lane, datagram: Buffer): void {
  const { errand } = lane;
  if (errand !== null && isReplyTo(errand.request, datagram)) {
    errand.answered = true;
    errand.settle.done(new Uint8Array(datagram.buffer, datagram.byteOffset, datagram.length));
    return;
  }
  lane.spoilt = true;
  if (errand === null || ++errand.strays <= MAX_STRAYS) return;
  const what = `sent ${String(errand.strays)} datagrams that answer another question`;
  errand.settle.fail(problem(errand.attempt, "DNS_MESSAGE_MALFORMED", what));
}

function openLane(server: DnsServer, onConnect: (lane: Lane) => void): Lane {
  // Not isIPv6: its pattern takes milliseconds to compile, and isIP tries IPv4 first.
  const socket = createSocket(isIP(server.address) === 6 ? "udp6" : "udp4");
  const lane: Lane = { socket, opened: monotonicMs(), uses: 0, spoilt: false, errand: null };
  socket.on("error", (error) => {
    lane.spoilt = true;
    const { errand } = lane;
    if (errand === null) return;
    const what = `cannot be reached: ${describeCause(error)}`;
    errand.settle.fail(problem(errand.attempt, "DNS_UNREACHABLE", what, error));
  });
  socket.on("message", (datagram) => {
    onDatagram(lane, datagram);
  });
  socket.on("connect", () => {
    onConnect(lane);
  });
  socket.connect(server.port, server.address);
  // The deadline of a question keeps the process alive; a socket alone does not.
  socket.unref();
  return lane;
}

/**
 * A {@link Carry} to `server` over pooled sockets. No retry. Throws `DNS_TIMEOUT`, `DNS_UNREACHABLE`,
 * `DNS_INTERRUPTED`, and `DNS_MESSAGE_MALFORMED` when forged answers rain down.
 */
export function createUdpPool(server: DnsServer): Carry {
  const free: Lane[] = [];
  let sweeper: NodeJS.Timeout | null = null;
  let lastUse = 0;
  const usable = (lane: Lane): boolean =>
    !lane.spoilt && lane.uses < MAX_USES && monotonicMs() - lane.opened < MAX_AGE_MS;
  const take = (): Lane | null => {
    for (let lane = free.pop(); lane !== undefined; lane = free.pop()) {
      if (usable(lane)) return lane;
      lane.socket.close();
    }
    return null;
  };
  const sweep = (): void => {
    const idle = monotonicMs() - lastUse;
    sweeper = null;
    if (idle < IDLE_MS) watch(IDLE_MS - idle);
    else for (const lane of free.splice(0)) lane.socket.close();
  };
  const watch = (delay: number): void => {
    if (sweeper === null) sweeper = setTimeout(sweep, delay).unref();
  };
  const giveBack = (lane: Lane, errand: Errand): void => {
    lane.errand = null;
    lastUse = monotonicMs();
    if (errand.answered && usable(lane)) {
      free.push(lane);
      watch(IDLE_MS);
    } else {
      lane.socket.close();
    }
  };
  const send = (lane: Lane): void => {
    if (lane.errand !== null) lane.socket.send(lane.errand.request);
  };
  return async (request, options) => {
    const attempt: Attempt = { server, transport: "udp", options };
    requireAddress(attempt);
    return settleOnce(attempt, (settle) => {
      const ready = take();
      const lane = ready ?? openLane(server, send);
      const errand: Errand = { request, attempt, settle, strays: 0, answered: false };
      lane.errand = errand;
      lane.uses += 1;
      if (ready !== null) send(lane);
      return () => {
        giveBack(lane, errand);
      };
    });
  };
}
