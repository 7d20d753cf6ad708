/**
 * One update server and the connection that is kept to it. Each message is signed when it is sent, with an ID and a time
 * of its own, and is sent once: whoever gets no reply looks before sending again (see rfc2136.ts).
 */
import { OperationalError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import { displayName } from "../dns/name.ts";
import { signMessage, verifyReply } from "../dns/tsig.ts";
import type { TsigKey } from "../dns/tsig.ts";
import { encodeUpdate } from "../dns/update.ts";
import { readUint16 } from "../dns/wire.ts";
import { exchangeUdp, formatServer, randomMessageId } from "../transport/dns-exchange.ts";
import type { Carry, DnsServer, DnsTransport } from "../transport/dns-exchange.ts";
import { createDnsStream } from "../transport/dns-stream.ts";
import type { PlannedUpdate } from "./plan-updates.ts";
import { judgeUpdateReply } from "./update-reply.ts";

export interface ChannelOptions {
  readonly key: TsigKey;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What one message is about, for the messages to people. */
export interface UpdateSubject {
  readonly zone: DomainName;
  /** One of the owner names of the message. */
  readonly owner: DomainName;
}

export interface UpdateChannel {
  readonly server: DnsServer;
  /** Questions over the same connection. */
  readonly carry: Carry;
  /**
   * Sends one message and judges the reply. Throws what {@link judgeUpdateReply} says, `PUBLISH_INVALID` when the message
   * is too large, `DNS_UNREACHABLE` when nothing was sent, and when the update may have arrived without a reply that can
   * be read `DNS_TIMEOUT`, `DNS_CONNECTION_LOST` or `DNS_MESSAGE_MALFORMED`.
   */
  readonly send: (planned: PlannedUpdate, subject: UpdateSubject, transport: DnsTransport) => Promise<void>;
}

/** Octets of message and frame; a little is left for the TSIG record. */
const LARGEST = 65_000;
/** PowerDNS 4.7 drops larger datagrams without a word; 1140 octets still came through. */
const LARGEST_DATAGRAM = 1_140;
/** A datagram is answered at once or never: TCP is next. */
const UDP_PATIENCE_MS = 3_000;
/** Primaries allow few connections (PowerDNS twenty at a time): ours does not stay when the work is done. */
const IDLE_MS = 1_000;
const FLAG_TC = 0x0200;

function isLost(error: unknown): boolean {
  return error instanceof OperationalError && error.code === "DNS_CONNECTION_LOST";
}

async function overUdp(message: Uint8Array, server: DnsServer, options: Parameters<Carry>[1]): Promise<Uint8Array> {
  const timeoutMs = Math.min(options.timeoutMs, UDP_PATIENCE_MS);
  const reply = await exchangeUdp(message, server, { ...options, timeoutMs });
  if ((readUint16(reply, 2) & FLAG_TC) === 0) return reply;
  const what = `${formatServer(server)} cut its reply to ${options.subject} short to fit a datagram`;
  throw new OperationalError("DNS_CONNECTION_LOST", what);
}

/** Opens nothing before it is needed; an idle connection closes by itself and keeps no process alive. */
export function openUpdateChannel(server: DnsServer, options: ChannelOptions): UpdateChannel {
  const { key, clock, timeoutMs, signal } = options;
  // An update must not be repeated blindly: with a condition it would fail because it had worked.
  const once = createDnsStream({ kind: "plain", ...server }, {}, { attempts: 1, idleMs: IDLE_MS });
  const carry: Carry = async (request, how) => {
    try {
      return await once(request, how);
    } catch (error) {
      if (!isLost(error)) throw error;
      return await once(request, how);
    }
  };
  const send: UpdateChannel["send"] = async (planned, { zone, owner }, transport) => {
    const plain = encodeUpdate({ id: randomMessageId(), zone, ...planned });
    if (plain.length > LARGEST) {
      const what = `an update of ${String(plain.length)} octets does not fit a DNS message`;
      throw new OperationalError("PUBLISH_INVALID", what, { retry: "never" });
    }
    const { message, mac } = signMessage(plain, key, clock());
    const how = { timeoutMs, signal, subject: `the update of ${displayName(owner)} TLSA` };
    const asDatagram = transport === "udp" && message.length <= LARGEST_DATAGRAM;
    const bytes = await (asDatagram ? overUdp(message, server, how) : once(message, how));
    const now = clock();
    const verdict = verifyReply({ bytes, key, requestMac: mac, now });
    const judged = judgeUpdateReply({ bytes, verdict, server: formatServer(server), zone, owner, key, now });
    if (!judged.ok) throw OperationalError.of(judged.fault.fault, judged.fault.retry);
  };
  return { server, carry, send };
}
