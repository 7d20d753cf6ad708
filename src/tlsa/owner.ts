import { OperationalError } from "../base/errors.ts";
import { parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";

/** Transport label of RFC 6698 §3. */
export type TransportLabel = "tcp" | "udp" | "sctp";

const TRANSPORT_LABELS: readonly TransportLabel[] = ["tcp", "udp", "sctp"];

export function isTransportLabel(text: string): text is TransportLabel {
  return TRANSPORT_LABELS.some((label) => label === text);
}

/**
 * The owner name `_port._transport.base` (RFC 6698 §3). The port has no leading zeros. Throws an
 * {@link OperationalError} with the name parser's code when the two labels make the name longer than 255 octets.
 */
export function tlsaOwner(baseDomain: DomainName, port: number, transport: TransportLabel = "tcp"): DomainName {
  const suffix = baseDomain === "." ? "" : baseDomain;
  const owner = parseName(`_${String(port)}._${transport}.${suffix}`);
  if (!owner.ok) throw OperationalError.of(owner.fault);
  return owner.value;
}
