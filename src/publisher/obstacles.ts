/** What stands in the way of any TLSA record at a name, in words. */
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";

/** `PUBLISH_CNAME_AT_OWNER`. `target` null: it could not be read. */
export function aliasFault(owner: DomainName, target: string | null): Fault {
  const of = target === null ? "" : ` of ${target.replace(/\.$/, "")}`;
  return fault(
    "PUBLISH_CNAME_AT_OWNER",
    `${displayName(owner)} is an alias (CNAME)${of}, so no TLSA record can stand there`,
    target === null ? undefined : `publish at ${target.replace(/\.$/, "")} instead, in its own zone`,
  );
}

/** `PUBLISH_OCCLUDED`: a delegation (NS) or a redirection (DNAME) at `cut`. */
export function occludedFault(owner: DomainName, cut: DomainName, type: "NS" | "DNAME"): Fault {
  const what = type === "NS" ? "delegation" : "redirection (DNAME)";
  return fault(
    "PUBLISH_OCCLUDED",
    `${displayName(owner)} lies below the ${what} of ${displayName(cut)}, so records of the parent zone are never served there`,
    type === "NS" ? `update the zone ${displayName(cut)} where it is served` : undefined,
  );
}
