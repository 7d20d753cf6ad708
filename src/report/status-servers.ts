/** Name servers that are not in order, for `daneward status`: each fault once, however many owner names it shows at. */
import type { Instant } from "../base/time.ts";
import { instant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import type { ServerState } from "../rollover/state.ts";
import type { OwnerReport } from "./model.ts";
import { formatMoment, shortenDigests } from "./words.ts";
import type { Paint } from "./words.ts";

interface ServerFault {
  readonly server: ServerState;
  readonly since: Instant;
  readonly owners: readonly OwnerReport[];
}

/** One row a fault: which server, what it lacks and since when; the names are added when it is not all of them. */
export function serverRows(owners: readonly OwnerReport[], at: Instant, paint: Paint): readonly string[] {
  return [...faultsOf(owners).values()].map(({ server, since, owners: affected }) => {
    const who = `${server.server.replace(/\.$/, "")} ${server.address}`;
    const where =
      affected.length === owners.length ? "" : ` (${affected.map(({ owner }) => displayName(owner)).join(", ")})`;
    if (server.excluded) return `${who}  excluded by configuration${where}`;
    const detail = server.detail === "" ? "" : `: ${shortenDigests(server.detail)}`;
    return `${who}  ${paint("yellow", server.condition)} since ${formatMoment(since, at)}${detail}${where}`;
  });
}

function faultsOf(owners: readonly OwnerReport[]): ReadonlyMap<string, ServerFault> {
  const faults = new Map<string, ServerFault>();
  for (const owner of owners) {
    // Nobody lags behind what was never published.
    const awaited = owner.records.some(({ ours }) => ours);
    for (const server of owner.servers) {
      if (!server.excluded && (server.condition === "in-sync" || (server.condition === "lagging" && !awaited)))
        continue;
      const key = [server.server, server.address, server.excluded ? "excluded" : server.condition, server.detail].join(
        " ",
      );
      const known = faults.get(key);
      const since = instant(Math.min(known?.since ?? server.conditionSince, server.conditionSince));
      faults.set(key, { server, since, owners: [...(known?.owners ?? []), owner] });
    }
  }
  return faults;
}
