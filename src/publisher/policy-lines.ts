/**
 * What would let a key change TLSA records, for each of the servers that take updates. The same lines are in the README and
 * in the servers of the test suite.
 */
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";

/** Whom to allow what. */
export interface Permission {
  readonly key: { readonly name: DomainName };
  readonly owner: DomainName;
  readonly zone: DomainName;
}

/** For `update-policy { … };` in the zone clause of named.conf. */
export function bindGrant({ key, owner }: Pick<Permission, "key" | "owner">): string {
  return `grant ${key.name} name ${owner} TLSA;`;
}

/** For knot.conf: one acl for all names, since an id stands once. */
export function knotAcl({ key }: Pick<Permission, "key">, owners: readonly DomainName[]): readonly string[] {
  return [
    "acl:",
    "  - id: daneward",
    `    key: ${key.name}`,
    "    action: update",
    "    update-type: [ TLSA ]",
    "    update-owner: name",
    "    update-owner-match: equal",
    `    update-owner-name: [ ${owners.join(", ")} ]`,
  ];
}

/** For a shell on the host of PowerDNS: the key that the zone takes updates from. */
export function powerDnsMeta({ key, zone }: Pick<Permission, "key" | "zone">): string {
  return `pdnsutil set-meta ${displayName(zone)} TSIG-ALLOW-DNSUPDATE ${displayName(key.name)}`;
}

/** For the table of allowed names in `lua-dnsupdate-policy-script`. */
export function powerDnsLua({ owner }: Pick<Permission, "owner">): string {
  return `["${owner}"]=true`;
}

/** A script for `lua-dnsupdate-policy-script`, which takes the place of the check of the key. */
export function powerDnsScript({ key }: Pick<Permission, "key">, owners: readonly DomainName[]): readonly string[] {
  return [
    "local allowed = {",
    ...owners.map((owner) => `  ${powerDnsLua({ owner })},`),
    "}",
    "function updatepolicy(input)",
    `  return input:getTsigName():toString() == "${key.name}" and input:getQType() == pdns.TLSA`,
    "     and allowed[input:getQName():toString():lower()] == true",
    "end",
  ];
}
