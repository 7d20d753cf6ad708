/**
 * The primary's side of dynamic update: TSIG first, then the zone, then the update, then a signed reply, with the
 * response codes of BIND (RFC 8945 §5.2, RFC 2136 §3.1, §3.3): NOTAUTH with a TSIG error for a signature that is not
 * accepted, REFUSED without one.
 */
import type { Clock } from "../base/time.ts";
import { RCODE, TYPE } from "../dns/iana.ts";
import { decodeMessage, encodeMessage } from "../dns/message.ts";
import type { DnsMessage } from "../dns/message.ts";
import { signReply, verifyRequest } from "../dns/tsig.ts";
import type { TsigKey, TsigVerdict } from "../dns/tsig.ts";
import type { ZoneHistory } from "./history.ts";
import { replyTo } from "./reply.ts";
import { applyUpdate } from "./update.ts";
import type { UpdatePolicy } from "./update.ts";

/** Makes the handler that takes UPDATE messages as received and returns the reply. */
export function createUpdateService(
  history: ZoneHistory,
  key: TsigKey,
  allowed: UpdatePolicy,
  clock: Clock,
): (message: Uint8Array) => Uint8Array | null {
  return (bytes) => {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) return null;
    const now = clock();
    const verdict = verifyRequest({ bytes, keys: [key], now });
    const rcode = refusalOf(verdict) ?? update(history, decoded.value, allowed);
    const reply = encodeMessage({ ...replyTo(decoded.value, { rcode }), edns: null });
    return signReply(reply, verdict, now);
  };
}

/** The response code that an unacceptable signature asks for; null when it is accepted. */
function refusalOf(verdict: TsigVerdict): number | null {
  if (verdict.status === "verified") return null;
  if (verdict.status === "rejected") return verdict.reason === "FORMERR" ? RCODE.FORMERR : RCODE.NOTAUTH;
  return RCODE.REFUSED;
}

function update(history: ZoneHistory, message: DnsMessage, allowed: UpdatePolicy): number {
  const [zone] = message.question;
  if (zone?.type !== TYPE.SOA || message.question.length !== 1) return RCODE.FORMERR;
  const content = history.content();
  if (zone.name !== content.origin) return RCODE.NOTAUTH;
  const result = applyUpdate(content, message, allowed);
  history.publish(result.content);
  return result.rcode;
}
