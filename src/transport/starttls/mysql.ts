/**
 * MySQL and MariaDB (their manuals, "Connection Phase"): the server greets with its capabilities, the client answers
 * with the first half of a login, in which it announces TLS, and TLS begins at once; there is no reply in between.
 *
 * Each look counts as a failed connection of this host; after `max_connect_errors` of them in a row (100 unless
 * configured) the server turns the host away until somebody logs in, or the host cache is flushed.
 */
import { OperationalError } from "../../base/errors.ts";
import { malformed, octetsOf, quoteLine } from "./conversation.ts";
import type { Conversation } from "./conversation.ts";
import { notOffered } from "./dialogue.ts";
import type { Dialogue } from "./dialogue.ts";

const CAPABILITY = { protocol41: 0x200, ssl: 0x800, secureConnection: 0x8000 } as const;

/** Versions of the handshake packet, and the mark of an error packet. */
const HANDSHAKE_V10 = 10;
const ERROR_PACKET = 0xff;

/** Octets between the version string and the lower half of the capabilities: thread, salt, filler. */
const BEFORE_CAPABILITIES = 4 + 8 + 1;

async function speak(talk: Conversation): Promise<void> {
  // A packet: length in three octets, least first, a sequence number, the payload.
  const packet = await talk.take("a packet", (buffered) => {
    if (buffered.length < 4) return null;
    const [low = 0, middle = 0, high = 0] = octetsOf(buffered.slice(0, 3));
    return 4 + low + middle * 256 + high * 65_536;
  });
  const payload = octetsOf(packet.slice(4));
  if (payload[0] === ERROR_PACKET) {
    // Its number in two octets, then words; before the login there is no SQL state between them.
    const words = quoteLine(packet.slice(4 + 3));
    throw new OperationalError("SERVICE_REFUSED", `${talk.where}: the connection was answered "${words}"`);
  }
  const capabilities = capabilitiesOf(packet.charCodeAt(3), payload);
  if (capabilities === null) throw malformed(talk.where, "the server does not greet as MySQL");
  if ((capabilities & CAPABILITY.ssl) === 0) throw notOffered(talk, "the server does not offer TLS");
  talk.send(sslRequest());
}

/** The lower 16 capabilities of a greeting; null when it is none. */
function capabilitiesOf(sequence: number, payload: Uint8Array): number | null {
  if (sequence !== 0 || payload[0] !== HANDSHAKE_V10) return null;
  const end = payload.indexOf(0, 1);
  if (end < 0) return null;
  const at = end + 1 + BEFORE_CAPABILITIES;
  const low = payload[at];
  const high = payload[at + 1];
  return low === undefined || high === undefined ? null : low | (high << 8);
}

/** Packet 1: capabilities, the longest packet (16 MiB), the character set (utf8mb4), and 23 octets of nothing. */
function sslRequest(): Uint8Array {
  const request = new Uint8Array(4 + 32);
  const view = new DataView(request.buffer);
  request.set([32, 0, 0, 1]);
  view.setUint32(4, CAPABILITY.protocol41 | CAPABILITY.ssl | CAPABILITY.secureConnection, true);
  view.setUint32(8, 0x0100_0000, true);
  request[12] = 45;
  return request;
}

export const MYSQL: Dialogue = {
  protocol: "mysql",
  speak,
  // Before the login there is no command to say it with.
  goodbye: "",
};
