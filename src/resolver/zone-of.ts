/**
 * Which zone holds a name, and who serves that zone.
 *
 * The zone is found by asking for SOA at the name, then at each parent, until an answer has its owner at the very name
 * that was asked. That walk avoids the trap of the shorter way: at an alias the SOA that comes along belongs to the
 * *target's* zone, and taking it for the alias's own sends updates and questions to strangers. An SOA behind a CNAME is
 * therefore never taken.
 *
 * Name servers come from the NS RRset that the resolver holds, which is the child's as a rule. Servers that only the
 * parent names are not seen here; `check_ns` of the configuration can list them.
 */
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { TYPE, typeName } from "../dns/iana.ts";
import { displayName, parentOf } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeA, decodeAaaa, decodeNs } from "../dns/rdata.ts";
import { mapLimited } from "./map-limited.ts";
import type { Resolve, UsableAnswer } from "./resolver.ts";
import type { NameServerAddress } from "./server-view.ts";

/** A name server that cannot be asked: no address of it, or not all of them, could be found. */
export interface UnknownNameServer {
  /** `address` is empty. */
  readonly server: NameServerAddress;
  readonly fault: Fault;
}

export interface NameServers {
  readonly known: readonly NameServerAddress[];
  readonly unknown: readonly UnknownNameServer[];
}

/** The answer, or `ZONE_UNKNOWN` (`ZONE_BOGUS`) with what the resolver said. */
export async function requireUsable(resolve: Resolve, name: DomainName, type: number): Promise<UsableAnswer> {
  const answer = await resolve(name, type);
  if (!("reasons" in answer)) return answer;
  const [reason] = answer.reasons;
  const why = reason === undefined ? answer.status : reason.message;
  throw new OperationalError(
    answer.status === "bogus" ? "ZONE_BOGUS" : "ZONE_UNKNOWN",
    `the ${typeName(type)} of ${displayName(name)} cannot be looked up: ${why}`,
    {
      ...(reason === undefined ? {} : { hint: reason.hint }),
    },
  );
}

/** The apex of the zone that holds records at `name`, its aliases not followed. Throws `ZONE_UNKNOWN`. */
export async function findZone(name: DomainName, resolve: Resolve): Promise<DomainName> {
  for (let at: DomainName | null = name; at !== null; at = parentOf(at)) {
    const answer = await requireUsable(resolve, at, TYPE.SOA);
    if (answer.rrset !== null && answer.aliases.length === 0) return at;
  }
  throw new OperationalError("ZONE_UNKNOWN", `no zone holds ${displayName(name)}: not even the root has an SOA record`);
}

interface Addresses {
  readonly found: readonly string[];
  readonly fault: Fault | null;
}

async function addressesOf(name: DomainName, type: number, resolve: Resolve): Promise<Addresses> {
  const answer = await resolve(name, type);
  if ("reasons" in answer) {
    const why = answer.reasons[0]?.message ?? answer.status;
    const what = `the ${typeName(type)} records of the name server ${displayName(name)} cannot be looked up: ${why}`;
    return { found: [], fault: fault("NS_ADDRESS_UNKNOWN", what) };
  }
  const decode = type === TYPE.A ? decodeA : decodeAaaa;
  const decoded = (answer.rrset?.rdatas ?? []).map(decode);
  return { found: decoded.flatMap((address) => (address.ok ? [address.value] : [])), fault: null };
}

async function locate(name: DomainName, port: number, resolve: Resolve): Promise<NameServers> {
  const [v4, v6] = await Promise.all([addressesOf(name, TYPE.A, resolve), addressesOf(name, TYPE.AAAA, resolve)]);
  const known = [...v4.found, ...v6.found].map((address) => ({ name, address, port }));
  const faults = [v4.fault, v6.fault].filter((one) => one !== null);
  if (known.length === 0 && faults.length === 0) {
    faults.push(
      fault("NS_ADDRESS_UNKNOWN", `the name server ${displayName(name)} has neither an A nor an AAAA record`),
    );
  }
  return { known, unknown: faults.map((one) => ({ server: { name, address: "", port }, fault: one })) };
}

/**
 * Every address, A and AAAA, of every name server of `zone`. A lookup that failed is listed as an unknown server, so
 * that nobody takes the list for complete. Throws `ZONE_UNKNOWN` when the NS RRset itself cannot be had.
 */
export async function findNameServers(zone: DomainName, port: number, resolve: Resolve): Promise<NameServers> {
  const answer = await requireUsable(resolve, zone, TYPE.NS);
  const decoded = (answer.rrset?.rdatas ?? []).map(decodeNs);
  const names = [...new Set(decoded.flatMap((name) => (name.ok ? [name.value] : [])))].sort();
  if (names.length === 0) {
    throw new OperationalError("ZONE_UNKNOWN", `the zone ${displayName(zone)} has no NS records`);
  }
  const located = await mapLimited(names, async (name) => locate(name, port, resolve));
  return { known: located.flatMap((one) => one.known), unknown: located.flatMap((one) => one.unknown) };
}
