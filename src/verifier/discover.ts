/**
 * The DNS part of a verification, in the order that keeps a client out of trouble (RFC 7672 §2.2.2, RFC 7671 §7):
 * addresses first, each family for itself; TLSA is asked only where the addresses are secure, because many unsigned
 * hosts sit behind name servers that fail on TLSA queries. A host that is an alias into an unsigned zone may still
 * have TLSA records at its own name, if the alias itself is secure. Nothing is judged here.
 */
import { isIPv6 } from "node:net";
import { TYPE } from "../dns/iana.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeA, decodeAaaa, decodeTlsa } from "../dns/rdata.ts";
import type { TlsaRdata } from "../dns/rdata.ts";
import type { DnsAnswer, Resolve, UsableAnswer } from "../resolver/resolver.ts";
import { tlsaOwner } from "../tlsa/owner.ts";
import type { Endpoint } from "./endpoint.ts";
import type { AddressPlan, HostEvidence, TlsaError, TlsaEvidence } from "./evidence.ts";

/**
 * Finds the addresses and TLSA records of an endpoint. With `only`, these addresses are judged instead of those in
 * DNS, whose security still decides whether DANE applies. `srv` is the security of the SRV records that led here.
 */
export async function discoverHost(
  endpoint: Endpoint,
  resolve: Resolve,
  only: readonly string[],
  srv: DnsAnswer["status"] | null = null,
): Promise<HostEvidence> {
  const { host } = endpoint;
  const [a, aaaa] = await Promise.all([resolve(host, TYPE.A), resolve(host, TYPE.AAAA)]);
  const tlsaFor = memoize((answer: UsableAnswer) => findTlsa(endpoint, answer, resolve, srv), candidateKey);
  const families: Family[] = [];
  for (const [answer, v6] of [
    [a, false],
    [aaaa, true],
  ] as const) {
    const found = addressesOf(answer);
    if (isUsable(answer) && (found.length > 0 || only.length > 0)) {
      families.push({ found, v6, tlsa: await tlsaFor(answer) });
    }
  }
  families.sort((left, right) => Number(right.found.length > 0) - Number(left.found.length > 0));
  const addresses =
    only.length === 0
      ? families.flatMap(({ found, tlsa }) => found.map((address) => ({ address, tlsa })))
      : only.flatMap((address) => planFor(address, families));
  return { endpoint, a, aaaa, tlsa: families.map(({ tlsa }) => tlsa), addresses };
}

interface Family {
  readonly found: readonly string[];
  readonly v6: boolean;
  readonly tlsa: TlsaEvidence;
}

/** The DNS evidence for an address that the user named: that of its own family where DNS has addresses of it. */
function planFor(address: string, families: readonly Family[]): readonly AddressPlan[] {
  const own = families.find((family) => family.v6 === isIPv6(address) && family.found.length > 0);
  const family = own ?? families[0];
  return family ? [{ address, tlsa: family.tlsa }] : [];
}

function isUsable(answer: DnsAnswer): answer is UsableAnswer {
  return answer.status === "secure" || answer.status === "insecure";
}

/** RDATA of the wrong length is left out: there is nothing to connect to. */
function addressesOf(answer: DnsAnswer): readonly string[] {
  if (!isUsable(answer) || answer.rrset === null) return [];
  return answer.rrset.rdatas.flatMap((rdata) => {
    const address = answer.type === TYPE.A ? decodeA(rdata) : decodeAaaa(rdata);
    return address.ok ? [address.value] : [];
  });
}

function candidateKey(answer: UsableAnswer): string {
  return `${answer.status} ${String(answer.aliases.length > 0)} ${answer.finalName}`;
}

async function findTlsa(
  endpoint: Endpoint,
  addresses: UsableAnswer,
  resolve: Resolve,
  srv: DnsAnswer["status"] | null,
): Promise<TlsaEvidence> {
  const unasked = { kind: "none", baseDomain: endpoint.host, owner: null, status: null } as const;
  // RFC 7673 §3.1: the name of the host comes from the SRV records, and is worth what they are worth.
  if (srv !== null && srv !== "secure") return { ...unasked, why: "insecure-srv" };
  // RFC 7673 §3.2: behind SRV records insecure addresses end it, aliases or not.
  if (srv === "secure" && addresses.status === "insecure") return { ...unasked, why: "insecure-address" };
  const candidates = await baseDomains(endpoint, addresses, resolve);
  if ("kind" in candidates) return candidates;
  let last: TlsaEvidence = { ...unasked, why: "insecure-address" };
  for (const baseDomain of candidates) {
    const owner = tlsaOwner(baseDomain, endpoint.port);
    const answer = await resolve(owner, TYPE.TLSA);
    // A failed lookup is never "no records": an attacker could cause it (RFC 7672 §2.1.2). The second name is not tried.
    if (!isUsable(answer)) {
      const { status, reasons } = answer;
      return { kind: "error", baseDomain, owner, status, reasons, answer };
    }
    if (answer.status === "secure" && answer.rrset !== null) {
      const records = answer.rrset.rdatas.map(readTlsa);
      return { kind: "records", baseDomain, owner, aliases: answer.aliases, records, answer };
    }
    const why = answer.status === "insecure" && answer.rrset !== null ? "insecure" : "absent";
    last = { kind: "none", why, baseDomain: endpoint.host, owner, status: answer.status, answer };
  }
  return last;
}

/** TLSA base domains in the order to try them (RFC 7672 §2.2.2, RFC 7671 §7); intermediate aliases never. */
async function baseDomains(
  { host, port }: Endpoint,
  addresses: UsableAnswer,
  resolve: Resolve,
): Promise<readonly DomainName[] | TlsaError> {
  const isAlias = addresses.aliases.length > 0;
  if (addresses.status === "secure") return isAlias ? [addresses.finalName, host] : [host];
  if (!isAlias) return [];
  // Somewhere the chain of aliases leaves the signed world. If its first link is secure, the host's own name is usable.
  const firstLink = await resolve(host, TYPE.CNAME);
  if (!isUsable(firstLink)) {
    const { status, reasons } = firstLink;
    return { kind: "error", baseDomain: host, owner: tlsaOwner(host, port), status, reasons };
  }
  return firstLink.status === "secure" && firstLink.rrset !== null ? [host] : [];
}

/** RDATA of fewer than three octets has no fields at all; 255 is reserved for private use in each of them, so never usable. */
function readTlsa(rdata: Uint8Array): TlsaRdata {
  const decoded = decodeTlsa(rdata);
  return decoded.ok ? decoded.value : { usage: 255, selector: 255, matchingType: 255, data: rdata };
}

function memoize<T, V>(work: (input: T) => Promise<V>, key: (input: T) => string): (input: T) => Promise<V> {
  const done = new Map<string, Promise<V>>();
  return (input) => {
    const known = done.get(key(input)) ?? work(input);
    done.set(key(input), known);
    return known;
  };
}
