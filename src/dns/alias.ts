/** Aliases: CNAME (RFC 1034 §3.6.2) and DNAME (RFC 6672). */
import type { Seconds } from "../base/time.ts";
import { countLabels, isAtOrBelow, labelsOf, nameFromLabels } from "./name.ts";
import type { DomainName } from "./name.ts";

/** One alias that was followed. */
export interface AliasLink {
  readonly alias: DomainName;
  readonly target: DomainName;
  readonly ttl: Seconds;
}

/**
 * The name that a DNAME makes of `name`: the owner's labels replaced by the target's (RFC 6672 §2.2). Null when the name
 * is not below the owner, or the result has more than 255 octets.
 */
export function substituteDname(name: DomainName, owner: DomainName, target: DomainName): DomainName | null {
  if (name === owner || !isAtOrBelow(name, owner)) return null;
  const kept = labelsOf(name).slice(0, countLabels(name) - countLabels(owner));
  const substituted = nameFromLabels([...kept, ...labelsOf(target)]);
  return substituted.ok ? substituted.value : null;
}
