/** Short ways to write the records of the sandbox's zones. */
import { seconds } from "../base/time.ts";
import type { Seconds } from "../base/time.ts";
import { OperationalError } from "../base/errors.ts";
import { CLASS, TYPE } from "../dns/iana.ts";
import { parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { encodeA, encodeAaaa, encodeNs, encodeSoa } from "../dns/rdata.ts";
import type { ResourceRecord } from "../dns/rrset.ts";

/** A name that is known to be well-formed. */
export function nameOf(text: string): DomainName {
  const parsed = parseName(text);
  if (!parsed.ok) throw OperationalError.of(parsed.fault);
  return parsed.value;
}

/** One record of class IN. */
export function record(name: DomainName, type: number, ttl: Seconds, rdata: Uint8Array): ResourceRecord {
  return { name, type, class: CLASS.IN, ttl, rdata };
}

/** An A or AAAA record, whichever the address wants. */
export function addressRecord(name: DomainName, ttl: Seconds, address: string): ResourceRecord {
  return address.includes(":")
    ? record(name, TYPE.AAAA, ttl, encodeAaaa(address))
    : record(name, TYPE.A, ttl, encodeA(address));
}

/** SOA and NS records of a zone. The TTL is also the SOA's MINIMUM, which bounds negative caching. */
export function apexRecords(
  origin: DomainName,
  ttl: Seconds,
  nameServers: readonly DomainName[],
  serial: number,
): readonly ResourceRecord[] {
  const [primary] = nameServers;
  const soa = encodeSoa({
    mname: primary ?? origin,
    rname: nameOf("hostmaster.example.test"),
    serial,
    refresh: 60,
    retry: 10,
    expire: 86_400,
    minimum: ttl,
  });
  return [
    record(origin, TYPE.SOA, seconds(ttl), soa),
    ...nameServers.map((server) => record(origin, TYPE.NS, seconds(ttl), encodeNs(server))),
  ];
}
