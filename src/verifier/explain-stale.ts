/**
 * What the addresses of one target tell about each other: a record that is stale on one address is what another one
 * presents, or belongs to another host. Judged one at a time they cannot know. No verdict changes by it.
 */
import { formatHex } from "../base/bytes.ts";
import { displayName } from "../dns/name.ts";
import { sameRecord } from "../tlsa/association.ts";
import type { AddressReport, HostReport, JudgedRecord } from "./verdict.ts";

/** The same reports, with a reason on stale records where another address or host gives one. */
export function explainStale(hosts: readonly HostReport[]): readonly HostReport[] {
  return hosts.map((host) => {
    const addresses = host.addresses.map((address) => ({
      ...address,
      records: address.records.map((record) => explain(record, address, host, hosts)),
    }));
    return { ...host, addresses };
  });
}

function explain(
  judged: JudgedRecord,
  address: AddressReport,
  host: HostReport,
  hosts: readonly HostReport[],
): JudgedRecord {
  if (judged.status !== "stale" || judged.reason !== null) return judged;
  const { record } = judged;
  const presenter = host.addresses.find((other) => {
    return (
      other !== address && other.records.some((each) => each.status === "matched" && sameRecord(each.record, record))
    );
  });
  if (presenter !== undefined) return { ...judged, reason: `matches what ${placeOf(presenter)} presents` };
  const data = formatHex(record.data);
  const owner = hosts.find((other) => {
    if (other === host) return false;
    return other.addresses.some(({ certificate }) => certificate?.sha256 === data || certificate?.spkiSha256 === data);
  });
  if (owner === undefined) return judged;
  return { ...judged, reason: `the digest of what ${displayName(owner.endpoint?.host ?? owner.baseDomain)} presents` };
}

function placeOf({ address, algorithm }: AddressReport): string {
  const place = address ?? "the chain";
  return algorithm === null ? place : `${place} (${algorithm})`;
}
