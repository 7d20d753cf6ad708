/**
 * One address, several machines: behind an anycast address, or a load balancer, each question may reach another node,
 * and one that still serves the old zone can feed caches for as long as it does. A single look proves little there, so
 * the operator may ask for several (`anycast_polls`), each from a socket of its own, and what they saw is told apart
 * here: an address that gave different answers stands for one name server per answer. All of them then block, count
 * and age as name servers do, and a record that only some nodes have, or still have, is seen for what it is.
 */
import type { ServerObservation } from "../rollover/observation.ts";

/** Looks are one answer when a cache could not tell them apart; the serial alone does not reach a cache. */
function contentOf({ said }: ServerObservation): string {
  if (said.outcome === "failed") return "failed";
  return JSON.stringify([[...said.records].sort(), said.ttl, said.authoritative, said.signed]);
}

/** RFC 1982 §3.2: newest zone first; what has no serial, or no answer at all, last. */
function byAge({ said: left }: ServerObservation, { said: right }: ServerObservation): number {
  const [one, other] = [left, right].map((said) => (said.outcome === "failed" ? null : said.serial));
  if (typeof one === "number" && typeof other === "number") return (other - one) | 0;
  return Number(typeof other === "number") - Number(typeof one === "number");
}

/** The different answers of one address: the newest under the server's own name, the others under one that says so. */
function nodesOf(seen: readonly ServerObservation[]): readonly ServerObservation[] {
  const latest = new Map(seen.map((one) => [contentOf(one), one]));
  return [...latest.values()].sort(byAge).map((one, at) => {
    const label = `${one.server.replace(/\.$/, "")} (node ${String(at + 1)})`;
    return at === 0 ? one : { ...one, server: label };
  });
}

/** Joins several looks at the same servers into one observation: each server once for each different answer it gave. */
export function tellNodesApart(looks: readonly (readonly ServerObservation[])[]): readonly ServerObservation[] {
  const places = new Map<string, ServerObservation[]>();
  for (const seen of looks.flat()) {
    const place = `${seen.server} ${seen.address}`;
    const sameAddress = places.get(place);
    if (sameAddress === undefined) places.set(place, [seen]);
    else sameAddress.push(seen);
  }
  return [...places.values()].flatMap(nodesOf);
}
