/** Drives a walk of the validator over messages that are at hand, without a resolver, a cache or a clock. */
import type { Fault } from "../../src/base/errors.ts";
import type { Result } from "../../src/base/result.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import type { DomainName } from "../../src/dns/name.ts";
import type { Walk } from "../../src/dnssec/need.ts";
import { validate } from "../../src/dnssec/validate.ts";
import type { Verdict } from "../../src/dnssec/validate.ts";
import { establishTrust } from "../../src/dnssec/zone-trust.ts";
import type { Ground, ZoneTrust } from "../../src/dnssec/zone-trust.ts";

export type Lookup = (name: DomainName, type: number) => Result<DnsMessage, Fault>;

/** Judges one question over what `lookup` answers. Trust in a zone is established once, and remembered in `known`. */
export function converse(
  name: DomainName,
  type: number,
  ground: Ground,
  lookup: Lookup,
  known = new Map<DomainName, ZoneTrust>(),
): Verdict {
  const drive = <T>(walk: Walk<T>): T => {
    for (let step = walk.next(); ;) {
      if (step.done === true) return step.value;
      const need = step.value;
      if (need.kind === "message") {
        step = walk.next({ kind: "message", reply: lookup(need.name, need.type) });
        continue;
      }
      const trust = known.get(need.name) ?? drive(establishTrust(need.name, ground));
      known.set(need.name, trust);
      step = walk.next({ kind: "trust", trust });
    }
  };
  return drive(validate(name, type, ground));
}
