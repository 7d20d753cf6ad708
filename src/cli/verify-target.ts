/** A target of `daneward verify` as it was typed, with advice for those who do not know the forms yet. */
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { protocolOfPort } from "../base/service-protocol.ts";
import type { ServiceProtocol } from "../base/service-protocol.ts";
import { displayName, parseName } from "../dns/name.ts";
import { parseTarget } from "../verifier/target.ts";
import type { Target } from "../verifier/target.ts";

/** Reads it as {@link parseTarget} does; what looks like a name alone, or `mx:` alone, gets a hint of its own. */
export function readTarget(text: string, starttls: ServiceProtocol | null): Result<Target, Fault> {
  const target = parseTarget(text, starttls);
  if (target.ok) return target;
  const { code, message } = target.fault;
  if (/^mx:\.?$/i.test(text)) return failure(fault(code, `"${text}": the domain is missing`, "write mx:example.org"));
  if (!/^[^\s:/@[\]]+$/.test(text) || !parseName(text).ok || /^[\d.]+$/.test(text)) return target;
  const name = text.replace(/\.$/, "");
  // Names such as mx1.example.org are hosts that serve the domain above them.
  const domain = name.replace(/^(?:mx|mail|smtp)[\d-]*\.(?=.*\.)/i, "");
  return failure(fault(code, message, `write ${name}:25 for a host, mx:${domain} for a mail domain`));
}

/** What to tell of a target that was understood by guessing; null: nothing was guessed. */
export function guessAt(target: Target, starttls: ServiceProtocol | null): string | null {
  // A scheme and a second slash name the protocol.
  if (target.kind !== "service" || starttls !== null || target.text.includes("/")) return null;
  const { host, port } = target.endpoint;
  if (protocolOfPort(port) !== null) return null;
  const label = `${displayName(host)}:${String(port)}`;
  return `port ${String(port)} is not known: direct TLS assumed; write ${label}/smtp, or what else it speaks`;
}
