/**
 * The line that would let a key change the TLSA records of one name, for each of the servers that take updates. The same
 * lines are in the README and in the servers of the test suite.
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
export function bindGrant({ key, owner }: Permission): string {
  return `grant ${key.name} name ${owner} TLSA;`;
}

/** For `acl:` in knot.conf, on one line for a message: the acl's items apart by semicolons. */
export function knotAcl({ key, owner }: Permission): string {
  return `acl: id: daneward; key: ${key.name}; action: update; update-type: [ TLSA ]; update-owner: name; update-owner-match: equal; update-owner-name: [ ${owner} ]`;
}

/** For a shell on the host of PowerDNS: the key that the zone takes updates from. */
export function powerDnsMeta({ key, zone }: Permission): string {
  return `pdnsutil set-meta ${displayName(zone)} TSIG-ALLOW-DNSUPDATE ${displayName(key.name)}`;
}

/** For the table of allowed names in `lua-dnsupdate-policy-script`. */
export function powerDnsLua({ owner }: Pick<Permission, "owner">): string {
  return `["${owner}"]=true`;
}
